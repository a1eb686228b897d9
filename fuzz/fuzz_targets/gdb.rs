//! Fuzzes [`harness_fuzz::gdb`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| harness_fuzz::gdb(data));

#[cfg(not(fuzzing))]
fn main() {
    harness_fuzz::replay(harness_fuzz::gdb);
}
