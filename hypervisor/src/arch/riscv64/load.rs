//! Puts a guest's state into this hart when the guest is loaded, and takes it out again. It covers
//! every register that a guest can write and that the world switch does not keep in the vCPU's context,
//! and the registers that confine the guest. So no guest finds what another one left.

use core::arch::asm;

use super::regs::{self, SSTATUS_FS, SSTATUS_FS_INITIAL, XL_64, attempt, csr_read, csr_write};
use crate::memory::addr::Hpa;

/// Puts `guest` into this hart, with the Sv39x4 tables at `root` and this `henvcfg`. Returns what was in the confining
/// registers before, for [`unload`].
///
/// # Safety
///
/// `root` is that of tables which live, and map only what the guest may reach, until [`unload`].
pub unsafe fn load(guest: &GuestState, root: Hpa, henvcfg: u64) -> Controls {
    let before = Controls::read();
    // SAFETY: none of these CSRs affects HS-mode, and the tables are as the caller says.
    unsafe {
        // First, so that no walk that the hart makes ahead of time mixes the tables of two guests
        // (RISC-V Privileged, "Memory-Management Fences").
        csr_write!("vsatp", 0u64);
        csr_write!(
            "hgatp",
            regs::HGATP_SV39X4 | regs::HGATP_VMID | (root.get() >> 12)
        );
    }
    regs::forget_guests();
    Controls::guest(henvcfg).write();
    guest.csrs.write();
    guest.extensions.write();
    guest.floating_point.load();
    break_reservation();
    before
}

/// Takes the guest's state out of this hart, and has the hart let go of the guest's tables: `hgatp` is off,
/// and what the TLBs know by it is dropped. A hart may walk ahead of time whenever it is on (RISC-V
/// Privileged, "Hypervisor Guest Address Translation and Protection Register"). `before` confines again.
pub fn unload(before: Controls) -> GuestState {
    let guest = GuestState {
        csrs: GuestCsrs::read(),
        extensions: Extensions::read(),
        floating_point: FloatingPoint::save(),
    };
    // With nothing pending, enabled or armed: what is not delegated would be the host's interrupt.
    GuestCsrs::default().write();
    Extensions::default().write();
    before.write();
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
    guest
}

/// The part of a guest's state that this hart holds. At first it is as after a reset.
#[derive(Default)]
pub struct GuestState {
    csrs: GuestCsrs,
    extensions: Extensions,
    floating_point: FloatingPoint,
}

/// Defines a set of CSRs that are read and written together, in the order given.
macro_rules! csrs {
    ($(#[$doc:meta])* $set:ident: $($name:ident = $csr:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $set {
            $($name: u64,)*
        }

        impl $set {
            fn read() -> Self {
                Self { $($name: csr_read!($csr),)* }
            }

            fn write(&self) {
                // SAFETY: none of these CSRs affects HS-mode.
                unsafe { $(csr_write!($csr, self.$name);)* }
            }
        }
    };
}

csrs! {
    /// What confines a guest.
    Controls:
    hedeleg = "hedeleg",
    hideleg = "hideleg",
    hcounteren = "hcounteren",
    henvcfg = "henvcfg",
    htimedelta = "htimedelta",
}

impl Controls {
    fn guest(henvcfg: u64) -> Self {
        Self {
            hedeleg: regs::HEDELEG,
            hideleg: regs::HIDELEG,
            hcounteren: regs::HCOUNTEREN_TM,
            henvcfg,
            htimedelta: 0,
        }
    }
}

csrs! {
    /// The guest's own. `vsatp` is the last, as it turns translation on.
    GuestCsrs:
    hvip = "hvip",
    vsie = "vsie",
    vsstatus = "vsstatus",
    vstvec = "vstvec",
    vsscratch = "vsscratch",
    vsepc = "vsepc",
    vscause = "vscause",
    vstval = "vstval",
    vsatp = "vsatp",
}

