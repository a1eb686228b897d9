//! Judges recorded consoles together with QEMU's logs of the same runs: unchanged, and with a part of
//! one of them changed, as if the hypervisor lied.
//!
//! Two runs were recorded on each architecture: `mapped`, where a guest loads from the flash and then
//! asks for its end, and `killed`, where the guest stores there and is ended for it.

use harness::arch::Arch;
use harness::judge::accounts::Expected;
use harness::judge::event::Event;
use harness::judge::trial::Trial;
use harness::judge::verdict::{EndKind, MachineEnd, Verdict};
use harness::judge::witness::{Account, Format};
use harness::judge::{Step, Story, StorySpec};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A recorded run.
#[derive(Clone)]
struct Run {
    format: Format,
    console: String,
    log: String,
    /// What the hypervisor has to say at the end.
    end: &'static str,
}

fn recorded(arch: Arch, name: &str) -> Run {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/witness");
    let file = |kind: &str| {
        let path = folder.join(format!("{arch}/{name}.{kind}"));
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    Run {
        format: match arch {
            Arch::Riscv64 => Format::RiscvTrap,
            Arch::Aarch64 => Format::Aarch64Int,
            Arch::X86_64 => Format::X86Svm,
        },
        console: file("console"),
        log: file("log"),
        end: match name {
            "mapped" => "shutdown",
            _ => "killed",
        },
    }
}

impl Run {
    /// With a piece of its console replaced everywhere.
    #[track_caller]
    fn saying(mut self, from: &str, to: &str) -> Self {
        assert!(self.console.contains(from), "{from:?} is not said");
        self.console = self.console.replace(from, to);
        self
    }

    /// Without the log's lines that have a piece of text.
    #[track_caller]
    fn without(mut self, piece: &str) -> Self {
        assert!(self.log.contains(piece), "{piece:?} is not logged");
        let kept = self.log.lines().filter(|line| !line.contains(piece));
        self.log = kept.map(|line| format!("{line}\n")).collect();
        self
    }

    /// With a piece of the log replaced everywhere.
    #[track_caller]
    fn logging(mut self, from: &str, to: &str) -> Self {
        assert!(self.log.contains(from), "{from:?} is not logged");
        self.log = self.log.replace(from, to);
        self
    }

    fn account(&self) -> Account {
        Account::read(self.format, self.log.as_bytes()).expect("memory can be read")
    }

    fn nonce(&self) -> &str {
        let report = self
            .console
            .lines()
            .find_map(|line| line.strip_prefix("@hv "));
        report
            .expect("a report")
            .split(' ')
            .next()
            .expect("a nonce")
    }

    fn verdict(&self) -> Verdict {
        let story = self.story();
        let mut trial = Trial::of_run(&story, self.nonce());
        let lines = self.console.lines().map(Event::line);
        let reason = "guest-shutdown".into();
        let end = MachineEnd::Reported {
            kind: EndKind::Shutdown,
            reason,
        };
        for event in lines.chain([Event::Witness(self.account()), Event::End(end)]) {
            trial.feed(Duration::ZERO, &event);
        }
        trial.verdict().expect("the machine ended").clone()
    }

    /// What is said of a fault, and the end; nothing of where and how many.
    fn story(&self) -> Story {
        let step = |name: &str, pattern: &str| Step {
            name: name.into(),
            pattern: pattern.into(),
            near: None,
            by: None,
            unique: false,
            optional: false,
            count: 1,
            within: None,
            after: Vec::new(),
        };
        let steps = match self.end {
            "killed" => vec![step("error", "^Hypervisor error: ")],
            _ => vec![step("npf", "^VM exit: "), step("ok", "^Hypervisor ok!$")],
        };
        let story = Story::new(steps, Vec::new(), EndKind::Shutdown).expect("patterns");
        let mut spec: StorySpec = story.spec().clone();
        spec.hv.ends[0].insert("outcome", self.end);
        spec.witness = Some(Expected::default());
        Story::of(spec).expect("patterns")
    }

    #[track_caller]
    fn disagrees(&self, expected: &str) {
        match self.verdict() {
            Verdict::WitnessDisagrees { because } => {
                let because = because.join("; ");
                assert!(because.contains(expected), "{because}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What a line of a nested page fault looks like in a log.
fn fault_mark(arch: Arch) -> &'static str {
    match arch {
        Arch::Riscv64 => "guest_load_page_fault",
        Arch::Aarch64 => "ESR 0x24/",
        Arch::X86_64 => "vmexit(00000400",
    }
}

#[test]
fn the_accounts_of_every_recorded_run_agree() {
    for arch in Arch::ALL {
        for name in ["mapped", "killed"] {
            assert_eq!(
                recorded(arch, name).verdict(),
                Verdict::Pass,
                "{arch} {name}"
            );
        }
    }
}

#[test]
fn a_log_tells_how_many_exits_there_were_and_where() {
    for (arch, hypercalls, others) in [
        (Arch::Riscv64, 17, 0),
        (Arch::Aarch64, 26, 0),
        (Arch::X86_64, 26, 0),
    ] {
        let account = recorded(arch, "mapped").account();
        let Account {
            npf,
            hypercall,
            other,
            ..
        } = account;
        assert_eq!((npf, hypercall, other), (1, hypercalls, others), "{arch}");
        let place = match arch {
            Arch::Riscv64 => "the virtual address 0xffffffd000002000 (read)",
            Arch::Aarch64 => "the virtual address 0xffffff80c4000000 (read)",
            Arch::X86_64 => "0xffc00000 (read)",
        };
        assert_eq!(account.faults[0].to_string(), place);
        let store = recorded(arch, "killed").account();
        assert!(store.faults[0].to_string().ends_with("(write)"), "{arch}");
    }
}

#[test]
fn how_a_log_is_cut_does_not_matter() {
    use harness::judge::witness::Reader;
    for arch in Arch::ALL {
        let run = recorded(arch, "mapped");
        for piece in [1, 7, 512] {
            let mut reader = Reader::new(run.format);
            let pieces = run.log.as_bytes().chunks(piece);
            pieces.for_each(|piece| reader.push(piece));
            assert_eq!(reader.finish(), run.account(), "{arch}, {piece} bytes");
        }
    }
}

#[test]
fn a_fault_that_did_not_happen_is_found_out() {
    for arch in Arch::ALL {
        let run = recorded(arch, "mapped").without(fault_mark(arch));
        run.disagrees("npf: the hypervisor counted 1, QEMU logged 0");
        run.disagrees("npf: the console shows");
    }
}

#[test]
fn a_fault_elsewhere_is_found_out() {
    for (arch, from, to) in [
        (
            Arch::Riscv64,
            "tval:0xffffffd000002000",
            "tval:0xffffffd000002010",
        ),
        (
            Arch::Aarch64,
            "FAR 0xffffff80c4000000",
            "FAR 0xffffff80c4000fff",
        ),
        // Here the log has the physical address, and every bit of it counts.
        (Arch::X86_64, "00000000ffc00000", "00000000ffc01000"),
    ] {
        recorded(arch, "mapped")
            .logging(from, to)
            .disagrees("npf 1: the hypervisor says");
    }
}

#[test]
fn a_fault_of_another_access_is_found_out() {
    for (arch, from, to) in [
        (Arch::Riscv64, "cause:21", "cause:20"),
        (Arch::Aarch64, "0x24/0x930b0005", "0x24/0x930b0045"),
        (
            Arch::X86_64,
            "(00000400, 0000000100000004",
            "(00000400, 0000000100000014",
        ),
    ] {
        recorded(arch, "mapped")
            .logging(from, to)
            .disagrees("npf 1: the hypervisor says");
    }
}

#[test]
fn miscounted_exits_are_found_out() {
    for arch in Arch::ALL {
        let calls = match arch {
            Arch::Riscv64 => "exits=18 npf=1 hypercalls=17",
            _ => "exits=27 npf=1 hypercalls=26",
        };
        recorded(arch, "mapped")
            .saying(calls, "exits=17 npf=1 hypercalls=16")
            .disagrees("hypercall: the hypervisor counted 16, QEMU logged");
        // RISC-V's log does not tell a guest's other traps from the firmware's.
        let more = recorded(arch, "mapped").saying("exits=", "exits=1");
        match arch {
            Arch::Riscv64 => assert_eq!(more.verdict(), Verdict::Pass),
            _ => more.disagrees("other: the hypervisor counted 100, QEMU logged 0"),
        }
    }
}

#[test]
fn a_guest_that_was_not_killed_is_found_out() {
    for arch in Arch::ALL {
        let mut run = recorded(arch, "killed");
        run.log = recorded(arch, "mapped").log;
        run.disagrees("the last exit that QEMU logged is hypercall");
    }
}
