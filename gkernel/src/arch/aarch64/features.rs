//! The CPU's features as its identification registers show them, and instructions that show whether they
//! are there.

use super::encode::{self, Name, read, word, write_zero};
use super::{probe, try_in_kernel};
use crate::{println, probe::Fate};

const PFR0: Name = id(4, 0);
const PFR1: Name = id(4, 1);
const DFR0: Name = id(5, 0);
const ISAR0: Name = id(6, 0);
const ISAR1: Name = id(6, 1);
const ISAR2: Name = id(6, 2);
const MMFR0: Name = id(7, 0);
const MMFR1: Name = id(7, 1);
const MMFR2: Name = id(7, 2);

const fn id(crm: u32, op2: u32) -> Name {
    (3, 0, 0, crm, op2)
}

/// What must not show: registers, and the bits of each that have to be zero. No AArch32; no EL2, EL3, RAS,
/// SVE, MPAM, AMU; no MTE, SME; no debug beyond the least, PMU, SPE, TRBE, trace; no MOPS; no VHE, LORegions,
/// HCRX; none of the registers that came later.
const HIDDEN: &[(&str, Name, u64)] = &[
    ("id_aa64pfr0_el1", PFR0, 0x00F0_FFFF_FF00_FFEE),
    ("id_aa64pfr1_el1", PFR1, 0xFFFF_FFFF_FFFF_FF00),
    ("id_aa64pfr2_el1", id(4, 2), u64::MAX),
    ("id_aa64zfr0_el1", id(4, 4), u64::MAX),
    ("id_aa64smfr0_el1", id(4, 5), u64::MAX),
    ("id_aa64dfr0_el1", DFR0, !0xF0_0010_1006),
    ("id_aa64dfr1_el1", id(5, 1), u64::MAX),
    ("id_aa64isar2_el1", ISAR2, 0x000F_0000),
    ("id_aa64mmfr0_el1", MMFR0, 0xFFFF_FFFF_0000_F00E),
    ("id_aa64mmfr1_el1", MMFR1, 0x0FFF_FF0F_FF0F_0FF0),
    ("id_aa64mmfr3_el1", id(7, 3), u64::MAX),
    ("id_aa64mmfr4_el1", id(7, 4), u64::MAX),
    ("id_pfr0_el1", id(1, 0), u64::MAX),
    ("id_isar0_el1", id(2, 0), u64::MAX),
    ("mvfr0_el1", id(3, 0), u64::MAX),
];

const fn two(first: u32, second: u32) -> [u8; 8] {
    (first as u64 | (second as u64) << 32).to_le_bytes()
}

