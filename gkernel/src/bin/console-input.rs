//! Conformance: what is typed comes in order and whole, however much it is and however little is read at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(listen);

#[cfg(target_os = "none")]
fn listen() {
    use gkernel::{arch, arch::timer, case, println};

    /// What is typed: the numbers from 0 to 399, three digits and a comma each, and a line's end.
    const NUMBERS: u32 = 400;

    timer::enable(true);
    // A UART is set up before anything is typed: to turn its FIFO on empties it.
    arch::read_console(&mut []);
    println!("guest: listening");
    let (mut number, mut digits, mut position, mut wrong) = (0, 0, 0, 0);
    let (mut by_call, mut in_pieces) = (0, 0);
    let mut buffer = [0; 7];
    'line: loop {
        // By turns a byte and a piece: two ways to read the console.
        let count = match by_call % 2 {
            0 => arch::get_byte().map_or(0, |byte| {
                buffer[0] = byte;
                1
            }),
            _ => arch::read_console(&mut buffer),
        };
        in_pieces += by_call % 2 * count;
        by_call += 1;
        if count == 0 {
            // Nothing there: it sleeps for a while.
            timer::arm(timer::now() + timer::frequency() / 1000);
            timer::wait();
            continue;
        }
        for byte in &buffer[..count] {
            match byte {
                b'\n' => break 'line,
                b',' => {
                    wrong += u32::from(digits != 3 || position != number);
                    (number, digits, position) = (number + 1, 0, 0);
                }
                digit => {
                    position = position * 10 + u32::from(digit.wrapping_sub(b'0'));
                    digits += 1;
                }
            }
        }
    }
    timer::disarm();
    case!(
        "console-input",
        number == NUMBERS && wrong == 0 && in_pieces > 0,
        "{number} numbers, {wrong} of them wrong; {in_pieces} bytes in pieces"
    );
}
