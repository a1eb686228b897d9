//! Conformance: a guest that waits with no timer armed goes on once something was typed, for its UART interrupts it.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(listen);

#[cfg(target_os = "none")]
fn listen() {
    use gkernel::{arch, arch::timer, case, println};

    /// How often it asks for a line, and waits. Now and then the line is there before it comes to that.
    const LINES: usize = 8;

    timer::disarm();
    timer::interrupts(false);
    // It takes interrupts from here on.
    arch::read_console(&mut []);
    let (mut right, mut waits) = (0, 0);
    for number in 1..=LINES {
        println!("guest: listening {number}");
        let (mut line, mut filled) = ([0; 8], 0);
        // At once, so that the line is hardly there yet.
        while filled < line.len() && !line[..filled].contains(&b'\n') {
            timer::wait();
            waits += 1;
            filled += arch::read_console(&mut line[filled..]);
        }
        right += usize::from(&line[..filled] == b"wake up\n");
    }
    case!(
        "wfi-input",
        right == LINES,
        "{right} lines, after {waits} waits"
    );
}
