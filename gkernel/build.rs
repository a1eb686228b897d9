//! Chooses the linker script: axhal's for the ArceOS guest of riscv64, our own for the others. And builds the
//! user programs (`user/`), ELF files that the guest `guestmonolithickernel` has in its image.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the hypervisor loads and enters an image, and how much higher the guest runs (see
/// `OFFSET` in `src/arch`).
const AARCH64: (&str, &str) = ("0x40200000", "0xFFFFFF8000000000");
const X86_64: (&str, &str) = ("0x10000", "0xFFFFFFFF80000000");

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=guest.ld");
    println!("cargo:rerun-if-changed=user");
    println!("cargo:rerun-if-changed=abi");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("guest.ld");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    // OUT_DIR is <target>/<triple>/<profile>/build/<package>-<hash>/out; axhal writes three up.
    let arceos = out.join("../../../linker_riscv64-guest.lds");
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap();
    build_user_programs(&out);
    let script = if arch == "riscv64" { arceos } else { own };
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    println!("cargo:rustc-link-arg-bins=-no-pie");
    println!("cargo:rustc-link-arg-bins=-znostart-stop-gc");
    let (load, offset) = match arch.as_str() {
        "aarch64" => AARCH64,
        "x86_64" => X86_64,
        _ => return,
    };
    println!("cargo:rustc-link-arg-bins=--defsym=LOAD={load}");
    for guest in programs("src/bin") {
        // At EL0 there is no high half.
        let offset = if arch == "aarch64" && guest.ends_with("-el0") {
            "0"
        } else {
            offset
        };
        println!("cargo:rustc-link-arg-bin={guest}=--defsym=OFFSET={offset}");
    }
}

/// The programs in a folder of sources.
fn programs(folder: &str) -> Vec<String> {
    println!("cargo:rerun-if-changed={folder}");
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

/// Builds the programs of `user/` for this target with a cargo and a target folder of their own, as the package that
/// is built here holds them. They end up as `<OUT_DIR>/<program>.elf`, without what only a debugger reads.
fn build_user_programs(out: &Path) {
    let (cargo, target) = (env::var("CARGO").unwrap(), env::var("TARGET").unwrap());
    let folder = out.join("user");
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--quiet",
            "--locked",
            "--bins",
            "--profile",
            "image",
        ])
        .args(["--package", "gkernel-user", "--target", &target])
        .args(["--config", "profile.image.strip=true"])
        .args(["--config", "profile.image.debug=false"])
        .arg("--target-dir")
        .arg(&folder)
        // Clippy has itself called instead of the compiler, and makes nothing.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CLIPPY_ARGS");
    if !has_core(&target) {
        // As harness/src/boot/build.rs has it for the guest.
        command.args([
            "-Zbuild-std=core",
            "-Zbuild-std-features=compiler-builtins-mem",
        ]);
    }
    let status = command.status().expect("cargo starts");
    assert!(status.success(), "the user programs could not be built");
    for program in programs("user/src/bin") {
        let built = folder.join(&target).join("image").join(&program);
        let elf = out.join(program).with_extension("elf");
        fs::copy(&built, &elf).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    }
}

/// Whether the toolchain has `core` for the target; if not, its source builds it.
fn has_core(target: &str) -> bool {
    let rustc = env::var("RUSTC").unwrap();
    let printed = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc starts");
    let sysroot = String::from_utf8(printed.stdout).expect("the sysroot's path is UTF-8");
    let rustlib = Path::new(sysroot.trim()).join("lib/rustlib");
    rustlib.join(target).join("lib").is_dir()
}
