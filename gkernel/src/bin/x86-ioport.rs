//! Conformance, x86_64: writing to the port in the run's number ends the guest, and not the machine.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(out);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn out() {
    gkernel::println!("CASE x86-ioport: FAILED there are no ports here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn out() {
    // What powers QEMU off at 0x604, resets it at 0xCF9, and is a letter at 0x3F8.
    let value = match gkernel::argument() {
        0x604 => 0x2000,
        0xCF9 => 0x0E,
        _ => u16::from(b'!'),
    };
    // SAFETY: what it does to the machine is what the guest is for.
    unsafe {
        core::arch::asm!("out dx, ax", in("dx") gkernel::argument() as u16, in("ax") value);
    }
    gkernel::println!("CASE x86-ioport: FAILED the guest runs on");
}
