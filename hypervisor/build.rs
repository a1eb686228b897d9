//! Hands the linker the script that axhal's build script writes for the chosen platform.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=AX_CONFIG_PATH");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let config = env::var("AX_CONFIG_PATH")
        .expect("AX_CONFIG_PATH must name a platform file; build with `harness build`");
    let platform = platform_of(&config);
    // OUT_DIR is <target>/<triple>/<profile>/build/<package>-<hash>/out; axhal writes three up.
    let profile_dir = PathBuf::from(env::var("OUT_DIR").unwrap()).join("../../..");
    let script = profile_dir.join(format!("linker_{platform}.lds"));
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    println!("cargo:rustc-link-arg-bins=-no-pie");
    println!("cargo:rustc-link-arg-bins=-znostart-stop-gc");
}

/// The value of `platform = "…"` in an ArceOS platform file.
fn platform_of(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "platform")
        .and_then(|(_, value)| value.split('"').nth(1))
        .unwrap_or_else(|| panic!("{path}: no `platform = \"…\"`"))
        .to_owned()
}
