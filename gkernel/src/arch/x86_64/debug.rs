//! Debug exceptions of the guest's own, and what DR6 says of them.

use core::arch::asm;

use super::{FREE_RAM, try_in_kernel};
use crate::{probe::Fate, touch};

/// DR6: no cause; breakpoint 0; RFLAGS.TF (APM vol. 2 §13.1.1).
const NOTHING: u64 = 0xFFFF_0FF0;
const BREAKPOINT: u64 = NOTHING | 1 << 0;
const STEP: u64 = NOTHING | 1 << 14;

/// What came of an attempt, and DR6 behind it.
pub type Seen = (Fate, u64);

/// DR7: breakpoint 0 is enabled, for loads and stores of eight bytes; for execution; and none is.
const ACCESSES: u64 = NONE | 0b1011 << 16 | 1 << 0;
const EXECUTION: u64 = NONE | 1 << 0;
const NONE: u64 = 1 << 10;

/// Loads a word that a breakpoint watches; steps over an instruction that the hypervisor carries out; and comes
/// to a breakpoint behind such an instruction, in front of which breakpoints were held back (RFLAGS.RF). Gives
/// each as it was, and as it has to be.
pub fn debug_exceptions() -> [(Seen, Seen); 3] {
    static WORD: u64 = 0;
    /// `mov ecx, EFER; pushfq; or dword [rsp], TF; popfq; rdmsr; ud2`
    const STEP_OVER: &[u8] = b"\xB9\x80\0\0\xC0\x9C\x81\x0C\x24\0\x01\0\0\x9D\x0F\x32\x0F\x0B";
    /// `mov ecx, EFER; lea rax, [rip + to rdmsr]; mov edx, ss; mov rsi, rsp; push rdx; push rsi; pushfq;
    /// or dword [rsp], RF; mov edx, cs; push rdx; push rax; iretq; rdmsr`
    const HELD_BACK: &[u8] =
        b"\xB9\x80\0\0\xC0\x48\x8D\x05\x15\0\0\0\x8C\xD2\x48\x89\xE6\x52\x56\x9C\
        \x81\x0C\x24\0\0\x01\0\x8C\xCA\x52\x50\x48\xCF\x0F\x32";
    /// `nop; ud2`
    const BEHIND: &[u8] = b"\x90\x0F\x0B";
    let word = &raw const WORD as u64;
    // `mov rax, [word]; ud2`, by its 64-bit address.
    let mut load = *b"\x48\xA1........\x0F\x0B";
    load[2..10].copy_from_slice(&word.to_le_bytes());
    let mut held_back = [0; HELD_BACK.len() + BEHIND.len()];
    held_back[..HELD_BACK.len()].copy_from_slice(HELD_BACK);
    held_back[HELD_BACK.len()..].copy_from_slice(BEHIND);
    let behind = touch::at(FREE_RAM.0) + HELD_BACK.len() as u64;
    let debug = Fate::Trapped(1);
    [
        (watched(word, ACCESSES, &load), (debug, BREAKPOINT)),
        (watched(word, ACCESSES, STEP_OVER), (debug, STEP)),
        (watched(behind, EXECUTION, &held_back), (debug, BREAKPOINT)),
    ]
}

/// Runs `code` while breakpoint 0 watches `address` as `control` says.
fn watched(address: u64, control: u64, code: &[u8]) -> Seen {
    // SAFETY: the handler of the debug exception goes on behind the code.
    unsafe {
        asm!(
            "mov dr6, {nothing}",
            "mov dr0, {address}",
            "mov dr7, {control}",
            nothing = in(reg) NOTHING,
            address = in(reg) address,
            control = in(reg) control,
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

/// Writes DR0 to DR3.
pub(super) fn set_breakpoints(addresses: [u64; 4]) {
    let [a, b, c, d] = addresses;
    // SAFETY: DR7 enables none, or there is nothing at the addresses.
    unsafe {
        asm!(
            "mov dr0, {}", "mov dr1, {}", "mov dr2, {}", "mov dr3, {}",
            in(reg) a, in(reg) b, in(reg) c, in(reg) d,
            options(nomem, nostack),
        );
    }
}

/// Reads DR0 to DR3.
pub(super) fn breakpoints() -> [u64; 4] {
    let (a, b, c, d);
    // SAFETY: reading them changes nothing.
    unsafe {
        asm!(
            "mov {}, dr0", "mov {}, dr1", "mov {}, dr2", "mov {}, dr3",
            out(reg) a, out(reg) b, out(reg) c, out(reg) d,
            options(nomem, nostack),
        );
    }
    [a, b, c, d]
}
