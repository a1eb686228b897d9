//! A machine that stands still, made into a snapshot.

use super::gdb::{Gdb, GdbError};
use super::texts::{self, Run};
use super::view::{Known, PAGE, PAGES, View};
use super::{AuditPlan, Place, Ram, TextWanted, entering};
use crate::arch::Arch;
use crate::judge::audit::{
    self, Hint, Isa, Moment, Regions, Root, Snapshot, Span, Stands, Text, Walked,
};
use std::collections::BTreeSet;

/// How often the judge reads one machine again, once for each level of a table that QEMU was asked for.
const ROUNDS: usize = 512;

/// The longest instruction that enters a guest, in bytes.
const INSTRUCTION: usize = 4;

/// What is read, and what was found out so far.
#[derive(Debug)]
pub(super) struct Reader {
    arch: Arch,
    isa: Isa,
    registers: Vec<String>,
    image: Vec<Span>,
    texts: Vec<TextWanted>,
    ram: Option<Ram>,
    regions: Regions,
    /// Registers that were wanted before.
    wanted: BTreeSet<String>,
    root: Option<Root>,
    vmcb: Option<u64>,
    placed: Option<Placed>,
}

/// Where in the machine lies what the processor sees at its linked address.
#[derive(Debug, Default)]
struct Placed {
    image: Vec<Span>,
    /// Those of the texts, in their order; none for one that lies elsewhere.
    texts: Vec<Option<u64>>,
}

/// Where a processor has stopped.
#[derive(Debug)]
pub(super) struct Stand {
    /// At which moment.
    pub(super) at: Moment,
    /// The address of the instruction by which it is about to enter a guest, if it is.
    pub(super) entry: Option<u64>,
    /// Whether the guest has ended, and only its memory is still its own. Its VMCB is not.
    pub(super) release: bool,
    /// Whether it has just left what may have been a guest.
    pub(super) left: bool,
    /// The VMCB that QEMU's log has named last (x86_64).
    pub(super) vmcb: Option<u64>,
}

impl Reader {
    /// Reads what a plan says, from RAM that the harness shares with QEMU if there is such.
    pub(super) fn new(plan: &AuditPlan, ram: Option<Ram>) -> Self {
        Self {
            arch: plan.arch,
            isa: match plan.arch {
                Arch::Riscv64 => Isa::Riscv64,
                Arch::Aarch64 => Isa::Aarch64,
                Arch::X86_64 => Isa::X86_64,
            },
            registers: plan.registers.clone(),
            image: plan.image.clone(),
            texts: plan.texts.clone(),
            ram,
            regions: Regions::default(),
            wanted: BTreeSet::new(),
            root: None,
            vmcb: None,
            placed: None,
        }
    }

    /// Reads the machine. What it refuses is a gap; an error is the connection's.
    pub(super) async fn read(&mut self, gdb: &mut Gdb, stand: Stand) -> Result<Snapshot, GdbError> {
        let mut known = Known::default();
        let mut gaps = Vec::new();
        let names = std::mem::take(&mut self.wanted);
        fetch(gdb, &mut known, &names, &BTreeSet::new()).await?;
        self.wanted = names;

        // At entries the machine stands most often, and by then the hypervisor has long begun.
        let may_differ = self.regions.is_empty() || stand.entry.is_none();
        let new = may_differ && self.read_map(gdb, &mut gaps).await?;
        let hint = self.hint(gdb, &stand, &mut known, &mut gaps).await?;
        let mut walked = self.walk(gdb, &mut known, &hint).await?;
        self.root = walked.root.or(self.root);
        if stand.entry.is_some() && self.placed.is_none() {
            self.placed = Some(self.place(gdb, &mut gaps).await?);
        }
        let texts = self.compare(gdb, &mut known, &walked, &mut gaps).await?;
        gaps.append(&mut walked.gaps);
        Ok(Snapshot {
            at: stand.at,
            at_entry: walked.stands.confines(),
            in_guest: walked.stands == Stands::InGuest,
            registers: walked.registers,
            format: walked.format,
            mappings: walked.mappings,
            tables: walked.tables,
            open_ports: walked.open_ports,
            open_msrs: walked.open_msrs,
            image: self
                .placed
                .as_ref()
                .map(|placed| placed.image.clone())
                .unwrap_or_default(),
            texts,
            regions: if new {
                self.regions.list().to_vec()
            } else {
                Vec::new()
            },
            gaps,
            took_ms: 0.0,
        })
    }

