//! What is run on arbitrary bytes: each function panics if the harness does something with them that
//! it must never do.

use harness::judge::audit::{
    self, Access, Expected, Hint, Isa, Machine, Moment, Regions, Snapshot, Stands, Unreadable,
    Walked,
};
use harness::judge::event::Event;
use harness::judge::lines::{LINE_LIMIT, LineAssembler};
use harness::judge::trial::Trial;
use harness::judge::verdict::{EndKind, MachineEnd, Verdict};
use harness::judge::witness::{Account, Format, Reader};
use harness::judge::{By, Forbidden, Step, Story};
use harness::machine::audit as stub;
use harness::machine::qmp::{Decoder, Message};
use std::sync::OnceLock;
use std::time::Duration;

/// The nonce of the run that consoles are judged as.
pub const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// A console: its lines are safe to show and bounded, and neither they nor the verdict depend on how
/// the bytes were cut.
pub fn console(data: &[u8]) {
    let whole = judged(&[data]);
    for line in &whole.lines {
        assert!(line.len() <= 10 * LINE_LIMIT, "{} bytes", line.len());
        assert!(!line.chars().any(is_dangerous), "{line:?}");
    }
    let pieces = cut(data);
    assert_eq!(judged(&pieces), whole, "{:?}", lengths(&pieces));
}

/// A control connection: what comes is the same however it was cut, and so is where it stops.
pub fn qmp(data: &[u8]) {
    let whole = messages(&[data]);
    let pieces = cut(data);
    assert_eq!(messages(&pieces), whole, "{:?}", lengths(&pieces));
}

/// A connection to a gdb stub: the packets are the same however it was cut, they are bounded, and what they
/// say is read or refused.
pub fn gdb(data: &[u8]) {
    let whole = packets(&[data]);
    for packet in whole.iter().flatten() {
        assert!(packet.len() <= stub::PACKET_LIMIT, "{} bytes", packet.len());
        let _ = stub::Stop::parse(packet);
        let text = String::from_utf8_lossy(packet);
        for name in stub::registers([&*text]).keys() {
            assert!(text.contains(name.as_str()), "{name}");
        }
    }
    let pieces = cut(data);
    assert_eq!(packets(&pieces), whole, "{:?}", lengths(&pieces));
}

/// A log of QEMU's: the account is the same however it was cut, and counts what it keeps.
pub fn witness(data: &[u8]) {
    for format in [
        Format::RiscvTrap,
        Format::Aarch64Int,
        Format::X86Svm,
        Format::X86SvmInt,
    ] {
        let whole = account(format, &[data]);
        assert!(whole.faults.len() as u64 <= whole.npf);
        let exits = whole.npf + whole.hypercall + whole.other;
        assert_eq!(exits == 0, whole.last.is_none(), "{whole:?}");
        let pieces = cut(data);
        assert_eq!(last_vmrun(&pieces), last_vmrun(&[data]));
        assert_eq!(account(format, &pieces), whole, "{:?}", lengths(&pieces));
    }
}

/// The events of a recorded run: judging them ends, what is shown of them is safe to show, and a pass
/// has a whole story.
pub fn records(data: &[u8]) {
    let mut trial = Trial::of_run(story(), NONCE);
    let _ = trial.replay_events(data);
    let steps = trial.steps().iter().map(|step| step.line.as_str());
    for line in trial.last_lines().chain(steps) {
        assert!(!line.chars().any(is_dangerous), "{line:?}");
    }
    if trial.verdict() == Some(&Verdict::Pass) {
        assert_eq!(trial.steps().len(), story().steps().len());
    }
}

