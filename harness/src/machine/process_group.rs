//! Processes that the harness starts never outlive it: each leads a process group of its own, which
//! is killed as a whole, and the kernel kills the leader when the harness is killed itself.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::fd::OwnedFd;
use tokio::process::{Child, Command};

/// Makes a command lead a group of its own, inherit some descriptors, and end with the harness.
pub fn lead(command: &mut Command, inherited: Vec<OwnedFd>) {
    command.process_group(0).kill_on_drop(true);
    let parent = rustix::process::getpid();
    let in_child = move || {
        for end in &inherited {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::empty())?;
        }
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The harness may have died before the line above.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes only the system calls fcntl, prctl and
    // getppid, all async-signal-safe; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(in_child) };
}

/// A process group. Dropping it kills whoever is left of it.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    /// The group that a child leads.
    pub fn led_by(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    /// Sends a signal to all of the group.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error means that nobody is left to be signalled.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
