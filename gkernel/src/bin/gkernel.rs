//! The guest of the story: says who it is, reads the flash (which faults once), shows the magic
//! that it read, and shuts down.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(story);

#[cfg(target_os = "none")]
fn story() {
    use gkernel::{arch, println};

    gkernel::greet();
    println!(
        "Reading PFlash at physical address {:#010X}...",
        arch::FLASH
    );
    let gkernel::FlashRead { address, word } = gkernel::read_flash();
    let word_shown = gkernel::Hex {
        value: word,
        upper: arch::UPPER_CASE_WORDS,
    };
    println!("Try to access pflash dev region [{address:#010X}], got {word_shown}");
    println!("Got pflash magic: {}", word.to_le_bytes().escape_ascii());
}
