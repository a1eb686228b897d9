//! Chooses the linker script: axhal's for the ArceOS guest of riscv64, our own for the others.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=guest.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let script = match env::var("CARGO_CFG_TARGET_ARCH").unwrap().as_str() {
        // OUT_DIR is <target>/<triple>/<profile>/build/<package>-<hash>/out; axhal writes three up.
        "riscv64" => {
            PathBuf::from(env::var("OUT_DIR").unwrap()).join("../../../linker_riscv64-guest.lds")
        }
        arch => {
            // Where the hypervisor loads and enters the image.
            let base = if arch == "aarch64" {
                "0x40200000"
            } else {
                "0x10000"
            };
            println!("cargo:rustc-link-arg-bins=--defsym=BASE={base}");
            PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("guest.ld")
        }
    };
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    println!("cargo:rustc-link-arg-bins=-no-pie");
    println!("cargo:rustc-link-arg-bins=-znostart-stop-gc");
}