/// A machine whose memory and registers are arbitrary: what is found of it is in order and bounded, all of it
/// is a breach where nothing was declared, and it can be kept and shown.
pub fn audit(data: &[u8]) {
    let regions = Regions::parse(&String::from_utf8_lossy(data)).unwrap_or_default();
    let stands = match data.last() {
        Some(0..0x80) => Stands::Entering,
        Some(0x80..0xa0) => Stands::JustLeft,
        Some(0xa0..0xc0) => Stands::Releasing,
        _ => Stands::Elsewhere,
    };
    let hint = Hint {
        stands,
        vmcb: Some(word(data, 1) & !0xfff),
        ..Hint::default()
    };
    for isa in [Isa::Riscv64, Isa::Aarch64, Isa::X86_64] {
        let mut machine = Rubbish { data, reads: 0 };
        let walked = audit::take(isa, &mut machine, &hint).expect("registers can be read");
        in_order(&walked);
        let snapshot = snapshot(walked, &regions);
        let breaches = nothing_declared(isa).breaches(&snapshot, &regions);
        let confined = snapshot.mappings.is_empty() && snapshot.gaps.is_empty();
        assert!(confined || !breaches.is_empty(), "{snapshot:?}");
        assert!(breaches.len() <= 65);
        let shown = audit::table(&snapshot, &regions, None);
        assert!(shown.len() < 10 << 20, "{} bytes", shown.len());
        let kept = serde_json::to_string(&snapshot).expect("it can be written");
        let again: Snapshot = serde_json::from_str(&kept).expect("it can be read");
        assert_eq!(again, snapshot);
    }
}

/// A machine that has the same bytes everywhere.
struct Rubbish<'a> {
    data: &'a [u8],
    reads: usize,
}

impl Machine for Rubbish<'_> {
    /// So few reads that tables which name themselves take no time; the bounds of the walk have tests of
    /// their own.
    fn read(&mut self, hpa: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        self.reads += 1;
        if self.reads > 8 || self.data.is_empty() {
            return Err(Unreadable("that is enough".into()));
        }
        let start = (hpa % self.data.len() as u64) as usize;
        let (mut from, mut into) = (&self.data[start..], into);
        while !into.is_empty() {
            let (piece, rest) = into.split_at_mut(from.len().min(into.len()));
            piece.copy_from_slice(&from[..piece.len()]);
            (from, into) = (self.data, rest);
        }
        Ok(())
    }

    /// Half the time something that makes sense.
    fn register(&mut self, name: &str) -> Result<Option<u64>, Unreadable> {
        let nth = name.bytes().map(usize::from).sum::<usize>() % 8;
        let value = word(self.data, nth);
        if value & 1 == 1 {
            return Ok(Some(value));
        }
        Ok(Some(match name {
            "hgatp" => value >> 4 | (8 + value % 3) << 60,
            "HCR_EL2" => value | 1,
            "VTCR_EL2" => 25 | 1 << 6 | (value & 3) << 14 | 5 << 16 | value & 3 << 21,
            "efer" => value | 0x400,
            _ => value,
        }))
    }
}

/// The n-th eight bytes, as far as there are any.
fn word(data: &[u8], nth: usize) -> u64 {
    let mut bytes = [0; 8];
    let from = data.iter().skip(8 * nth);
    bytes
        .iter_mut()
        .zip(from)
        .for_each(|(to, byte)| *to = *byte);
    u64::from_le_bytes(bytes)
}

fn in_order(walked: &Walked) {
    assert!(walked.mappings.len() <= 4096 && walked.gaps.len() <= 20);
    assert!(walked.open_ports.len() <= 1024 && walked.open_msrs.len() <= 1024);
    let possible = walked
        .mappings
        .iter()
        .all(|m| m.size > 0 && m.access != Access::NONE);
    assert!(possible, "{walked:?}");
    let apart = |pair: &[audit::Mapping]| pair[0].guest().end() <= pair[1].gpa;
    assert!(walked.mappings.windows(2).all(apart), "{walked:?}");
    let apart = |pair: &[audit::Span]| pair[0].end() < pair[1].start;
    assert!(walked.tables.windows(2).all(apart), "{walked:?}");
}

fn snapshot(walked: Walked, regions: &Regions) -> Snapshot {
    Snapshot {
        at: Moment::Exits { count: 1 },
        at_entry: walked.stands.confines(),
        in_guest: walked.stands == Stands::InGuest,
        registers: walked.registers,
        format: walked.format,
        mappings: walked.mappings,
        tables: walked.tables,
        open_ports: walked.open_ports,
        open_msrs: walked.open_msrs,
        image: Vec::new(),
        texts: Vec::new(),
        regions: regions.list().to_vec(),
        gaps: walked.gaps,
        took_ms: 1.0,
    }
}

