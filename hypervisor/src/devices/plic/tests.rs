use super::*;
use alloc::boxed::Box;

struct Silent;

impl Terminal for Silent {
    fn put(&mut self, _byte: u8) {}

    fn get(&mut self) -> Option<u8> {
        None
    }
}

fn read(plic: &mut Plic, offset: u64) -> u64 {
    plic.read(offset, Size::Word, &mut Silent).unwrap()
}

fn write(plic: &mut Plic, offset: u64, value: u64) {
    plic.write(offset, Size::Word, value, &mut Silent).unwrap();
}

const UART: u8 = 10;
const OTHER: u8 = 33;

/// With these sources enabled, each with its priority.
fn with(sources: &[(u8, u64)]) -> Plic {
    let mut plic = Plic::default();
    let mut enabled = 0_u64;
    for (source, priority) in sources {
        write(&mut plic, 4 * u64::from(*source), *priority);
        enabled |= 1 << source;
    }
    let double = (0x2080, Size::Double);
    plic.write(double.0, double.1, enabled, &mut Silent)
        .unwrap();
    plic
}

#[test]
fn after_a_reset_everything_is_zero_and_nothing_interrupts() {
    let mut plic = Plic::default();
    plic.set_line(UART, true);
    plic.set_line(UART, false);
    assert!(!plic.interrupts() && !plic.awaits_input());
    for offset in (0..0x3000).chain(0x20_0000..0x20_3000).step_by(4) {
        let wanted = if offset == 0x1000 { 1 << UART } else { 0 };
        assert_eq!(read(&mut plic, offset), wanted, "{offset:#x}");
    }
}

#[test]
fn registers_hold_the_bits_that_are_there() {
    let mut plic = Plic::default();
    let registers = (0..0x3000).chain(0x20_0000..0x20_3000).step_by(4);
    for offset in registers.clone() {
        write(&mut plic, offset, 0xFFFF_FFFF);
    }
    for offset in registers {
        let wanted = match offset {
            4..0x100 | 0x20_1000 => 7,
            0x2080 => 0xFFFF_FFFE,
            0x2084 => 0xFFFF_FFFF,
            _ => 0,
        };
        assert_eq!(read(&mut plic, offset), wanted, "{offset:#x}");
    }
    write(&mut plic, 0x2080, 0);
    assert_eq!(read(&mut plic, 0x2084), 0xFFFF_FFFF, "each is its own");
}

#[test]
fn a_line_interrupts_until_it_is_claimed_and_again_when_it_is_completed() {
    for source in [UART, OTHER, 1, 63] {
        let mut plic = with(&[(source, 1)]);
        assert!(!plic.interrupts());
        plic.set_line(source, true);
        assert!(plic.interrupts());
        let pending = plic.read(0x1000, Size::Double, &mut Silent);
        assert_eq!(pending, Some(1 << source));
        assert_eq!(read(&mut plic, CLAIM), u64::from(source));
        assert!(!plic.interrupts(), "it is being handled");
        plic.set_line(source, true);
        assert!(!plic.interrupts(), "whatever its line does");
        assert_eq!(read(&mut plic, CLAIM), 0, "there is no other");
        write(&mut plic, CLAIM, source.into());
        assert!(plic.interrupts(), "its line is still high");
        assert_eq!(read(&mut plic, CLAIM), u64::from(source));
        plic.set_line(source, false);
        write(&mut plic, CLAIM, source.into());
        assert!(!plic.interrupts());
    }
}

#[test]
fn what_was_forwarded_stays_pending_though_the_line_goes_low() {
    let mut plic = with(&[(UART, 1)]);
    plic.set_line(UART, true);
    plic.set_line(UART, false);
    assert!(plic.interrupts());
    assert_eq!(read(&mut plic, CLAIM), u64::from(UART));
    write(&mut plic, CLAIM, UART.into());
    assert_eq!(read(&mut plic, CLAIM), 0);
}

#[test]
fn the_highest_priority_comes_first_and_then_the_lowest_number() {
    let sources = [(3, 2), (UART, 5), (OTHER, 5), (63, 6), (7, 0)];
    let mut plic = with(&sources);
    for (source, _) in sources {
        plic.set_line(source, true);
    }
    let claimed: [u64; 6] = core::array::from_fn(|_| read(&mut plic, CLAIM));
    // One of priority 0 never comes.
    assert_eq!(claimed, [63, UART.into(), OTHER.into(), 3, 0, 0]);
}

