//! Arm ARM, D24: the registers of EL2.

use super::Named;
use std::collections::BTreeMap;

const HCR_E2H: u64 = 1 << 34;

const HCR: Named = &[
    (0, "VM"),
    (1, "SWIO"),
    (2, "PTW"),
    (3, "FMO"),
    (4, "IMO"),
    (5, "AMO"),
    (6, "VF"),
    (7, "VI"),
    (8, "VSE"),
    (9, "FB"),
    // BSU is two bits; whoever wants it declares the value.
    (12, "DC"),
    (13, "TWI"),
    (14, "TWE"),
    (15, "TID0"),
    (16, "TID1"),
    (17, "TID2"),
    (18, "TID3"),
    (19, "TSC"),
    (20, "TIDCP"),
    (21, "TACR"),
    (22, "TSW"),
    (23, "TPCP"),
    (24, "TPU"),
    (25, "TTLB"),
    (26, "TVM"),
    (27, "TGE"),
    (28, "TDZ"),
    (29, "HCD"),
    (30, "TRVM"),
    (31, "RW"),
    (32, "CD"),
    (33, "ID"),
    (34, "E2H"),
    (35, "TLOR"),
    (36, "TERR"),
    (37, "TEA"),
    (38, "MIOCNCE"),
    (39, "TME"),
    (40, "APK"),
    (41, "API"),
    (42, "NV"),
    (43, "NV1"),
    (44, "AT"),
    (45, "NV2"),
    (46, "FWB"),
    (47, "FIEN"),
    (48, "GPF"),
    (49, "TID4"),
    (50, "TICAB"),
    (51, "AMVOFFEN"),
    (52, "TOCU"),
    (53, "EnSCXT"),
    (54, "TTLBIS"),
    (55, "TTLBOS"),
    (56, "ATA"),
    (57, "DCT"),
    (58, "TID5"),
    (59, "TWEDEn"),
];

const VTCR: Named = &[
    (19, "VS"),
    (21, "HA"),
    (22, "HD"),
    (25, "HWU59"),
    (26, "HWU60"),
    (27, "HWU61"),
    (28, "HWU62"),
    (29, "NSW"),
    (30, "NSA"),
    (31, "RES1"),
    (32, "DS"),
    (33, "SL2"),
    (34, "AssuredOnly"),
    (35, "TL1"),
    (36, "S2PIE"),
    (37, "S2POE"),
    (38, "D128"),
    (40, "TL0"),
    (44, "HAFT"),
];

/// CPTR_EL2 while HCR_EL2.E2H is clear: what is set is trapped.
const CPTR: Named = &[
    (8, "TZ"),
    (10, "TFP"),
    (12, "TSM"),
    (20, "TTA"),
    (30, "TAM"),
    (31, "TCPAC"),
];

/// CPTR_EL2 while HCR_EL2.E2H is set: of the pairs, what is clear is trapped; the low bit is for EL1, the high
/// one for EL0.
const CPTR_E2H: Named = &[
    (16, "ZEN0"),
    (17, "ZEN1"),
    (20, "FPEN0"),
    (21, "FPEN1"),
    (24, "SMEN0"),
    (25, "SMEN1"),
    (28, "TTA"),
    (29, "E0POE"),
    (30, "TAM"),
    (31, "TCPAC"),
];

const MDCR: Named = &[
    (5, "TPMCR"),
    (6, "TPM"),
    (7, "HPME"),
    (8, "TDE"),
    (9, "TDA"),
    (10, "TDOSA"),
    (11, "TDRA"),
    (14, "TPMS"),
    (15, "EnSPM"),
    (17, "HPMD"),
    (19, "TTRF"),
    (23, "HCCD"),
    (26, "HLP"),
    (27, "TDCC"),
    (28, "MTPME"),
    (29, "HPMFZO"),
    (36, "HPMFZS"),
];

const HSTR: Named = &[
    (0, "T0"),
    (1, "T1"),
    (2, "T2"),
    (3, "T3"),
    (5, "T5"),
    (6, "T6"),
    (7, "T7"),
    (8, "T8"),
    (9, "T9"),
    (10, "T10"),
    (11, "T11"),
    (12, "T12"),
    (13, "T13"),
    (15, "T15"),
];

/// CNTHCTL_EL2 while HCR_EL2.E2H is clear.
const CNTHCTL: Named = &[
    (0, "EL1PCTEN"),
    (1, "EL1PCEN"),
    (2, "EVNTEN"),
    (3, "EVNTDIR"),
    (12, "ECV"),
    (13, "EL1TVT"),
    (14, "EL1TVCT"),
    (15, "EL1NVPCT"),
    (16, "EL1NVVCT"),
    (17, "EVNTIS"),
];

/// CNTHCTL_EL2 while HCR_EL2.E2H is set.
const CNTHCTL_E2H: Named = &[
    (0, "EL0PCTEN"),
    (1, "EL0VCTEN"),
    (2, "EVNTEN"),
    (3, "EVNTDIR"),
    (8, "EL0VTEN"),
    (9, "EL0PTEN"),
    (10, "EL1PCTEN"),
    (11, "EL1PTEN"),
    (12, "ECV"),
    (13, "EL1TVT"),
    (14, "EL1TVCT"),
    (15, "EL1NVPCT"),
    (16, "EL1NVVCT"),
    (17, "EVNTIS"),
];

const HCRX: Named = &[
    (0, "EnAS0"),
    (1, "EnALS"),
    (2, "EnASR"),
    (3, "FnXS"),
    (4, "FGTnXS"),
    (5, "SMPME"),
    (6, "TALLINT"),
    (7, "VINMI"),
    (8, "VFNMI"),
    (9, "CMOW"),
    (10, "MCE2"),
    (11, "MSCEn"),
    (14, "TCR2En"),
    (15, "SCTLR2En"),
    (16, "PTTWI"),
    (17, "D128En"),
    (18, "EnSNERR"),
    (19, "TMEA"),
    (20, "EnSDERR"),
    (21, "EnIDCP128"),
    (22, "GCSEn"),
    (23, "EnFPM"),
];

/// The processor's state.
const CPSR: Named = &[(6, "F"), (7, "I"), (8, "A"), (9, "D")];

/// Whether HCR_EL2.E2H is set among these.
pub(super) fn is_e2h(registers: &BTreeMap<String, u64>) -> bool {
    registers
        .get("HCR_EL2")
        .is_some_and(|hcr| hcr & HCR_E2H != 0)
}

pub(super) fn bits(register: &str, e2h: bool) -> Option<Named> {
    Some(match (register, e2h) {
        ("HCR_EL2", _) => HCR,
        ("VTTBR_EL2", _) => &[(0, "CnP")],
        ("VTCR_EL2", _) => VTCR,
        ("CPTR_EL2", false) => CPTR,
        ("CPTR_EL2", true) => CPTR_E2H,
        ("MDCR_EL2", _) => MDCR,
        ("HSTR_EL2", _) => HSTR,
        ("CNTHCTL_EL2", false) => CNTHCTL,
        ("CNTHCTL_EL2", true) => CNTHCTL_E2H,
        ("HCRX_EL2", _) => HCRX,
        ("cpsr", _) => CPSR,
        _ => return None,
    })
}
