//! The auditor: who owns the connection to the stub, stops the machine when it is due, has it read, and
//! lets it go. It works beside the session, which tells it what happened and takes what it found.

use super::gdb::{Gdb, GdbError, Wire};
use super::packet::Stop;
use super::reader::{Reader, Stand};
use super::schedule::Schedule;
use super::{AuditPlan, Ram};
use crate::arch::Arch;
use crate::judge::audit::{Moment, Snapshot};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

mod points;
mod vectors;

use points::{Kind, Point};
use vectors::Vectors;

/// How many steps may wait to be taken notice of.
const STEPS: usize = 256;

/// The signals of a machine that was asked to stop, and of one at a breakpoint.
const INTERRUPTED: u8 = 2;
const TRAPPED: u8 = 5;

/// What the auditor has to say.
#[derive(Debug)]
pub enum Heard {
    /// The machine was set going.
    Going,
    /// It was read.
    Snapshot(Box<Snapshot>),
    /// It cannot be audited any longer, and may be left standing.
    Failed(String),
    /// The connection is closed, or the machine has stopped by itself. Most likely it has ended.
    Over(String),
}

/// An auditor at work. Whoever drops it ends it.
#[derive(Debug)]
pub struct Auditor {
    teller: Teller,
    heard: mpsc::UnboundedReceiver<Heard>,
    go: Option<oneshot::Sender<()>>,
    task: AbortHandle,
}

/// By which an auditor is told what happened.
#[derive(Debug, Clone)]
pub struct Teller {
    logged: watch::Sender<Logged>,
    steps: mpsc::Sender<String>,
}

/// What QEMU has logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Logged {
    exits: u64,
    vmcb: Option<u64>,
}

impl Teller {
    /// QEMU has logged so many exits in all; and on x86_64 where the VMCB lies that was entered last.
    pub fn logged(&self, exits: u64, vmcb: Option<u64>) {
        let new = Logged { exits, vmcb };
        self.logged
            .send_if_modified(|old| std::mem::replace(old, new) != new);
    }

    /// A step of the story was reached.
    pub fn step(&self, name: &str) {
        // One of so many that the auditor cannot keep up with the machine is left out.
        let _ = self.steps.try_send(name.to_owned());
    }
}

impl Auditor {
    /// Starts one over a connection to the stub of a machine that stands still. It waits to be told
    /// to set the machine [going](Self::go).
    pub fn start(gdb: impl Wire + 'static, ram: Option<Ram>, plan: &AuditPlan) -> Self {
        let (logged, was_logged) = watch::channel(Logged::default());
        let (steps, steps_came) = mpsc::channel(STEPS);
        let (say, heard) = mpsc::unbounded_channel();
        let (go, may_go) = oneshot::channel();
        let points = |points: &[(String, u64)], kind| -> Vec<_> {
            let points = points.iter();
            let point = |(name, address): &(String, u64)| Point {
                name: name.clone(),
                address: *address,
                kind,
                armed: false,
                hits: 0,
            };
            points.map(point).collect()
        };
        let mut work = Work {
            gdb: Gdb::new(gdb),
            reader: Reader::new(plan, ram),
            schedule: Schedule::new(plan),
            points: [
                points(&plan.entries, Kind::Entry),
                points(&plan.releases, Kind::Release),
            ]
            .concat(),
            vectors: Vectors::new(plan),
            arch: plan.arch,
            pc: if plan.arch == Arch::X86_64 {
                "rip"
            } else {
                "pc"
            },
            logged: was_logged,
            steps: steps_came,
            say: say.clone(),
            started: Instant::now(),
        };
        let task = tokio::spawn(async move {
            let end = match work.run(may_go).await {
                Ok(why) => Heard::Over(why),
                Err(error @ GdbError::Closed) => Heard::Over(error.to_string()),
                Err(error) => Heard::Failed(error.to_string()),
            };
            let _ = say.send(end);
        });
        Self {
            teller: Teller { logged, steps },
            heard,
            go: Some(go),
            task: task.abort_handle(),
        }
    }

    /// By which it is told what happened.
    pub fn teller(&self) -> Teller {
        self.teller.clone()
    }

    /// Has it set the machine going.
    pub fn go(&mut self) {
        if let Some(go) = self.go.take() {
            let _ = go.send(());
        }
    }

    /// Waits for what it has to say next; for ever, once it has said that it is over. Nothing is lost when
    /// the wait is given up.
    pub async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }

    /// What it has said and nobody has taken.
    pub fn said(&mut self) -> Option<Heard> {
        self.heard.try_recv().ok()
    }
}

impl Drop for Auditor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    gdb: Gdb,
    reader: Reader,
    schedule: Schedule,
    points: Vec<Point>,
    vectors: Vectors,
    arch: Arch,
    /// The program counter's name.
    pc: &'static str,
    logged: watch::Receiver<Logged>,
    steps: mpsc::Receiver<String>,
    say: mpsc::UnboundedSender<Heard>,
    started: Instant,
}

