//! Fuzzes [`harness_fuzz::audit`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| harness_fuzz::audit(data));

#[cfg(not(fuzzing))]
fn main() {
    harness_fuzz::replay(harness_fuzz::audit);
}
