//! The scripts of the workflows and actions, run with programs that only note how they were called.

use crate::{Step, members, plain, steps};
use harness::cli::description;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// What `x` does by itself.
const OF_X: [&str; 3] = ["setup", "check", "test"];

/// Programs that scripts call and that do no harm. All others are stubs, or not there.
const REAL: [&str; 6] = ["cat", "cp", "mkdir", "rm", "tail", "test"];

const STUBS: [&str; 5] = ["find", "git", "harness", "jq", "sudo"];

/// Notes the words that it was called with.
const STUB: &str = "#!/bin/sh\n{ printf '%s' \"${0##*/}\"; printf '\\037%s' \"$@\"; printf '\\036'; } >>\"$CALLS\"\n";

/// What a script did.
pub struct Called {
    /// The programs that it called, each with its words.
    pub calls: Vec<Vec<String>>,
    pub code: Option<i32>,
    /// What it wrote for later steps.
    pub output: String,
}

/// Writes a program.
fn program(file: &Path, script: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, script).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What `git` does: it fetches a version, as it says, unless it is there.
const GIT: &str = "for folder; do :; done; mkdir \"$folder\" && cp \"$ACTION/x\" \"$folder/x\"";

/// Runs a script in a folder of its own.
pub fn run(script: &str, env: &BTreeMap<String, String>) -> Called {
    run_in(tempfile::tempdir().unwrap().path(), script, env)
}

/// Runs a script in a folder, which is that of the action, and that of the runner's temporary files.
pub fn run_in(folder: &Path, script: &str, env: &BTreeMap<String, String>) -> Called {
    let at = |name: &str| folder.join(name);
    let stub = |file: &Path| program(file, STUB);
    STUBS.iter().for_each(|name| stub(&at("bin").join(name)));
    program(&at("bin/git"), &format!("{STUB}{GIT}\n"));
    stub(&at("x"));
    stub(&at("target/debug/harness"));
    let _ = fs::remove_file(at("calls"));
    let _ = fs::remove_file(at("output"));
    for name in REAL {
        let of_system = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
        let real = of_system.iter().find(|file| file.is_file()).unwrap();
        let _ = std::os::unix::fs::symlink(real, at("bin").join(name));
    }
    let mut command = Command::new("/bin/bash");
    command.env_clear().envs(env).current_dir(folder);
    for (name, place) in [
        ("PATH", at("bin")),
        ("HOME", at("home")),
        ("CALLS", at("calls")),
        ("GITHUB_OUTPUT", at("output")),
        ("RUNNER_TEMP", folder.to_owned()),
        ("ACTION", folder.to_owned()),
        ("SOURCE", folder.to_owned()),
        ("CARGO_TARGET_DIR", at("target")),
        ("HARNESS", at("bin/harness")),
    ] {
        command.env(name, place);
    }
    // As the runner starts bash.
    let ran = command
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!said.contains("not found"), "{said} in {script}");
    let calls = fs::read_to_string(at("calls")).unwrap_or_default();
    let calls = calls
        .split_terminator('\x1e')
        .map(|call| call.split('\x1f').map(str::to_owned).collect());
    Called {
        calls: calls.collect(),
        code: ran.status.code(),
        output: fs::read_to_string(at("output")).unwrap_or_default(),
    }
}

/// A step's variables, with what stands in `${{ }}` replaced.
pub fn variables(
    step: &Step,
    matrix: &BTreeMap<String, String>,
    inputs: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("GITHUB_ACTION".into(), "__self".into())]);
    for (name, value) in members(&step.env).chain(members(&step.step["env"])) {
        let mut value = plain(value);
        for (name, one) in matrix {
            value = value.replace(&format!("${{{{ matrix.{name} }}}}"), one);
        }
        for (name, one) in inputs {
            value = value.replace(&format!("${{{{ inputs.{name} }}}}"), one);
        }
        variables.insert(name.clone(), value);
    }
    variables
}

/// Whether the program, or `x`, understands a call.
fn understood(call: &[String]) -> Result<(), String> {
    let first = call.get(1).map_or("", String::as_str);
    if call[0] == "x" && OF_X.contains(&first) {
        return Ok(());
    }
    match description().try_get_matches_from(call) {
        Ok(_) => Ok(()),
        Err(error) if !error.use_stderr() => Ok(()), // --version
        Err(error) => Err(format!("{call:?}: {error}")),
    }
}

pub const INPUTS: [&[(&str, &str)]; 3] = [
    &[
        ("hypervisor", "build/a kernel.elf"),
        ("scenario", "./my scenario.toml"),
        ("machine", "x86_64"),
        ("arch", ""),
        ("guest", "a guest"),
        ("timeout", "10s"),
        ("version", "0.2.0"),
    ],
    &[
        ("hypervisor", "kernel.elf"),
        ("scenario", "my.toml"),
        ("machine", ""),
        ("arch", "riscv64"),
        ("guest", ""),
        ("timeout", "30"),
        ("version", ""),
    ],
    &[
        ("hypervisor", "k"),
        ("scenario", "s.toml"),
        ("machine", ""),
        ("arch", ""),
        ("guest", ""),
        ("timeout", "30"),
        ("version", ""),
    ],
];

#[test]
fn every_script_types_what_the_program_understands() {
    let mut count = 0;
    for step in steps().iter().filter(|step| step.step["run"].is_string()) {
        for matrix in &step.matrix {
            for inputs in INPUTS {
                let mut variables = variables(step, matrix, inputs);
                if step.place.ends_with(": ci") {
                    variables.insert("RESULTS".into(), "success success success".into());
                }
                variables.insert("GOOD".into(), "pass 0".into());
                variables.insert("BAD".into(), "failure 1".into());
                let script = plain(&step.step["run"]);
                let called = run(&script, &variables);
                assert_eq!(called.code, Some(0), "{}: {script}", step.place);
                for call in called
                    .calls
                    .iter()
                    .filter(|c| ["x", "harness"].contains(&&*c[0]))
                {
                    understood(call).unwrap_or_else(|e| panic!("{}: {e}", step.place));
                    count += 1;
                }
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_call_with_a_slip_is_not_understood() {
    let call = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    understood(&call("x check")).unwrap();
    understood(&call("harness run --arch riscv64")).unwrap();
    for wrong in [
        "harness check",
        "x run --arch mips",
        "x chekc",
        "harness run --report",
    ] {
        understood(&call(wrong)).unwrap_err();
    }
}

#[test]
fn the_required_check_fails_unless_every_job_succeeded() {
    let steps = steps();
    let step = steps
        .iter()
        .find(|step| step.place.ends_with("ci.yml: ci"))
        .unwrap();
    for (results, code) in [
        ("success success success", 0),
        ("success failure success", 1),
        ("success success skipped", 1),
        ("cancelled success success", 1),
    ] {
        let env = BTreeMap::from([("RESULTS".to_owned(), results.to_owned())]);
        let called = run(&plain(&step.step["run"]), &env);
        assert_eq!(called.code, Some(code), "{results}");
    }
}