fn nothing_declared(isa: Isa) -> Expected {
    let nothing = serde_json::json!({ "isa": isa });
    serde_json::from_value(nothing).expect("all but the architecture may be left out")
}

/// What came of a console.
#[derive(Debug, PartialEq)]
struct Judged {
    lines: Vec<String>,
    verdict: Option<Verdict>,
    steps: Vec<String>,
    last_lines: Vec<String>,
}

fn judged(pieces: &[&[u8]]) -> Judged {
    let mut trial = Trial::of_run(story(), NONCE);
    let mut assembler = LineAssembler::default();
    let mut lines = Vec::new();
    let mut take = |line: std::borrow::Cow<'_, str>| {
        trial.feed(Duration::ZERO, &Event::line(&*line));
        lines.push(line.into_owned());
        true
    };
    for piece in pieces {
        assembler.push(piece, &mut take);
    }
    assembler.finish(&mut take);
    trial.feed(Duration::ZERO, &Event::End(MachineEnd::NotRecorded));
    Judged {
        verdict: trial.verdict().cloned(),
        steps: trial.steps().iter().map(|step| step.step.clone()).collect(),
        last_lines: trial.last_lines().map(str::to_owned).collect(),
        lines,
    }
}

/// What may not reach a terminal, nor a report.
fn is_dangerous(c: char) -> bool {
    c.is_control() && c != '\t' || ('\u{202a}'..='\u{202e}').contains(&c)
}

fn messages(pieces: &[&[u8]]) -> Vec<Result<Message, String>> {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.message() {
                Ok(Some(message)) => messages.push(Ok(message)),
                Ok(None) => break,
                Err(error) => {
                    messages.push(Err(error.to_string()));
                    return messages;
                }
            }
        }
    }
    messages
}

fn packets(pieces: &[&[u8]]) -> Vec<Result<Vec<u8>, String>> {
    let mut decoder = stub::Decoder::default();
    let mut packets = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.packet() {
                Ok(Some(packet)) => packets.push(Ok(packet)),
                Ok(None) => break,
                Err(error) => {
                    packets.push(Err(error.to_string()));
                    return packets;
                }
            }
        }
    }
    packets
}

fn account(format: Format, pieces: &[&[u8]]) -> Account {
    let mut reader = Reader::new(format);
    for piece in pieces {
        reader.push(piece);
    }
    reader.finish()
}

fn last_vmrun(pieces: &[&[u8]]) -> Option<u64> {
    let mut last = stub::LastVmrun::default();
    pieces.iter().for_each(|piece| last.push(piece));
    last.vmcb()
}

/// Cuts bytes into pieces whose lengths the bytes themselves decide.
fn cut(data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = data;
    while let Some(&first) = rest.first() {
        let length = [1, 1, 2, 3, 7, 64, 500, 5000][usize::from(first % 8)];
        let (piece, others) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = others;
    }
    pieces
}

fn lengths(pieces: &[&[u8]]) -> Vec<usize> {
    pieces.iter().map(|piece| piece.len()).collect()
}

/// A short story that has a bit of everything.
fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| {
        let step = |name: &str, pattern: &str| Step {
            name: name.into(),
            pattern: pattern.into(),
            near: Some(format!("^{name}")),
            by: Some(By::Hypervisor),
            unique: name != "arch",
            optional: name == "read",
            count: if name == "arch" { 2 } else { 1 },
            within: None,
            after: Vec::new(),
        };
        let steps = vec![
            step("Hypervisor ...", r"^Hypervisor \.\.\.$"),
            step("arch", "^arch = (riscv64|aarch64|x86_64)$"),
            step("read", "^read 0x[0-9a-f]+$"),
            step("ok", "ok!$"),
        ];
        let forbidden = vec![Forbidden {
            pattern: "panicked at".into(),
            by: None,
            except: None,
            from: None,
            until: None,
        }];
        Story::new(steps, forbidden, EndKind::Shutdown).expect("the patterns are small")
    })
}
