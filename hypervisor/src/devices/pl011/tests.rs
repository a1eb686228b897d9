use super::*;
use crate::devices::tests::Bench;
use std::string::String;

fn bench(typed: &str) -> Bench<Pl011, u64> {
    Bench::new(typed, Size::Word, Pl011::new)
}

#[test]
fn what_is_stored_is_printed() {
    let mut bench = bench("");
    for byte in *b"hello" {
        bench.write(DR, byte.into());
        assert_eq!(bench.read(FR), 1 << 7 | 1 << 4, "there is room again");
    }
    bench.write(CR, (CR_UARTEN | CR_RXE).into());
    bench.write(DR, b'!'.into());
    bench.write(CR, CR_TXE.into());
    bench.write(DR, b'!'.into());
    assert_eq!(bench.terminal.0, "hello", "nothing while it is off");
}

#[test]
fn what_is_typed_is_read_in_order_and_waits_outside_when_the_fifo_is_full() {
    let text: String = ('a'..='z').collect();
    for fifo in [0, LCR_H_FEN] {
        let mut bench = bench(&text);
        bench.write(LCR_H, fifo.into());
        bench.poll();
        let held = if fifo == 0 { 1 } else { fifo::SIZE };
        assert_eq!(bench.terminal.1.len(), text.len() - held);
        assert_eq!(bench.read(FR), 1 << 7 | 1 << 6, "full");
        let mut read = String::new();
        while bench.read(FR) & u64::from(FR_RXFE) == 0 {
            read.push(bench.read(DR) as u8 as char);
        }
        assert_eq!(read, text);
        assert_eq!(bench.read(DR), 0, "there is nothing more");
    }
}

#[test]
fn nothing_is_received_while_it_is_off() {
    let mut bench = bench("x");
    bench.write(CR, (CR_UARTEN | CR_TXE).into());
    bench.poll();
    assert_eq!(bench.read(FR) & u64::from(FR_RXFE), u64::from(FR_RXFE));
    bench.write(CR, (CR_UARTEN | CR_RXE).into());
    assert_eq!(bench.read(DR), u64::from(b'x'));
}

#[test]
fn the_receive_interrupt_comes_at_its_level_and_the_timeout_below() {
    let mut bench = bench("");
    bench.write(LCR_H, LCR_H_FEN.into());
    bench.write(IMSC, RX.into());
    for (count, typed) in (1..=8).zip("abcdefgh".bytes()) {
        bench.terminal.1.push_back(typed);
        assert_eq!(bench.poll(), count == 8, "it went high");
        assert_eq!(bench.is_high(), count == 8, "half of it, at {count}");
        assert!(!bench.poll(), "it was high already");
        let wanted = if count == 8 { RX | RT } else { RT };
        assert_eq!(bench.read(RIS), u64::from(wanted));
    }
    bench.read(DR);
    assert!(!bench.is_high(), "below the level again");
    bench.write(IMSC, (RX | RT).into());
    assert!(bench.is_high());
    assert_eq!(bench.read(MIS), u64::from(RT));
    for _ in 0..7 {
        assert!(bench.is_high());
        bench.read(DR);
    }
    assert!(!bench.is_high(), "empty");
    assert_eq!(bench.read(RIS), 0);
}

#[test]
fn each_level_is_a_part_of_the_fifo() {
    for (select, count) in [(0, 2), (1, 4), (2, 8), (3, 12), (4, 14)] {
        let mut bench = bench(&"x".repeat(count));
        bench.write(CR, 0);
        bench.write(LCR_H, LCR_H_FEN.into());
        bench.write(IFLS, select << 3);
        bench.write(CR, (CR_UARTEN | CR_RXE).into());
        assert_eq!(bench.read(RIS), u64::from(RX | RT), "{select}");
        bench.read(DR);
        assert_eq!(bench.read(RIS), u64::from(RT), "{select}");
    }
}

#[test]
fn an_interrupt_is_cleared_and_masked() {
    let mut bench = bench("x");
    bench.poll();
    assert!(!bench.is_high(), "masked");
    assert_eq!((bench.read(RIS), bench.read(MIS)), ((RX | RT).into(), 0));
    bench.write(IMSC, u32::MAX.into());
    assert_eq!(bench.read(IMSC), u64::from(INTERRUPTS));
    assert!(bench.is_high());
    bench.write(ICR, RX.into());
    assert!(bench.is_high());
    bench.write(ICR, RT.into());
    assert!(!bench.is_high());
    bench.write(DR, 0);
    assert_eq!(bench.read(RIS), u64::from(TX));
    bench.write(ICR, u32::MAX.into());
    assert_eq!(bench.read(RIS), 0);
}

#[test]
fn it_says_whether_what_is_typed_may_raise_its_line() {
    let mut bench = bench("");
    for (mask, control, awaits) in [
        (0, CR_UARTEN | CR_RXE, false),
        (TX, CR_UARTEN | CR_RXE, false),
        (RX, CR_UARTEN | CR_RXE, true),
        (RT, CR_UARTEN | CR_RXE, true),
        (RT, CR_UARTEN, false),
        (RT, CR_RXE, false),
    ] {
        bench.write(IMSC, mask.into());
        bench.write(CR, control.into());
        assert_eq!(bench.wire.0.get().1, awaits, "{mask:#x} {control:#x}");
    }
}

#[test]
fn every_register_takes_every_word_and_says_what_it_is() {
    let mut bench = bench("");
    for value in [u64::from(u32::MAX), 0, 0x5555_5555] {
        for offset in (0..WINDOW).step_by(4) {
            bench.write(offset, value);
            bench.read(offset);
        }
        assert_eq!(bench.read(IBRD), value & 0xFFFF);
    }
    let identity = (0..8).map(|n| bench.read(IDENTIFICATION + 4 * n) as u8);
    assert_eq!(identity.collect::<Vec<_>>(), IDENTITY);
    for (offset, size) in [(1, Size::Byte), (2, Size::Half), (0, Size::Double)] {
        let terminal = &mut bench.terminal;
        assert_eq!(bench.uart.read(offset, size, terminal), None);
        assert_eq!(bench.uart.write(offset, size, 0, terminal), None);
    }
    let byte = bench.uart.read(FR, Size::Byte, &mut bench.terminal);
    assert!(byte.is_some());
}
