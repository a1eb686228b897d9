//! Where the processor stands, by its registers.

use super::*;

#[test]
fn the_exception_level_says_that_it_stands_in_the_guest() {
    const TGE: u64 = 1 << 27;
    let stands = |hcr, pstate| {
        let mut machine = with_last(VTCR);
        machine.registers.insert("HCR_EL2", hcr);
        machine.registers.insert("cpsr", pstate);
        take(Isa::Aarch64, &mut machine, &Hint::default())
            .unwrap()
            .stands
    };
    let [el0, el1t, el1h, el2t, el2h, el3h] = [0x0, 0x4, 0x5, 0x8, 0x9, 0xd].map(|el| 0x3c0 | el);
    for pstate in [el0, el1t, el1h] {
        assert_eq!(stands(VM, pstate), Stands::InGuest, "{pstate:#x}");
        assert_eq!(stands(1 << 12, pstate), Stands::InGuest, "{pstate:#x}");
        // The host's own programs, and a host at EL1.
        assert_eq!(stands(VM | TGE, pstate), Stands::Elsewhere, "{pstate:#x}");
        assert_eq!(stands(0, pstate), Stands::Elsewhere, "{pstate:#x}");
    }
    // AArch32's svc and hyp among those that tell nothing.
    for pstate in [el2t, el2h, el3h, 0x13, 0x1a] {
        assert_eq!(stands(VM, pstate), Stands::Elsewhere, "{pstate:#x}");
    }
    let mut machine = with_last(VTCR);
    let walked = take(Isa::Aarch64, &mut machine, &Hint::default()).unwrap();
    assert_eq!(walked.stands, Stands::Elsewhere, "without cpsr");
    // At the vector by which something below EL2 was left, that may have been the host's.
    for (hcr, stands) in [
        (VM, Stands::InGuest),
        (VM | TGE, Stands::Elsewhere),
        (0, Stands::Elsewhere),
    ] {
        machine.registers.insert("HCR_EL2", hcr);
        let hint = Hint {
            stands: Stands::JustLeft,
            ..Hint::default()
        };
        let walked = take(Isa::Aarch64, &mut machine, &hint).unwrap();
        assert_eq!(walked.stands, stands, "{hcr:#x}");
    }
}
