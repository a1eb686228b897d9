//! The system registers that are the kernel's own and that the guest can do without for a while.

use core::arch::asm;

use super::probe::watch;

/// What number `n` is filled with: no two are filled with the same.
const fn filling(n: usize) -> u64 {
    0x1234_5678_9ABC_0000 + 0x0101 * (n as u64 + 1)
}

/// Defines what reads all registers of a list, and what fills them.
macro_rules! own {
    ($($name:literal = $register:literal $(, $filling:expr)?;)*) => {
        /// Their names.
        const NAMES: [&str; [$($name),*].len()] = [$($name),*];

        type Values = [u64; NAMES.len()];

        /// What they hold; 0 for one that is not there.
        fn read() -> Values {
            [$({
                let mut value: u64 = 0;
                // SAFETY: reading it changes nothing; an exception is passed over.
                watch(|| unsafe {
                    asm!("mov {0}, xzr", concat!("mrs {0}, ", $register), out(reg) value);
                });
                value
            }),*]
        }

        fn write(values: &Values) {
            let mut values = values.iter();
            $(
                let value = values.next().copied().unwrap_or(0);
                // SAFETY: the guest has nothing in it; an exception is passed over.
                watch(|| unsafe { asm!(concat!("msr ", $register, ", {}"), in(reg) value) });
            )*
        }

        fn fillings() -> Values {
            let mut n = 0;
            [$({
                n += 1;
                // Of the fillings that a register has, its own is the last.
                *[filling(n) $(, $filling)?].last().unwrap_or(&0)
            }),*]
        }
    };
}

// Those that a CPU may lack come first in the list: an exception changes some of the others.
own! {
    "apiakeylo_el1" = "s3_0_c2_c1_0";
    "apiakeyhi_el1" = "s3_0_c2_c1_1";
    "apibkeylo_el1" = "s3_0_c2_c1_2";
    "apibkeyhi_el1" = "s3_0_c2_c1_3";
    "apdakeylo_el1" = "s3_0_c2_c2_0";
    "apdakeyhi_el1" = "s3_0_c2_c2_1";
    "apdbkeylo_el1" = "s3_0_c2_c2_2";
    "apdbkeyhi_el1" = "s3_0_c2_c2_3";
    "apgakeylo_el1" = "s3_0_c2_c3_0";
    "apgakeyhi_el1" = "s3_0_c2_c3_1";
    "disr_el1" = "s3_0_c12_c1_1";
    // Rounding towards zero, and all exceptions that are counted.
    "fpcr" = "s3_3_c4_c4_0", 3 << 22;
    "fpsr" = "s3_3_c4_c4_1", 0x9F;
    "tpidr_el0" = "tpidr_el0";
    "tpidrro_el0" = "tpidrro_el0";
    "tpidr_el1" = "tpidr_el1";
    "sp_el0" = "sp_el0";
    "contextidr_el1" = "contextidr_el1";
    "csselr_el1" = "csselr_el1", 2;
    // The low half is not walked.
    "ttbr0_el1" = "ttbr0_el1";
    "amair_el1" = "amair_el1";
    "afsr0_el1" = "afsr0_el1";
    "afsr1_el1" = "afsr1_el1";
    "cntkctl_el1" = "cntkctl_el1", 0x303;
    // It comes in many years, and is masked.
    "cntv_cval_el0" = "cntv_cval_el0";
    "cntv_ctl_el0" = "cntv_ctl_el0", 0b11;
    "par_el1" = "par_el1";
    "esr_el1" = "esr_el1";
    "far_el1" = "far_el1";
    "elr_el1" = "elr_el1";
    "spsr_el1" = "spsr_el1", 0x3C5;
}

/// Fills them all, does `calls`, and looks at them again. Gives what `calls` gave, or if that is 0, the
/// number of a register that has changed: 64 and on. They hold again what they held.
pub(super) fn kept_over(calls: impl FnOnce() -> u64) -> u64 {
    // Floating point is on, or two of them cannot be reached.
    // SAFETY: the kernel is built without it.
    unsafe { asm!("msr cpacr_el1, {}", "isb", in(reg) 3_u64 << 20, options(nostack)) };
    let before = read();
    write(&fillings());
    let filled = read();
    let changed = calls();
    let after = read();
    write(&before);
    let differs = filled.iter().zip(&after).position(|(old, new)| old != new);
    match differs {
        Some(n) if changed == 0 => 64 + n as u64,
        _ => changed,
    }
}
