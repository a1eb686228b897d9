//! The guest's memory: the declared windows, the tables that map them, and the pages behind them.

pub mod addr;
#[cfg(target_os = "none")]
pub mod canary;
pub mod guest_memory;
pub mod mapping;
pub mod pages;
pub mod stage2;