impl Work {
    /// Audits a machine to its end; why that is over.
    async fn run(&mut self, may_go: oneshot::Receiver<()>) -> Result<String, GdbError> {
        self.gdb.describe().await?;
        self.gdb.physical(true).await?;
        for point in &mut self.points {
            self.gdb.breakpoint(true, point.address).await?;
            point.armed = true;
        }
        if may_go.await.is_err() {
            return Ok("nobody wants it".into());
        }
        self.gdb.go().await?;
        self.started = Instant::now();
        self.schedule.started(self.started);
        let _ = self.say.send(Heard::Going);
        loop {
            let due = self.due();
            let until = due.unwrap_or_else(Instant::now);
            let stop = tokio::select! {
                biased;
                packet = self.gdb.packet() => Some((packet?, None)),
                changed = self.logged.changed() => match changed {
                    Ok(()) => None,
                    Err(_) => return Ok("nobody listens".into()),
                },
                Some(step) = self.steps.recv() => {
                    self.schedule.step(step);
                    None
                }
                () = sleep_until(until), if due.is_some() => {
                    let since = Instant::now();
                    self.gdb.interrupt().await?;
                    Some((self.gdb.packet().await?, Some(since)))
                }
            };
            self.notice();
            if let Some((packet, asked)) = stop
                && let Some(why) = self.stopped(&packet, asked).await?
            {
                return Ok(why);
            }
        }
    }

    /// When the machine is to be stopped if nothing else happens.
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        let asleep = self
            .points
            .iter()
            .any(|point| point.kind == Kind::Entry && !point.armed);
        if asleep && self.schedule.wants_entry() {
            return Some(now);
        }
        self.schedule.due(now)
    }

    /// Takes notice of what the session has told.
    fn notice(&mut self) {
        while let Ok(step) = self.steps.try_recv() {
            self.schedule.step(step);
        }
        let exits = self.logged.borrow_and_update().exits;
        self.schedule.logged(exits);
    }

    /// Does what is to be done while the machine stands still, and lets it go, unless it has stopped by
    /// itself, which is not the auditor's business. `asked` says since when it was to stand.
    async fn stopped(
        &mut self,
        packet: &[u8],
        asked: Option<Instant>,
    ) -> Result<Option<String>, GdbError> {
        let signal = match Stop::parse(packet) {
            Some(Stop::Signal(signal)) => signal,
            Some(Stop::Gone) => return Err(GdbError::Closed),
            None => {
                let packet = packet.get(..80).unwrap_or(packet).escape_ascii();
                let what = format!("`{packet}` is no reason to stop");
                return Err(GdbError::Protocol(what));
            }
        };
        let since = asked.unwrap_or_else(Instant::now);
        let snapshots = match self.hit().await? {
            Some(point) if self.points[point].kind == Kind::Vector => {
                self.at_vector(point).await?.into_iter().collect()
            }
            Some(point) => vec![self.at_point(point).await?],
            None if asked.is_some() => self.look().await?,
            None if [INTERRUPTED, TRAPPED].contains(&signal) => Vec::new(),
            None => {
                return Ok(Some(format!(
                    "the machine stopped by itself (signal {signal})"
                )));
            }
        };
        if self.schedule.wants_entry() {
            for point in self
                .points
                .iter_mut()
                .filter(|point| point.kind == Kind::Entry && !point.armed)
            {
                self.gdb.breakpoint(true, point.address).await?;
                point.armed = true;
            }
        }
        let took = since.elapsed();
        self.gdb.go().await?;
        for mut snapshot in snapshots {
            snapshot.took_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
            let _ = self.say.send(Heard::Snapshot(Box::new(snapshot)));
        }
        Ok(None)
    }

    /// Reads the machine for whatever it was stopped for: once, however many reasons there are.
    async fn look(&mut self) -> Result<Vec<Snapshot>, GdbError> {
        let moments = self
            .schedule
            .moments(Instant::now(), self.started.elapsed());
        let tries = self.schedule.tries(Instant::now());
        let mut moments = moments.into_iter();
        let first = moments.next();
        if first.is_none() && !tries {
            return Ok(Vec::new());
        }
        let only_tried = first.is_none();
        let stand = Stand {
            at: first.unwrap_or_else(|| self.time()),
            entry: None,
            release: false,
            left: false,
            vmcb: self.logged.borrow().vmcb,
        };
        let snapshot = self.reader.read(&mut self.gdb, stand).await?;
        let met = self.meets_guest(&snapshot).await?;
        if only_tried && !met && snapshot.regions.is_empty() {
            return Ok(Vec::new());
        }
        let others = moments.map(|at| Snapshot {
            at,
            regions: Vec::new(),
            ..snapshot.clone()
        });
        let others: Vec<_> = others.collect();
        Ok([vec![snapshot], others].concat())
    }

    /// This moment.
    fn time(&self) -> Moment {
        let seconds = self.started.elapsed().as_secs_f64();
        Moment::Time { seconds }
    }
}
