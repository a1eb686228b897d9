//! The CPU features that the guest sees: the identification registers of group 3, which HCR_EL2.TID3
//! traps (Arm ARM, D24.2; the encodings with CRn 0 and CRm 1 to 7).
//!
//! A feature is shown if the guest can use it: the instruction runs without help, or its registers are
//! switched or cleared between guests. A field that no line below names reads as zero, and so does a
//! register that no line names, including the encodings reserved for later registers.
//!
//! Hidden are: AArch32; SVE and SME; memory tagging; performance, profiling, activity and trace
//! registers; debug beyond the least that the architecture knows; RAS; LORegions, MPAM, SCXTNUM;
//! everything of EL2 and EL3; the registers that HCRX_EL2 or the fine-grained traps keep (TCR2, SCTLR2,
//! PIR, POR), MOPS and 64-byte accesses; addresses beyond 36 bits, since Stage-2 has 39.

/// How a field, four bits wide, is shown.
#[derive(Clone, Copy, Debug)]
enum Show {
    /// The CPU's value, or this one if the CPU has more.
    AtMost(u64),
    /// The same for a signed field, where 0b1111 means that the feature is absent.
    SignedAtMost(u64),
    /// This value, whatever the CPU has.
    Always(u64),
}

use Show::{Always, AtMost, SignedAtMost};

/// The CPU's value in full: the field describes instructions only.
const ALL: Show = AtMost(0xF);

/// A register that is not all zero: CRm and op2, and its fields by their lowest bits.
struct Register {
    name: (u64, u64),
    fields: &'static [(u32, Show)],
}

const ID_AA64PFR0: (u64, u64) = (4, 0);
const ID_AA64PFR1: (u64, u64) = (4, 1);
const ID_AA64DFR0: (u64, u64) = (5, 0);
const ID_AA64ISAR0: (u64, u64) = (6, 0);
const ID_AA64ISAR1: (u64, u64) = (6, 1);
const ID_AA64ISAR2: (u64, u64) = (6, 2);
const ID_AA64MMFR0: (u64, u64) = (7, 0);
const ID_AA64MMFR1: (u64, u64) = (7, 1);
const ID_AA64MMFR2: (u64, u64) = (7, 2);

const TABLE: [Register; 9] = [
    Register {
        name: ID_AA64PFR0,
        fields: &[
            (0, Always(1)),        // EL0: AArch64 only
            (4, Always(1)),        // EL1: the same
            (16, SignedAtMost(1)), // FP
            (20, SignedAtMost(1)), // AdvSIMD
            (48, AtMost(1)),       // DIT
            (56, AtMost(1)),       // CSV2, without SCXTNUM
            (60, AtMost(1)),       // CSV3
        ],
    },
    Register {
        name: ID_AA64PFR1,
        fields: &[
            (0, AtMost(1)), // BT
            (4, AtMost(2)), // SSBS
        ],
    },
    Register {
        name: ID_AA64DFR0,
        fields: &[
            (0, Always(6)),    // DebugVer: Armv8, the least
            (12, Always(1)),   // BRPs: two, the least
            (20, Always(1)),   // WRPs: two
            (36, Always(0xF)), // DoubleLock: none
        ],
    },
    Register {
        name: ID_AA64ISAR0,
        fields: &[
            (4, ALL),        // AES
            (8, ALL),        // SHA1
            (12, ALL),       // SHA2
            (16, ALL),       // CRC32
            (20, AtMost(2)), // Atomic, without 128 bits
            (28, ALL),       // RDM
            (32, ALL),       // SHA3
            (36, ALL),       // SM3
            (40, ALL),       // SM4
            (44, ALL),       // DP
            (48, ALL),       // FHM
            (52, ALL),       // TS
            (56, AtMost(2)), // TLB
            (60, ALL),       // RNDR
        ],
    },
    Register {
        name: ID_AA64ISAR1,
        fields: &[
            (0, AtMost(2)),  // DPB
            (4, ALL),        // APA
            (8, ALL),        // API
            (12, ALL),       // JSCVT
            (16, ALL),       // FCMA
            (20, ALL),       // LRCPC
            (24, ALL),       // GPA
            (28, ALL),       // GPI
            (32, ALL),       // FRINTTS
            (36, ALL),       // SB
            (40, AtMost(1)), // SPECRES
            (44, AtMost(1)), // BF16
            (48, ALL),       // DGH
            (52, ALL),       // I8MM
        ],
    },
    Register {
        name: ID_AA64ISAR2,
        fields: &[
            (0, AtMost(2)),  // WFxT
            (8, ALL),        // GPA3
            (12, ALL),       // APA3
            (20, AtMost(1)), // BC
            (24, AtMost(1)), // PAC_frac
            (52, AtMost(1)), // CSSC
        ],
    },
    Register {
        name: ID_AA64MMFR0,
        fields: &[
            (0, AtMost(1)),        // PARange: 36 bits
            (4, AtMost(2)),        // ASIDBits
            (8, AtMost(1)),        // BigEnd
            (16, AtMost(1)),       // BigEndEL0
            (20, AtMost(1)),       // TGran16, without 52 bits
            (24, SignedAtMost(0)), // TGran64
            (28, SignedAtMost(0)), // TGran4, without 52 bits
        ],
    },
    Register {
        name: ID_AA64MMFR1,
        fields: &[
            (0, AtMost(2)),  // HAFDBS: access and dirty flags of pages
            (12, AtMost(2)), // HPDS
            (20, AtMost(3)), // PAN
            (36, AtMost(3)), // ETS
            (60, AtMost(1)), // ECBHB
        ],
    },
    Register {
        name: ID_AA64MMFR2,
        fields: &[
            (0, AtMost(1)),  // CnP
            (4, AtMost(1)),  // UAO
            (20, AtMost(1)), // CCIDX: CCSIDR_EL1 is the CPU's own
            (28, AtMost(1)), // ST
            (32, AtMost(1)), // AT
            (36, AtMost(1)), // IDS
            (48, AtMost(1)), // TTL
            (52, AtMost(2)), // BBM
            (60, AtMost(1)), // E0PD
        ],
    },
];