impl Default for GuestCsrs {
    fn default() -> Self {
        Self {
            hvip: 0,
            vsie: 0,
            vsstatus: XL_64 | SSTATUS_FS_INITIAL,
            vstvec: 0,
            vsscratch: 0,
            vsepc: 0,
            vscause: 0,
            vstval: 0,
            vsatp: 0,
        }
    }
}

/// `hstateen0.ENVCFG`: the guest has `senvcfg`, which is switched.
const HSTATEEN0: u64 = 1 << 62;

/// CSRs of extensions that a hart may lack, and that a guest can write where no Smstateen keeps them from
/// it: Sstc, Ssaia, Zcmt, Sdtrig. jvt and scontext are shared with the host, which has no use for them.
struct Extensions {
    vstimecmp: u64,
    vsiselect: u64,
    jvt: u64,
    scontext: u64,
}

/// Writes a CSR by its number; does nothing if it does not exist.
macro_rules! write_if_present {
    ($($name:ident $csr:literal = $value:expr;)*) => {
        $(let _ = attempt!(concat!("csrw ", $csr, ", {operand}"), $value);)*
    };
}

pub(super) use write_if_present;

/// Reads a CSR by its number; returns 0 if it does not exist.
macro_rules! read_if_present {
    ($csr:literal) => {
        attempt!(concat!("csrr {operand}, ", $csr), 0u64).unwrap_or(0)
    };
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            // 0, which a reset may leave, would be a timer that has run out.
            vstimecmp: u64::MAX,
            vsiselect: 0,
            jvt: 0,
            scontext: 0,
        }
    }
}

impl Extensions {
    fn read() -> Self {
        Self {
            vstimecmp: regs::guest_timecmp().unwrap_or(u64::MAX),
            vsiselect: read_if_present!("0x250"),
            jvt: read_if_present!("0x017"),
            scontext: read_if_present!("0x5A8"),
        }
    }

    fn write(&self) {
        write_if_present! {
            // Smstateen: what is kept from a guest here, it does not write, nor the next one find.
            hstateen0 "0x60C" = HSTATEEN0;
            hstateen1 "0x60D" = 0u64;
            hstateen2 "0x60E" = 0u64;
            hstateen3 "0x60F" = 0u64;
            vstimecmp "0x24D" = self.vstimecmp;
            vsiselect "0x250" = self.vsiselect;
            jvt "0x017" = self.jvt;
            scontext "0x5A8" = self.scontext;
        }
    }
}

/// The floating-point registers. The host itself is built without them and keeps the unit off. The vector
/// unit needs nothing of the kind: `sstatus.VS` is off while a guest runs.
#[derive(Default)]
#[repr(C)]
struct FloatingPoint {
    f: [u64; 32],
    fcsr: u64,
}

/// Runs `$each` with every register `f0` to `f31` and its place, while the unit is on, and then
/// `$last`.
macro_rules! with_floating_point {
    ($each:literal, $last:literal, $place:expr) => {
        with_floating_point!(
            $each, $last, $place,
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        )
    };
    ($each:literal, $last:literal, $place:expr, $($n:literal)*) => {
        asm!(
            ".option push",
            ".option arch, +d",
            "csrrs  {status}, sstatus, {fs}",
            $(concat!($each, " f", $n, ", 8*", $n, "({place})"),)*
            $last,
            "csrw   sstatus, {status}",
            ".option pop",
            fs = in(reg) SSTATUS_FS,
            place = in(reg) $place,
            status = out(reg) _,
            tmp = out(reg) _,
            options(nostack),
        )
    };
}

impl FloatingPoint {
    fn load(&self) {
        // SAFETY: the registers hold nothing of the host's; sstatus is put back; the place is ours.
        unsafe {
            with_floating_point!(
                "fld",
                "ld {tmp}, 8*32({place})\nfscsr {tmp}",
                &raw const *self
            );
        };
    }

    fn save() -> Self {
        let mut saved = Self::default();
        // SAFETY: as above; the place is as large as what is stored there.
        unsafe {
            with_floating_point!(
                "fsd",
                "frcsr {tmp}\nsd {tmp}, 8*32({place})",
                &raw mut saved
            );
        };
        saved
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
