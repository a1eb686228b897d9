//! For `harness bench --exits`: waits for as many milliseconds as its number says, once.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use gkernel::arch::{self, timer};

#[cfg(target_os = "none")]
fn run() {
    timer::enable(true);
    timer::interrupts(false);
    let deadline = timer::now() + timer::frequency() / 1000 * arch::argument();
    timer::arm(deadline);
    while timer::now() < deadline {
        timer::wait();
    }
    timer::disarm();
    gkernel::println!("BENCH idle {}", arch::argument());
}

gkernel::guest!(run);
