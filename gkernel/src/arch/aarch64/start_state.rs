//! The registers as the guest finds them at its first instruction, and a way to change them all.

use core::{
    arch::{asm, global_asm},
    cell::UnsafeCell,
    iter,
};

use super::probe::watch;

const GENERAL: [&str; 31] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30",
];

/// v0 to v31, by halves.
const VECTORS: usize = 64;

/// Defines `EARLY`, the registers that the guest itself soon changes, with what they hold after a reset,
/// and the code that notes them: x30 points to where the first goes.
macro_rules! early {
    ($($name:literal = $reset:expr;)*) => {
        const EARLY: &[(&str, u64)] = &[$(($name, $reset)),*];

        global_asm!(
            ".section .text",
            ".arch_extension fp",
            ".arch_extension simd",
            ".globl guest_note_system_registers",
            "guest_note_system_registers:",
            $(concat!("mrs x8, ", $name), "str x8, [x30], #8",)*
            "mov x8, #(3 << 20)", // CPACR_EL1.FPEN
            "msr cpacr_el1, x8",
            "isb",
            "mrs x8, fpcr",
            "mrs x9, fpsr",
            "stp x8, x9, [x30], #16",
            ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
            "str q\\n, [x30], #16",
            ".endr",
            "msr cpacr_el1, xzr",
            "isb",
            "br x7",
        );
    };
}

early! {
    "nzcv" = 0;
    "daif" = 0x3C0;
    "sctlr_el1" = 0x30D0_0800;
    "cpacr_el1" = 0;
    "ttbr0_el1" = 0;
    "ttbr1_el1" = 0;
    "tcr_el1" = 0;
    "mair_el1" = 0;
    "amair_el1" = 0;
    "vbar_el1" = 0;
    "contextidr_el1" = 0;
    "esr_el1" = 0;
    "far_el1" = 0;
    "afsr0_el1" = 0;
    "afsr1_el1" = 0;
    "par_el1" = 0;
    "elr_el1" = 0;
    "spsr_el1" = 0;
    "sp_el0" = 0;
    "tpidr_el0" = 0;
    "tpidrro_el0" = 0;
    "tpidr_el1" = 0;
    "csselr_el1" = 0;
    "cntkctl_el1" = 0;
    "cntv_ctl_el0" = 0;
    "cntv_cval_el0" = 0;
}

/// Defines a function for each direction, for registers that the guest does not use: one that reads them,
/// by name, and one that writes ones to them. A register that is not there reads as zero, and a write to it
/// is passed over.
macro_rules! late {
    ($($name:literal $register:literal;)*) => {
        const LATE: usize = [$($name),*].len();

        fn late() -> [(&'static str, u64); LATE] {
            [$(($name, {
                let mut value: u64 = 0;
                // SAFETY: reading it changes nothing; an exception is passed over.
                watch(|| unsafe {
                    asm!("mov {0}, xzr", concat!("mrs {0}, ", $register), out(reg) value);
                });
                value
            })),*]
        }

        fn change_late() {
            $(
                // SAFETY: the guest has nothing in it; an exception is passed over.
                watch(|| unsafe { asm!(concat!("msr ", $register, ", {}"), in(reg) u64::MAX) });
            )*
        }
    };
}

late! {
    "apiakeylo_el1" "s3_0_c2_c1_0";
    "apiakeyhi_el1" "s3_0_c2_c1_1";
    "apibkeylo_el1" "s3_0_c2_c1_2";
    "apibkeyhi_el1" "s3_0_c2_c1_3";
    "apdakeylo_el1" "s3_0_c2_c2_0";
    "apdakeyhi_el1" "s3_0_c2_c2_1";
    "apdbkeylo_el1" "s3_0_c2_c2_2";
    "apdbkeyhi_el1" "s3_0_c2_c2_3";
    "apgakeylo_el1" "s3_0_c2_c3_0";
    "apgakeyhi_el1" "s3_0_c2_c3_1";
    "disr_el1" "s3_0_c12_c1_1";
    "isr_el1" "s3_0_c12_c1_0"; // no interrupt is pending
    "actlr_el1" "actlr_el1";
    "scxtnum_el1" "s3_0_c13_c0_7";
    "scxtnum_el0" "s3_3_c13_c0_7";
    "tpidr2_el0" "s3_3_c13_c0_5";
    "gcr_el1" "s3_0_c1_c0_6";
    "rgsr_el1" "s3_0_c1_c0_5";
    "tfsr_el1" "s3_0_c5_c6_0";
    "zcr_el1" "s3_0_c1_c2_0";
    "smcr_el1" "s3_0_c1_c2_6";
    "tcr2_el1" "s3_0_c2_c0_3";
    "pir_el1" "s3_0_c10_c2_3";
    "mdscr_el1" "mdscr_el1";
    "dbgbvr0_el1" "dbgbvr0_el1";
    "dbgwvr0_el1" "dbgwvr0_el1";
    "pmccntr_el0" "pmccntr_el0";
    "pmselr_el0" "pmselr_el0";
    "cntp_cval_el0" "cntp_cval_el0";
    "uao" "s3_0_c4_c2_4";
    "dit" "s3_3_c4_c2_5";
    "ssbs" "s3_3_c4_c2_6";
    "pan" "s3_0_c4_c2_3";
}

const FOUND: usize = GENERAL.len() + EARLY.len() + 2 + VECTORS;

struct Found(UnsafeCell<[u64; FOUND]>);

// SAFETY: the entry writes it, on the only CPU; afterwards it is read.
unsafe impl Sync for Found {}

/// Not in .bss, so that the entry finds it wherever it is loaded.
#[unsafe(export_name = "guest_start_state")]
#[unsafe(link_section = ".data")]
static STATE: Found = Found(UnsafeCell::new([0; FOUND]));

/// Each register by name, what it held, and what it holds after a reset.
pub fn start_state() -> impl Iterator<Item = (&'static str, u64, u64)> {
    // SAFETY: the entry has written it, before any Rust code ran.
    let found = unsafe { *STATE.0.get() };
    let general = GENERAL.iter().enumerate().map(|(n, name)| {
        let argument = if n == 1 { super::argument() } else { 0 };
        (*name, argument)
    });
    let floats = ["fpcr", "fpsr"].into_iter().map(|name| (name, 0));
    let vectors = iter::repeat_n(("a half of a vector register", 0), VECTORS);
    let known = general.chain(EARLY.iter().copied());
    let known = known.chain(floats).chain(vectors);
    let early = known
        .zip(found)
        .map(|((name, reset), found)| (name, found, reset));
    early.chain(late().into_iter().map(|(name, found)| (name, found, 0)))
}

/// Leaves something in every register that a guest can write and do without.
pub fn leave_traces() {
    super::change_system_registers();
    super::fill_registers_and_call(1);
    // SAFETY: the guest does not compute with floats.
    unsafe { asm!(".arch_extension fp", "msr fpcr, {0}", "msr fpsr, {0}", in(reg) u64::MAX) };
    change_late();
}
