//! What a guest at EL1 can write and no turn switches, since the host uses none of it. It is in the CPU for
//! as long as the guest is loaded.

use core::arch::asm;

use super::{
    idregs::Features,
    regs::{sysreg_read, sysreg_write},
};

/// The floating-point registers, the keys of pointer authentication, and DISR_EL1, which reaches VDISR_EL2.
/// All zero at first.
#[derive(Default)]
pub struct Unswitched {
    floating_point: FloatingPoint,
    keys: Keys,
    vdisr: u64,
}

impl Unswitched {
    /// Puts them into the CPU, over what an earlier guest left there. The CPU has `features`, and lets
    /// floating point be used ([`super::confine::confine_el1`]). Self-hosted debug is off: what a guest
    /// writes there is ignored.
    pub fn load(&self, features: Features) {
        self.floating_point.load();
        // SAFETY: the host uses no debug exceptions.
        unsafe { sysreg_write!("mdscr_el1", 0_u64) };
        if features.ras {
            // SAFETY: VDISR_EL2 and VSESR_EL2 concern virtual SErrors, of which none is raised.
            unsafe {
                sysreg_write!("s3_4_c12_c1_1", self.vdisr);
                sysreg_write!("s3_4_c5_c2_3", 0_u64);
            }
        }
        if features.pauth {
            self.keys.load();
        }
    }

    /// Takes them from the CPU.
    pub fn save(features: Features) -> Self {
        Self {
            floating_point: FloatingPoint::save(),
            keys: if features.pauth {
                Keys::save()
            } else {
                Keys::default()
            },
            vdisr: if features.ras {
                sysreg_read!("s3_4_c12_c1_1")
            } else {
                0
            },
        }
    }
}

macro_rules! keys {
    ($($name:ident = $register:literal,)*) => {
        /// The low and the high half of each key.
        #[derive(Default)]
        struct Keys {
            $($name: u64,)*
        }

        impl Keys {
            fn load(&self) {
                // SAFETY: the host is built without pointer authentication.
                unsafe { $(sysreg_write!($register, self.$name);)* }
            }

            fn save() -> Self {
                Self { $($name: sysreg_read!($register),)* }
            }
        }
    };
}

keys! {
    apia_low = "s3_0_c2_c1_0",
    apia_high = "s3_0_c2_c1_1",
    apib_low = "s3_0_c2_c1_2",
    apib_high = "s3_0_c2_c1_3",
    apda_low = "s3_0_c2_c2_0",
    apda_high = "s3_0_c2_c2_1",
    apdb_low = "s3_0_c2_c2_2",
    apdb_high = "s3_0_c2_c2_3",
    apga_low = "s3_0_c2_c3_0",
    apga_high = "s3_0_c2_c3_1",
}

/// V0 to V31, FPCR, FPSR, by their encodings: the host itself is built without them.
#[derive(Default)]
#[repr(C, align(16))]
struct FloatingPoint {
    v: [[u64; 2]; 32],
    fpcr: u64,
    fpsr: u64,
}

/// Does `$each` with every two of V0 to V31 and their place.
macro_rules! with_vectors {
    ($each:literal, $place:expr) => {
        with_vectors!(
            $each, $place,
            0 1, 2 3, 4 5, 6 7, 8 9, 10 11, 12 13, 14 15,
            16 17, 18 19, 20 21, 22 23, 24 25, 26 27, 28 29, 30 31
        )
    };
    ($each:literal, $place:expr, $($low:literal $high:literal),*) => {
        asm!(
            ".arch_extension fp",
            ".arch_extension simd",
            $(concat!($each, " q", $low, ", q", $high, ", [{place}, #16*", $low, "]"),)*
            place = in(reg) $place,
            options(nostack),
        )
    };
}

impl FloatingPoint {
    fn load(&self) {
        // SAFETY: the registers hold nothing of the host's.
        unsafe {
            with_vectors!("ldp", &raw const self.v);
            sysreg_write!("s3_3_c4_c4_0", self.fpcr);
            sysreg_write!("s3_3_c4_c4_1", self.fpsr);
        }
    }

    fn save() -> Self {
        let mut saved = Self {
            fpcr: sysreg_read!("s3_3_c4_c4_0"),
            fpsr: sysreg_read!("s3_3_c4_c4_1"),
            ..Self::default()
        };
        // SAFETY: the place is as large as what is stored there.
        unsafe { with_vectors!("stp", &raw mut saved.v) };
        saved
    }
}
