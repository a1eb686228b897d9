//! RISC-V Privileged Architecture, "Hypervisor" and "State Enable".

use super::Named;

const HSTATUS: Named = &[
    (5, "VSBE"),
    (6, "GVA"),
    (7, "SPV"),
    (8, "SPVP"),
    (9, "HU"),
    (20, "VTVM"),
    (21, "VTW"),
    (22, "VTSR"),
];

const HEDELEG: Named = &[
    (0, "INSTRUCTION_MISALIGNED"),
    (1, "INSTRUCTION_ACCESS_FAULT"),
    (2, "ILLEGAL_INSTRUCTION"),
    (3, "BREAKPOINT"),
    (4, "LOAD_MISALIGNED"),
    (5, "LOAD_ACCESS_FAULT"),
    (6, "STORE_MISALIGNED"),
    (7, "STORE_ACCESS_FAULT"),
    (8, "ECALL_FROM_U"),
    (9, "ECALL_FROM_S"),
    (10, "ECALL_FROM_VS"),
    (11, "ECALL_FROM_M"),
    (12, "INSTRUCTION_PAGE_FAULT"),
    (13, "LOAD_PAGE_FAULT"),
    (15, "STORE_PAGE_FAULT"),
    (16, "DOUBLE_TRAP"),
    (18, "SOFTWARE_CHECK"),
    (19, "HARDWARE_ERROR"),
    (20, "INSTRUCTION_GUEST_PAGE_FAULT"),
    (21, "LOAD_GUEST_PAGE_FAULT"),
    (22, "VIRTUAL_INSTRUCTION"),
    (23, "STORE_GUEST_PAGE_FAULT"),
];

/// Of hideleg, hie and hvip.
const INTERRUPTS: Named = &[
    (2, "VSSI"),
    (6, "VSTI"),
    (10, "VSEI"),
    (12, "SGEI"),
    (13, "LCOFI"),
];

const HCOUNTEREN: Named = &[
    (0, "CY"),
    (1, "TM"),
    (2, "IR"),
    (3, "HPM3"),
    (4, "HPM4"),
    (5, "HPM5"),
    (6, "HPM6"),
    (7, "HPM7"),
    (8, "HPM8"),
    (9, "HPM9"),
    (10, "HPM10"),
    (11, "HPM11"),
    (12, "HPM12"),
    (13, "HPM13"),
    (14, "HPM14"),
    (15, "HPM15"),
    (16, "HPM16"),
    (17, "HPM17"),
    (18, "HPM18"),
    (19, "HPM19"),
    (20, "HPM20"),
    (21, "HPM21"),
    (22, "HPM22"),
    (23, "HPM23"),
    (24, "HPM24"),
    (25, "HPM25"),
    (26, "HPM26"),
    (27, "HPM27"),
    (28, "HPM28"),
    (29, "HPM29"),
    (30, "HPM30"),
    (31, "HPM31"),
];

const HENVCFG: Named = &[
    (0, "FIOM"),
    (2, "LPE"),
    (3, "SSE"),
    (6, "CBCFE"),
    (7, "CBZE"),
    (59, "DTE"),
    (61, "ADUE"),
    (62, "PBMTE"),
    (63, "STCE"),
];

const HSTATEEN0: Named = &[
    (0, "C"),
    (1, "FCSR"),
    (2, "JVT"),
    (54, "CTR"),
    (57, "CONTEXT"),
    (58, "IMSIC"),
    (59, "AIA"),
    (60, "CSRIND"),
    (62, "ENVCFG"),
    (63, "SE0"),
];

pub(super) fn bits(register: &str) -> Option<Named> {
    Some(match register {
        "hgatp" => &[],
        "hstatus" => HSTATUS,
        "hedeleg" => HEDELEG,
        "hideleg" | "hie" | "hvip" => INTERRUPTS,
        "hcounteren" => HCOUNTEREN,
        "henvcfg" => HENVCFG,
        "hstateen0" => HSTATEEN0,
        "hstateen1" | "hstateen2" | "hstateen3" => &[(63, "SE")],
        _ => return None,
    })
}
