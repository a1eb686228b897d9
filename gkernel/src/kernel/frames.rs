//! The kernel's page frames: a pool of its own, each counted by how many use it.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU8, Ordering},
};

use super::PAGE;
use crate::arch::process::physical;

const FRAMES: usize = 96;
const WORDS: usize = PAGE as usize / 8;

#[repr(C, align(4096))]
struct Pool(UnsafeCell<[[u64; WORDS]; FRAMES]>);

// SAFETY: there is one CPU, and no interrupt leads to code that uses the pool.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([[0; WORDS]; FRAMES]));
static USERS: [AtomicU8; FRAMES] = [const { AtomicU8::new(0) }; FRAMES];

/// A frame that somebody uses. It is given back by [`Frame::release`]: the entry of a table holds one, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame(usize);

impl Frame {
    /// A free frame, zeroed.
    pub fn take() -> Option<Self> {
        let free = USERS.iter().position(|n| n.load(Ordering::Relaxed) == 0)?;
        USERS[free].store(1, Ordering::Relaxed);
        let frame = Self(free);
        for at in 0..WORDS {
            frame.set_word(at, 0);
        }
        Some(frame)
    }

    /// The frame at a physical address, if it is of the pool.
    pub fn at(address: u64) -> Option<Self> {
        let offset = address.checked_sub(physical(POOL.0.get() as u64))?;
        let frame = (offset / PAGE) as usize;
        (offset % PAGE == 0 && frame < FRAMES).then_some(Self(frame))
    }

    /// One more uses the frame.
    pub fn share(self) -> Self {
        USERS[self.0].fetch_add(1, Ordering::Relaxed);
        self
    }

    /// One less does.
    pub fn release(self) {
        USERS[self.0].fetch_sub(1, Ordering::Relaxed);
    }

    /// Its physical address.
    pub fn address(self) -> u64 {
        physical(self.place(0) as u64)
    }

    /// A word of it. It panics behind the last one, as [`Frame::set_word`] does.
    pub fn word(self, at: usize) -> u64 {
        assert!(at < WORDS);
        // SAFETY: the word is one of the pool's, to which there are no references. Page tables are in it, too.
        unsafe { self.place(at).read_volatile() }
    }

    /// Sets a word of it.
    pub fn set_word(self, at: usize, value: u64) {
        assert!(at < WORDS);
        // SAFETY: as above.
        unsafe { self.place(at).write_volatile(value) };
    }

    /// Copies what is in it from `offset` on. It panics if that is more than it has, as [`Frame::write`] does.
    pub fn read(self, offset: usize, bytes: &mut [u8]) {
        assert!(offset + bytes.len() <= PAGE as usize);
        for (at, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: as above.
            *byte = unsafe { self.place(0).cast::<u8>().add(offset + at).read_volatile() };
        }
    }

    /// Copies bytes into it, from `offset` on.
    pub fn write(self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= PAGE as usize);
        for (at, byte) in bytes.iter().enumerate() {
            // SAFETY: as above.
            unsafe {
                let place = self.place(0).cast::<u8>().add(offset + at);
                place.write_volatile(*byte);
            }
        }
    }

    fn place(self, word: usize) -> *mut u64 {
        let pool = POOL.0.get().cast::<u64>();
        pool.wrapping_add(self.0 * WORDS + word)
    }
}

/// How many frames somebody uses.
pub fn in_use() -> usize {
    let used = |users: &&AtomicU8| users.load(Ordering::Relaxed) != 0;
    USERS.iter().filter(used).count()
}
