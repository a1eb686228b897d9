//! The guest's image and the run's parameters, from the FAT32 disk.

pub mod copy;
#[cfg(target_os = "none")]
mod disk;

#[cfg(target_os = "none")]
pub use disk::{flash, load, words};
