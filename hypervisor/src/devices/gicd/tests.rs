use super::*;

struct Silent;

impl Terminal for Silent {
    fn put(&mut self, _byte: u8) {}

    fn get(&mut self) -> Option<u8> {
        None
    }
}

fn read(gicd: &mut Gicd, offset: u64) -> u64 {
    gicd.read(offset, Size::Word, &mut Silent).unwrap()
}

fn write(gicd: &mut Gicd, offset: u64, value: u64) {
    gicd.write(offset, Size::Word, value, &mut Silent).unwrap();
}

const TIMER: u8 = 27;
const UART: u8 = 33;

/// On, with the timer's and the UART's interrupt enabled.
fn on() -> Gicd {
    let mut gicd = Gicd::default();
    write(&mut gicd, CTLR, 1);
    write(&mut gicd, ISENABLER, 1 << TIMER);
    write(&mut gicd, ISENABLER + 4, 1 << (UART - 32));
    gicd
}

fn entry(intid: u8, pending: bool, active: bool) -> Entry {
    Entry {
        intid,
        priority: 0,
        pending,
        active,
    }
}

fn presented(gicd: &Gicd) -> Vec<Entry> {
    let mut lists = [None; 4];
    gicd.present(&mut lists);
    lists.into_iter().flatten().collect()
}

#[test]
fn after_a_reset_nothing_is_forwarded() {
    let mut gicd = Gicd::default();
    for offset in (0..WINDOW).step_by(4) {
        let wanted = match offset {
            TYPER => 1,
            0x100 | 0x180 => 0xFFFF,
            0x800..0x840 => 0x0101_0101,
            ICFGR => 0xAAAA_AAAA,
            ICPIDR2 => 0x20,
            _ => 0,
        };
        assert_eq!(read(&mut gicd, offset), wanted, "{offset:#x}");
    }
    gicd.set_line(TIMER, true);
    write(&mut gicd, ISENABLER, 1 << TIMER);
    assert_eq!(presented(&gicd), []);
    assert!(!gicd.interrupts(0xFF) && !gicd.would_interrupt(TIMER, 0xFF));
}

#[test]
fn a_line_is_pending_as_long_as_it_is_high() {
    let mut gicd = on();
    gicd.set_line(TIMER, true);
    assert_eq!(read(&mut gicd, ISPENDR), 1 << TIMER);
    assert_eq!(presented(&gicd), [entry(TIMER, true, false)]);
    // What software does to it changes nothing.
    write(&mut gicd, ICPENDR, 1 << TIMER);
    assert_eq!(read(&mut gicd, ICPENDR), 1 << TIMER);
    gicd.set_line(TIMER, false);
    assert_eq!(presented(&gicd), []);
    assert_eq!(read(&mut gicd, ISPENDR), 0);
}

#[test]
fn one_that_was_taken_is_active_and_pending_again_if_its_line_is_high() {
    let mut gicd = on();
    gicd.set_line(UART, true);
    let pending = entry(UART, true, false);
    assert_eq!(presented(&gicd), [pending]);
    gicd.settle(&pending, false, true);
    assert_eq!(read(&mut gicd, ISACTIVER + 4), 1 << (UART - 32));
    assert_eq!(presented(&gicd), [entry(UART, true, true)]);
    assert!(!gicd.interrupts(0xFF), "it is being handled");
    gicd.set_line(UART, false);
    let active = entry(UART, false, true);
    assert_eq!(presented(&gicd), [active]);
    gicd.settle(&active, false, false);
    assert_eq!(presented(&gicd), []);
}

