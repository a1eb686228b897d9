use super::*;
use crate::devices::tests::Typed;

fn read(chip: &mut IoApic, register: u8) -> u32 {
    let mut terminal = Typed::default();
    chip.write(SELECT, Size::Word, register.into(), &mut terminal)
        .unwrap();
    let selected = chip.read(SELECT, Size::Word, &mut terminal);
    assert_eq!(selected, Some(register.into()));
    chip.read(SELECTED, Size::Word, &mut terminal).unwrap() as u32
}

fn write(chip: &mut IoApic, register: u8, value: u32) {
    let mut terminal = Typed::default();
    chip.write(SELECT, Size::Word, register.into(), &mut terminal)
        .unwrap();
    chip.write(SELECTED, Size::Word, value.into(), &mut terminal)
        .unwrap();
}

const PIN: usize = 4;
const LOW: u8 = 0x18;
const HIGH: u8 = 0x19;
const VECTOR: u8 = 0x24;

/// With an entry for the pin.
fn chip(low: u32) -> IoApic {
    let mut chip = IoApic::default();
    write(&mut chip, LOW, low);
    chip
}

fn edge() -> IoApic {
    chip(VECTOR.into())
}

fn level() -> IoApic {
    chip(LEVEL | u32::from(VECTOR))
}

const EDGE_MESSAGE: Option<Message> = Some(Message {
    vector: VECTOR,
    level: false,
});
const LEVEL_MESSAGE: Option<Message> = Some(Message {
    vector: VECTOR,
    level: true,
});

#[test]
fn it_starts_with_all_masked() {
    let mut chip = IoApic::default();
    assert_eq!(read(&mut chip, 0), 0);
    assert_eq!(read(&mut chip, 1), 0x0017_0011, "24 pins");
    assert_eq!(read(&mut chip, 2), 0);
    for pin in 0..24 {
        assert_eq!(read(&mut chip, 0x10 + 2 * pin), 0x1_0000);
        assert_eq!(read(&mut chip, 0x11 + 2 * pin), 0);
        chip.set(pin.into(), true, true);
    }
    assert_eq!(chip.take(), None);
    assert_eq!(chip.awaited().count(), 0);
}

#[test]
fn what_can_be_written_is_read_and_nothing_else() {
    let mut chip = IoApic::default();
    for register in 0..=255 {
        write(&mut chip, register, u32::MAX);
    }
    for register in 0..=255 {
        let wanted = match register {
            0 | 2 => 0x0F00_0000,
            1 => 0x0017_0011,
            0x10..0x40 if register % 2 == 0 => 0x1_AFFF,
            0x10..0x40 => 0xFF00_0000,
            _ => 0,
        };
        assert_eq!(read(&mut chip, register), wanted, "{register:#x}");
    }
}

#[test]
fn there_are_two_registers_of_32_bits() {
    let mut chip = IoApic::default();
    let mut terminal = Typed::default();
    for offset in (0..WINDOW).step_by(4) {
        for size in [Size::Byte, Size::Half, Size::Word, Size::Double] {
            let there = size == Size::Word && matches!(offset, 0 | 0x10);
            let read = chip.read(offset, size, &mut terminal);
            assert_eq!(read.is_some(), there, "{offset:#x} {size:?}");
            let written = chip.write(offset, size, 0, &mut terminal);
            assert_eq!(written.is_some(), there, "{offset:#x} {size:?}");
        }
    }
}

#[test]
fn an_edge_is_told_once() {
    let mut chip = edge();
    assert_eq!(chip.take(), None);
    chip.set(PIN, true, false);
    assert_eq!(chip.take(), EDGE_MESSAGE);
    chip.set(PIN, true, false);
    assert_eq!(chip.take(), None, "it has not gone low");
    chip.end(VECTOR);
    assert_eq!(chip.take(), None);
    chip.set(PIN, false, false);
    chip.set(PIN, true, false);
    chip.set(PIN, true, true);
    assert_eq!(chip.take(), EDGE_MESSAGE, "it is still high");
}