    /// Reads the machine's memory map, which firmware and hypervisor change: they choose where PCI devices lie, and
    /// a flash is no memory while it takes a command. Says whether it is another one than before.
    async fn read_map(&mut self, gdb: &mut Gdb, gaps: &mut Vec<String>) -> Result<bool, GdbError> {
        let map = gdb.monitor("info mtree -f").await;
        let map = answered(map)?.and_then(|map| Regions::parse(&map));
        let before = self.regions.clone();
        match map {
            Ok(map) => self.regions = map,
            Err(why) => gaps.push(format!("the machine's memory map: {why}")),
        }
        Ok(self.regions != before)
    }

    /// What the judge is told besides.
    async fn hint(
        &mut self,
        gdb: &mut Gdb,
        stand: &Stand,
        known: &mut Known,
        gaps: &mut Vec<String>,
    ) -> Result<Hint, GdbError> {
        self.vmcb = stand.vmcb.or(self.vmcb);
        let mut stands = Stands::Elsewhere;
        if stand.left {
            stands = Stands::JustLeft;
        }
        if stand.release {
            stands = Stands::Releasing;
        }
        if let Some(pc) = stand.entry {
            gdb.physical(false).await?;
            let code = gdb.read_memory(pc, INSTRUCTION).await?;
            gdb.physical(true).await?;
            match code.map(|code| entering(self.arch, &code)) {
                Ok(Some(0)) => stands = Stands::Entering,
                Ok(_) => gaps.push(format!("the instruction at {pc:#x} enters no guest")),
                Err(why) => gaps.push(format!("the instruction at {pc:#x}: {why}")),
            }
        }
        if stands == Stands::Entering && self.arch == Arch::X86_64 {
            let rax = BTreeSet::from(["rax".to_owned()]);
            fetch(gdb, known, &rax, &BTreeSet::new()).await?;
            let rax = known.registers.get("rax").cloned();
            self.vmcb = rax.and_then(Result::ok).flatten().or(self.vmcb);
        }
        Ok(Hint {
            stands,
            vmcb: self.vmcb.filter(|_| !stand.release),
            root: self.root,
            registers: self.registers.clone(),
        })
    }

    /// Has the judge walk the second stage, as often as it asks for something new.
    async fn walk(
        &mut self,
        gdb: &mut Gdb,
        known: &mut Known,
        hint: &Hint,
    ) -> Result<Walked, GdbError> {
        for _ in 0..ROUNDS {
            let mut view = View::new(self.ram.as_ref(), &self.regions, known);
            let walked = audit::take(self.isa, &mut view, hint);
            let (registers, pages) = (view.registers, view.pages);
            if registers.is_empty() && pages.is_empty() {
                return Ok(walked.unwrap_or_else(|why| lacking(why.0)));
            }
            fetch(gdb, known, &registers, &pages).await?;
            self.wanted.extend(registers);
        }
        Ok(lacking("the second stage asks for more and more".into()))
    }

    /// Finds what the processor sees at its linked address.
    async fn place(&self, gdb: &mut Gdb, gaps: &mut Vec<String>) -> Result<Placed, GdbError> {
        let mut placed = Placed::default();
        for &span in &self.image {
            match physical(gdb, span).await? {
                Ok(hpa) => placed.image.push(Span::new(hpa, span.size)),
                Err(why) => gaps.push(format!("the hypervisor's image at {span}: {why}")),
            }
        }
        for text in &self.texts {
            let mut at = None;
            if text.place == Place::Virtual {
                let span = Span::new(text.address, text.bytes.len() as u64);
                match physical(gdb, span).await? {
                    Ok(hpa) => at = Some(hpa),
                    Err(why) => gaps.push(format!("the text of {} at {span}: {why}", text.of)),
                }
            }
            placed.texts.push(at);
        }
        Ok(placed)
    }

