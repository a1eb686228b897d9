//! Looking for the guest of a hypervisor of which nothing is known.

use super::{AuditPlan, GdbError, Instant, Kind, Point, Snapshot, Stand, Work};
use crate::arch::Arch;

/// At how many exits a machine is stopped in one run.
const STOPS: u64 = 64;

/// Where the exits of a guest come to, from VBAR_EL2 on: synchronous ones and interrupts, from AArch64 and
/// from AArch32 (Arm ARM, D1.3.1.4).
const OFFSETS: [u64; 4] = [0x400, 0x480, 0x600, 0x680];

/// The vectors of an Arm hypervisor. It may run with HCR_EL2.VM clear, so that what confines its guest is loaded only
/// while that runs, which may never be for long. Where an exit comes to, it is still loaded.
#[derive(Debug)]
pub(super) struct Vectors {
    /// Whether the guest is looked for there.
    wanted: bool,
    /// Where they lie; 0 where they are not known yet.
    base: u64,
    stops: u64,
}

impl Vectors {
    pub(super) fn new(plan: &AuditPlan) -> Self {
        Self {
            wanted: plan.arch == Arch::Aarch64 && plan.entries.is_empty(),
            base: 0,
            stops: 0,
        }
    }
}

impl Work {
    /// Sees whether a look has come upon the guest, and if not, what there is to be done about that.
    pub(super) async fn meets_guest(&mut self, snapshot: &Snapshot) -> Result<bool, GdbError> {
        // There nothing tells that the processor stands in the guest, nor has it to.
        let in_memory = self.arch == Arch::X86_64 && snapshot.format.is_some();
        let met = snapshot.at_entry || in_memory;
        self.schedule.met(met, Instant::now());
        if met {
            self.forget_vectors().await?;
        } else if self.vectors.wanted {
            let base = self.gdb.read_registers(&["VBAR_EL2"]).await?.pop();
            let base = base.and_then(Result::ok).flatten().unwrap_or(0);
            self.watch_vectors(base).await?;
        }
        Ok(met)
    }

    /// Has the machine stop at the vectors that lie there, and at no others.
    async fn watch_vectors(&mut self, base: u64) -> Result<(), GdbError> {
        // At 0 it has none yet.
        if base == 0 || base == self.vectors.base {
            return Ok(());
        }
        self.forget_vectors().await?;
        self.vectors.base = base;
        for offset in OFFSETS {
            let address = base.wrapping_add(offset);
            self.gdb.breakpoint(true, address).await?;
            self.points.push(Point {
                name: "VBAR_EL2".into(),
                address,
                kind: Kind::Vector,
                armed: true,
                hits: 0,
            });
        }
        Ok(())
    }

    async fn forget_vectors(&mut self) -> Result<(), GdbError> {
        for point in &self.points {
            if point.kind == Kind::Vector && point.armed {
                self.gdb.breakpoint(false, point.address).await?;
            }
        }
        self.points.retain(|point| point.kind != Kind::Vector);
        self.vectors.base = 0;
        Ok(())
    }

    /// Reads the machine where something below EL2 was left, if that was a guest.
    pub(super) async fn at_vector(&mut self, at: usize) -> Result<Option<Snapshot>, GdbError> {
        let stand = Stand {
            at: self.time(),
            entry: None,
            release: false,
            left: true,
            vmcb: None,
        };
        let snapshot = self.reader.read(&mut self.gdb, stand).await?;
        self.vectors.stops += 1;
        self.vectors.wanted = self.vectors.stops < STOPS;
        if snapshot.at_entry {
            self.meets_guest(&snapshot).await?;
            return Ok(Some(snapshot));
        }
        if !self.vectors.wanted {
            self.forget_vectors().await?;
            return Ok(None);
        }
        let point = &mut self.points[at];
        self.gdb.breakpoint(false, point.address).await?;
        point.armed = false;
        self.get_past(at).await?;
        Ok(None)
    }
}
