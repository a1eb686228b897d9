//! The calls of the kernel.

use core::{
    fmt::{self, Write},
    panic::PanicInfo,
};

use gkernel_abi::{CONSOLE, EXIT, PANICKED, PID, WRITE, YIELD};

pub use crate::arch::call;

/// Writes to a file; gives the length, or an error.
pub fn write(file: u64, bytes: &[u8]) -> i64 {
    call(WRITE, [file, bytes.as_ptr() as u64, bytes.len() as u64])
}

/// Ends the process.
pub fn exit(code: i64) -> ! {
    loop {
        call(EXIT, [code as u64, 0, 0]);
    }
}

/// Lets the other processes run first.
pub fn give_way() {
    call(YIELD, [0; 3]);
}

/// The process's number.
pub fn number() -> i64 {
    call(PID, [0; 3])
}

/// The text of one call. What does not fit is left out.
struct Text {
    bytes: [u8; 120],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for &byte in s.as_bytes() {
            *self.bytes.get_mut(self.length).ok_or(fmt::Error)? = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Writes text to the console, by one call.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = Text {
        bytes: [0; 120],
        length: 0,
    };
    // What fits is written.
    let _ = line.write_fmt(text);
    write(CONSOLE, line.bytes.get(..line.length).unwrap_or(&[]));
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print(format_args!("user program {info}\n"));
    exit(PANICKED)
}
