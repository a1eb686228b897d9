//! Every port, and every MSR that the permission maps are about.

use core::arch::global_asm;

use super::{guest_exception_stubs, maps::OWN, set_gate};
use crate::sweep::{Access, Number, Sweep, Whose};

global_asm!(
    // Each gives 1 if it was refused (#GP), 0 if it was carried out.
    // R8 is what it gives; R9, where it goes on if it is refused.
    ".section .text",
    // u64 guest_in(u32 port)
    ".globl guest_in",
    "guest_in:",
    "mov    edx, edi",
    "xor    r8d, r8d",
    "lea    r9, [rip + 2f]",
    "in     al, dx",
    "jmp    2f",
    // u64 guest_out(u32 port): a zero
    ".globl guest_out",
    "guest_out:",
    "mov    edx, edi",
    "xor    eax, eax",
    "xor    r8d, r8d",
    "lea    r9, [rip + 2f]",
    "out    dx, al",
    "jmp    2f",
    // u64 guest_rdmsr(u32 msr, u64 *value)
    ".globl guest_rdmsr",
    "guest_rdmsr:",
    "mov    ecx, edi",
    "xor    r8d, r8d",
    "lea    r9, [rip + 2f]",
    "rdmsr",
    "shl    rdx, 32",
    "or     rax, rdx",
    "mov    [rsi], rax",
    "jmp    2f",
    // u64 guest_wrmsr(u32 msr, u64 value)
    ".globl guest_wrmsr",
    "guest_wrmsr:",
    "mov    ecx, edi",
    "mov    eax, esi",
    "mov    rdx, rsi",
    "shr    rdx, 32",
    "xor    r8d, r8d",
    "lea    r9, [rip + 2f]",
    "wrmsr",
    "2:",
    "mov    rax, r8",
    "ret",
    // The gate of #GP meanwhile.
    ".globl guest_refused",
    "guest_refused:",
    "mov    r8d, 1",
    "mov    [rsp + 8], r9", // RIP, behind the error code
    "add    rsp, 8",
    "iretq",
);

unsafe extern "C" {
    fn guest_in(port: u32) -> u64;
    fn guest_out(port: u32) -> u64;
    fn guest_rdmsr(msr: u32, value: *mut u64) -> u64;
    fn guest_wrmsr(msr: u32, value: u64) -> u64;
    fn guest_refused();
}

/// #GP (APM vol. 2 §8.2.14).
const PROTECTION: usize = 13;

/// Does `sweep` while `guest_refused` is the gate of #GP.
fn with_refusals_counted<T>(sweep: impl FnOnce() -> T) -> T {
    set_gate(PROTECTION, guest_refused as *const () as u64, 0);
    let swept = sweep();
    let stubs = &raw const guest_exception_stubs as u64;
    set_gate(PROTECTION, stubs + 16 * PROTECTION as u64, 0);
    swept
}

/// Reads a byte from every port, and writes one to each that did not answer: none is the guest's.
pub fn sweep_ports() -> Sweep<Access<Number>> {
    with_refusals_counted(|| {
        let mut sweep = Sweep::new();
        for port in 0..=0xFFFF {
            let mut note = |writes, answered| {
                let name = Number(port);
                sweep.note(Access { writes, name }, answered, Whose::Nobodys);
                answered
            };
            // SAFETY: what it does to the machine is what the guest is for; the gate knows it.
            if !note(false, unsafe { guest_in(port) } == 0) {
                // SAFETY: as above.
                note(true, unsafe { guest_out(port) } == 0);
            }
        }
        sweep
    })
}

/// Reads every MSR of the permission map's ranges, and some that are in none, and writes it: what was read,
/// or zero. Only those that are switched with the guest, or carried out for it, are its own.
pub fn sweep_registers() -> Sweep<Access<Number>> {
    const RANGE: u32 = 0x2000;
    let ranges = [0, 0x4000_0000, 0xC000_0000, 0xC001_0000];
    let msrs = ranges
        .into_iter()
        .flat_map(|first| first..first + RANGE)
        .chain(ranges.map(|first| first + RANGE));
    with_refusals_counted(|| {
        let mut sweep = Sweep::new();
        for msr in msrs {
            let whose = if OWN.contains(&msr) {
                Whose::Guests
            } else {
                Whose::Nobodys
            };
            let mut value = 0;
            // SAFETY: as in `sweep_ports`.
            let read = unsafe { guest_rdmsr(msr, &raw mut value) } == 0;
            // SAFETY: as above; an MSR of the guest's own keeps its value.
            let written = unsafe { guest_wrmsr(msr, value) } == 0;
            for (writes, answered) in [(false, read), (true, written)] {
                let name = Number(msr);
                sweep.note(Access { writes, name }, answered, whose);
            }
        }
        sweep
    })
}
