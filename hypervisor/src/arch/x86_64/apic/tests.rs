use super::*;

mod count;
mod page;

/// The time-stamp counter has 2 GHz, and had 1000 when the clock had zero.
const TSC: Tsc = Tsc {
    origin: 1000,
    khz: 2_000_000,
};

const fn at(ns: u64) -> Now {
    Now {
        ns,
        tsc: 1000 + 2 * ns,
    }
}

/// One that accepts interrupts.
fn enabled() -> LocalApic {
    let mut apic = LocalApic::new(Mode::X2Apic, TSC);
    assert!(apic.write(SVR, 0x1FF, at(0)));
    apic
}

fn requested(apic: &mut LocalApic, now_ns: u64) -> Vec<u8> {
    vectors(apic, IRR, now_ns)
}

fn vectors(apic: &mut LocalApic, first: u32, now_ns: u64) -> Vec<u8> {
    let words = (first..first + 8).map(|msr| apic.read(msr, at(now_ns)).unwrap());
    let words: Vec<u64> = words.collect();
    (0..=255)
        .filter(|vector| words[usize::from(vector / 32)] >> (vector % 32) & 1 != 0)
        .collect()
}

#[test]
fn it_starts_as_after_a_reset_in_x2apic_mode() {
    let mut apic = LocalApic::new(Mode::X2Apic, TSC);
    for (msr, value) in [
        (0x1B, 0xFEE0_0D00),
        (0x6E0, 0),
        (0x802, 0),
        (0x803, 0x10),
        (0x808, 0),
        (0x80A, 0),
        (0x80F, 0xFF),
        (0x828, 0),
        (0x832, 0x1_0000),
        (0x838, 0),
        (0x839, 0),
        (0x83E, 0),
    ] {
        assert_eq!(apic.read(msr, at(0)), Some(value), "{msr:#x}");
    }
    for msr in 0x810..0x828 {
        assert_eq!(apic.read(msr, at(0)), Some(0), "{msr:#x}");
    }
    assert_eq!((apic.wanted(), apic.deadline()), (None, None));
}

#[test]
fn the_frequencies_are_those_of_its_clocks() {
    let shown = |mode| LocalApic::new(mode, TSC).shown();
    let wanted = |is_x2apic| ShownApic {
        is_x2apic,
        tsc_khz: 2_000_000,
        timer_khz: 1_000_000,
    };
    assert_eq!(shown(Mode::X2Apic), wanted(true));
    assert_eq!(shown(Mode::XApic), wanted(false));
}

#[test]
fn there_is_no_other_register() {
    let read = [0x1B, 0x6E0, 0x802, 0x803, 0x808, 0x80A, 0x80F, 0x828, 0x832]
        .into_iter()
        .chain(0x810..0x828)
        .chain([0x838, 0x839, 0x83E]);
    let read: Vec<u32> = read.collect();
    let written = [
        0x6E0, 0x808, 0x80B, 0x80F, 0x828, 0x832, 0x838, 0x83E, 0x83F,
    ];
    for msr in [0x10, 0x1A, 0x1B, 0x1C, 0x6DF, 0x6E0, 0x6E1]
        .into_iter()
        .chain(0x7FF..0x910)
    {
        let mut apic = LocalApic::new(Mode::X2Apic, TSC);
        let is_read = apic.read(msr, at(0)).is_some();
        assert_eq!(is_read, read.contains(&msr), "{msr:#x}");
        let is_written = apic.write(msr, 0, at(0));
        assert_eq!(is_written, written.contains(&msr), "{msr:#x}");
    }
}

#[test]
fn bits_that_do_not_exist_are_refused_and_change_nothing() {
    for (msr, allowed) in [
        (TPR, 0xFF),
        (EOI, 0),
        (SVR, 0x3FF),
        (ESR, 0),
        (LVT_TIMER, 0x7_10FF),
        (TMICT, 0xFFFF_FFFF),
        (TDCR, 0b1011),
        (SELF_IPI, 0xFF),
        (TSC_DEADLINE, u64::MAX),
    ] {
        for bit in 0..64 {
            let mut apic = enabled();
            let before = format!("{apic:?}");
            let well = apic.write(msr, 1 << bit, at(0));
            assert_eq!(well, allowed >> bit & 1 != 0, "{msr:#x}, bit {bit}");
            assert!(well || format!("{apic:?}") == before, "{msr:#x}, bit {bit}");
        }
    }
    // A mode that does not exist.
    assert!(!enabled().write(LVT_TIMER, 0x6_0030, at(0)));
}

