//! aarch64: a bare program at EL0, on the hypervisor's SVC calls.

use core::arch::{asm, global_asm};

use crate::{FlashRead, bare};

/// The guest-physical address of the flash; the guest has no translation of its own.
pub const FLASH: u64 = 0x0400_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = false;

// The hypervisor has set the stack pointer and zeroed all of RAM, .bss with it.
global_asm!(
    ".section .text.boot, \"ax\"",
    ".global _start",
    "_start:",
    "bl     main",
    "brk    #1", // `main` shuts down
);

pub use bare::print;

/// Prints the banner and the platform lines.
pub fn greet() {
    bare::greet("aarch64", "aarch64-qemu-virt");
}

/// Loads the flash's first word.
pub fn read_flash() -> FlashRead {
    // SAFETY: the hypervisor declares a flash there, which may be read at any time.
    let word = unsafe { (FLASH as *const u32).read_volatile() };
    FlashRead {
        address: FLASH,
        word,
    }
}

/// Ends the guest.
pub fn shutdown() -> ! {
    call(hv_abi::EXIT, 0);
    give_up()
}

/// Prints one byte.
pub fn putchar(byte: u8) {
    call(hv_abi::PUTCHAR, byte.into());
}

/// Ends the guest as one that has failed.
pub fn give_up() -> ! {
    loop {
        // SAFETY: a breakpoint exception, which the hypervisor takes as the end.
        unsafe { asm!("brk #1") };
    }
}

fn call(number: u64, argument: u64) -> u64 {
    let result;
    // SAFETY: the hypervisor changes no register but x0, and no memory of the guest.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") argument => result, options(nostack));
    }
    result
}
