//! The guest's memory: what was declared, the tables that map it, and the pages behind it.

pub mod addr;
#[cfg(target_os = "none")]
pub mod canary;
pub mod guest_memory;
pub mod mapping;
pub mod pages;
pub mod stage2;
