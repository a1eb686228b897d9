//! Conformance, riscv64: the cases of the timer, with the hart's own (Sstc) instead of SBI's.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(run);

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn run() {
    gkernel::println!("CASE timer-sstc: FAILED this is for riscv64");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn run() {
    use gkernel::{arch::timer, case, timer_cases};

    case!("timer-sstc", !timer::is_called(), "SBI has the timer");
    timer_cases::once();
    timer_cases::masked();
    timer_cases::past();
    timer_cases::infinite();
    timer_cases::rearm();
    timer_cases::wait();
}