/// The registers of group 3 as the guest sees them.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdRegisters([u64; TABLE.len()]);

impl IdRegisters {
    /// The registers of a guest on a CPU whose own registers `hardware` returns by CRm and op2. It is
    /// asked only for registers that every Armv8-A CPU has.
    pub fn new(hardware: impl Fn(u64, u64) -> u64) -> Self {
        Self(TABLE.map(|register| {
            let own = hardware(register.name.0, register.name.1);
            let show = |&(shift, show): &(u32, Show)| shown(own >> shift & 0xF, show) << shift;
            register
                .fields
                .iter()
                .map(show)
                .fold(0, |all, field| all | field)
        }))
    }

    /// What the guest reads at CRm and op2.
    pub fn value(&self, crm: u64, op2: u64) -> u64 {
        let at = TABLE.iter().position(|known| known.name == (crm, op2));
        at.map_or(0, |at| self.0[at])
    }
}

fn shown(own: u64, show: Show) -> u64 {
    match show {
        AtMost(most) => own.min(most),
        SignedAtMost(_) if own >= 8 => own,
        SignedAtMost(most) => own.min(most),
        Always(value) => value,
    }
}

/// The CPU features that affect how a guest is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Pointer authentication: keys that a guest can write (FEAT_PAuth).
    pub pauth: bool,
    /// The fine-grained traps (FEAT_FGT).
    pub fine_traps: bool,
    /// The second set of them (FEAT_FGT2).
    pub fine_traps_2: bool,
    /// Partitioned memory resources, with registers of EL1 (FEAT_MPAM).
    pub mpam: bool,
    /// HCRX_EL2 (FEAT_HCX).
    pub hcrx: bool,
    /// VDISR_EL2 and VSESR_EL2 (FEAT_RAS).
    pub ras: bool,
    /// Performance counters by the architecture (FEAT_PMUv3).
    pub pmu: bool,
}

