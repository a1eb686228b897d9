//! Debug exceptions of the guest's own, and what DR6 says of them.

use core::arch::asm;

use super::try_in_kernel;
use crate::probe::Fate;

/// DR6: no cause; breakpoint 0; RFLAGS.TF (APM vol. 2 §13.1.1).
const NOTHING: u64 = 0xFFFF_0FF0;
const BREAKPOINT: u64 = NOTHING | 1 << 0;
const STEP: u64 = NOTHING | 1 << 14;

/// What came of an attempt, and DR6 behind it.
pub type Seen = (Fate, u64);

/// Stores to a word that a breakpoint watches; and steps over an instruction that the hypervisor carries
/// out. Gives each as it was, and as it has to be.
pub fn debug_exceptions() -> [(Seen, Seen); 2] {
    static WORD: u64 = 0;
    /// `mov ecx, EFER; pushfq; or dword [rsp], TF; popfq; rdmsr; ud2`
    const STEP_OVER: &[u8] = b"\xB9\x80\0\0\xC0\x9C\x81\x0C\x24\0\x01\0\0\x9D\x0F\x32\x0F\x0B";
    let word = &raw const WORD as u64;
    // `mov rax, [word]; ud2`, by its 64-bit address.
    let mut load = *b"\x48\xA1........\x0F\x0B";
    load[2..10].copy_from_slice(&word.to_le_bytes());
    let debug = Fate::Trapped(1);
    [
        (watched(word, &load), (debug, BREAKPOINT)),
        (watched(word, STEP_OVER), (debug, STEP)),
    ]
}

/// Runs `code` while breakpoint 0 watches the word at `address` for loads and stores.
fn watched(address: u64, code: &[u8]) -> Seen {
    /// DR7: breakpoint 0 is enabled, for loads and stores of eight bytes; and none is.
    const WATCH: u64 = 1 << 10 | 0b1011 << 16 | 1 << 0;
    const NONE: u64 = 1 << 10;
    // SAFETY: the handler of the debug exception goes on behind the code.
    unsafe {
        asm!(
            "mov dr6, {nothing}",
            "mov dr0, {address}",
            "mov dr7, {watch}",
            nothing = in(reg) NOTHING,
            address = in(reg) address,
            watch = in(reg) WATCH,
            options(nostack),
        );
    }
    let fate = try_in_kernel(code);
    let status;
    // SAFETY: it disables the breakpoint.
    unsafe {
        asm!(
            "mov dr7, {none}",
            "mov {status}, dr6",
            none = in(reg) NONE,
            status = out(reg) status,
            options(nostack),
        );
    }
    (fate, status)
}