#[test]
fn the_threshold_keeps_from_interrupting_and_not_from_claiming() {
    let mut plic = with(&[(UART, 3)]);
    plic.set_line(UART, true);
    for (threshold, interrupts) in [(0, true), (2, true), (3, false), (7, false)] {
        write(&mut plic, THRESHOLD, threshold);
        assert_eq!(plic.interrupts(), interrupts, "{threshold}");
    }
    assert_eq!(read(&mut plic, CLAIM), u64::from(UART));
}

#[test]
fn what_is_not_enabled_neither_interrupts_nor_is_claimed_nor_completed() {
    let mut plic = with(&[(UART, 1)]);
    plic.set_line(UART, true);
    write(&mut plic, 0x2080, 0);
    assert!(!plic.interrupts());
    assert_eq!(read(&mut plic, CLAIM), 0);
    write(&mut plic, 0x2080, 1 << UART);
    assert_eq!(read(&mut plic, CLAIM), u64::from(UART));
    write(&mut plic, 0x2080, 0);
    write(&mut plic, CLAIM, UART.into());
    write(&mut plic, 0x2080, 1 << UART);
    assert!(!plic.interrupts(), "that did not count");
    // Nor does what is no source.
    for id in [0, 9, 64, 0xFF, 0x100 | u64::from(UART), 0xFFFF_FFFF] {
        write(&mut plic, CLAIM, id);
        assert!(!plic.interrupts(), "{id:#x}");
    }
    write(&mut plic, CLAIM, UART.into());
    assert!(plic.interrupts());
}

#[test]
fn there_is_no_source_0() {
    let mut plic = with(&[(UART, 1)]);
    plic.set_line(0, true);
    assert_eq!(read(&mut plic, PENDING), 0);
    assert!(!plic.interrupts());
}

#[test]
fn a_line_says_whether_what_is_typed_may_interrupt() {
    let chip = Rc::new(RefCell::new(with(&[(UART, 2)])));
    let line: Box<dyn Line> = Box::new(Wire {
        chip: chip.clone(),
        source: UART,
    });
    line.set(false, true);
    assert!(chip.borrow().awaits_input() && !chip.borrow().interrupts());
    write(&mut chip.borrow_mut(), THRESHOLD, 2);
    assert!(!chip.borrow().awaits_input(), "it would not be told");
    write(&mut chip.borrow_mut(), THRESHOLD, 0);
    line.set(true, true);
    assert!(chip.borrow().interrupts());
    read(&mut chip.borrow_mut(), CLAIM);
    assert!(!chip.borrow().awaits_input(), "it is being handled");
    write(&mut chip.borrow_mut(), CLAIM, UART.into());
    line.set(false, false);
    assert!(!chip.borrow().awaits_input());
}

#[test]
fn registers_that_hold_bits_have_parts() {
    let mut plic = Plic::default();
    let mut put = |offset, size, value| plic.write(offset, size, value, &mut Silent);
    assert_eq!(put(0x2080, Size::Double, 0x8899_AABB_CCDD_EEFF), Some(()));
    assert_eq!(put(0x2081, Size::Byte, 0x12), Some(()));
    assert_eq!(put(0x2086, Size::Half, 0x3456), Some(()));
    assert_eq!(put(0x2080, Size::Byte, 0xFF), Some(()));
    for (offset, size, wanted) in [
        (0x2080, Size::Double, 0x3456_AABB_CCDD_12FE),
        (0x2080, Size::Word, 0xCCDD_12FE),
        (0x2084, Size::Word, 0x3456_AABB),
        (0x2082, Size::Half, 0xCCDD),
        (0x2087, Size::Byte, 0x34),
        (0x2080, Size::Byte, 0xFE),
    ] {
        let found = plic.read(offset, size, &mut Silent).unwrap();
        assert_eq!(size.cut(found), wanted, "{offset:#x}");
    }
}

#[test]
fn what_claims_and_completes_is_a_word() {
    let mut plic = with(&[(UART, 1)]);
    plic.set_line(UART, true);
    for (offset, size) in [
        (0x20_1000, Size::Double),
        (0x20_1004, Size::Byte),
        (0x20_1007, Size::Byte),
        (0x20_1004, Size::Half),
        (0x20_1006, Size::Half),
    ] {
        assert_eq!(plic.read(offset, size, &mut Silent), None);
        assert_eq!(plic.write(offset, size, 0, &mut Silent), None);
    }
    // The registers in front of it and behind it, up to their ends.
    for (offset, size) in [
        (0x20_1000, Size::Byte),
        (0x20_1002, Size::Half),
        (0x20_1003, Size::Byte),
        (0x20_1008, Size::Byte),
        (0x20_1008, Size::Double),
    ] {
        assert_eq!(plic.read(offset, size, &mut Silent), Some(0));
    }
    assert_eq!(read(&mut plic, CLAIM), u64::from(UART));
}