#[test]
fn it_stays_in_x2apic_mode() {
    let mut apic = enabled();
    assert!(apic.write(APIC_BASE, 0xFEE0_0D00, at(0)));
    for refused in [0, 0xFEE0_0900, 0xFEE0_0100, 0xFEE0_0C00, 0xFED0_0D00] {
        assert!(!apic.write(APIC_BASE, refused, at(0)), "{refused:#x}");
    }
    assert_eq!(apic.read(APIC_BASE, at(0)), Some(0xFEE0_0D00));
}

#[test]
fn interrupts_come_by_their_priority() {
    let mut apic = enabled();
    for vector in [0x31, 0xFE, 0x30, 0x9F, 0x10] {
        assert!(apic.write(SELF_IPI, vector, at(0)));
    }
    assert_eq!(requested(&mut apic, 0), [0x10, 0x30, 0x31, 0x9F, 0xFE]);
    let mut order = Vec::new();
    while let Some(vector) = apic.wanted() {
        apic.take(vector);
        assert_eq!(vectors(&mut apic, ISR, 0), [vector]);
        order.push(vector);
        assert!(apic.write(EOI, 0, at(0)));
    }
    assert_eq!(order, [0xFE, 0x9F, 0x31, 0x30, 0x10]);
    assert!(requested(&mut apic, 0).is_empty());
}

#[test]
fn one_in_service_holds_back_its_class_and_those_below() {
    let mut apic = enabled();
    assert!(apic.write(SELF_IPI, 0x45, at(0)));
    apic.take(0x45);
    assert_eq!(apic.read(PPR, at(0)), Some(0x40));
    for (vector, comes) in [(0x44, false), (0x4F, false), (0x3F, false), (0x50, true)] {
        let mut apic = apic.clone();
        assert!(apic.write(SELF_IPI, vector, at(0)));
        let wanted = comes.then_some(vector as u8);
        assert_eq!(apic.wanted(), wanted, "{vector:#x}");
    }
    // It can come again meanwhile, and waits for the end of what is being served.
    assert!(apic.write(SELF_IPI, 0x45, at(0)));
    assert_eq!(apic.wanted(), None);
    assert!(apic.write(EOI, 0, at(0)));
    assert_eq!(apic.wanted(), Some(0x45));
}

#[test]
fn the_end_of_an_interrupt_is_that_of_the_highest_in_service() {
    let mut apic = enabled();
    for vector in [0x21, 0x62, 0x93] {
        assert!(apic.write(SELF_IPI, vector.into(), at(0)));
        apic.take(vector);
    }
    assert_eq!(vectors(&mut apic, ISR, 0), [0x21, 0x62, 0x93]);
    assert!(apic.write(EOI, 0, at(0)));
    assert_eq!(vectors(&mut apic, ISR, 0), [0x21, 0x62]);
    for _ in 0..3 {
        assert!(apic.write(EOI, 0, at(0)));
    }
    assert!(vectors(&mut apic, ISR, 0).is_empty());
}

#[test]
fn the_priority_is_that_of_the_task_or_of_what_is_served() {
    for (tpr, served, ppr) in [
        (0x00, None, 0x00),
        (0x35, None, 0x35),
        (0x35, Some(0x2F), 0x35),
        (0x35, Some(0x3F), 0x35),
        (0x35, Some(0x41), 0x40),
        (0x0F, Some(0x1F), 0x10),
    ] {
        let mut apic = enabled();
        if let Some(vector) = served {
            assert!(apic.write(SELF_IPI, u64::from(vector), at(0)));
            apic.take(vector);
        }
        assert!(apic.write(TPR, tpr, at(0)));
        assert_eq!(apic.read(TPR, at(0)), Some(tpr));
        assert_eq!(apic.read(PPR, at(0)), Some(ppr), "{tpr:#x}, {served:?}");
    }
}

