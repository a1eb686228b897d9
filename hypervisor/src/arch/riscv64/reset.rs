//! What a guest starts with: nothing that an earlier one left. Every register that a guest can write,
//! and that the world switch does not keep in the vCPU's context, is set here.

use core::arch::asm;

use crate::memory::addr::Hpa;

use super::regs::{self, SSTATUS_FS, SSTATUS_FS_INITIAL, XL_64, attempt, csr_write};

/// Prepares this hart for a new guest, whose Sv39x4 root is at `root`.
///
/// # Safety
///
/// `root` is that of tables which live, and map only what the guest may reach, while it can run.
pub unsafe fn new_guest(root: Hpa) {
    // SAFETY: none of these CSRs affects HS-mode, and the tables are as the caller says.
    unsafe {
        // First, so that no walk that the hart makes ahead of time mixes the tables of two guests
        // (RISC-V Privileged, "Memory-Management Fences").
        csr_write!("vsatp", 0u64);
        csr_write!(
            "hgatp",
            regs::HGATP_SV39X4 | regs::HGATP_VMID | (root.get() >> 12)
        );
        csr_write!("hedeleg", regs::HEDELEG);
        csr_write!("hideleg", regs::HIDELEG);
        csr_write!("hcounteren", regs::HCOUNTEREN_TM);
        csr_write!("henvcfg", regs::HENVCFG);
        csr_write!("htimedelta", 0u64);
        csr_write!("hvip", 0u64);
        csr_write!("vsie", 0u64);
        csr_write!("vsstatus", XL_64 | SSTATUS_FS_INITIAL);
        csr_write!("vstvec", 0u64);
        csr_write!("vsscratch", 0u64);
        csr_write!("vsepc", 0u64);
        csr_write!("vscause", 0u64);
        csr_write!("vstval", 0u64);
    }
    reset_extensions();
    regs::forget_guests();
    clear_floating_point();
    break_reservation();
}

/// Has this hart let go of the tables of a guest that has ended, before their memory is given back:
/// `hgatp` is off, and what the TLBs know by it is dropped. A hart may walk ahead of time whenever it
/// is on (RISC-V Privileged, "Hypervisor Guest Address Translation and Protection Register").
pub fn end_guest() {
    // SAFETY: the guest runs no more.
    unsafe {
        asm!(
            ".option push",
            ".option arch, +h",
            "csrw   hgatp, zero",
            "hfence.gvma",
            ".option pop",
            options(nostack)
        );
    }
}

/// `hstateen0.ENVCFG`: the guest has `senvcfg`, which is switched.
const HSTATEEN0: u64 = 1 << 62;

/// CSRs of extensions that a hart may lack; a write to one that is not there does nothing. jvt and
/// scontext are shared with the host, which has no use for them.
fn reset_extensions() {
    macro_rules! write_if_present {
        ($($name:ident $csr:literal = $value:expr;)*) => {
            $(let _ = attempt!(concat!("csrw ", $csr, ", {operand}"), $value);)*
        };
    }
    write_if_present! {
        // Smstateen: what is kept from a guest here, it does not write, nor the next one find.
        hstateen0 "0x60C" = HSTATEEN0;
        hstateen1 "0x60D" = 0u64;
        hstateen2 "0x60E" = 0u64;
        hstateen3 "0x60F" = 0u64;
        // Sstc: 0, which a reset may leave, would be a timer that has run out.
        vstimecmp "0x24D" = u64::MAX;
        // Ssaia, Zcmt and Sdtrig.
        vsiselect "0x250" = 0u64;
        jvt "0x017" = 0u64;
        scontext "0x5A8" = 0u64;
    }
}

/// Zeroes the floating-point registers. The host itself is built without them and keeps the unit off.
/// The vector unit needs nothing of the kind: `sstatus.VS` is off while a guest runs.
fn clear_floating_point() {
    macro_rules! clear {
        ($($n:literal)*) => {
            asm!(
                ".option push",
                ".option arch, +d",
                "csrrs  {tmp}, sstatus, {fs}",
                $(concat!("fmv.d.x f", $n, ", zero"),)*
                "fscsr  zero",
                "csrw   sstatus, {tmp}",
                ".option pop",
                fs = in(reg) SSTATUS_FS,
                tmp = out(reg) _,
                options(nostack),
            )
        };
    }
    // SAFETY: the registers hold nothing of the host's; sstatus is put back.
    unsafe {
        clear!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
}

/// Gives up a reservation that an earlier guest holds, by a store-conditional to a word that nobody
/// reads (RISC-V Unprivileged, "Load-Reserved/Store-Conditional Instructions").
fn break_reservation() {
    let mut scratch = 0u64;
    // SAFETY: the word is ours.
    unsafe {
        asm!(
            "sc.d   {failed}, zero, ({scratch})",
            failed = out(reg) _,
            scratch = in(reg) &raw mut scratch,
            options(nostack),
        );
    }
}
