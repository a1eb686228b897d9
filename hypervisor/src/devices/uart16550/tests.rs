use super::*;
use crate::devices::{fifo, tests::Bench};
use alloc::vec::Vec;

fn bench(typed: &str) -> Bench<Uart16550, u8> {
    Bench::new(typed, Size::Byte, Uart16550::new)
}

#[test]
fn what_is_stored_is_printed() {
    let mut bench = bench("");
    for byte in *b"hello" {
        bench.write(DATA, byte);
        assert_eq!(bench.read(LSR), 0x60, "there is room again");
    }
    assert_eq!(bench.terminal.0, "hello");
}

#[test]
fn what_is_typed_is_read_in_order_and_waits_for_room() {
    let mut bench = bench("abcdefghijklmnopqrstuvwxyz");
    assert_eq!(bench.read(LSR), 0x61);
    assert_eq!(bench.terminal.1.len(), 25, "one byte without FIFOs");
    bench.read(DATA);
    bench.write(IIR, 0b0000_0001);
    // What was in it is gone; the rest still waits.
    bench.read(LSR);
    assert_eq!(bench.uart.received.len(), fifo::SIZE);
    let mut read = Vec::new();
    while bench.read(LSR) & LSR_DATA != 0 {
        read.push(bench.read(DATA));
    }
    assert_eq!(read, b"cdefghijklmnopqrstuvwxyz");
    assert_eq!(bench.read(DATA), 0);
}

#[test]
fn the_divisor_lies_over_the_first_two() {
    let mut bench = bench("x");
    bench.write(IER, 0b0101);
    bench.write(LCR, 0x83);
    bench.write(DATA, 0x0C);
    bench.write(IER, 0x34);
    assert_eq!((bench.read(DATA), bench.read(IER)), (0x0C, 0x34));
    bench.write(LCR, 0x03);
    assert_eq!((bench.read(DATA), bench.read(IER)), (b'x', 0b0101));
    assert_eq!(bench.terminal.0, "");
}

#[test]
fn what_is_typed_interrupts_until_it_is_read() {
    let mut bench = bench("");
    assert!(!bench.wire.0.get().1);
    bench.write(IER, IER_RECEIVED);
    assert_eq!(bench.wire.0.get(), (false, true), "it awaits some");
    assert_eq!(bench.read(IIR), IIR_NONE);
    bench.terminal.1.extend(*b"ab");
    assert!(bench.poll(), "it goes high");
    assert!(!bench.poll(), "it is high");
    assert_eq!(bench.read(IIR), IIR_RECEIVED);
    bench.read(DATA);
    assert!(bench.is_high(), "there is another");
    bench.read(DATA);
    assert!(!bench.is_high());
}

#[test]
fn fewer_than_the_level_are_a_timeout() {
    for (trigger, level) in [(0b00, 1), (0b01, 4), (0b10, 8), (0b11, 14)] {
        let mut bench = bench("");
        bench.write(IER, IER_RECEIVED);
        bench.write(IIR, trigger << 6 | FCR_ON);
        for count in 1..=fifo::SIZE {
            bench.terminal.1.push_back(b'x');
            bench.poll();
            let cause = if count >= level {
                IIR_RECEIVED
            } else {
                IIR_TIMEOUT
            };
            assert_eq!(bench.read(IIR), cause | IIR_FIFO, "{count} of {level}");
        }
    }
}

#[test]
fn what_was_sent_interrupts_until_it_was_looked_at() {
    let mut bench = bench("");
    bench.write(IER, IER_EMPTY);
    assert!(bench.is_high(), "there is room from the start");
    assert_eq!(bench.read(IIR), IIR_EMPTY);
    assert!(!bench.is_high());
    assert_eq!(bench.read(IIR), IIR_NONE);
    bench.write(DATA, b'x');
    assert!(bench.is_high());
    // What is typed is more urgent, and to look at it does not take the other back.
    bench.terminal.1.push_back(b'y');
    bench.write(IER, IER_EMPTY | IER_RECEIVED);
    assert_eq!(bench.read(IIR), IIR_RECEIVED);
    bench.read(DATA);
    assert_eq!(bench.read(IIR), IIR_EMPTY);
    bench.write(IER, 0);
    bench.write(IER, IER_EMPTY);
    assert!(bench.is_high(), "whoever asks anew is told anew");
}

#[test]
fn fifos_are_emptied_when_they_are_told_to_be_or_change() {
    for (fcr, left) in [
        (FCR_ON, 2),
        (FCR_ON | FCR_CLEAR_RECEIVED, 0),
        (0, 0),
        (FCR_CLEAR_RECEIVED, 0),
    ] {
        let mut bench = bench("ab");
        bench.write(IIR, FCR_ON);
        bench.poll();
        bench.write(IIR, fcr);
        assert_eq!(bench.uart.received.len(), left, "{fcr:#b}");
    }
}

#[test]
fn it_can_hear_itself() {
    let mut bench = bench("");
    assert_eq!(bench.read(MSR), 0xB0);
    // As Linux looks for a UART: OUT2 and RTS come back as DCD and CTS.
    bench.write(MCR, 0xEA | MCR_LOOP);
    assert_eq!((bench.read(MCR), bench.read(MSR)), (0x1A, 0x90));
    bench.write(MCR, 0x05 | MCR_LOOP);
    assert_eq!(bench.read(MSR), 0x60);
    bench.terminal.1.push_back(b'x');
    bench.write(DATA, b'!');
    assert_eq!((bench.read(LSR), bench.read(DATA)), (0x61, b'!'));
    assert_eq!((bench.read(LSR), bench.terminal.0.as_str()), (0x60, ""));
    bench.write(MCR, 0);
    assert_eq!(bench.read(DATA), b'x');
}

#[test]
fn the_others_are_kept_or_not() {
    let mut bench = bench("");
    for (register, expected) in [
        (IER, 0x0F),
        (LCR, 0x7F),
        (MCR, 0x0F),
        (LSR, 0x60),
        (MSR, 0xB0),
        (SCR, 0x6F),
    ] {
        bench.write(register, 0x6F | if register == LCR { 0x10 } else { 0 });
        assert_eq!(bench.read(register), expected, "{register}");
    }
}

#[test]
fn only_bytes_of_its_registers_are_accessed() {
    let mut bench = bench("");
    let Bench { uart, terminal, .. } = &mut bench;
    for (offset, size) in [
        (0, Size::Half),
        (4, Size::Word),
        (0, Size::Double),
        (8, Size::Byte),
        (0xFFF, Size::Byte),
    ] {
        assert_eq!(uart.read(offset, size, terminal), None);
        assert_eq!(uart.write(offset, size, 0x41, terminal), None);
    }
    assert_eq!(bench.terminal.0, "");
}
