//! Accesses to guest-physical addresses, whatever is there.

use core::{
    mem,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::arch::{self, map_physical};

/// If the run's number is odd, loads from the flash first: a legal fault, behind which whatever is not allowed
/// has to be refused as before. Gives the number without that bit.
pub fn target() -> u64 {
    let number = arch::argument();
    if number & 1 != 0 {
        load(arch::FLASH);
    }
    number & !1
}

/// A form of access to memory, tried by an instruction of its own.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// How assemblers write it.
    pub name: &'static str,
    /// Whether it may be split over two pages: it has more than a byte, and need not be aligned.
    pub splits: bool,
    /// Makes it, at a virtual address.
    pub make: fn(u64),
}

/// A table of [`Form`]s, a line each: a name, `splits` or `whole`, and the instructions. `{a}` in these is the
/// address; they may change the registers that are named behind them.
#[macro_export]
macro_rules! forms {
    ($($name:literal, $how:ident, [$($text:literal),+] $(, $out:tt)*;)*) => {
        &[$($crate::touch::Form {
            name: $name,
            splits: $crate::forms!(@$how),
            make: |address| {
                // SAFETY: whether the hypervisor lets it through is what the guest is for. If it does, it
                // changes nothing of the guest's own: these are no addresses of Rust's.
                unsafe {
                    ::core::arch::asm!($($text),+, a = in(reg) address $(, out($out) _)*);
                }
            },
        }),*]
    };
    (@splits) => { true };
    (@whole) => { false };
}

/// The virtual address of a guest-physical one, for an access of the caller's own.
pub fn at(physical: u64) -> u64 {
    map_physical(physical)
}

/// Loads a byte.
pub fn load(physical: u64) -> u8 {
    let address = map_physical(physical);
    // SAFETY: the guest's own tables map it; whether the hypervisor does is what the guest is for.
    unsafe { (address as *const u8).read_volatile() }
}

/// Loads eight bytes, aligned or not.
pub fn load_word(physical: u64) -> u64 {
    let address = map_physical(physical) as *const u64;
    let word;
    // SAFETY: as in `load`. In assembly, as Rust has no unaligned volatile load.
    unsafe {
        #[cfg(target_arch = "riscv64")]
        core::arch::asm!("ld {}, ({})", out(reg) word, in(reg) address);
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("ldr {}, [{}]", out(reg) word, in(reg) address);
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("mov {}, [{}]", out(reg) word, in(reg) address);
    }
    word
}

/// Stores a byte.
pub fn store(physical: u64, byte: u8) {
    let address = map_physical(physical);
    // SAFETY: as in `load`; if it is RAM, nothing of the guest's own is there.
    unsafe { (address as *mut u8).write_volatile(byte) };
}

/// Calls what is there as a function.
pub fn execute(physical: u64) {
    let address = map_physical(physical) as *const ();
    // SAFETY: as in `load`; if the hypervisor lets it run, it is garbage, and that is seen.
    let function = unsafe { mem::transmute::<*const (), extern "C" fn()>(address) };
    function();
}

static BEHIND: AtomicU64 = AtomicU64::new(0);

/// The address of the return behind the code that [`run`] runs.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "instructions have a length")
)]
pub(crate) fn behind_code() -> u64 {
    BEHIND.load(Ordering::Relaxed)
}

/// Where that address is kept, for code that is not written by [`run`].
#[cfg(target_arch = "x86_64")]
pub(crate) fn behind_place() -> *mut u64 {
    BEHIND.as_ptr()
}

/// Writes instructions into free RAM, with a return behind them, and calls them.
pub fn run(code: &[u8]) {
    let address = map_physical(arch::FREE_RAM.0);
    for (at, byte) in code.iter().chain(arch::RETURN).enumerate() {
        // SAFETY: it is free RAM, which the guest's own tables map there.
        unsafe { (address as *mut u8).add(at).write_volatile(*byte) };
    }
    BEHIND.store(address + code.len() as u64, Ordering::Relaxed);
    arch::synchronize_code();
    // SAFETY: what it does is what the guest is for.
    let function = unsafe { mem::transmute::<*const (), extern "C" fn()>(address as *const ()) };
    function();
}
