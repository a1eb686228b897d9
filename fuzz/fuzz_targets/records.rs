//! Fuzzes [`harness_fuzz::records`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| harness_fuzz::records(data));

#[cfg(not(fuzzing))]
fn main() {
    harness_fuzz::replay(harness_fuzz::records);
}
