//! Builds the crate again when the platform file changes, because the macro that reads the file does not
//! tell cargo.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=AX_CONFIG_PATH");
    if let Ok(file) = std::env::var("AX_CONFIG_PATH") {
        println!("cargo:rerun-if-changed={file}");
    }
}
