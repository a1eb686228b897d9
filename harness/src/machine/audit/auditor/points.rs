//! Instructions at which the machine stops to be read.

use super::{GdbError, Instant, Moment, Snapshot, Stand, Stop, Work};

/// At how many releases a machine is read in one run.
const RELEASES: u64 = 64;

/// An instruction at which the machine stops.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) name: String,
    pub(super) address: u64,
    pub(super) kind: Kind,
    pub(super) armed: bool,
    pub(super) hits: u64,
}

/// What such an instruction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A guest is entered by it.
    Entry,
    /// Before it a guest's memory is still its own.
    Release,
    /// The first one of a vector that a guest's exits come to.
    Vector,
}

impl Work {
    /// The point that the processor has stopped at, if it is one.
    pub(super) async fn hit(&mut self) -> Result<Option<usize>, GdbError> {
        if !self.points.iter().any(|point| point.armed) {
            return Ok(None);
        }
        let pc = self.gdb.read_registers(&[self.pc]).await?.pop();
        let pc = match pc {
            Some(Ok(Some(pc))) => pc,
            Some(Err(why)) => return Err(GdbError::Protocol(why)),
            _ => {
                return Err(GdbError::Protocol(format!(
                    "it has no register {}",
                    self.pc
                )));
            }
        };
        let at = |point: &Point| point.armed && point.address == pc;
        Ok(self.points.iter().position(at))
    }

    /// Reads the machine at a point, and sees to it that the processor gets past it. It stops at the entry after
    /// the first one again, whenever the log tells of the exit between them; at later ones when they are due.
    pub(super) async fn at_point(&mut self, at: usize) -> Result<Snapshot, GdbError> {
        let point = &mut self.points[at];
        point.hits += 1;
        let stand = Stand {
            at: Moment::Symbol {
                name: point.name.clone(),
                nth: point.hits,
            },
            entry: (point.kind == Kind::Entry).then_some(point.address),
            release: point.kind == Kind::Release,
            left: false,
            vmcb: self.logged.borrow().vmcb,
        };
        let snapshot = self.reader.read(&mut self.gdb, stand).await?;
        self.gdb.breakpoint(false, point.address).await?;
        point.armed = false;
        if point.kind == Kind::Entry {
            self.schedule.entered(Instant::now(), point.hits);
            if point.hits == 1 {
                self.get_past(at).await?;
            }
            return Ok(snapshot);
        }
        let releases = self.points.iter();
        let releases = releases.filter(|point| point.kind == Kind::Release);
        let read = releases.map(|point| point.hits).sum::<u64>();
        if read < RELEASES {
            self.get_past(at).await?;
        }
        Ok(snapshot)
    }

    /// Has the processor execute the instruction at a point that is not armed, and arms that again.
    pub(super) async fn get_past(&mut self, at: usize) -> Result<(), GdbError> {
        self.gdb.step().await?;
        if Stop::parse(&self.gdb.packet().await?) == Some(Stop::Gone) {
            return Err(GdbError::Closed);
        }
        let point = &mut self.points[at];
        self.gdb.breakpoint(true, point.address).await?;
        point.armed = true;
        Ok(())
    }
}
