//! Conformance, x86_64: a triple fault ends the guest.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(triple_fault);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn triple_fault() {
    gkernel::println!("CASE x86-shutdown: FAILED there is no triple fault here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn triple_fault() {
    let no_idt = [0u16; 5];
    // SAFETY: without handlers the exception becomes a double fault, and that a triple one.
    unsafe { core::arch::asm!("lidt [{}]", "ud2", in(reg) &no_idt, options(noreturn)) };
}
