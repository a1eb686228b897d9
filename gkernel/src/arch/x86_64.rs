//! x86_64: a bare program in long mode, on the hypervisor's VMMCALL calls.

use core::arch::{asm, global_asm};

use crate::{FlashRead, bare};

/// The guest-physical address of the flash; the page tables that the hypervisor starts the guest
/// with map each address to itself.
pub const FLASH: u64 = 0xFFC0_0000;

/// How the console writes the word that was read.
pub const UPPER_CASE_WORDS: bool = false;

// The hypervisor has set the stack pointer (16-byte aligned) and zeroed all of RAM, .bss with it.
global_asm!(
    ".section .text.boot, \"ax\"",
    ".global _start",
    "_start:",
    "call   main",
    "ud2", // `main` shuts down
);

pub use bare::print;

/// Prints the banner and the platform lines.
pub fn greet() {
    bare::greet("x86_64", "x86-pc");
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
    call(hv_abi::PSCI_SYSTEM_OFF, 0);
    give_up()
}

/// Prints one byte.
pub fn putchar(byte: u8) {
    call(hv_abi::PUTCHAR, byte.into());
}

/// Ends the guest as one that has failed.
pub fn give_up() -> ! {
    loop {
        // SAFETY: an invalid instruction without a handler: a triple fault, which the hypervisor
        // takes as the end.
        unsafe { asm!("ud2") };
    }
}

fn call(number: u64, argument: u64) -> u64 {
    let result;
    // SAFETY: the hypervisor changes no register but rax, and no memory of the guest.
    unsafe {
        asm!("vmmcall", inlateout("rax") number => result, in("rdi") argument, options(nostack));
    }
    result
}
