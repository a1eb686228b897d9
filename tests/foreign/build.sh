#!/bin/sh
# Builds the images of published crates, from the crates registry, into a folder.
#
#   tests/foreign/build.sh IMAGES [CRATE…]
#
# The crates are programs, so they cannot be depended on; but cargo fetches the source of whatever a
# package names. It is copied out, keeps its own Cargo.lock, and is built by the crate's own xtask. Nothing
# of it comes into this repository. An image takes up to a minute; one that is there is not built again.
set -eu

images=${1:?usage: tests/foreign/build.sh IMAGES [CRATE…]}
shift
mkdir -p "$images/sources"
images=$(cd "$images" && pwd)
all='helloworld=0.4.6 readpflash=0.4.6 loadapp=0.4.7 userprivilege=0.4.6 guestmode=0.4.6 guestaspace=0.4.6'

# The crates' build tools call `rust-objcopy`, which comes with the compiler, but not in the path.
RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-1.95.0}
RUSTC_BOOTSTRAP=1
export RUSTUP_TOOLCHAIN RUSTC_BOOTSTRAP
sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
PATH=$sysroot/lib/rustlib/$host/bin:$PATH
LD_LIBRARY_PATH=$sysroot/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PATH LD_LIBRARY_PATH

fetch() { # CRATE VERSION
    mkdir -p "$images/sources/fetch/src"
    : >"$images/sources/fetch/src/lib.rs"
    cat >"$images/sources/fetch/Cargo.toml" <<END
[package]
name = "fetch"
version = "0.0.0"
[dependencies]
arceos-$1 = "=$2"
[workspace]
END
    rm -f "$images/sources/fetch/Cargo.lock"
    (cd "$images/sources/fetch" && cargo fetch --quiet)
    cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"arceos-$1-$2" "$images/sources/arceos-$1"
    chmod -R u+w "$images/sources/arceos-$1"
    # It names a nightly compiler; RUSTC_BOOTSTRAP lets this one build it.
    rm -f "$images/sources/arceos-$1/rust-toolchain.toml"
}

build() { # CRATE ARCH TARGET
    image=$images/arceos-$1-$2
    if [ -e "$image" ]; then
        return
    fi
    echo "arceos-$1 for $2"
    (cd "$images/sources/arceos-$1" && cargo --quiet xtask build --arch "$2" </dev/null >/dev/null)
    release=$images/sources/arceos-$1/target/$3/release
    # What goes on its disk, under the name by which the image asks for it.
    for guest in origin skernel gkernel; do
        if [ -e "$release/$guest.bin" ]; then
            mkdir -p "$images/guests/$1-$2"
            cp "$release/$guest.bin" "$images/guests/$1-$2/$guest"
        fi
    done
    cp "$release/arceos-$1" "$image"
}

for crate in $all; do
    name=${crate%=*}
    case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
    [ -d "$images/sources/arceos-$name" ] || fetch "$name" "${crate#*=}"
    build "$name" riscv64 riscv64gc-unknown-none-elf
    build "$name" aarch64 aarch64-unknown-none-softfloat
    build "$name" x86_64 x86_64-unknown-none
done