/// If the field of a register, by its lowest bit, has at least a value, the code has to run.
const SHOWN: &[(&str, Name, u32, u64, &[u8])] = &[
    ("FP16", PFR0, 16, 1, &word(0x1EE0_2800)),
    ("DIT", PFR0, 48, 1, &word(0xD503_405F)),
    ("SSBS", PFR1, 4, 2, &word(0xD503_403F)),
    ("AES", ISAR0, 4, 1, &word(0x4E28_4800)),
    ("SHA1", ISAR0, 8, 1, &word(0x5E28_0800)),
    ("SHA256", ISAR0, 12, 1, &word(0x5E00_4000)),
    ("SHA512", ISAR0, 12, 2, &word(0xCE60_8000)),
    ("CRC32", ISAR0, 16, 1, &word(0x1AC9_4129)),
    ("LSE", ISAR0, 20, 2, &word(0xF83F_03EA)),
    ("RDM", ISAR0, 28, 1, &word(0x2E40_8400)),
    ("SHA3", ISAR0, 32, 1, &word(0xCE00_0000)),
    ("SM3", ISAR0, 36, 1, &word(0xCE40_0000)),
    ("SM4", ISAR0, 40, 1, &word(0xCEC0_8400)),
    ("DotProd", ISAR0, 44, 1, &word(0x0E80_9400)),
    ("FHM", ISAR0, 48, 1, &word(0x0E20_EC00)),
    ("FlagM", ISAR0, 52, 1, &word(0xD500_401F)),
    ("FlagM2", ISAR0, 52, 2, &word(0xD500_405F)),
    ("TLBIOS", ISAR0, 56, 1, &write_zero((1, 0, 8, 1, 0))),
    ("RNDR", ISAR0, 60, 1, &read((3, 3, 2, 4, 0))),
    ("DPB", ISAR1, 0, 1, &two(0x9100_03E9, 0xD50B_7C29)),
    ("PAuth, APA", ISAR1, 4, 1, &two(0xDAC1_23E9, 0xDAC1_33E9)),
    ("PAuth, API", ISAR1, 8, 1, &two(0xDAC1_23E9, 0xDAC1_33E9)),
    ("JSCVT", ISAR1, 12, 1, &word(0x1E7E_0009)),
    ("FCMA", ISAR1, 16, 1, &word(0x6E80_E400)),
    ("LRCPC", ISAR1, 20, 1, &word(0xF8BF_C3E9)),
    ("PACGA, GPA", ISAR1, 24, 1, &word(0x9AC9_3129)),
    ("PACGA, GPI", ISAR1, 28, 1, &word(0x9AC9_3129)),
    ("FRINTTS", ISAR1, 32, 1, &word(0x1E28_4000)),
    ("SB", ISAR1, 36, 1, &word(0xD503_30FF)),
    ("SPECRES", ISAR1, 40, 1, &write_zero((1, 3, 7, 3, 4))),
    ("BF16", ISAR1, 44, 1, &word(0x1E63_4000)),
    ("I8MM", ISAR1, 52, 1, &word(0x4E80_A400)),
    ("WFIT", ISAR2, 0, 2, &word(encode::WFIT)),
    ("WFET", ISAR2, 0, 2, &word(encode::WFET)),
    ("PAuth, APA3", ISAR2, 12, 1, &two(0xDAC1_23E9, 0xDAC1_33E9)),
    ("HBC", ISAR2, 20, 1, &word(0x5400_0030)),
    ("CSSC", ISAR2, 52, 1, &word(0xDAC0_2129)),
    ("PAN", MMFR1, 20, 1, &word(0xD500_409F)),
    ("PAN2", MMFR1, 20, 2, &write_zero((1, 0, 7, 9, 0))),
    ("UAO", MMFR2, 4, 1, &word(0xD500_407F)),
];

/// What shows on QEMU's `max`, of each register something: a field of it, and the least that it has to be.
const MAXIMUM: &[(&str, Name, u32, u64)] = &[
    ("DIT", PFR0, 48, 1),
    ("BTI", PFR1, 0, 1),
    ("CRC32", ISAR0, 16, 1),
    ("DPB", ISAR1, 0, 1),
    ("HBC", ISAR2, 20, 1),
    ("ASIDBits", MMFR0, 4, 2),
    ("PAN", MMFR1, 20, 1),
    ("UAO", MMFR2, 4, 1),
];

/// Whether the CPU says of itself what it is, as one that is alone: MIDR_EL1, whose Architecture is 0b1111,
/// and MPIDR_EL1.
fn has_an_identity() -> bool {
    const ALONE: u64 = 1 << 31;
    let (midr, mpidr): (u64, u64);
    // SAFETY: reading them changes nothing.
    unsafe {
        core::arch::asm!("mrs {}, midr_el1", out(reg) midr, options(nostack));
        core::arch::asm!("mrs {}, mpidr_el1", out(reg) mpidr, options(nostack));
    }
    let known = midr >> 32 == 0 && midr >> 16 & 0xF == 0xF && mpidr == ALONE;
    if !known {
        println!("guest: midr_el1 {midr:#x}, mpidr_el1 {mpidr:#x}");
    }
    known
}

