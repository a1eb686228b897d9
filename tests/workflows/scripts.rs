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
const REAL: [&str; 4] = ["cat", "mkdir", "tail", "test"];

const STUBS: [&str; 5] = ["find", "git", "harness", "jq", "sudo"];

/// Notes the words that it was called with.
const STUB: &str = "#!/bin/sh\n{ printf '%s' \"${0##*/}\"; printf '\\037%s' \"$@\"; printf '\\036'; } >>\"$CALLS\"\n";

/// What a script did.
struct Called {
    /// The programs that it called, each with its words.
    calls: Vec<Vec<String>>,
    code: Option<i32>,
    /// What it wrote for later steps.
    output: String,
}

/// Runs a script in a folder of its own.
fn run(script: &str, env: &BTreeMap<String, String>) -> Called {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("bin")).unwrap();
    let stub = |file: &Path| {
        fs::write(file, STUB).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    STUBS.iter().for_each(|name| stub(&at("bin").join(name)));
    stub(&at("x"));
    // Of the version that `git` would have fetched.
    fs::create_dir(at("harness-0.2.0")).unwrap();
    stub(&at("harness-0.2.0/x"));
    for name in REAL {
        let of_system = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
        let real = of_system.iter().find(|file| file.is_file()).unwrap();
        std::os::unix::fs::symlink(real, at("bin").join(name)).unwrap();
    }
    let mut command = Command::new("/bin/bash");
    command.env_clear().envs(env).current_dir(folder.path());
    for (name, place) in [
        ("PATH", at("bin")),
        ("HOME", at("home")),
        ("CALLS", at("calls")),
        ("GITHUB_OUTPUT", at("output")),
        ("RUNNER_TEMP", folder.path().to_owned()),
        ("ACTION", folder.path().to_owned()),
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
fn variables(
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

const INPUTS: [&[(&str, &str)]; 3] = [
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

/// The script that judges, with each way in which the harness may end.
#[test]
fn the_action_tells_the_verdict_and_ends_as_the_harness_does() {
    let steps = steps();
    let step = steps
        .iter()
        .find(|step| step.step["id"] == "judge")
        .unwrap();
    let variables = variables(step, &BTreeMap::new(), INPUTS[0]);
    let script = plain(&step.step["run"]);
    for (code, results, verdict) in [
        (0, true, "pass"),
        (1, true, "diverged"),
        (2, false, "none"),
        (3, true, "timeout"),
    ] {
        // What the harness leaves, and how it ends.
        let leaves = if results {
            "echo >\"$RUNNER_TEMP/harness-__self.json\";"
        } else {
            ""
        };
        let harness = format!(
            "harness() {{ if [ \"$1\" = page ]; then echo /page.html; else {leaves} return {code}; fi; }}"
        );
        let jq = format!("jq() {{ case $2 in *kind) echo {verdict} ;; *) echo /run ;; esac; }}");
        let called = run(
            &format!("{harness}\n{jq}\nHARNESS=harness\n{script}"),
            &variables,
        );
        assert_eq!(called.code, Some(code));
        let page = if results { "/page.html" } else { "" };
        let output = format!("verdict={verdict}\nexit-code={code}\npage={page}\n");
        assert_eq!(called.output, output);
    }
    let called = run(&script, &variables);
    let words: Vec<_> = called.calls[0].iter().map(String::as_str).collect();
    assert_eq!(
        &words[1..12],
        [
            "run",
            "--hypervisor",
            "build/a kernel.elf",
            "--scenario",
            "./my scenario.toml",
            "--timeout",
            "10s",
            "--machine",
            "x86_64",
            "--guest",
            "a guest"
        ]
    );
}
