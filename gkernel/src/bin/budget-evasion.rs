//! Conformance: a guest that pretends to get on. Its number says how. A budget ends it, whatever it
//! does.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(pretend);

#[cfg(target_os = "none")]
fn pretend() {
    use gkernel::{arch, argument, println};

    println!("guest: pretending");
    loop {
        match argument() {
            // Prints what the console drops.
            0 => put(b'\r'),
            // Computes for a while, then makes a call that nobody defined.
            1 => {
                compute();
                arch::call(0x7FFF_FFFF, 0);
            }
            // Prints nothing.
            2 => print_nothing(),
            // Prints for ever.
            _ => println!("guest: still here"),
        }
    }
}

#[cfg(target_os = "none")]
fn compute() {
    for _ in 0..200_000 {
        core::hint::spin_loop();
    }
}

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
use gkernel::arch::putchar as put;

/// SBI's legacy console: ArceOS's own would not print a carriage return by itself.
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn put(byte: u8) {
    gkernel::arch::sbi_call(1, 0, [byte.into(), 0, 0]);
}

/// SBI's debug console with no byte, and with one from where nothing is.
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
fn print_nothing() {
    const DBCN: u64 = 0x4442_434E;
    gkernel::arch::sbi_call(DBCN, 0, [0, 0x8020_0000, 0]);
    gkernel::arch::sbi_call(DBCN, 0, [1, 0, 0]);
}

#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
fn print_nothing() {
    gkernel::println!("CASE budget-evasion: FAILED there is no call with a length here");
}
