//! The CSRs that are the kernel's own and that ArceOS can do without for a while, in which it does not trap.

use core::arch::asm;

/// Defines what reads all CSRs of a list, and what fills them.
macro_rules! own {
    ($($csr:literal = $filling:expr;)*) => {
        /// What they are filled with, as far as they take it.
        const FILLINGS: Values = [$($filling),*];

        type Values = [u64; [$($csr),*].len()];

        fn read() -> Values {
            [$({
                let value: u64;
                // SAFETY: reading it changes nothing.
                unsafe { asm!(concat!("csrr {}, ", $csr), out(reg) value, options(nostack)) };
                value
            }),*]
        }

        fn write(values: &Values) {
            let mut values = values.iter();
            $(
                let value = values.next().copied().unwrap_or(0);
                // SAFETY: there is neither user mode nor a trap that needs it: interrupts are off.
                unsafe { asm!(concat!("csrw ", $csr, ", {}"), in(reg) value, options(nostack)) };
            )*
        }
    };
}

own! {
    "sscratch" = 0x1234_5678_9ABC_0100;
    "sepc" = 0x1234_5678_9ABC_0200;
    "scause" = 0x1234_5678_9ABC_0300;
    "stval" = 0x1234_5678_9ABC_0400;
    "scounteren" = 0x9ABC_0505;
    // FIOM, CBIE, CBCFE, CBZE.
    "senvcfg" = 0xF1;
    // SSIE, STIE, SEIE; SSIP.
    "sie" = 0x222;
    "sip" = 0x2;
    // fcsr: rounding towards zero, all exceptions.
    "0x003" = 0x3F;
}

/// Fills them all, does `calls`, and looks at them again. Gives what `calls` gave, or if that is 0, the
/// number of a CSR that has changed: 64 and on. They hold again what they held.
pub(super) fn kept_over(calls: impl FnOnce() -> u64) -> u64 {
    /// sstatus.SIE and FS.
    const SIE: u64 = 1 << 1;
    const FS: u64 = 3 << 13;
    let status: u64;
    // SAFETY: the kernel does not compute with floats, and nothing has to interrupt it meanwhile.
    unsafe {
        asm!("csrrc {}, sstatus, {}", out(reg) status, in(reg) SIE, options(nostack));
        asm!("csrs sstatus, {}", in(reg) FS, options(nostack));
    }
    let before = read();
    write(&FILLINGS);
    let filled = read();
    let changed = calls();
    let after = read();
    write(&before);
    // SAFETY: it is as it was.
    unsafe { asm!("csrs sstatus, {}", in(reg) status & SIE, options(nostack)) };
    let differs = filled.iter().zip(&after).position(|(old, new)| old != new);
    match differs {
        Some(n) if changed == 0 => 64 + n as u64,
        _ => changed,
    }
}
