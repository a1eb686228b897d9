//! Properties: the verdict on a console does not depend on how its bytes were cut, nor on what is
//! printed between the steps; and whatever is printed, a pass shows the whole story.

use harness::Project;
use harness::arch::Arch;
use harness::config::machine::Machine;
use harness::config::scenario::Scenario;
use harness::judge::Story;
use harness::judge::trial::{StepReached, Trial};
use harness::judge::verdict::Verdict;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Read;
use std::path::Path;

fn scenario(arch: Arch) -> Scenario {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let machine = Machine::load(&project, arch).expect("the machine file is right");
    Scenario::load(&project, "gkernel", &machine).expect("the scenario is right")
}

fn good_console(arch: Arch) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/consoles");
    std::fs::read(folder.join(arch.name()).join("good.log")).expect("a good console")
}

/// What came of a console.
type Outcome = (Option<Verdict>, Vec<StepReached>, Vec<String>);

fn judge(story: &Story, console: impl Read) -> Outcome {
    let mut trial = Trial::new(story);
    trial.replay_console(console).expect("memory can be read");
    (
        trial.verdict().cloned(),
        trial.steps().to_vec(),
        trial.last_lines().map(str::to_owned).collect(),
    )
}

/// Gives its bytes in pieces of some lengths, again and again.
struct Pieces<'a> {
    rest: &'a [u8],
    lengths: &'a [usize],
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.lengths[self.turn % self.lengths.len()];
        self.turn += 1;
        let length = length.min(buffer.len()).min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
    }
}

fn any_arch() -> impl Strategy<Value = Arch> {
    prop::sample::select(Arch::ALL.to_vec())
}

/// A line of a good console, or anything else that a machine might print.
fn any_piece(arch: Arch) -> impl Strategy<Value = Vec<u8>> {
    let good = good_console(arch);
    let lines: Vec<Vec<u8>> = good
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let noise: [&[u8]; 8] = [
        b"\r",
        b"\n",
        b"\x1b[31m",
        b"\x1b]0;title",
        b"\xff\xfe",
        b"\xe2\x80",
        b"Hypervisor error: none\n",
        b"panicked at x\n",
    ];
    prop_oneof![
        6 => prop::sample::select(lines),
        3 => prop::sample::select(noise.map(<[u8]>::to_vec).to_vec()),
        1 => vec(any::<u8>(), 0..80),
    ]
}

fn any_console() -> impl Strategy<Value = (Arch, Vec<u8>)> {
    any_arch().prop_flat_map(|arch| {
        let pieces = vec(any_piece(arch), 0..60);
        (Just(arch), pieces.prop_map(|pieces| pieces.concat()))
    })
}

/// Chatter that no story has a line of.
fn chatter() -> impl Strategy<Value = String> {
    "[ -~]{0,60}".prop_map(|text| format!("chatter {text}\r\n"))
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_the_cuts(
        (arch, console) in any_console(),
        lengths in vec(1_usize..16, 1..20),
    ) {
        let story = scenario(arch).story;
        let whole = judge(&story, &*console);
        let pieces = Pieces { rest: &console, lengths: &lengths, turn: 0 };
        prop_assert_eq!(judge(&story, pieces), whole);
    }

    #[test]
    fn a_good_console_passes_whatever_is_printed_between_its_lines(
        arch in any_arch(),
        chatter in vec((any::<prop::sample::Index>(), chatter()), 0..30),
    ) {
        let story = scenario(arch).story;
        let good = good_console(arch);
        let mut lines: Vec<Vec<u8>> =
            good.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
        for (at, line) in chatter {
            // Behind the last one there may be nothing.
            lines.insert(at.index(lines.len()), line.into_bytes());
        }
        prop_assert_eq!(judge(&story, &*lines.concat()).0, Some(Verdict::Pass));
    }

    #[test]
    fn a_pass_has_the_whole_story((arch, console) in any_console()) {
        let story = scenario(arch).story;
        let (verdict, steps, _) = judge(&story, &*console);
        let steps: Vec<_> = steps.iter().map(|step| &step.step).collect();
        let all: Vec<_> = story.steps().iter().map(|step| &step.name).collect();
        prop_assert!(verdict != Some(Verdict::Pass) || steps == all);
        prop_assert!(all.starts_with(&steps));
    }
}
