//! The memory that an architecture gives its guest: declared here as data, set up by `boot`.

use crate::{
    memory::addr::{Gpa, Hpa},
    report::MemoryWords,
};

/// Where a guest finds its memory.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The windows of RAM. The first one holds the image.
    pub ram: &'static [Ram],
    /// The flash.
    pub flash: Flash,
    /// Where the image is loaded and entered, in the first window.
    pub entry: Gpa,
    /// How the console describes the memory.
    pub words: MemoryWords,
}

/// A window of RAM.
#[derive(Clone, Copy, Debug)]
pub struct Ram {
    /// Its name in messages.
    pub name: &'static str,
    /// Where it starts.
    pub gpa: Gpa,
    /// Its size in bytes.
    pub size: u64,
}

/// A window, named `pflash`, onto a flash chip. The guest may read it.
#[derive(Clone, Copy, Debug)]
pub enum Flash {
    /// The chip itself, passed through.
    Device {
        /// Where the window starts.
        gpa: Gpa,
        /// Its size in bytes.
        size: u64,
        /// Where the chip is.
        hpa: Hpa,
    },
    /// A file on the disk, copied into the window page by page, when the guest faults there.
    Image {
        /// Where the window starts. It is as large as the file.
        gpa: Gpa,
        /// The file's path.
        path: &'static str,
    },
}