/// Whether an exception that the hypervisor raises, for a register that it keeps, leaves PSTATE.PAN as it was, and
/// not set, as SCTLR_EL1.SPAN says.
fn keeps_pan() -> bool {
    const PMCR: Name = (3, 3, 9, 12, 0);
    const PAN_OFF: u32 = 0xD500_409F;
    if identification(&MMFR1) >> 20 & 0xF == 0 {
        return true;
    }
    let pan = probe::pan_in_handler(&two(PAN_OFF, u32::from_le_bytes(read(PMCR))));
    if pan != 0 {
        println!("guest: an exception sets PAN: {pan:#x}");
    }
    pan == 0
}

/// Looks at all of them, prints what is wrong, and gives the number of it. With `maximal`, the CPU is QEMU's
/// `max`.
pub fn wrong_features(maximal: bool) -> usize {
    enable_pointer_authentication();
    let missing = MAXIMUM.iter().filter(|(feature, name, shift, least)| {
        let shown = identification(name) >> shift & 0xF;
        if maximal && shown < *least {
            println!("guest: {feature} is not shown: {shown:#x}");
        }
        maximal && shown < *least
    });
    let missing = missing.count() + usize::from(!has_an_identity()) + usize::from(!keeps_pan());
    let hidden = HIDDEN.iter().filter(|(register, name, hidden)| {
        let value = identification(name);
        let visible = value & hidden;
        if visible != 0 {
            println!("guest: {register} shows {visible:#x}");
        }
        visible != 0
    });
    let wrong = hidden.count();
    let traps = SHOWN.iter().filter(|(feature, name, shift, least, code)| {
        let shown = identification(name) >> shift & 0xF;
        // 0b1111: a signed field that says no.
        if shown < *least || shown == 0xF {
            return false;
        }
        let fate = try_in_kernel(code);
        if fate != Fate::WentOn {
            println!("guest: {feature} is shown: {fate:x?}");
        }
        fate != Fate::WentOn
    });
    missing + wrong + traps.count()
}

/// An identification register's value.
fn identification((_, _, _, crm, op2): &Name) -> u64 {
    macro_rules! registers {
        ($($crm:literal $op2:literal $name:literal;)*) => {
            match (crm, op2) {
                $(($crm, $op2) => {
                    let value: u64;
                    // SAFETY: reading it changes nothing.
                    unsafe { core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value) };
                    value
                })*
                _ => u64::MAX,
            }
        };
    }
    registers! {
        1 0 "s3_0_c0_c1_0"; 2 0 "s3_0_c0_c2_0"; 3 0 "s3_0_c0_c3_0";
        4 0 "s3_0_c0_c4_0"; 4 1 "s3_0_c0_c4_1"; 4 2 "s3_0_c0_c4_2"; 4 4 "s3_0_c0_c4_4";
        4 5 "s3_0_c0_c4_5"; 5 0 "s3_0_c0_c5_0"; 5 1 "s3_0_c0_c5_1"; 6 0 "s3_0_c0_c6_0";
        6 1 "s3_0_c0_c6_1"; 6 2 "s3_0_c0_c6_2"; 7 0 "s3_0_c0_c7_0"; 7 1 "s3_0_c0_c7_1";
        7 2 "s3_0_c0_c7_2"; 7 3 "s3_0_c0_c7_3"; 7 4 "s3_0_c0_c7_4";
    }
}

/// SCTLR_EL1.EnIA, without which PACIZA is no more than a NOP. It has no effect where there is no such
/// feature.
fn enable_pointer_authentication() {
    // SAFETY: the guest is built without pointer authentication.
    unsafe {
        core::arch::asm!(
            "mrs {tmp}, sctlr_el1",
            "orr {tmp}, {tmp}, #(1 << 31)",
            "msr sctlr_el1, {tmp}",
            "isb",
            tmp = out(reg) _,
            options(nostack),
        );
    }
}
