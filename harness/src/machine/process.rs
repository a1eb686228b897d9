//! The QEMU process. It never outlives the harness: it leads a process group, which is killed on every
//! way out (`Drop` covers errors, panics and Ctrl-C), and the kernel kills it if the harness itself is
//! killed.

use super::audit::{AuditPlan, Auditor, Heard, Ram};
use super::keyboard::Keyboard;
use super::process_group::{self, Group};
use super::qmp::{Message, Qmp, QmpError};
use super::stream::Stream;
use crate::config::accel::Accelerator;
use crate::error::Error;
use crate::judge::firmware_lines::FirmwareLines;
use crate::judge::witness;
use rustix::fd::RawFd;
use rustix::process::Signal;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// How long QEMU may take to end when asked to.
const GRACE: Duration = Duration::from_millis(300);

/// The descriptors that QEMU inherits: the control connection and the serial line.
pub const QMP_FD: RawFd = process_group::FIRST_INHERITED;
/// See [`QMP_FD`].
pub const SERIAL_FD: RawFd = QMP_FD + 1;
/// The pipe for QEMU's log of the guest's exits, where there is one.
pub const LOG_FD: RawFd = QMP_FD + 2;
/// The connection to the gdb stub, of a machine that is audited.
pub const GDB_FD: RawFd = QMP_FD + 3;
/// The file that is the machine's RAM, where the harness is to read that.
pub const RAM_FD: RawFd = QMP_FD + 4;

/// The environment variable for the folder of QEMU's temporary files, such as the overlay of a disk's
/// snapshot. It is set to QEMU's working directory.
pub const ENVIRONMENT: (&str, &str) = ("TMPDIR", ".");

/// The beginning of the names of QEMU's temporary files.
const OVERLAY: &[u8] = b"vl.";

/// How to start QEMU.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program's name, or its path.
    pub program: PathBuf,
    /// The oldest version of QEMU that works.
    pub oldest: (u64, u64),
    /// Its arguments. They name files of the run relative to `folder`.
    pub args: Vec<String>,
    /// What it has to say that it runs with, if somebody has asked for one.
    pub accelerator: Option<Accelerator>,
    /// Its working directory, which is the run's.
    pub folder: PathBuf,
    /// The format in which QEMU logs the guest's exits.
    pub witness: Option<witness::Format>,
    /// How to recognise the firmware's lines on the console.
    pub firmware: Option<FirmwareLines>,
    /// What is read of its machine, if it is audited. The arguments say so too.
    pub audit: Option<AuditPlan>,
    /// What is typed on its serial line, and after which step.
    pub typed: Vec<Typed>,
    /// How gdb is started on its machine, if that waits for gdb: a line for a shell.
    pub gdb: Option<String>,
}

