//! The registers as the guest finds them at its first instruction.

use core::arch::asm;

use axplat_riscv64_guest as platform;

/// `sstatus` after a reset of the guest: user mode has 64 bits (UXL), and floating point is in its
/// initial state (FS).
const SSTATUS: u64 = 2 << 32 | 1 << 13;

/// The CSRs, as the platform stores them, and what they hold after a reset.
const CSRS: [(&str, u64); 12] = [
    ("sstatus", SSTATUS),
    ("sie", 0),
    ("stvec", 0),
    ("scounteren", 0),
    ("senvcfg", 0),
    ("sscratch", 0),
    ("sepc", 0),
    ("scause", 0),
    ("stval", 0),
    ("sip", 0),
    ("satp", 0),
    ("fcsr", 0),
];

/// Each register by name, what it held, and what it holds after a reset.
pub fn start_state() -> impl Iterator<Item = (&'static str, u64, u64)> {
    const A2: usize = 12;
    let found = platform::start_state();
    let general = (1..32).map(move |n| {
        let wanted = if n == A2 { super::argument() } else { 0 };
        (NAMES[n], found[platform::GENERAL + n], wanted)
    });
    let floats = (0..32).map(move |n| (FLOAT_NAMES[n], found[platform::FLOATS + n], 0));
    let csrs = CSRS.iter().enumerate();
    let csrs = csrs.map(move |(n, (name, wanted))| (*name, found[platform::CSRS + n], *wanted));
    general.chain(floats).chain(csrs)
}

/// Leaves something in every register that a guest can write and do without: `stvec` and `satp` have it
/// already. Interrupts are off all the while.
pub fn leave_traces() {
    super::fill_registers_and_call(1);
    super::change_system_registers();
    // SAFETY: neither interrupts nor user mode are there to notice, and nobody computes with floats.
    unsafe {
        asm!(
            ".option push",
            ".option arch, +d",
            "csrw   sie, {ones}",
            "csrsi  sip, 2",
            "csrs   sstatus, {status}",
            "fscsr  {ones}",
            ".option pop",
            ones = in(reg) u64::MAX,
            // SPP, SPIE, SUM, MXR and all of FS and VS.
            status = in(reg) 0xC_6720_u64,
            options(nostack),
        );
    }
}

const NAMES: [&str; 32] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30", "x31",
];

const FLOAT_NAMES: [&str; 32] = [
    "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f13", "f14",
    "f15", "f16", "f17", "f18", "f19", "f20", "f21", "f22", "f23", "f24", "f25", "f26", "f27",
    "f28", "f29", "f30", "f31",
];
