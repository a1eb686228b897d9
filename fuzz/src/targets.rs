//! What is run on arbitrary bytes: each function panics if the harness does something with them that
//! it must never do.

use harness::judge::event::Event;
use harness::judge::lines::{LINE_LIMIT, LineAssembler};
use harness::judge::trial::Trial;
use harness::judge::verdict::{EndKind, MachineEnd, Verdict};
use harness::judge::witness::{Account, Format, Reader};
use harness::judge::{By, Forbidden, Step, Story};
use harness::machine::audit;
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
        assert!(
            packet.len() <= audit::PACKET_LIMIT,
            "{} bytes",
            packet.len()
        );
        let _ = audit::Stop::parse(packet);
        let text = String::from_utf8_lossy(packet);
        for name in audit::registers([&*text]).keys() {
            assert!(text.contains(name.as_str()), "{name}");
        }
    }
    let pieces = cut(data);
    assert_eq!(packets(&pieces), whole, "{:?}", lengths(&pieces));
}

/// A log of QEMU's: the account is the same however it was cut, and counts what it keeps.
pub fn witness(data: &[u8]) {
    for format in [Format::RiscvTrap, Format::Aarch64Int, Format::X86Svm] {
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
    let mut decoder = audit::Decoder::default();
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
    let mut last = audit::LastVmrun::default();
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