    /// Compares the texts.
    async fn compare(
        &self,
        gdb: &mut Gdb,
        known: &mut Known,
        walked: &Walked,
        gaps: &mut Vec<String>,
    ) -> Result<Vec<Text>, GdbError> {
        let mut found = Vec::new();
        for (at, wanted) in self.texts.iter().enumerate() {
            let size = wanted.bytes.len();
            let runs = match wanted.place {
                Place::Gpa(gpa) => texts::mapped(gpa, size, &walked.mappings),
                Place::Virtual => {
                    let hpa = self
                        .placed
                        .as_ref()
                        .and_then(|placed| *placed.texts.get(at)?);
                    hpa.map(|hpa| Run { from: 0, hpa, size })
                        .into_iter()
                        .collect()
                }
            };
            for round in 1..=ROUNDS {
                let mut view = View::new(self.ram.as_ref(), &self.regions, known);
                let text = texts::compare(wanted, &runs, &mut view);
                let pages = view.pages;
                if pages.is_empty() || round == ROUNDS {
                    match text {
                        Ok(text) => found.extend(text),
                        Err(why) => gaps.push(format!("the text of {}: {why}", wanted.of)),
                    }
                    break;
                }
                fetch(gdb, known, &BTreeSet::new(), &pages).await?;
            }
        }
        Ok(found)
    }
}

/// Nothing but what kept it from being read.
fn lacking(why: String) -> Walked {
    Walked {
        gaps: vec![why],
        ..Walked::default()
    }
}

/// A refusal in words, apart from what is wrong with the connection.
fn answered<T>(answer: Result<T, GdbError>) -> Result<Result<T, String>, GdbError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(refused @ GdbError::Refused { .. }) => Ok(Err(refused.to_string())),
        Err(error) => Err(error),
    }
}

/// Asks QEMU for what is wanted and not known.
async fn fetch(
    gdb: &mut Gdb,
    known: &mut Known,
    registers: &BTreeSet<String>,
    pages: &BTreeSet<u64>,
) -> Result<(), GdbError> {
    let names: Vec<_> = registers.iter().map(String::as_str).collect();
    let values = gdb.read_registers(&names).await?;
    known
        .registers
        .extend(registers.iter().cloned().zip(values));
    for &page in pages {
        let bytes = if known.pages.len() < PAGES {
            gdb.read_memory(page, PAGE as usize).await?
        } else {
            Err(format!("QEMU was asked for {PAGES} pages, and for no more"))
        };
        known.pages.insert(page, bytes);
    }
    Ok(())
}

/// Where in the machine a span lies that the processor sees, in one piece.
async fn physical(gdb: &mut Gdb, span: Span) -> Result<Result<u64, String>, GdbError> {
    let mut ends = Vec::new();
    for address in [span.start, span.end().saturating_sub(1)] {
        let answer = gdb.monitor(&format!("gva2gpa {address:#x}")).await;
        let found = answered(answer)?.and_then(|answer| {
            let gpa = translation(&answer);
            gpa.ok_or_else(|| format!("the processor does not see {address:#x}"))
        });
        match found {
            Ok(gpa) => ends.push(gpa),
            Err(why) => return Ok(Err(why)),
        }
    }
    let whole = ends[1].wrapping_sub(ends[0]) == span.size.saturating_sub(1);
    Ok(if whole {
        Ok(ends[0])
    } else {
        Err("it lies in several pieces".into())
    })
}

/// The address that the monitor's `gva2gpa` answers with; none where nothing is mapped.
fn translation(answer: &str) -> Option<u64> {
    let digits = answer.trim().strip_prefix("gpa: ")?;
    // 0 is written without it.
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    super::packet::hex(digits.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_the_monitor_writes_it() {
        assert_eq!(translation("gpa: 0x80200000\r\n"), Some(0x8020_0000));
        assert_eq!(translation("gpa: 0\r\n"), Some(0));
        for none in ["Unmapped\r\n", "gpa: ", "gpa: 0x", "No CPU\r\n", ""] {
            assert_eq!(translation(none), None, "{none}");
        }
    }
}
