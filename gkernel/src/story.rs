//! The story: say who this is, read the flash (which faults once), show the magic that was read.

use core::fmt;

use crate::{FlashRead, arch, greet, println, read_flash};

/// Tells it.
pub fn story() {
    greet();
    println!(
        "Reading PFlash at physical address {:#010X}...",
        arch::FLASH
    );
    let FlashRead { address, word } = read_flash();
    println!(
        "Try to access pflash dev region [{address:#010X}], got {}",
        Word(word)
    );
    println!("Got pflash magic: {}", word.to_le_bytes().escape_ascii());
}

/// A word in hexadecimal. The architectures' consoles differ in the case of the digits.
struct Word(u32);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match arch::UPPER_CASE_WORDS {
            true => write!(f, "{:#X}", self.0),
            false => write!(f, "{:#x}", self.0),
        }
    }
}
