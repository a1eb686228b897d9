//! What user programs share: the entry, the calls of their kernel, and a line on the console.
//!
//! A program is a file of `src/bin/` with a function that [`program!`] makes its entry: it gets the argument that
//! the kernel starts it with and the number of its process, and gives the exit code.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
pub mod arch;
#[cfg(target_os = "none")]
mod calls;

#[cfg(target_os = "none")]
pub use calls::{call, exit, give_way, number, print, write};
pub use gkernel_abi as abi;

/// Makes a function the program.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        extern "C" fn user_main(argument: u64, number: u64) -> ! {
            $crate::exit($main(argument, number))
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            eprintln!("this is a user program of the guest guestmonolithickernel, which runs it");
            std::process::exit(2);
        }
    };
}

/// Writes a line, in one call.
#[macro_export]
macro_rules! line {
    ($($arg:tt)*) => { $crate::print(format_args!("{}\n", format_args!($($arg)*))) };
}
