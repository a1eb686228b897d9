//! Keeps processes that the harness starts from outliving it: each leads a process group, which is
//! killed as a whole, and the kernel kills the leader if the harness itself is killed.

use rustix::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::mem::ManuallyDrop;
use tokio::process::{Child, Command};

/// The number of the first inherited descriptor in the child; the others follow. It is higher than those
/// that a process with few open files has: the pipe over which a child reports that it could not become
/// the program gets the lowest free number, also one that another thread has closed just then.
pub const FIRST_INHERITED: RawFd = 100;

/// Makes a command lead its own process group, end with the harness, and inherit descriptors under the
/// numbers from [`FIRST_INHERITED`] on. The command holds them until it is dropped.
pub fn lead(command: &mut Command, inherited: Vec<OwnedFd>) {
    command.process_group(0).kill_on_drop(true);
    let parent = rustix::process::getpid();
    let reserved = Reserved::of(&inherited);
    drop(inherited);
    let in_child = move || {
        for (number, end) in (FIRST_INHERITED..).zip(&reserved.as_ref().map_err(|e| *e)?.ends) {
            // SAFETY: this is a process of its own, which becomes another program next: nothing
            // else in it uses that number, under which `reserved` has a copy, or the harness had a
            // descriptor that is closed on exec. `ManuallyDrop` leaves the new one open.
            let mut target = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
            rustix::io::dup2(end, &mut target)?;
        }
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The harness may have died before the line above.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes only the system calls dup2, prctl and
    // getppid, all async-signal-safe; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(in_child) };
}

/// Descriptors for a child, under fixed numbers.
struct Reserved {
    /// The descriptors. None of them has one of these numbers already: it would be overwritten before
    /// its turn.
    ends: Vec<OwnedFd>,
    /// Copies that keep the numbers taken. Otherwise the pipe over which the child reports that it
    /// could not become the program might get one of them, and be overwritten.
    _taken: Vec<OwnedFd>,
}

impl Reserved {
    fn of(inherited: &[OwnedFd]) -> rustix::io::Result<Self> {
        let behind = FIRST_INHERITED + inherited.len() as RawFd;
        let moved = inherited.iter().map(|end| fcntl_dupfd_cloexec(end, behind));
        let ends = moved.collect::<rustix::io::Result<Vec<_>>>()?;
        let mut taken = Vec::new();
        while let Some(end) = ends.first() {
            let lowest = fcntl_dupfd_cloexec(end, FIRST_INHERITED)?;
            if lowest.as_raw_fd() >= behind {
                break;
            }
            taken.push(lowest);
        }
        Ok(Self {
            ends,
            _taken: taken,
        })
    }
}

/// A process group. Dropping it kills whatever is left of it.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    /// The group that a child leads.
    pub fn led_by(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    /// Sends a signal to the whole group.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error means that nobody is left in the group.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::process::Stdio;

    /// The child reads the contents of the files from consecutive numbers, whatever their numbers are
    /// here, and a missing program is still reported.
    #[test]
    fn descriptors_get_the_numbers_that_were_promised() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _guard = runtime.enter();
        let file = |text: &str| -> OwnedFd {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            File::into(file)
        };
        let words = ["one", "two", "three"];
        for rotated in 0..3 {
            // Some of the files, made one after another, have each other's numbers.
            let mut ends: Vec<_> = words.map(file).into();
            let mut expected = words;
            ends.rotate_left(rotated);
            expected.rotate_left(rotated);
            let mut command = Command::new("sh");
            command.args([
                "-c",
                "cat /dev/fd/100 && echo && cat /dev/fd/101 && echo && cat /dev/fd/102",
            ]);
            lead(command.stdout(Stdio::piped()), ends);
            let mut child = command.spawn().unwrap();
            let said = child.stdout.take().unwrap().into_owned_fd().unwrap();
            let mut text = String::new();
            File::from(said).read_to_string(&mut text).unwrap();
            runtime.block_on(child.wait()).unwrap();
            assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        }
        let mut missing = Command::new("/no/such/program");
        lead(&mut missing, words.map(file).into());
        let error = missing.spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
