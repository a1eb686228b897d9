//! Conformance, x86_64: an exception whose delivery an exit interrupts is delivered all the same. The
//! guest's interrupt table is in the flash: to read the gate of a debug exception, which no instruction
//! causes again, the hypervisor has to map it first. What the flash has there is no gate, so the guest
//! ends with a triple fault; it would run on if the exception were lost.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(interrupt);

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
fn interrupt() {
    gkernel::println!("CASE x86-interrupted-event: FAILED there is no #DB here");
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn interrupt() {
    use gkernel::arch;

    let mut table = [0; 10];
    table[..2].copy_from_slice(&0x1FF_u16.to_le_bytes());
    table[2..].copy_from_slice(&arch::map_physical(arch::FLASH + 0x1000).to_le_bytes());
    gkernel::println!("guest: a debug exception without a gate");
    // SAFETY: what it does is what the guest is for.
    unsafe {
        core::arch::asm!("lidt [{}]", ".byte 0xF1 /* INT1 */", in(reg) &table);
    }
    gkernel::println!("CASE x86-interrupted-event: FAILED the exception was lost");
}
