//! The control area of the VMCB (APM vol. 2, appendix B, table B-1).

use super::Named;
use std::borrow::Cow;

const INTERCEPT1: Named = &[
    (0, "INTR"),
    (1, "NMI"),
    (2, "SMI"),
    (3, "INIT"),
    (4, "VINTR"),
    (5, "CR0_SEL_WRITE"),
    (6, "IDTR_READ"),
    (7, "GDTR_READ"),
    (8, "LDTR_READ"),
    (9, "TR_READ"),
    (10, "IDTR_WRITE"),
    (11, "GDTR_WRITE"),
    (12, "LDTR_WRITE"),
    (13, "TR_WRITE"),
    (14, "RDTSC"),
    (15, "RDPMC"),
    (16, "PUSHF"),
    (17, "POPF"),
    (18, "CPUID"),
    (19, "RSM"),
    (20, "IRET"),
    (21, "INTn"),
    (22, "INVD"),
    (23, "PAUSE"),
    (24, "HLT"),
    (25, "INVLPG"),
    (26, "INVLPGA"),
    (27, "IOIO_PROT"),
    (28, "MSR_PROT"),
    (29, "TASK_SWITCH"),
    (30, "FERR_FREEZE"),
    (31, "SHUTDOWN"),
];

/// Those of the second word that are no register's.
const INTERCEPT2: Named = &[
    (0, "VMRUN"),
    (1, "VMMCALL"),
    (2, "VMLOAD"),
    (3, "VMSAVE"),
    (4, "STGI"),
    (5, "CLGI"),
    (6, "SKINIT"),
    (7, "RDTSCP"),
    (8, "ICEBP"),
    (9, "WBINVD"),
    (10, "MONITOR"),
    (11, "MWAIT"),
    (12, "MWAIT_ARMED"),
    (13, "XSETBV"),
    (14, "RDPRU"),
    (15, "EFER_WRITE_AFTER"),
];

const INTERCEPT3: Named = &[
    (0, "INVLPGB"),
    (1, "INVLPGB_ILLEGAL"),
    (2, "INVPCID"),
    (3, "MCOMMIT"),
    (4, "TLBSYNC"),
    (5, "BUSLOCK"),
    (6, "IDLE_HLT"),
];

const VIRTUAL_INTERRUPTS: Named = &[
    (8, "V_IRQ"),
    (9, "VGIF"),
    (11, "V_NMI"),
    (12, "V_NMI_MASK"),
    (20, "V_IGN_TPR"),
    (24, "V_INTR_MASKING"),
    (25, "VGIF_ENABLE"),
    (26, "V_NMI_ENABLE"),
    (30, "X2AVIC_ENABLE"),
    (31, "AVIC_ENABLE"),
];

const NESTED_PAGING: Named = &[
    (0, "NP_ENABLE"),
    (1, "SEV"),
    (2, "SEV_ES"),
    (3, "GMET"),
    (4, "SSS"),
    (5, "VTE"),
    (6, "RO_GPT"),
    (7, "INVLPGB_TLBSYNC"),
];

pub(super) fn bits(register: &str) -> Option<Named> {
    Some(match register {
        "intercept1" => INTERCEPT1,
        "intercept3" => INTERCEPT3,
        "virtual_interrupts" => VIRTUAL_INTERRUPTS,
        "nested_paging" => NESTED_PAGING,
        "virtualization" => &[(0, "LBR_VIRTUALIZATION"), (1, "VLS")],
        "iopm_base" | "msrpm_base" | "n_cr3" | "asid" | "tlb_control" => &[],
        _ => return None,
    })
}

/// Fields in which the bits are numbered: `CR0_READ`, `DR7_WRITE`, `EXCEPTION_14`.
pub(super) fn numbered(register: &str) -> Vec<(u8, Cow<'static, str>)> {
    let accesses = |of: &str| {
        let named = |at: u8| match at {
            0..16 => (at, format!("{of}{at}_READ").into()),
            _ => (at, format!("{of}{}_WRITE", at - 16).into()),
        };
        (0..32).map(named).collect()
    };
    match register {
        "intercept_cr" => accesses("CR"),
        "intercept_dr" => accesses("DR"),
        "intercept_exceptions" => {
            let named = |at| (at, format!("EXCEPTION_{at}").into());
            (0..32).map(named).collect()
        }
        "intercept2" => {
            let plain = INTERCEPT2.iter().map(|&(at, name)| (at, name.into()));
            let after = |at: u8| (at, format!("CR{}_WRITE_AFTER", at - 16).into());
            plain.chain((16..32).map(after)).collect()
        }
        _ => Vec::new(),
    }
}
