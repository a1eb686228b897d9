//! Real boots: nothing is simulated, and nothing is skipped where QEMU is missing.

mod support;

use harness::image;
use std::fs;
use std::path::Path;
use support::{Ran, harness};

/// Boots, and shows why if the verdict is another than the expected one.
#[track_caller]
fn boot(arch: &str, more: &[&str], code: i32) -> Ran {
    let reports = tempfile::tempdir().unwrap();
    let folder = reports.path().to_string_lossy();
    let mut args = vec![
        "run",
        "--arch",
        arch,
        "--format",
        "json",
        "--report-dir",
        &folder,
    ];
    args.extend(more);
    let ran = harness(&args);
    if ran.code != Some(code) {
        let said = match ran.code {
            Some(4) => "the set-up is incomplete: run ./x setup",
            _ => "the boot came out otherwise",
        };
        panic!("{said}\n{}\n{}", ran.stdout, ran.stderr);
    }
    ran
}

/// What the console told from the hypervisor's first line on, with sizes that vary replaced.
fn story(arch: &str) -> String {
    let reports = tempfile::tempdir().unwrap();
    let folder = reports.path().to_string_lossy();
    let ran = harness(&[
        "run",
        "--arch",
        arch,
        "--format",
        "json",
        "--report-dir",
        &folder,
    ]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let report = ran.json();
    let run_dir = Path::new(report["run_dir"].as_str().unwrap());
    let console = fs::read_to_string(run_dir.join("console.log")).unwrap();
    let nonce = nonce(run_dir);
    let events = regex::Regex::new(&format!("^@hv {nonce} \\d+ ")).unwrap();
    let sizes = regex::Regex::new(r"^(Loaded )\d+( bytes )(\(\d+( pages\) ))?").unwrap();
    let from_start = console.lines().skip_while(|line| *line != "Hypervisor ...");
    let story = from_start
        .filter(|line| !events.is_match(line))
        .map(|line| {
            let line = sizes.replace(line, |found: &regex::Captures<'_>| {
                let pages = found
                    .get(4)
                    .map_or(String::new(), |pages| format!("(<N>{}", pages.as_str()));
                format!("{}<N>{}{pages}", &found[1], &found[2])
            });
            line.trim_end().to_owned()
        });
    story.collect::<Vec<_>>().join("\n")
}

fn nonce(run_dir: &Path) -> String {
    let words = image::read_from_disk(&run_dir.join("disk.img"), "/boot/cmdline").unwrap();
    let words = String::from_utf8(words).unwrap();
    let nonce = words
        .split_whitespace()
        .find_map(|word| word.strip_prefix("nonce="));
    nonce.expect("every disk has its nonce").to_owned()
}

#[test]
fn riscv64_tells_the_whole_story() {
    insta::assert_snapshot!("riscv64", story("riscv64"));
}

#[test]
fn aarch64_tells_the_whole_story() {
    insta::assert_snapshot!("aarch64", story("aarch64"));
}

#[test]
fn x86_64_tells_the_whole_story() {
    insta::assert_snapshot!("x86_64", story("x86_64"));
}