#[test]
fn cr8_is_the_upper_half_of_tpr() {
    let mut apic = enabled();
    assert!(apic.write(TPR, 0x57, at(0)));
    assert_eq!(apic.priority_class(), 5);
    apic.set_priority_class(5);
    assert_eq!(apic.read(TPR, at(0)), Some(0x57), "it was not written");
    apic.set_priority_class(6);
    assert_eq!(apic.read(TPR, at(0)), Some(0x60));
}

#[test]
fn an_illegal_vector_is_an_error_and_no_interrupt() {
    let mut apic = enabled();
    assert!(apic.write(SELF_IPI, 15, at(0)));
    assert!(requested(&mut apic, 0).is_empty());
    assert_eq!(apic.read(ESR, at(0)), Some(0), "until it is written");
    assert!(apic.write(ESR, 0, at(0)));
    assert_eq!(apic.read(ESR, at(0)), Some(0x60));
    assert!(apic.write(ESR, 0, at(0)));
    assert_eq!(apic.read(ESR, at(0)), Some(0));
    // The timer's is received, and sent by nobody.
    assert!(apic.write(LVT_TIMER, 15, at(0)));
    assert!(apic.write(TMICT, 10, at(0)));
    apic.poll(1000);
    assert!(apic.write(ESR, 0, at(1000)));
    assert_eq!(apic.read(ESR, at(1000)), Some(0x40));
    assert!(apic.write(SELF_IPI, 16, at(0)));
    assert!(apic.write(SELF_IPI, 0xFF, at(0)));
    assert_eq!(requested(&mut apic, 1000), [16, 0xFF]);
    assert!(apic.write(ESR, 0, at(1000)));
    assert_eq!(apic.read(ESR, at(1000)), Some(0));
    // The delivery status is there to be read alone.
    assert!(apic.write(LVT_TIMER, 0x1040, at(1000)));
    assert_eq!(apic.read(LVT_TIMER, at(1000)), Some(0x40));
}

#[test]
fn one_that_is_disabled_accepts_nothing_and_keeps_what_it_has() {
    let mut apic = enabled();
    assert!(apic.write(SELF_IPI, 0x40, at(0)));
    assert!(apic.write(LVT_TIMER, 0x50, at(0)));
    assert!(apic.write(SVR, 0xFF, at(0)));
    assert_eq!(apic.read(LVT_TIMER, at(0)), Some(0x1_0050), "it is masked");
    assert!(apic.write(LVT_TIMER, 0x50, at(0)));
    assert_eq!(apic.read(LVT_TIMER, at(0)), Some(0x1_0050), "it stays so");
    assert!(apic.write(SELF_IPI, 0x60, at(0)));
    assert_eq!(requested(&mut apic, 0), [0x40]);
    assert_eq!(apic.wanted(), Some(0x40));
}

#[test]
fn a_wait_is_ended_by_what_is_taken() {
    let mut apic = enabled();
    assert_eq!(apic.wake(true, 0), Wake::Never);
    assert!(apic.write(LVT_TIMER, 0x40, at(0)));
    assert!(apic.write(TMICT, 500, at(0)));
    assert_eq!(apic.wake(true, 0), Wake::At(1000));
    assert_eq!(apic.wake(false, 0), Wake::Never, "RFLAGS.IF is clear");
    for (tpr, wake) in [(0x3F, Wake::At(1000)), (0x40, Wake::Never)] {
        assert!(apic.write(TPR, tpr, at(0)));
        assert_eq!(apic.wake(true, 0), wake, "{tpr:#x}");
    }
    assert_eq!(
        apic.wake(true, 1000),
        Wake::Never,
        "it has come, and TPR masks it"
    );
    assert!(apic.write(TPR, 0, at(1000)));
    assert_eq!(apic.wake(true, 1000), Wake::Now);
    assert_eq!(apic.wake(false, 1000), Wake::Never);
    // While it is served, nothing of its class ends a wait.
    apic.take(0x40);
    assert!(apic.write(SELF_IPI, 0x41, at(1000)));
    assert_eq!(apic.wake(true, 1000), Wake::Never);
    assert!(apic.write(SELF_IPI, 0x51, at(1000)));
    assert_eq!(apic.wake(true, 1000), Wake::Now);
}
