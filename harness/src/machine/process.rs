//! The QEMU process. It never outlives the harness: it has a process group of its own, which is
//! killed on every way out (`Drop` covers errors, panics and Ctrl-C), and the kernel kills it when
//! the harness is killed itself.

use super::process_group::{self, Group};
use super::qmp::Qmp;
use crate::error::Error;
use crate::judge::firmware_lines::FirmwareLines;
use crate::judge::witness;
use rustix::fd::RawFd;
use rustix::process::Signal;
use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};

/// How long QEMU may take to end when asked to.
const GRACE: Duration = Duration::from_millis(300);

/// The descriptors that QEMU inherits: the control connection and the serial line.
pub const QMP_FD: RawFd = process_group::FIRST_INHERITED;
/// See [`QMP_FD`].
pub const SERIAL_FD: RawFd = QMP_FD + 1;

/// What QEMU's environment has besides the harness's own: where it makes its temporary files, such
/// as the overlay of a disk's snapshot. That is its working directory.
pub const ENVIRONMENT: (&str, &str) = ("TMPDIR", ".");

/// How to start QEMU.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program's name, or its path.
    pub program: PathBuf,
    /// The oldest version that does.
    pub oldest: (u64, u64),
    /// Its arguments. Files of the run are named in them as seen from `folder`.
    pub args: Vec<String>,
    /// Its working directory, which is the run's.
    pub folder: PathBuf,
    /// The form of the log of the guest's exits that it is made to write.
    pub witness: Option<witness::Format>,
    /// How its firmware's lines on the console are known.
    pub firmware: Option<FirmwareLines>,
}

impl Launch {
    /// The command, to be run in the folder.
    pub fn command(&self, args: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        let (name, value) = ENVIRONMENT;
        command
            .args(args)
            .current_dir(&self.folder)
            .env(name, value);
        command
    }
}

/// A running QEMU.
#[derive(Debug)]
pub struct Qemu {
    /// The process.
    pub child: Child,
    /// The control connection.
    pub qmp: Qmp,
    /// The machine's serial line.
    pub serial: UnixStream,
    /// QEMU's own messages.
    pub stderr: ChildStderr,
    group: Group,
    status: Option<ExitStatus>,
}

impl Qemu {
    /// Starts the process. Both connections are inherited socket pairs: no port, no path, nobody
    /// else can connect.
    pub fn spawn(launch: &Launch) -> Result<Self, Error> {
        let pair = || StdStream::pair().map_err(|e| cannot_start(&launch.program, &e));
        let ((qmp, qmp_child), (serial, serial_child)) = (pair()?, pair()?);
        let mut command = launch.command(&launch.args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        process_group::lead(&mut command, vec![qmp_child.into(), serial_child.into()]);
        let mut child = command
            .spawn()
            .map_err(|e| cannot_start(&launch.program, &e))?;
        drop(command); // and with it the child's ends, or the connections would never close
        let connect = |stream: StdStream| {
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        };
        let stderr = child.stderr.take().expect("stderr is piped");
        let group = Group::led_by(&child);
        let streams = connect(qmp).and_then(|qmp| Ok((qmp, connect(serial)?)));
        let (qmp, serial) = streams.map_err(|e| cannot_start(&launch.program, &e))?;
        Ok(Self {
            child,
            qmp: Qmp::new(qmp),
            serial,
            stderr,
            group,
            status: None,
        })
    }

    /// How the process ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Ends the process and all that it started: asks, waits a little, kills, reaps.
    pub async fn stop(&mut self) {
        if self.exit_status().is_none() {
            self.group.signal(Signal::TERM);
            let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        }
        // Also when QEMU itself is gone: something that it started may be left in its group.
        self.group.signal(Signal::KILL);
        self.status = self.child.wait().await.ok().or(self.status);
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.group.signal(Signal::KILL);
        // Killed is not yet gone; whoever looks after the harness has ended must not see it.
        for _ in 0..500 {
            if self.exit_status().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The error for a QEMU that could not be started.
pub(super) fn cannot_start(program: &Path, error: &io::Error) -> Error {
    let program = program.display();
    if error.kind() == io::ErrorKind::NotFound {
        return Error::infrastructure(
            format!("{program} is not installed"),
            "run ./x setup, or install QEMU with your package manager",
        );
    }
    Error::infrastructure(
        format!("{program} could not be started: {error}"),
        "run ./x setup",
    )
}
