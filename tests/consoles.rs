//! Recorded consoles, good and bad: each must get its exact verdict, without a machine.

use harness::Project;
use harness::arch::Arch;
use harness::config::machine::Machine;
use harness::config::scenario::Scenario;
use harness::judge::trial::Trial;
use harness::judge::verdict::{Blame, Verdict};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("harness/ is in the workspace")
        .to_owned()
}

fn missing(last: &str, next: &str) -> Verdict {
    Verdict::MissingMarker {
        last: Some(last.into()).filter(|_| !last.is_empty()),
        next: next.into(),
    }
}

fn diverged(line: &str, belongs_to: &str, awaited: Option<&str>) -> Verdict {
    Verdict::Diverged {
        line: line.into(),
        belongs_to: belongs_to.into(),
        awaited: awaited.map(Into::into),
    }
}

fn killed(exit: &str) -> Verdict {
    Verdict::GuestKilled { exit: exit.into() }
}

fn panicked(line: &str) -> Verdict {
    Verdict::ForbiddenOutput {
        line: line.into(),
        rule: "panicked at".into(),
    }
}

/// Every console of `fixtures/consoles`, its verdict, and whose business that is.
fn expectations() -> Vec<(&'static str, Verdict, Blame)> {
    let word = "Try to access pflash dev region";
    vec![
        ("riscv64/good", Verdict::Pass, Blame::Nobody),
        ("aarch64/good", Verdict::Pass, Blame::Nobody),
        ("x86_64/good", Verdict::Pass, Blame::Nobody),
        (
            "aarch64/good-in-colour-and-noise",
            Verdict::Pass,
            Blame::Nobody,
        ),
        (
            "riscv64/no-fault-line",
            diverged(
                &format!("{word} [0xFFFFFFC022000000], got 0x646C6670"),
                "word",
                Some("npf"),
            ),
            Blame::GuestOrHypervisor,
        ),
        (
            "aarch64/no-fault-line",
            diverged(
                &format!("{word} [0xFFFFFF8004000000], got 0x646c6670"),
                "word",
                Some("npf"),
            ),
            Blame::GuestOrHypervisor,
        ),
        (
            "x86_64/no-fault-line",
            diverged(
                &format!("{word} [0xFFFFFFFFFFC00000], got 0x646c6670"),
                "word",
                Some("npf"),
            ),
            Blame::GuestOrHypervisor,
        ),
        (
            "riscv64/wrong-magic",
            diverged(
                &format!("{word} [0xFFFFFFC022000000], got 0x70666C64"),
                "word",
                Some("word"),
            ),
            Blame::Guest,
        ),
        (
            "aarch64/wrong-magic",
            diverged(
                &format!("{word} [0xFFFFFF8004000000], got 0x70666c64"),
                "word",
                Some("word"),
            ),
            Blame::Guest,
        ),
        (
            "x86_64/wrong-magic",
            diverged(
                &format!("{word} [0xFFFFFFFFFFC00000], got 0x70666c64"),
                "word",
                Some("word"),
            ),
            Blame::Guest,
        ),
        (
            "x86_64/truncated-banner",
            killed("guest shut down by a triple fault (exit 0x7f) at 0x1de"),
            Blame::Guest,
        ),
        (
            "x86_64/truncated-banner-ok",
            diverged("Hypervisor ok!", "ok", Some("banner-end")),
            Blame::GuestOrHypervisor,
        ),
        (
            "riscv64/out-of-order",
            diverged(
                &format!("{word} [0xFFFFFFC022000000], got 0x646C6670"),
                "word",
                Some("npf"),
            ),
            Blame::GuestOrHypervisor,
        ),
        (
            "riscv64/duplicate-fault",
            diverged(
                "VM exit: nested page fault at 0x22000000 (read): mapped pflash",
                "npf",
                Some("word"),
            ),
            Blame::GuestOrHypervisor,
        ),
        (
            "riscv64/ok-after-error",
            killed("nested page fault at 0x23000000 (read), pc 0x80001234: no such memory"),
            Blame::Guest,
        ),
        (
            "riscv64/seed-broken-loader",
            diverged("Shutdown vm normally!", "guest-end", Some("banner")),
            Blame::GuestOrHypervisor,
        ),
        (
            "aarch64/panic",
            panicked(
                "[  0.211035 0 axruntime::lang_items:5] panicked at hypervisor/src/run.rs:40:13:",
            ),
            Blame::GuestOrHypervisor,
        ),
        (
            "aarch64/panic-after-ok",
            panicked("[  0.311035 0 axruntime::lang_items:5] panicked at axtask:"),
            Blame::GuestOrHypervisor,
        ),
        (
            "aarch64/no-guest-banner",
            diverged(
                "Reading PFlash at physical address 0x04000000...",
                "read",
                Some("banner"),
            ),
            Blame::Guest,
        ),
        (
            "riscv64/assertion-after-ok",
            Verdict::ForbiddenOutput {
                line: "fatal: assertion failed".into(),
                rule: r"[Aa]ssertion .*failed|[Kk]ernel panic|(?-u:\b)(?:BUG|FATAL)(?-u:\b)|^fatal(?-u:\b)".into(),
            },
            Blame::GuestOrHypervisor,
        ),
        (
            "x86_64/half-a-line-after-ok",
            Verdict::ForbiddenOutput {
                line: "Entering VM".into(),
                rule: ".".into(),
            },
            Blame::GuestOrHypervisor,
        ),
        ("aarch64/silence", missing("", "start"), Blame::Hypervisor),
        (
            "aarch64/painted-over",
            killed(r"exit class 0x0\x0dShutdown vm normally!           "),
            Blame::Guest,
        ),
    ]
}

