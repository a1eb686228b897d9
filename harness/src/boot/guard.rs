//! A process group that dies with the harness, however the harness ends.
//!
//! The kernel can be asked to kill a process when its parent dies, but not that one's children: a
//! cargo that is killed leaves its compilers running. So a shell leads the group and reads from a pipe that
//! only the harness holds open. When the harness is gone the shell reads its end, and kills the
//! group.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What the leader does: nothing is ever written to its pipe.
const LEADER: &str = "read -r _; kill -KILL 0";

/// The group. Dropping it kills whoever is in it.
#[derive(Debug)]
pub struct Guard {
    leader: Child,
    _alive: ChildStdin,
    group: Option<Pid>,
}

impl Guard {
    /// Makes a group that is empty but for its leader.
    pub fn new() -> io::Result<Self> {
        let mut leader = Command::new("/bin/sh")
            .args(["-c", LEADER])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self {
            _alive: leader.stdin.take().expect("stdin is piped"),
            group: Pid::from_raw(leader.id().cast_signed()),
            leader,
        })
    }

    /// The number of the group, for a process to join it.
    pub fn group(&self) -> i32 {
        self.leader.id().cast_signed()
    }

    /// Ends only the leader. A process that was left in the group on purpose, such as a compiler cache,
    /// goes on.
    pub fn release(mut self) {
        self.group = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // The leader is not reaped yet, so the number is still the group's.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_joined_dies_with_the_group_and_lives_on_when_it_is_released() {
        let joined = |guard: &Guard| {
            let mut sleep = Command::new("sleep");
            sleep
                .arg("600")
                .process_group(guard.group())
                .spawn()
                .unwrap()
        };
        let guard = Guard::new().unwrap();
        let mut child = joined(&guard);
        drop(guard);
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(child.wait().unwrap().signal(), Some(9));

        let guard = Guard::new().unwrap();
        let mut child = joined(&guard);
        guard.release();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
