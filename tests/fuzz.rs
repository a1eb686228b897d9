//! What fuzzing runs (fuzz/src/targets.rs), on seeds and on thousands of inputs made of them: the same
//! ones each time.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// How many inputs are made for each target.
const INPUTS: usize = 4000;

/// The longest of them.
const LONGEST: usize = 4096;

/// Bytes on which parsers hinge.
const TOKENS: [&[u8]; 19] = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\x1b[",
    b"\x1b]",
    b"\x1b\\",
    b"\x07",
    b"\0",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"{\"event\":",
    b"}\n",
    b"vmexit(00000400, ",
    b"Taking exception ",
    b"cause:20, ",
    b"@hv ",
    b"$T05#b9",
    b"}",
    b"<reg name=",
];

/// A small generator (xorshift), so that a failure can be seen again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// The files of some folders.
fn seeds(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = folders.iter().flat_map(|folder| {
        let mut files: Vec<PathBuf> = fs::read_dir(root.join(folder))
            .unwrap_or_else(|e| panic!("{folder}: {e}"))
            .map(|entry| entry.expect("readable").path())
            .collect();
        files.sort();
        files
    });
    let seeds: Vec<_> = files
        .map(|file| fs::read(file).expect("readable"))
        .collect();
    assert!(!seeds.is_empty());
    seeds
}

/// A part of a seed with some changes.
fn made_of(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let seed = &seeds[random.below(seeds.len())];
    let start = random.below(seed.len());
    let length = random.below(LONGEST).min(seed.len() - start);
    let mut input = seed[start..start + length].to_vec();
    for _ in 0..random.below(8) {
        let at = random.below(input.len());
        match random.below(4) {
            0 if !input.is_empty() => input[at] = random.below(256) as u8,
            1 => {
                let token = TOKENS[random.below(TOKENS.len())];
                input.splice(at..at, token.iter().copied());
            }
            2 => input.truncate(at),
            _ => {
                let again = input[at..(at + random.below(64)).min(input.len())].to_vec();
                input.extend(again);
            }
        }
    }
    input
}

#[track_caller]
fn run(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    seeds.iter().for_each(|seed| target(seed));
    for _ in 0..INPUTS {
        target(&made_of(seeds, &mut random));
    }
}

#[test]
fn consoles() {
    let mut all = seeds(&["fuzz/seeds/console"]);
    for arch in ["riscv64", "aarch64", "x86_64"] {
        all.extend(seeds(&[&format!("fixtures/consoles/{arch}")]));
    }
    run(targets::console, &all);
}

#[test]
fn control_connections() {
    run(targets::qmp, &seeds(&["fuzz/seeds/qmp"]));
}

#[test]
fn gdb_connections() {
    run(targets::gdb, &seeds(&["fuzz/seeds/gdb"]));
}

#[test]
fn logs_of_qemu() {
    let folders = ["riscv64", "aarch64", "x86_64"].map(|arch| format!("fixtures/witness/{arch}"));
    run(
        targets::witness,
        &seeds(&folders.each_ref().map(|folder| &**folder)),
    );
}

#[test]
fn records_of_runs() {
    run(targets::records, &seeds(&["fuzz/seeds/records"]));
}

#[test]
fn machines_that_are_audited() {
    run(targets::audit, &seeds(&["fuzz/seeds/audit"]));
}