/// The verdict on a console that is read in pieces of some size.
fn judge(name: &str, piece: usize) -> (Verdict, Blame) {
    let (root, project) = (root(), Project::new(root()));
    let (arch, _) = name.split_once('/').expect("architecture/name");
    let arch = Arch::ALL
        .into_iter()
        .find(|a| a.name() == arch)
        .expect("an architecture");
    let machine = Machine::load(&project, arch).expect("the machine file is right");
    let scenario = Scenario::load(&project, "gkernel", &machine).expect("the scenario is right");
    let log = fs::read(root.join(format!("fixtures/consoles/{name}.log"))).expect(name);
    let mut trial = Trial::new(&scenario.story);
    trial
        .replay_console(Pieces { rest: &log, piece })
        .expect("memory can be read");
    let verdict = trial.verdict().expect("a console has an end").clone();
    let fault = scenario.story.blame(&verdict);
    (verdict, fault)
}

/// Gives its bytes a few at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.piece.min(buffer.len()).min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
    }
}

#[test]
fn every_console_gets_exactly_its_verdict_however_it_is_cut() {
    for (name, verdict, fault) in expectations() {
        for piece in [usize::MAX, 512, 7, 1] {
            assert_eq!(
                judge(name, piece),
                (verdict.clone(), fault),
                "{name}, {piece} bytes a read"
            );
        }
    }
}

#[test]
fn every_console_is_in_the_table() {
    let known: BTreeSet<_> = expectations()
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    let mut found = BTreeSet::new();
    for arch in Arch::ALL {
        let folder = root().join("fixtures/consoles").join(arch.name());
        for entry in fs::read_dir(folder).expect("each architecture has consoles") {
            let path = entry.expect("readable").path();
            let stem = path
                .file_stem()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            found.insert(format!("{arch}/{stem}"));
        }
    }
    assert_eq!(known, found);
}

#[test]
fn losing_any_line_of_the_story_loses_the_pass() {
    for arch in Arch::ALL {
        let (root, project) = (root(), Project::new(root()));
        let machine = Machine::load(&project, arch).expect("the machine file is right");
        let scenario =
            Scenario::load(&project, "gkernel", &machine).expect("the scenario is right");
        let log = fs::read_to_string(root.join(format!("fixtures/consoles/{arch}/good.log")));
        let log = log.expect("a good console");
        let steps = {
            let mut trial = Trial::new(&scenario.story);
            trial
                .replay_console(log.as_bytes())
                .expect("memory can be read");
            trial.steps().to_vec()
        };
        assert_eq!(steps.len(), scenario.story.steps().len());
        for step in steps {
            // The last such line: an earlier one may be the hypervisor's own banner.
            let at = log
                .rfind(&format!("{}\r\n", step.line))
                .expect("a line of the console");
            let without = log[..at].to_owned() + &log[at + step.line.len() + 2..];
            let mut trial = Trial::new(&scenario.story);
            trial
                .replay_console(without.as_bytes())
                .expect("memory can be read");
            assert_ne!(
                trial.verdict(),
                Some(&Verdict::Pass),
                "{arch} without {}",
                step.step
            );
        }
    }
}