/// What is typed once a step of the story was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The step's name.
    pub after: String,
    /// The bytes.
    pub text: String,
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

    /// Removes the temporary files that QEMU left. QEMU usually removes them at once, but not a file
    /// that it could not write to.
    pub(super) fn clean_up(&self) {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten();
        for file in files.flatten() {
            if file.file_name().as_encoded_bytes().starts_with(OVERLAY) {
                // A file that cannot be removed is removed with the run's records.
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

/// A process that can be awaited and ended. Tests script their own.
pub trait Process: fmt::Debug {
    /// Waits until it ends. Dropping the future loses nothing.
    fn wait(&mut self) -> Ending<'_, io::Result<ExitStatus>>;

    /// Ends it and everything that it started: asks, waits a little, kills, reaps.
    fn stop(&mut self) -> Ending<'_, Option<ExitStatus>>;
}

/// What a [`Process`] answers with.
pub type Ending<'p, T> = Pin<Box<dyn Future<Output = T> + 'p>>;

/// A running QEMU, and everything that comes from it.
#[derive(Debug)]
pub struct Qemu {
    /// The control connection.
    pub qmp: Qmp,
    /// The machine's serial line.
    pub serial: Stream,
    /// The other direction of that line.
    pub keyboard: Keyboard,
    /// QEMU's own messages.
    pub stderr: Stream,
    /// QEMU's log of the guest's exits.
    pub log: Stream,
    /// Who reads the machine, if somebody does.
    pub auditor: Option<Auditor>,
    process: Box<dyn Process>,
    /// Whether the control connection and the process have not ended yet.
    listens: bool,
    runs: bool,
}

/// Something that came from a QEMU.
#[derive(Debug)]
pub enum Came<'q> {
    /// Bytes of the serial line; none when it was closed.
    Console(&'q [u8]),
    /// Nothing: some of what was to be typed has been.
    Pressed,
    /// Bytes of QEMU's own messages; none when they end.
    Stderr(&'q [u8]),
    /// Bytes of the log; none when it ends.
    Log(&'q [u8]),
    /// What the auditor has to say.
    Audit(Heard),
    /// A message, or why there will be no more.
    Message(Result<Message, QmpError>),
    /// The end of the process.
    Gone(io::Result<ExitStatus>),
}

impl Qemu {
    /// Assembles it from its parts.
    pub fn of(qmp: Qmp, [serial, stderr, log]: [Stream; 3], process: Box<dyn Process>) -> Self {
        Self {
            qmp,
            serial,
            keyboard: Keyboard::default(),
            stderr,
            log,
            auditor: None,
            process,
            listens: true,
            runs: true,
        }
    }

    /// Starts the process. All connections are inherited socket pairs: no port, no path, nobody
    /// else can connect. So are the pipe for the log and the file that is the RAM.
    pub fn spawn(launch: &Launch) -> Result<Self, Error> {
        let failed = |e: io::Error| cannot_start(&launch.program, &e);
        let pair = || StdStream::pair().map_err(failed);
        let ((qmp, qmp_child), (serial, serial_child)) = (pair()?, pair()?);
        let mut inherited = vec![qmp_child.into(), serial_child.into()];
        let mut log = Stream::closed();
        if launch.witness.is_some() {
            let (reader, writer) = io::pipe().map_err(failed)?;
            let reader = pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
            log = Stream::of(reader);
            inherited.push(writer.into());
        }
        let mut audited = None;
        if let Some(plan) = &launch.audit {
            if launch.witness.is_none() {
                // The numbers behind that of the log stay what they are.
                inherited.push(std::fs::File::open("/dev/null").map_err(failed)?.into());
            }
            let (gdb, gdb_child) = pair()?;
            inherited.push(gdb_child.into());
            let ram = plan.ram.map(Ram::new).transpose().map_err(failed)?;
            let ram = ram.map(|(ram, for_qemu)| {
                inherited.push(for_qemu);
                ram
            });
            audited = Some((gdb, ram, plan));
        }
        let mut command = launch.command(&launch.args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        process_group::lead(&mut command, inherited);
        let mut child = command.spawn().map_err(failed)?;
        drop(command); // and with it the child's ends, or the connections would never close
        let connect = |stream: StdStream| {
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        };
        let stderr = Stream::of(child.stderr.take().expect("stderr is piped"));
        let process = Running {
            group: Group::led_by(&child),
            child,
            status: None,
        };
        let streams = connect(qmp).and_then(|qmp| Ok((qmp, connect(serial)?)));
        let (qmp, serial) = streams.map_err(failed)?;
        let (serial, keyboard) = serial.into_split();
        let streams = [Stream::of(serial), stderr, log];
        let mut qemu = Self::of(Qmp::new(qmp), streams, Box::new(process));
        qemu.keyboard = Keyboard::of(keyboard);
        if let Some((gdb, ram, plan)) = audited {
            let gdb = connect(gdb).map_err(failed)?;
            qemu.auditor = Some(Auditor::start(gdb, ram, plan));
        }
        Ok(qemu)
    }

    /// Waits for the next thing from any source. It reports each closing and the end of the process
    /// once; after that it waits for ever. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Came<'_> {
        tokio::select! {
            bytes = self.serial.read() => Came::Console(bytes),
            () = self.keyboard.press() => Came::Pressed,
            bytes = self.stderr.read() => Came::Stderr(bytes),
            bytes = self.log.read() => Came::Log(bytes),
            heard = said(&mut self.auditor) => Came::Audit(heard),
            message = self.qmp.next(), if self.listens => {
                self.listens = message.is_ok();
                Came::Message(message)
            }
            status = self.process.wait(), if self.runs => {
                self.runs = false;
                Came::Gone(status)
            }
            // Nothing is left to wait for.
            never = std::future::pending::<Infallible>() => match never {},
        }
    }

    /// Whether nothing can come any more.
    pub fn is_over(&self) -> bool {
        let streams = [&self.serial, &self.stderr, &self.log];
        !self.listens && !self.runs && !streams.iter().any(|stream| stream.is_open())
    }

    /// Ends the process and everything that it started. The rest of its log goes to `log`: QEMU would
    /// not end while it waits to write it.
    pub async fn stop(&mut self, mut log: impl FnMut(&[u8])) -> Option<ExitStatus> {
        let Self {
            process,
            log: stream,
            ..
        } = self;
        let status = {
            let mut stopped = process.stop();
            loop {
                tokio::select! {
                    bytes = stream.read() => log(bytes),
                    status = &mut stopped => break status,
                }
            }
        };
        // Bounded: a process that left QEMU's group may hold the pipe open.
        let rest = async {
            while stream.is_open() {
                log(stream.read().await);
            }
        };
        let _ = tokio::time::timeout(GRACE, rest).await;
        status
    }
}

/// Waits for what an auditor says; for ever if there is none.
async fn said(auditor: &mut Option<Auditor>) -> Heard {
    match auditor {
        Some(auditor) => auditor.next().await,
        None => std::future::pending().await,
    }
}

/// The process of a real QEMU.
#[derive(Debug)]
struct Running {
    child: Child,
    group: Group,
    status: Option<ExitStatus>,
}

impl Running {
    /// The exit status, if the process has ended.
    fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }
}

impl Process for Running {
    fn wait(&mut self) -> Ending<'_, io::Result<ExitStatus>> {
        Box::pin(self.child.wait())
    }

    fn stop(&mut self) -> Ending<'_, Option<ExitStatus>> {
        Box::pin(async {
            if self.exit_status().is_none() {
                self.group.signal(Signal::TERM);
                let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
            }
            // Even if QEMU itself is gone, something that it started may be left in its group.
            self.group.signal(Signal::KILL);
            self.status = self.child.wait().await.ok().or(self.status);
            self.status
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.group.signal(Signal::KILL);
        // A killed process is not gone at once; whoever looks after the harness has ended must not see
        // it.
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
            "install it with your package manager, or name another program in the machine's file",
        );
    }
    Error::infrastructure(
        format!("{program} could not be started: {error}"),
        "start it by hand to see more",
    )
}