#[test]
fn an_edge_is_pending_once_until_it_is_taken() {
    let mut gicd = on();
    write(&mut gicd, ICFGR + 8, 0b10 << (2 * (UART - 32)));
    assert_eq!(read(&mut gicd, ICFGR + 8), 0b1000);
    gicd.set_line(UART, true);
    gicd.set_line(UART, true);
    let pending = entry(UART, true, false);
    assert_eq!(presented(&gicd), [pending]);
    gicd.settle(&pending, true, false);
    assert_eq!(presented(&gicd), [pending], "not taken yet");
    gicd.settle(&pending, false, false);
    assert_eq!(presented(&gicd), [], "its line is still high");
    gicd.set_line(UART, false);
    gicd.set_line(UART, true);
    assert_eq!(presented(&gicd), [pending]);
    write(&mut gicd, ICPENDR + 4, 1 << (UART - 32));
    assert_eq!(presented(&gicd), []);
}

#[test]
fn what_is_not_enabled_is_pending_and_not_presented() {
    let mut gicd = on();
    write(&mut gicd, ICENABLER, 1 << TIMER);
    gicd.set_line(TIMER, true);
    assert_eq!(read(&mut gicd, ISPENDR), 1 << TIMER);
    assert_eq!(presented(&gicd), []);
    write(&mut gicd, ISENABLER, 1 << TIMER);
    assert_eq!(presented(&gicd), [entry(TIMER, true, false)]);
    write(&mut gicd, CTLR, 0);
    assert_eq!(presented(&gicd), []);
    // SGIs are always enabled.
    write(&mut gicd, ICENABLER, 0xFFFF_FFFF);
    assert_eq!(read(&mut gicd, ISENABLER), 0xFFFF);
}

#[test]
fn the_highest_priority_comes_first_and_what_is_active_before_all() {
    let mut gicd = on();
    gicd.write(IPRIORITYR + 27, Size::Byte, 0x87, &mut Silent)
        .unwrap();
    write(&mut gicd, IPRIORITYR + 32, 0x4000);
    assert_eq!(read(&mut gicd, IPRIORITYR + 24), 0x80 << 24, "5 bits");
    let byte = gicd.read(IPRIORITYR + 33, Size::Byte, &mut Silent).unwrap();
    assert_eq!(byte & 0xFF, 0x40);
    gicd.set_line(TIMER, true);
    gicd.set_line(UART, true);
    write(&mut gicd, SGIR, 2 << 24 | 5);
    let order = |gicd: &Gicd| presented(gicd).iter().map(|e| e.intid).collect::<Vec<_>>();
    assert_eq!(order(&gicd), [5, UART, TIMER]);
    let mut one = [None];
    gicd.present(&mut one);
    assert_eq!(
        one[0].map(|e| e.intid),
        Some(5),
        "of more than there is room for"
    );
    gicd.settle(&presented(&gicd)[2], false, true);
    assert_eq!(order(&gicd), [TIMER, 5, UART]);
    // A CPU that takes priorities below 0x40 takes the SGI alone.
    assert!(gicd.interrupts(0x40));
    assert!(!gicd.would_interrupt(UART, 0x40) && gicd.would_interrupt(UART, 0x41));
}

#[test]
fn sgis_reach_the_only_cpu() {
    let mut gicd = on();
    for (value, arrives) in [
        (1 << 16 | 3, true),
        (2 << 16 | 3, false),
        (1 << 24 | 3, false),
        (2 << 24 | 3, true),
        (3 << 24 | 3, false),
    ] {
        write(&mut gicd, SGIR, value);
        assert_eq!(read(&mut gicd, CPENDSGIR) != 0, arrives, "{value:#x}");
        write(&mut gicd, CPENDSGIR, 0x0100_0000);
        assert_eq!(read(&mut gicd, SPENDSGIR), 0);
    }
    let set = gicd.write(SPENDSGIR + 7, Size::Byte, 1, &mut Silent);
    assert_eq!(set, Some(()));
    let sgi = entry(7, true, false);
    assert_eq!(presented(&gicd), [sgi]);
    // Not by these, and not by a zero.
    write(&mut gicd, ICPENDR, 0xFFFF);
    write(&mut gicd, ISPENDR, 1);
    write(&mut gicd, CPENDSGIR + 4, 0);
    write(&mut gicd, SPENDSGIR, 0);
    assert_eq!(presented(&gicd), [sgi]);
    gicd.settle(&sgi, false, true);
    assert_eq!(presented(&gicd), [entry(7, false, true)]);
}

