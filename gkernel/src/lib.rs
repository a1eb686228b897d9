//! What the guests share: the console, the flash, a banner, page faults of their own and the shutdown,
//! over a small layer for each architecture.
//!
//! A guest is a program of `src/bin/` with a function that [`guest!`] makes its entry. On riscv64 it
//! is an ArceOS application; on aarch64 and x86_64 a bare program on the hypervisor's calls
//! (`hv-abi`). On all three it has page tables of its own, with the kernel in the high half, so that
//! each access goes through both stages of translation.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
pub mod arch;
#[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
mod bare;
#[cfg(target_os = "none")]
pub mod bench;
#[cfg(target_os = "none")]
pub mod fault;
#[cfg(target_os = "none")]
pub mod interrupt;
#[cfg(target_os = "none")]
pub mod kernel;
#[cfg(target_os = "none")]
pub mod lateness;
#[cfg(target_os = "none")]
pub mod probe;
#[cfg(target_os = "none")]
mod story;
#[cfg(target_os = "none")]
pub mod sweep;
#[cfg(target_os = "none")]
pub mod tasks;
#[cfg(target_os = "none")]
pub mod timer_cases;
#[cfg(target_os = "none")]
pub mod touch;
#[cfg(target_os = "none")]
pub mod typed;

/// The architecture's layer: for one guest program, the same names everywhere.
#[cfg(target_os = "none")]
pub use arch::{argument, greet, shutdown};
#[cfg(target_os = "none")]
pub use story::story;

/// Makes a function the entry of the guest, and its return a clean shutdown.
#[macro_export]
macro_rules! guest {
    ($main:path) => {
        #[cfg(all(target_os = "none", not(target_arch = "riscv64")))]
        $crate::arch::start!();
        $crate::guest_main!($main);
    };
}

/// As [`guest!`], for a guest that aarch64 runs at EL0, without page tables of its own.
#[macro_export]
macro_rules! guest_at_el0 {
    ($main:path) => {
        #[cfg(all(target_os = "none", target_arch = "aarch64"))]
        $crate::arch::start_at_el0!();
        #[cfg(all(target_os = "none", target_arch = "x86_64"))]
        $crate::arch::start!();
        $crate::guest_main!($main);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! guest_main {
    ($main:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        fn main() {
            $main();
            $crate::shutdown();
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            eprintln!("this is a guest; `./x run --arch x86_64` runs it under the hypervisor");
            std::process::exit(2);
        }
    };
}

/// Says how a case of the conformance suite went: `CASE <name>: ok`, or `FAILED` and why.
#[macro_export]
macro_rules! case {
    ($name:literal, $ok:expr, $($why:tt)+) => {
        match $ok {
            true => $crate::println!("CASE {}: ok", $name),
            false => $crate::println!("CASE {}: FAILED {}", $name, format_args!($($why)+)),
        }
    };
}

/// Prints a line on the guest's console.
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => { $crate::arch::print(format_args!("{}\n", format_args!($($arg)*))) };
}
