//! The story: say who this is, read the flash (which faults once), show the magic that was read, and answer
//! the flash's challenge.

use core::fmt;

use crate::{arch, greet, println};

/// Tells the story.
pub fn story() {
    greet();
    println!(
        "Reading PFlash at physical address {:#010X}...",
        arch::FLASH
    );
    let address = arch::flash_address();
    let word = read::<u32>(0);
    println!(
        "Try to access pflash dev region [{address:#010X}], got {}",
        Word(word)
    );
    println!("Got pflash magic: {}", word.to_le_bytes().escape_ascii());
    answer_challenge();
}

/// The challenge: at this offset, behind the magic, the flash holds the offset of a word that differs in
/// each run. Whoever knows the word has read that page of that flash. Without a challenge it holds 0.
const CHALLENGE: u64 = 8;

fn answer_challenge() {
    let offset = read::<u64>(CHALLENGE);
    if offset != 0 {
        let word = read::<u64>(offset);
        println!("Got pflash challenge: {word:#018x} at offset {offset:#x}");
    }
}

/// Loads from the flash, with one instruction.
fn read<T: Copy>(offset: u64) -> T {
    let address = arch::flash_address() + offset;
    // SAFETY: the hypervisor declares a flash there, which may be read at any time, and the guest's own
    // tables map it; an offset beyond it is not memory, and ends the guest.
    unsafe { (address as *const T).read_volatile() }
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
