//! Fuzzing of all that reads what a machine can write. The targets are in a file of their own, which
//! tests/fuzz.rs of the workspace runs too.

mod targets;

pub use targets::{audit, console, gdb, qmp, records, witness};

/// Runs a function on the files that are named as arguments: to see again what fuzzing has found.
pub fn replay(target: fn(&[u8])) {
    for file in std::env::args_os().skip(1) {
        let data = std::fs::read(&file);
        target(&data.unwrap_or_else(|e| panic!("{}: {e}", file.display())));
    }
}
