//! The bed of faults: a fake QEMU that misbehaves in every way we could think of, and a table that
//! holds the harness to its exact verdict on each.
//!
//! This program is both: started with `--fake-qemu CASE` it is the fake, else the tests.

mod accounts;
mod cases;
mod fake;
#[path = "../support/mod.rs"]
mod support;

use cases::Case;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let [_, flag, case, pids, qmp, serial, disk, log] = &args[..]
        && flag == "--fake-qemu"
    {
        let machine = fake::Machine {
            pids: Path::new(pids),
            qmp,
            serial,
            disk: Path::new(disk),
            log: Path::new(log),
        };
        return fake::play(case, &machine);
    }
    let tests = all_cases()
        .map(|case| Trial::test(case.name, || check(case)))
        .chain([Trial::test(
            "every_case_has_a_name_of_its_own",
            names_differ,
        )])
        .collect();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    cases::CASES.iter().chain(accounts::CASES)
}

/// Runs the harness on a machine that plays the case, and holds it to the case's verdict.
fn check(case: &Case) -> Result<(), Failed> {
    let bed = Bed::new(case).map_err(|error| format!("the bed cannot be made: {error}"))?;
    let ran = bed.run();
    let report = ran.json();
    let mut problems = Vec::new();
    if ran.code != Some(case.exit) {
        problems.push(format!("exit code {:?} instead of {}", ran.code, case.exit));
    }
    for (pointer, expected) in case.verdict {
        let found = report.pointer(pointer).map_or("nothing".into(), shown);
        if !found.contains(expected) {
            problems.push(format!("{pointer} is {found:?}, which lacks {expected:?}"));
        }
    }
    problems.extend(bed.judged_again(&ran));
    problems.extend(bed.left_overs());
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}\n{}", problems.join("\n"), ran.stdout, ran.stderr).into())
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn names_differ() -> Result<(), Failed> {
    let mut names: Vec<_> = all_cases().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() == all_cases().count() {
        Ok(())
    } else {
        Err("two cases have the same name".into())
    }
}

/// A workspace of its own, whose QEMU is the fake.
struct Bed {
    root: tempfile::TempDir,
    timeout: &'static str,
}

impl Bed {
    fn new(case: &Case) -> std::io::Result<Self> {
        // A space and a comma: QEMU's option lists and shells mind both.
        let root = tempfile::Builder::new().prefix("fault bed, ").tempdir()?;
        let at = |path: &str| root.path().join(path);
        for folder in ["configs/machines", "tests/scenarios", "pids"] {
            fs::create_dir_all(at(folder))?;
        }
        let program = std::env::current_exe()?;
        let words = ["--fake-qemu", case.name, &at("pids").to_string_lossy()]
            .map(|word| format!("{word:?}"))
            .join(", ");
        let machine = format!(
            "arch = 'riscv64'\n\
             [build]\ntarget = 'none'\naxconfig = 'none'\nkernel-format = 'bin'\n\
             [qemu]\nprogram = {program:?}\noldest = '7.2'\nby-hand = []\n\
             machine = []\n\
             control = [{words}, '{{qmp_fd}}', '{{serial_fd}}', '{{disk}}', '{{trace_log}}']\n\
             [disk]\nsize = '64M'\n[flash]\ncontent = 'flash.bin'\n\
             [witness]\nformat = 'riscv-trap'\nargs = []\n"
        );
        fs::write(at("configs/machines/riscv64.toml"), machine)?;
        fs::write(at("tests/scenarios/story.toml"), case.story)?;
        for file in ["flash.bin", "kernel.bin", "guest.bin"] {
            fs::write(at(file), "contents")?;
        }
        Ok(Self {
            root,
            timeout: case.timeout,
        })
    }

    fn run(&self) -> support::Ran {
        let at = |path: &str| self.root.path().join(path).to_string_lossy().into_owned();
        support::harness(&[
            "run",
            "--root",
            &at("."),
            "--arch",
            "riscv64",
            "--scenario",
            "story",
            "--format",
            "json",
            "--image",
            &at("kernel.bin"),
            "--guest",
            &at("guest.bin"),
            "--timeout",
            self.timeout,
        ])
    }

    /// What the run's own records are judged to be, where that is not what the run was.
    fn judged_again(&self, ran: &support::Ran) -> Option<String> {
        let runs = self.root.path().join("target/harness/runs");
        let mut runs = fs::read_dir(runs).expect("every case leaves a record");
        let dir = runs.next().expect("of its run").expect("readable").path();
        let again = support::harness(&["judge", &dir.to_string_lossy(), "--format", "json"]);
        let verdicts = [ran, &again].map(|ran| (ran.code, ran.json()["verdict"].clone()));
        let [first, second] = &verdicts;
        (first != second).then(|| format!("the run's record is judged to be {second:?}"))
    }

    /// Processes and files that should not be there any more.
    fn left_overs(&self) -> Vec<String> {
        let mut found = Vec::new();
        let pids = fs::read_dir(self.root.path().join("pids")).expect("the bed is ours");
        for pid in pids.map(|entry| entry.expect("readable").file_name()) {
            let pid = pid.to_string_lossy().into_owned();
            if !gone(&pid) {
                found.push(format!("process {pid} of the machine is still there"));
            }
        }
        let runs = self.root.path().join("target/harness/runs");
        for run in fs::read_dir(runs).into_iter().flatten() {
            for file in fs::read_dir(run.expect("readable").path()).expect("a run's directory") {
                let name = file
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned();
                if name.starts_with('.') {
                    found.push(format!("the temporary file {name} is left"));
                }
            }
        }
        found
    }
}

/// Whether a process has ended. One that was killed may take the kernel a moment, in which it is
/// still there, or nobody has yet reaped it.
fn gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Err(_) => return true,
            Ok(stat) if stat.contains(") Z ") => return true,
            Ok(_) if Instant::now() > until => return false,
            Ok(_) => std::thread::yield_now(),
        }
    }
}