impl Features {
    /// The features of a CPU whose registers `hardware` returns by CRm and op2.
    pub fn new(hardware: impl Fn(u64, u64) -> u64) -> Self {
        let field = |(crm, op2): (u64, u64), shift: u32| hardware(crm, op2) >> shift & 0xF;
        let algorithms = [
            field(ID_AA64ISAR1, 4),
            field(ID_AA64ISAR1, 8),
            field(ID_AA64ISAR2, 12),
        ];
        Self {
            pauth: algorithms != [0; 3],
            fine_traps: field(ID_AA64MMFR0, 56) != 0,
            fine_traps_2: field(ID_AA64MMFR0, 56) >= 2,
            mpam: field(ID_AA64PFR0, 40) != 0 || field(ID_AA64PFR1, 16) != 0,
            hcrx: field(ID_AA64MMFR1, 40) != 0,
            ras: field(ID_AA64PFR0, 28) != 0,
            // 0b1111 is one of the implementation's own.
            pmu: !matches!(field(ID_AA64DFR0, 8), 0 | 0xF),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A CPU with the same value in each field of each register.
    fn cpu(field: u64) -> impl Fn(u64, u64) -> u64 {
        move |_, _| field * 0x1111_1111_1111_1111
    }

    fn fields(value: u64) -> [u64; 16] {
        core::array::from_fn(|field| value >> (4 * field) & 0xF)
    }

    #[test]
    fn what_is_hidden_reads_as_zero_on_a_cpu_that_has_it_all() {
        let ids = IdRegisters::new(cpu(7));
        let pfr0 = fields(ids.value(4, 0));
        // EL2, EL3, GIC, RAS, SVE, SEL2, MPAM, AMU, RME.
        for hidden in [2, 3, 6, 7, 8, 9, 10, 11, 13] {
            assert_eq!(pfr0[hidden], 0, "ID_AA64PFR0 field {hidden}");
        }
        assert_eq!((pfr0[0], pfr0[1]), (1, 1), "no AArch32");
        // MTE, RAS_frac, MPAM_frac, SME, RNDR_trap, CSV2_frac, NMI and on.
        assert_eq!(ids.value(4, 1) >> 8, 0);
        // TraceVer, PMUVer, PMSVer, TraceFilt, TraceBuffer, and on.
        assert_eq!(ids.value(5, 0), 0xF0_0010_1006);
        // MOPS.
        assert_eq!(fields(ids.value(6, 2))[4], 0);
        // VMIDBits, VH, LO, SpecSEI, XNX, TWED, HCX.
        for hidden in [1, 2, 4, 6, 7, 8, 10] {
            assert_eq!(fields(ids.value(7, 1))[hidden], 0, "MMFR1 field {hidden}");
        }
    }

    /// Of what the manual has to 2024 (D24.2): all that a guest can use, and its limits.
    #[test]
    fn what_a_guest_can_use_is_shown() {
        let ids = IdRegisters::new(cpu(7));
        let shown = TABLE.map(|register| ids.value(register.name.0, register.name.1));
        assert_eq!(
            shown,
            [
                0x1101_0000_0011_0011, // PFR0
                0x21,                  // PFR1
                0xF0_0010_1006,        // DFR0
                0x7277_7777_7027_7770, // ISAR0
                0x0077_1177_7777_7772, // ISAR1
                0x0010_0000_0110_7702, // ISAR2
                0x0011_0121,           // MMFR0
                0x1000_0030_0030_2002, // MMFR1
                0x1021_0011_1010_0011, // MMFR2
            ]
        );
        let names = TABLE.map(|register| register.name);
        let first = [(4, 0), (4, 1), (5, 0), (6, 0), (6, 1), (6, 2)];
        assert_eq!(names[..6], first);
        assert_eq!(names[6..], [(7, 0), (7, 1), (7, 2)]);
    }

    #[test]
    fn registers_that_are_not_in_the_table_read_as_zero() {
        let ids = IdRegisters::new(cpu(7));
        let known: Vec<_> = TABLE.iter().map(|register| register.name).collect();
        for (crm, op2) in (1..8).flat_map(|crm| (0..8).map(move |op2| (crm, op2))) {
            if !known.contains(&(crm, op2)) {
                assert_eq!(ids.value(crm, op2), 0, "CRm {crm}, op2 {op2}");
            }
        }
    }

    #[test]
    fn what_the_cpu_lacks_is_not_shown() {
        let none = IdRegisters::new(cpu(0));
        assert_eq!(none.value(6, 0), 0);
        assert_eq!(none.value(4, 0), 0x11);
    }

    #[test]
    fn a_signed_field_keeps_its_not_there() {
        let ids = IdRegisters::new(cpu(0xF));
        assert_eq!(fields(ids.value(4, 0))[4..6], [0xF, 0xF], "no FP");
        assert_eq!(
            fields(ids.value(7, 0))[5..8],
            [1, 0xF, 0xF],
            "TGran16, 64, 4"
        );
        // The least that says so.
        let ids = IdRegisters::new(cpu(8));
        assert_eq!(fields(ids.value(4, 0))[4..6], [8, 8]);
        let ids = IdRegisters::new(cpu(1));
        assert_eq!(fields(ids.value(7, 0))[5..8], [1, 0, 0]);
    }

    #[test]
    fn no_field_is_named_twice() {
        for Register { name, fields } in &TABLE {
            let mut shifts: Vec<_> = fields.iter().map(|(shift, _)| shift).collect();
            shifts.dedup();
            assert_eq!(shifts.len(), fields.len(), "{name:?}");
            assert!(shifts.is_sorted() && shifts.iter().all(|shift| *shift % 4 == 0));
        }
    }

    #[test]
    fn features_are_found() {
        let all = Features::new(cpu(1));
        assert!(all.pauth && all.fine_traps && all.hcrx && all.ras && all.pmu && all.mpam);
        assert!(!all.fine_traps_2 && Features::new(cpu(2)).fine_traps_2);
        let none = Features::new(cpu(0));
        assert!(!(none.pauth || none.fine_traps || none.hcrx || none.ras || none.pmu || none.mpam));
        let only = |crm, op2, shift| {
            move |a, b| {
                if (a, b) == (crm, op2) {
                    1_u64 << shift
                } else {
                    0
                }
            }
        };
        for (crm, op2, shift) in [(6, 1, 4), (6, 1, 8), (6, 2, 12)] {
            assert!(Features::new(only(crm, op2, shift)).pauth, "{shift}");
        }
        for (crm, op2, shift) in [(4, 0, 40), (4, 1, 16)] {
            assert!(Features::new(only(crm, op2, shift)).mpam, "{shift}");
        }
        let own_pmu = Features::new(|crm, op2| if (crm, op2) == (5, 0) { 0xF00 } else { 0 });
        assert!(!own_pmu.pmu);
    }
}
