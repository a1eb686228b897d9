//! Which signals a process ignores.

use rustix::process::Signal;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Ignores some signals in the process that is started, and heeds others. A caller of the tests may ignore a signal,
/// as `nohup` does, and that is inherited.
pub fn with_signals<'c>(
    command: &'c mut Command,
    ignored: &[Signal],
    heeded: &[Signal],
) -> &'c mut Command {
    let raw = |signals: &[Signal]| -> Vec<_> { signals.iter().map(|s| s.as_raw()).collect() };
    let (ignored, heeded) = (raw(ignored), raw(heeded));
    let settle = move || {
        ignored.iter().for_each(|&signal| ignore(signal));
        heeded.iter().for_each(|&signal| heed(signal));
        Ok(())
    };
    // SAFETY: the closure makes only the system call of signal(), and allocates nothing.
    unsafe { command.pre_exec(settle) }
}

/// Ignores a signal, in this process and in those that it becomes.
pub fn ignore(signal_number: i32) {
    const SIG_IGN: usize = 1;
    dispose(signal_number, SIG_IGN);
}

/// Lets a signal do what it does by default, in this process and in those that it becomes.
pub fn heed(signal_number: i32) {
    const SIG_DFL: usize = 0;
    dispose(signal_number, SIG_DFL);
}

fn dispose(signal_number: i32, disposition: usize) {
    use std::os::raw::c_int;
    unsafe extern "C" {
        fn signal(signum: c_int, handler: usize) -> usize;
    }
    // SAFETY: both are valid dispositions, and no handler code is installed.
    unsafe { signal(signal_number, disposition) };
}
