//! Chooses the linker script: axhal's for the ArceOS guest of riscv64, our own for the others.

use std::{env, path::PathBuf};

/// Where the hypervisor loads and enters an image, and how much higher the guest runs (see
/// `OFFSET` in `src/arch`).
const AARCH64: (&str, &str) = ("0x40200000", "0xFFFFFF8000000000");
const X86_64: (&str, &str) = ("0x10000", "0xFFFFFFFF80000000");

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=guest.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("guest.ld");
    // OUT_DIR is <target>/<triple>/<profile>/build/<package>-<hash>/out; axhal writes three up.
    let arceos =
        PathBuf::from(env::var("OUT_DIR").unwrap()).join("../../../linker_riscv64-guest.lds");
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap();
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
    for guest in guests() {
        // At EL0 there is no high half.
        let offset = if arch == "aarch64" && guest.ends_with("-el0") {
            "0"
        } else {
            offset
        };
        println!("cargo:rustc-link-arg-bin={guest}=--defsym=OFFSET={offset}");
    }
}

/// The programs in `src/bin`.
fn guests() -> Vec<String> {
    println!("cargo:rerun-if-changed=src/bin");
    let entries = std::fs::read_dir("src/bin").expect("src/bin is there");
    entries
        .map(|entry| entry.expect("src/bin can be listed").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}
