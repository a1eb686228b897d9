//! A page of host memory with a known pattern. Nothing may change it; the judge checks the report that
//! it is unchanged after a guest has ended.

use core::cell::UnsafeCell;

const WORDS: usize = 512;
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

#[repr(C, align(4096))]
struct Page(UnsafeCell<[u64; WORDS]>);

// SAFETY: nobody writes it.
unsafe impl Sync for Page {}

static PAGE: Page = Page(UnsafeCell::new({
    let mut words = [0; WORDS];
    let mut at = 0;
    while at < WORDS {
        words[at] = SEED.wrapping_mul(at as u64 + 1);
        at += 1;
    }
    words
}));

/// Whether the page still holds its pattern.
pub fn is_intact() -> bool {
    // SAFETY: the page is a static; the reads are volatile, as a guest that has got out could have
    // changed it behind the compiler's back.
    (0..WORDS).all(|at| unsafe {
        let word = PAGE.0.get().cast::<u64>().add(at).read_volatile();
        word == SEED.wrapping_mul(at as u64 + 1)
    })
}
