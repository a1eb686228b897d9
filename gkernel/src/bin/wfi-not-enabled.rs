//! Conformance, riscv64: a timer whose interrupt is not enabled ends no wait, whatever else is enabled; nor does a UART
//! whose interrupt is not enabled (number 1), or that does not interrupt (number 2). aarch64: nor does a timer, where
//! the CPU interface takes no interrupts, or one that is not armed (number 1).
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(wait);

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn wait() {
    gkernel::println!("CASE wfi-not-enabled: FAILED this is not for x86_64");
}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
fn wait() {
    use gkernel::{
        arch::{self, gic, timer},
        println,
    };

    timer::interrupts(false);
    timer::enable(true);
    if arch::argument() == 0 {
        gic::take(false);
        timer::arm(timer::now() + timer::frequency() / 100);
    }
    println!("guest: waiting");
    timer::wait();
    println!("CASE wfi-not-enabled: FAILED it was woken");
}

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn wait() {
    use gkernel::{
        arch::{self, plic, timer, uart},
        println,
    };

    arch::enable_software_interrupt(true);
    match arch::argument() {
        0 => {
            timer::enable(false);
            timer::arm(timer::now() + timer::frequency() / 100);
        }
        1 => {
            arch::read_console(&mut []);
            plic::enable_external(false);
        }
        _ => {
            arch::read_console(&mut []);
            uart::ignore();
        }
    }
    println!("guest: waiting");
    timer::wait();
    println!("CASE wfi-not-enabled: FAILED it was woken");
}
