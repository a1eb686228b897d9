//! How an exception to EL1 begins that the hypervisor raises in the guest (Arm ARM, D1.3 and the
//! pseudocode AArch64.TakeException).

use crate::vm::exit::GuestException;

/// SPSR for EL1 on SP_EL1, with D, A, I and F masked: as after a reset, and as an exception begins.
pub const SPSR_EL1H_MASKED: u64 = 0b1111 << 6 | 0b0101;

/// The bits of PSTATE that an exception keeps: NZCV, DIT and PAN.
const KEPT: u64 = 0xF << 28 | 1 << 24 | PAN;
const PAN: u64 = 1 << 22;
const SSBS: u64 = 1 << 12;
const AARCH32: u64 = 1 << 4;

/// SCTLR_EL1.SPAN, clear: exceptions set PAN. DSSBS: what they set SSBS to.
const SCTLR_SPAN: u64 = 1 << 23;
const SCTLR_DSSBS: u64 = 1 << 44;

/// EC of a data abort, by where it comes from, and the fault status of a synchronous external abort.
const DATA_ABORT_FROM_EL0: u64 = 0x24;
const DATA_ABORT_FROM_EL1: u64 = 0x25;
const EXTERNAL: u64 = 0b01_0000;
/// ESR: IL; of the ISS what an abort of the guest's own has too: CM and WnR.
const IL: u64 = 1 << 25;
const CM_WNR: u64 = 1 << 8 | 1 << 6;

/// What the guest gets for an access that the machine has nothing for: a synchronous external abort of the
/// access whose data abort left `esr` and `far` to the hypervisor, in `pstate`.
pub fn external_abort(esr: u64, far: u64, pstate: u64) -> GuestException {
    let class = match pstate & 0b1111 {
        0 => DATA_ABORT_FROM_EL0,
        _ => DATA_ABORT_FROM_EL1,
    };
    GuestException {
        code: class << 26 | esr & (IL | CM_WNR) | EXTERNAL,
        value: far,
    }
}

/// Whether an exception with this syndrome has an address, which FAR_EL1 then holds.
pub fn has_address(esr: u64) -> bool {
    matches!(esr >> 26 & 0x3F, DATA_ABORT_FROM_EL0 | DATA_ABORT_FROM_EL1)
}

/// The program counter and PSTATE at the start of a synchronous exception to EL1 that is taken in
/// `pstate`, with these values of SCTLR_EL1 and VBAR_EL1.
pub fn entry(pstate: u64, sctlr: u64, vbar: u64) -> (u64, u64) {
    // The vector depends on where the exception comes from: EL1 on SP_EL0, EL1 on SP_EL1, EL0 in either
    // state.
    let offset = match pstate & 0b1111 {
        0b0100 => 0x000,
        0b0101 => 0x200,
        _ if pstate & AARCH32 == 0 => 0x400,
        _ => 0x600,
    };
    let mut begun = pstate & KEPT | SPSR_EL1H_MASKED;
    if sctlr & SCTLR_SPAN == 0 {
        begun |= PAN;
    }
    if sctlr & SCTLR_DSSBS != 0 {
        begun |= SSBS;
    }
    (vbar.wrapping_add(offset), begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VBAR: u64 = 0xFFFF_0000_1234_0800;

    #[test]
    fn the_vector_is_that_of_where_it_comes_from() {
        for (pstate, offset) in [
            (0x3C4, 0),
            (0x3C5, 0x200),
            (0, 0x400),
            (0x10, 0x600),
            (0x30, 0x600),
        ] {
            let (pc, begun) = entry(pstate, SCTLR_SPAN, VBAR);
            assert_eq!(pc, VBAR + offset, "{pstate:#x}");
            assert_eq!(begun, 0x3C5, "{pstate:#x}");
        }
    }

    #[test]
    fn flags_and_dit_stay_and_the_rest_of_pstate_goes() {
        // NZCV, TCO, DIT, UAO, PAN, SS, IL, ALLINT, SSBS, BTYPE.
        let all =
            0xF << 28 | 1 << 25 | 1 << 24 | 1 << 23 | PAN | 3 << 20 | 1 << 13 | SSBS | 3 << 10;
        let (_, begun) = entry(all, SCTLR_SPAN, VBAR);
        assert_eq!(begun, 0xF << 28 | 1 << 24 | PAN | 0x3C5);
    }

    #[test]
    fn a_bus_error_is_an_external_abort_of_that_access() {
        // A write at translation fault level 3, with ISV and what it says.
        let esr = 0x24 << 26 | 1 << 25 | 1 << 24 | 0x85 << 16 | 1 << 6 | 0b00_0111;
        let abort = external_abort(esr, 0x1234, 0x3C5);
        assert_eq!(abort.code, 0x25 << 26 | 1 << 25 | 1 << 6 | 0x10);
        assert_eq!(abort.value, 0x1234);
        let abort = external_abort(0x24 << 26 | 1 << 25, 0, 0);
        assert_eq!(abort.code, 0x24 << 26 | 1 << 25 | 0x10, "from EL0");
        assert_eq!(external_abort(0, 0, 0x10).code >> 26, 0x24, "AArch32");
        assert!(has_address(abort.code));
        assert!(!has_address(1 << 25), "EC 0");
    }

    #[test]
    fn pan_and_ssbs_are_what_sctlr_says() {
        assert_eq!(entry(0, 0, VBAR).1, PAN | 0x3C5);
        assert_eq!(entry(SSBS, SCTLR_SPAN | SCTLR_DSSBS, VBAR).1, SSBS | 0x3C5);
        assert_eq!(entry(SSBS, SCTLR_SPAN, VBAR).1, 0x3C5);
    }
}
