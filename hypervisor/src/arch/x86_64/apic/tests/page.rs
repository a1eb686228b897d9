//! The registers in memory.

use super::*;
use crate::{
    arch::x86_64::apic::page::{self, Page},
    devices::{Device, tests::Typed},
    vm::exit::Size,
};
use alloc::rc::Rc;
use core::cell::RefCell;

struct Stage {
    apic: Rc<RefCell<LocalApic>>,
    page: Page,
}

fn stage() -> Stage {
    let apic = Rc::new(RefCell::new(LocalApic::new(Mode::XApic, TSC)));
    let page = Page::new(apic.clone(), || at(0));
    Stage { apic, page }
}

impl Stage {
    fn read(&mut self, offset: u64) -> u64 {
        self.page
            .read(offset, Size::Word, &mut Typed::default())
            .unwrap()
    }

    fn write(&mut self, offset: u64, value: u64) {
        self.page
            .write(offset, Size::Word, value, &mut Typed::default())
            .unwrap();
    }

    /// What has gone wrong since the last look.
    fn errors(&mut self) -> u64 {
        self.write(0x280, 0);
        self.read(0x280)
    }

    fn requested(&mut self) -> Vec<u8> {
        let words: Vec<u64> = (0..8).map(|n| self.read(0x200 + 16 * n)).collect();
        (0..=255)
            .filter(|vector| words[usize::from(vector / 32)] >> (vector % 32) & 1 != 0)
            .collect()
    }
}

#[test]
fn they_are_those_of_the_msrs() {
    let mut stage = stage();
    for (offset, value) in [
        (0x020, 0),
        (0x030, 0x10),
        (0x080, 0),
        (0x0A0, 0),
        (0x0F0, 0xFF),
        (0x280, 0),
        (0x300, 0),
        (0x310, 0),
        (0x320, 0x1_0000),
        (0x380, 0),
        (0x390, 0),
        (0x3E0, 0),
    ] {
        assert_eq!(stage.read(offset), value, "{offset:#x}");
    }
    for offset in (0x100..0x280).step_by(16) {
        assert_eq!(stage.read(offset), 0, "{offset:#x}");
    }
    assert_eq!(stage.errors(), 0);
    stage.write(0x0F0, 0x1FF);
    stage.write(0x080, 0x45);
    let mut apic = stage.apic.borrow_mut();
    assert_eq!(apic.register(TPR, at(0)), Some(0x45));
    assert_eq!(apic.register(SVR, at(0)), Some(0x1FF));
}

#[test]
fn msrs_are_there_in_x2apic_mode_alone() {
    let mut apic = LocalApic::new(Mode::XApic, TSC);
    for msr in 0x800..0x900 {
        assert_eq!(apic.read(msr, at(0)), None, "{msr:#x}");
        assert!(!apic.write(msr, 0, at(0)), "{msr:#x}");
    }
    assert_eq!(apic.read(APIC_BASE, at(0)), Some(0xFEE0_0900));
    assert!(apic.write(APIC_BASE, 0xFEE0_0900, at(0)));
    assert!(!apic.write(APIC_BASE, 0xFEE0_0D00, at(0)));
    assert_eq!(apic.read(TSC_DEADLINE, at(0)), Some(0));
    assert!(apic.write(TSC_DEADLINE, 0, at(0)));
}

#[test]
fn a_register_is_a_word_at_every_16th_byte() {
    let mut stage = stage();
    let mut terminal = Typed::default();
    for offset in (0..page::WINDOW).step_by(4) {
        for size in [Size::Byte, Size::Half, Size::Word, Size::Double] {
            let there = size == Size::Word && offset % 16 == 0;
            let read = stage.page.read(offset, size, &mut terminal);
            assert_eq!(read.is_some(), there, "{offset:#x} {size:?}");
            let written = stage.page.write(offset, size, 0, &mut terminal);
            assert_eq!(written.is_some(), there, "{offset:#x} {size:?}");
        }
    }
}

#[test]
fn a_register_that_is_not_there_is_an_error_of_its_own() {
    const THERE: [u64; 12] = [
        0x020, 0x030, 0x080, 0x0A0, 0x0F0, 0x280, 0x300, 0x310, 0x320, 0x380, 0x390, 0x3E0,
    ];
    const WRITTEN: [u64; 10] = [
        0x080, 0x0B0, 0x0F0, 0x280, 0x300, 0x310, 0x320, 0x380, 0x3E0, 0x280,
    ];
    let mut stage = stage();
    for offset in (0..page::WINDOW).step_by(16) {
        let there = THERE.contains(&offset) || (0x100..0x280).contains(&offset);
        let value = stage.read(offset);
        let errors = if there { 0 } else { 1 << 7 };
        assert_eq!(stage.errors(), errors, "{offset:#x}");
        assert!(there || value == 0, "{offset:#x}");
        if offset != 0x300 {
            stage.write(offset, 0);
            let errors = if WRITTEN.contains(&offset) { 0 } else { 1 << 7 };
            assert_eq!(stage.errors(), errors, "{offset:#x}");
        }
    }
}

#[test]
fn bits_that_are_not_there_are_ignored() {
    let mut stage = stage();
    for (offset, value) in [
        (0x080, 0xFF),
        (0x0F0, 0x3FF),
        (0x310, 0xFF00_0000),
        (0x380, 0xFFFF_FFFF),
        (0x3E0, 0b1011),
    ] {
        stage.write(offset, 0xFFFF_FFFF);
        assert_eq!(stage.read(offset), value, "{offset:#x}");
    }
    // An end, whatever is written.
    stage.write(0x0B0, 0xFFFF_FFFF);
    stage.write(0x320, 0xFFF8_FFFF);
    assert_eq!(stage.read(0x320), 0xFF);
    // A mode of the timer's that does not exist.
    stage.write(0x320, 0x6_0040);
    assert_eq!(stage.read(0x320), 0xFF);
    assert_eq!(stage.errors(), 0);
}

#[test]
fn a_command_sends_to_the_processor_itself_or_to_nobody() {
    const LOGICAL: u64 = 1 << 11;
    const SELF: u64 = 1 << 18;
    const ALL: u64 = 2 << 18;
    const OTHERS: u64 = 3 << 18;
    for (high, low, sent) in [
        (0, 0, true),
        (0xFF, 0, true),
        (1, 0, false),
        (0, LOGICAL, false),
        (1, LOGICAL, true),
        (0xFF, LOGICAL, true),
        (2, LOGICAL, false),
        (5, SELF, true),
        (5, ALL, true),
        (0, OTHERS, false),
        (0, 1 << 8, true),
        (0, 2 << 8, false),
        (0, SELF | 4 << 8, false),
        (0, SELF | 5 << 8, false),
        (0, SELF | 6 << 8, false),
    ] {
        let mut stage = stage();
        stage.write(0x0F0, 0x1FF);
        stage.write(0x310, high << 24);
        stage.write(0x300, low | 0x45);
        assert_eq!(stage.requested() == [0x45], sent, "{high:#x} {low:#x}");
        assert_eq!(stage.read(0x300), low | 0x45);
        assert_eq!(stage.read(0x310), high << 24);
    }
    let mut stage = stage();
    stage.write(0x0F0, 0x1FF);
    stage.write(0x300, SELF | 0xF);
    assert_eq!((stage.errors(), stage.requested()), (0x60, vec![]));
    stage.write(0x300, 0xFFFF_FFFF);
    assert_eq!(stage.read(0x300), 0xC_CFFF);
}
