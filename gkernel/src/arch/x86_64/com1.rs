//! The first UART of a PC, a 16550A at I/O ports: what is typed is read by looking for it, or by its interrupt.

use core::{
    arch::asm,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    ioapic,
    probe::{PROTECTION, probe},
    timer, try_in_kernel, try_in_user,
    user::try_in_user_with_ports,
};
use crate::{
    println,
    probe::{self, Fate, Probe},
    typed,
};

/// Its registers, by their ports. While LCR.DLAB is set, the first two are the divisor's.
const DATA: u16 = 0x3F8;
const IER: u16 = 0x3F9;
/// IIR when it is read, FCR when it is written.
const IIR: u16 = 0x3FA;
const LCR: u16 = 0x3FB;
const MCR: u16 = 0x3FC;
const LSR: u16 = 0x3FD;
const MSR: u16 = 0x3FE;
const SCR: u16 = 0x3FF;

/// Its line, and the vector of its interrupt.
pub(super) const LINE: u32 = 4;
pub(super) const VECTOR: u8 = 0x24;

/// IER: that there is room to send interrupts, until it is asked why.
const ON_EMPTY: u8 = 1 << 1;
/// And what was received.
const ON_RECEIVED: u8 = 1 << 0;
/// FCR: FIFOs are on and empty, and 14 bytes are enough for an interrupt at once.
const FIFOS: u8 = 0b1100_0111;
/// MCR: DTR, RTS and OUT2, by which a PC's UART drives its line.
const READY: u8 = 0x0B;

/// LSR: something was received; and all is sent.
const RECEIVED: u8 = 1 << 0;
const EMPTY: u8 = 0b11 << 5;

fn read(port: u16) -> u8 {
    let value;
    // SAFETY: the port is the UART's, or the access is refused.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack)) };
    value
}

