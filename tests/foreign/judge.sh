#!/bin/sh
# Boots the images of published crates and compares each verdict with the one in verdicts.txt.
#
#   tests/foreign/judge.sh IMAGES [CRATE…]
#
# IMAGES is what build.sh has filled. HARNESS may name the program, such as an installed one. RUNS says how often
# each image is booted: once, unless it is set. The exit code is 0 only if every image was there and got the right
# verdict for the right reason, each time.
set -eu

images=${1:?usage: tests/foreign/judge.sh IMAGES [CRATE…]}
shift
images=$(cd "$images" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
records=${RECORDS:-$images/records}
booted=' '
judged=0
wrong=0

harness() {
    if [ -n "${HARNESS:-}" ]; then
        "$HARNESS" "$@"
    else
        (cd "$here/../.." && cargo run --quiet --package harness -- "$@")
    fi
}

# The verdict and the cause of each row of an image that fits what its console holds.
rows_for() { # IMAGE ARCH CONSOLE
    while read -r image arch _ _ when row; do
        if [ "$image $arch" != "$1 $2" ]; then
            continue
        fi
        case $when in
            -) echo "$row" ;;
            has:*) if grep -q -F -e "${when#has:}" "$3"; then echo "$row"; fi ;;
            lacks:*) if ! grep -q -F -e "${when#lacks:}" "$3"; then echo "$row"; fi ;;
            *) echo "verdicts.txt: what is $when?" >&2 ;;
        esac
    done <"$here/verdicts.txt"
}

wrong() { # WHAT SAID
    wrong=$((wrong + 1))
    echo "WRONG  $1, but:"
    printf '%s\n' "$2" | tail -n 20
}

judge() { # IMAGE ARCH MACHINE GUEST
    file=$images/arceos-$1-$2
    options="--machine $3"
    if [ "$4" != - ]; then
        options="$options --guest $images/guests/$1-$2/$4"
    fi
    judged=$((judged + 1))
    # shellcheck disable=SC2086 # the options are words, and no path of ours has a space
    said=$(harness run $options --hypervisor "$file" --scenario "$here/$1.toml" --timeout 30 \
        --records "$records" --format json 2>&1 </dev/null) || true
    run=$(printf '%s\n' "$said" | sed -n 's/.*"run_dir":"\([^"]*\)".*/\1/p')
    if [ ! -f "$run/console.log" ]; then
        wrong "$1 on $2: a run with a console" "$said"
        return
    fi
    expected=$(rows_for "$1" "$2" "$run/console.log")
    if [ "$(printf '%s\n' "$expected" | grep -c .)" != 1 ]; then
        wrong "$1 on $2: one row for what its console holds" "${expected:-none}"
        return
    fi
    kinds=${expected%% *}
    cause=$(printf '%s' "${expected#"$kinds"}" | sed 's/^ *//')
    kind=$(printf '%s\n' "$said" | sed -n 's/.*"verdict":{"kind":"\([^"]*\)".*/\1/p')
    case "|$kinds|" in
        *"|${kind:-none}|"*) ;;
        *) wrong "$1 on $2: $kinds${cause:+ ($cause)}" "$said" && return ;;
    esac
    case $said in
        *"$cause"*) echo "right  $1 on $2: $kind${cause:+ ($cause)}" ;;
        *) wrong "$1 on $2: $kind, for this: $cause" "$said" ;;
    esac
}

while read -r image arch machine guest _; do
    case $image in '' | '#'*) continue ;; esac
    case " ${*:-$image} " in *" $image "*) ;; *) continue ;; esac
    # One run for all the rows of an image.
    case $booted in *" $image-$arch "*) continue ;; esac
    booted="$booted$image-$arch "
    if [ ! -f "$images/arceos-$image-$arch" ]; then
        judged=$((judged + 1))
        wrong "$image on $arch: an image" "there is no $images/arceos-$image-$arch"
        continue
    fi
    times=0
    while [ "$times" -lt "${RUNS:-1}" ]; do
        times=$((times + 1))
        judge "$image" "$arch" "$machine" "$guest"
    done
done <"$here/verdicts.txt"

if [ "$judged" = 0 ]; then
    echo "nothing was judged: no row of verdicts.txt is of ${*:-an image}"
    exit 1
fi
echo "$((judged - wrong)) of $judged verdicts were right"
[ "$wrong" = 0 ]