#[test]
fn an_edge_that_nobody_was_told_of_is_over_with_its_line() {
    let mut chip = edge();
    chip.set(PIN, true, false);
    chip.set(PIN, true, true);
    chip.set(PIN, false, false);
    assert_eq!(chip.take(), None);
}

#[test]
fn an_edge_while_it_is_masked_is_lost() {
    let mut chip = chip(MASKED | u32::from(VECTOR));
    chip.set(PIN, true, false);
    write(&mut chip, LOW, VECTOR.into());
    assert_eq!(chip.take(), None);
    chip.set(PIN, false, false);
    chip.set(PIN, true, false);
    assert_eq!(chip.take(), EDGE_MESSAGE);
}

#[test]
fn a_level_is_told_again_after_the_end() {
    let mut chip = level();
    chip.set(PIN, true, false);
    assert_eq!(chip.take(), LEVEL_MESSAGE);
    assert_eq!(chip.take(), None, "it is not over");
    assert_eq!(read(&mut chip, LOW), LEVEL | REMOTE_IRR | 0x24);
    chip.end(VECTOR + 1);
    assert_eq!(chip.take(), None, "another one's end");
    chip.end(VECTOR);
    assert_eq!(chip.take(), LEVEL_MESSAGE);
    chip.set(PIN, false, false);
    chip.end(VECTOR);
    assert_eq!((chip.take(), read(&mut chip, LOW)), (None, LEVEL | 0x24));
}

#[test]
fn a_level_while_it_is_masked_is_told_later() {
    let mut chip = chip(MASKED | LEVEL | u32::from(VECTOR));
    chip.set(PIN, true, false);
    assert_eq!(chip.take(), None);
    write(&mut chip, LOW, LEVEL | u32::from(VECTOR));
    assert_eq!(chip.take(), LEVEL_MESSAGE);
    // Its entry is written while the interrupt is served.
    write(&mut chip, LOW, LEVEL | MASKED | u32::from(VECTOR));
    write(&mut chip, LOW, LEVEL | u32::from(VECTOR));
    assert_eq!(chip.take(), None);
    // As one of edges it does not wait for an end.
    write(&mut chip, LOW, VECTOR.into());
    write(&mut chip, LOW, LEVEL | u32::from(VECTOR));
    assert_eq!(chip.take(), LEVEL_MESSAGE);
}

#[test]
fn only_what_is_for_this_processor_and_has_a_vector_is_told() {
    for (low, high, heard) in [
        (0, 0, true),
        (0, 0xFF << 24, true),
        (0, 1 << 24, false),
        (LOGICAL, 0, false),
        (LOGICAL, 1 << 24, true),
        (LOGICAL, 0xFF << 24, true),
        (LOGICAL, 2 << 24, false),
        (LOWEST, 0, true),
        (2 << 8, 0, false), // SMI
        (4 << 8, 0, false), // NMI
        (5 << 8, 0, false), // INIT
        (7 << 8, 0, false), // ExtINT
    ] {
        for trigger in [0, LEVEL] {
            let mut chip = chip(low | trigger | u32::from(VECTOR));
            write(&mut chip, HIGH, high);
            chip.set(PIN, true, true);
            assert_eq!(chip.take().is_some(), heard, "{low:#x} {high:#x}");
            let awaited = chip.awaited().collect::<Vec<_>>();
            assert_eq!(awaited == [VECTOR], heard, "{low:#x} {high:#x}");
        }
    }
}

#[test]
fn a_wire_leads_to_its_pin() {
    let chip = Rc::new(RefCell::new(level()));
    let wire = |pin| Wire {
        chip: chip.clone(),
        pin,
    };
    wire(PIN + 1).set(true, true);
    assert_eq!(chip.borrow_mut().take(), None);
    wire(PIN).set(true, false);
    assert_eq!(chip.borrow().awaited().count(), 0);
    assert_eq!(chip.borrow_mut().take(), LEVEL_MESSAGE);
    wire(PIN).set(false, true);
    assert_eq!(chip.borrow().awaited().collect::<Vec<_>>(), [VECTOR]);
    // There is no such pin.
    wire(24).set(true, true);
}