#[test]
fn an_edge_that_was_not_presented_is_not_taken() {
    let mut gicd = on();
    write(&mut gicd, ICFGR + 8, 0b10 << (2 * (UART - 32)));
    write(&mut gicd, ISACTIVER + 4, 1 << (UART - 32));
    write(&mut gicd, ICENABLER + 4, 1 << (UART - 32));
    gicd.set_line(UART, true);
    let active = entry(UART, false, true);
    assert_eq!(presented(&gicd), [active]);
    gicd.settle(&active, false, false);
    write(&mut gicd, ISENABLER + 4, 1 << (UART - 32));
    assert_eq!(presented(&gicd), [entry(UART, true, false)]);
}

#[test]
fn what_is_active_can_be_written() {
    let mut gicd = on();
    write(&mut gicd, ISACTIVER, 1 << TIMER);
    assert_eq!(presented(&gicd), [entry(TIMER, false, true)]);
    assert_eq!(read(&mut gicd, ICACTIVER), 1 << TIMER);
    write(&mut gicd, ICACTIVER, 1 << TIMER);
    assert_eq!(presented(&gicd), []);
}

#[test]
fn registers_have_32_bits_and_some_have_bytes() {
    let mut gicd = on();
    for (offset, size) in [
        (CTLR, Size::Byte),
        (ISENABLER, Size::Half),
        (IPRIORITYR, Size::Half),
        (IPRIORITYR, Size::Double),
        (SGIR, Size::Byte),
    ] {
        assert_eq!(gicd.read(offset, size, &mut Silent), None, "{offset:#x}");
        let written = gicd.write(offset, size, 0, &mut Silent);
        assert_eq!(written, None, "{offset:#x}");
    }
}

/// Whatever is written where, nothing panics, and what is read-only stays.
#[test]
fn every_offset_takes_every_word() {
    let mut gicd = Gicd::default();
    for value in [u64::from(u32::MAX), 0, 0x5555_5555] {
        for offset in (0..WINDOW).step_by(4) {
            write(&mut gicd, offset, value);
            read(&mut gicd, offset);
            presented(&gicd);
        }
        for offset in 0..WINDOW {
            let _ = gicd.write(offset, Size::Byte, value & 0xFF, &mut Silent);
            let _ = gicd.read(offset, Size::Byte, &mut Silent);
        }
    }
    assert_eq!(read(&mut gicd, TYPER), 1);
    assert_eq!(read(&mut gicd, ICFGR), 0xAAAA_AAAA, "SGIs");
    assert_eq!(read(&mut gicd, ICFGR + 4), 0, "PPIs");
    assert_eq!(read(&mut gicd, ITARGETSR + 32), 0x0101_0101);
}

#[test]
fn input_is_awaited_that_leads_to_an_interrupt() {
    let chip = Rc::new(RefCell::new(on()));
    let wire = Wire {
        chip: chip.clone(),
        intid: UART,
    };
    wire.set(false, false);
    assert!(!chip.borrow().awaits_input(0xFF));
    wire.set(false, true);
    assert!(chip.borrow().awaits_input(0xFF) && !chip.borrow().interrupts(0xFF));
    assert!(!chip.borrow().awaits_input(0), "the CPU takes none");
    write(&mut chip.borrow_mut(), ICENABLER + 4, 1 << (UART - 32));
    assert!(!chip.borrow().awaits_input(0xFF), "it is not enabled");
    wire.set(true, true);
    assert_eq!(read(&mut chip.borrow_mut(), ISPENDR + 4), 1 << (UART - 32));
    write(&mut chip.borrow_mut(), ISENABLER + 4, 1 << (UART - 32));
    wire.set(false, false);
    assert!(!chip.borrow().awaits_input(0xFF), "its UART expects none");
}