fn write(port: u16, value: u8) {
    // SAFETY: as above.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

/// The next byte that was typed, by looking for it. Interrupts are off, and what they read comes first.
pub fn get_byte() -> Option<u8> {
    turn_on();
    let mut byte = [0];
    if typed::take(&mut byte) == 1 {
        return Some(byte[0]);
    }
    (read(LSR) & RECEIVED != 0).then(|| read(DATA))
}

/// What was typed, by interrupts, into `bytes`; how many bytes that is. Interrupts are off before and after.
pub fn read_console(bytes: &mut [u8]) -> usize {
    turn_on();
    write(IER, ON_RECEIVED);
    timer::interrupts(true);
    timer::interrupts(false);
    typed::take(bytes)
}

/// Has the UART's line lead to its interrupt, the first time.
fn turn_on() {
    static ON: AtomicBool = AtomicBool::new(false);
    if !ON.swap(true, Ordering::Relaxed) {
        write(IIR, FIFOS);
        write(MCR, READY);
        ioapic::route(LINE, VECTOR, true);
    }
}

/// Has the line go high, to be told that there is room to send.
pub(super) fn raise_line() {
    write(IER, 0);
    write(IER, ON_EMPTY);
}

/// Has it go low, by asking.
pub(super) fn lower_line() {
    read(IIR);
}

/// The interrupt came: reads a byte, and comes again for the next. With no room for more, none comes until somebody
/// asks again.
pub(super) fn on_interrupt() {
    if !typed::has_room() {
        write(IER, 0);
    } else if read(LSR) & RECEIVED != 0 {
        typed::put(read(DATA));
    }
    timer::end_interrupt();
}

/// Sends text.
fn send(text: &str) {
    for byte in text.bytes() {
        while read(LSR) & EMPTY != EMPTY {}
        write(DATA, byte);
    }
}

/// What is no access to a register of the UART's by its kernel.
const PROBES: &[Probe] = &[
    probe("in al, 0x3f8", b"\xBA\xF8\x03\0\0\xEC", Fate::WentOn),
    probe("in al, 0x3ff", b"\xBA\xFF\x03\0\0\xEC", Fate::WentOn),
    probe("in ax, 0x3f8", b"\xBA\xF8\x03\0\0\x66\xED", PROTECTION),
    probe("in eax, 0x3fc", b"\xBA\xFC\x03\0\0\xED", PROTECTION),
    probe("in ax, 0x3ff", b"\xBA\xFF\x03\0\0\x66\xED", PROTECTION),
    probe("out 0x3fe, ax", b"\xBA\xFE\x03\0\0\x66\xEF", PROTECTION),
    probe("in al, 0x3f7", b"\xBA\xF7\x03\0\0\xEC", PROTECTION),
    probe("in ax, 0x3f7", b"\xBA\xF7\x03\0\0\x66\xED", PROTECTION),
    probe("in al, 0x400", b"\xBA\0\x04\0\0\xEC", PROTECTION),
    probe("out 0x400, al", b"\xBA\0\x04\0\0\x31\xC0\xEE", PROTECTION),
    probe("outsb", b"\xBA\xF8\x03\0\0\x48\x89\xE6\x6E", PROTECTION),
    probe(
        "insb",
        b"\xBA\xF8\x03\0\0\x48\x8D\x7C\x24\xF8\x6C",
        PROTECTION,
    ),
];

/// And by its user mode, which has no leave.
const USER_PROBES: &[Probe] = &[probe(
    "in al, 0x3f8, in ring 3",
    b"\xBA\xF8\x03\0\0\xEC",
    PROTECTION,
)];

/// And with leave, which is for all ports that there are.
const USER_PROBES_WITH_LEAVE: &[Probe] = &[
    probe(
        "in al, 0x3ff, with leave",
        b"\xBA\xFF\x03\0\0\xEC",
        Fate::WentOn,
    ),
    probe(
        "in ax, 0x3f8, with leave",
        b"\xBA\xF8\x03\0\0\x66\xED",
        PROTECTION,
    ),
    probe(
        "in al, 0x3f7, with leave",
        b"\xBA\xF7\x03\0\0\xEC",
        PROTECTION,
    ),
];

/// Something that has to be so, with its name.
type Check = (&'static str, fn() -> bool);

/// Tries what there is, and gives how much of it went wrong.
pub fn check_uart() -> usize {
    let checks: [Check; 7] = [
        ("the start", start),
        ("the scratch register", scratch),
        ("the divisor", divisor),
        ("FIFOs", fifos),
        ("it hears itself", loopback),
        ("the modem", modem),
        ("the rest of RAX", rest),
    ];
    let wrong = checks.iter().filter(|(name, check)| {
        let well = check();
        if !well {
            println!("guest: {name}: not so");
        }
        !well
    });
    let wrong = wrong.count();
    send("guest: by the UART\n");
    let swept = [
        probe::sweep(PROBES, try_in_kernel),
        probe::sweep(USER_PROBES, try_in_user),
        probe::sweep(USER_PROBES_WITH_LEAVE, try_in_user_with_ports),
    ];
    swept
        .into_iter()
        .map(|wrong| wrong.unwrap_or(1))
        .sum::<usize>()
        + wrong
}

fn start() -> bool {
    [IER, IIR, LCR, LSR].map(read) == [0, 1, 0, EMPTY]
}

fn scratch() -> bool {
    [0x5A, 0xA5].into_iter().all(|value| {
        write(SCR, value);
        read(SCR) == value
    })
}

fn divisor() -> bool {
    write(LCR, 0x83);
    write(DATA, 0x34);
    write(IER, 0x12);
    let divisor = (read(DATA), read(IER));
    write(LCR, 0x03);
    divisor == (0x34, 0x12) && read(IER) == 0 && read(LCR) == 0x03
}

fn fifos() -> bool {
    let off = read(IIR) >> 6;
    write(IIR, 0x07);
    off == 0 && read(IIR) >> 6 == 0b11
}

fn loopback() -> bool {
    write(MCR, 0x10);
    for byte in *b"abc" {
        write(DATA, byte);
    }
    let received = read(LSR) & RECEIVED != 0 && [DATA; 3].map(read) == *b"abc";
    let empty = read(LSR) & RECEIVED == 0;
    write(MCR, 0);
    received && empty
}

/// While it hears itself, the lines that it drives are those that it sees: RTS is CTS, DTR is DSR, OUT1 is RI, OUT2 is
/// DCD.
fn modem() -> bool {
    let lines = [(1, 5), (2, 4), (4, 6), (8, 7)]
        .into_iter()
        .all(|(drives, sees)| {
            write(MCR, 0x10 | drives);
            read(MSR) >> 4 == 1 << (sees - 4)
        });
    write(MCR, 0x0B);
    lines && read(MSR) & 0xF0 == 0xB0
}

/// IN changes AL alone.
fn rest() -> bool {
    write(SCR, 0x5A);
    let value: u64;
    // SAFETY: the port is the UART's.
    unsafe {
        asm!("in al, dx", in("dx") SCR, inout("rax") u64::MAX => value, options(nomem, nostack));
    }
    value == !0xA5
}
