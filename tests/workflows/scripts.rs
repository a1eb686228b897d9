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
struct Called {
    /// The programs that it called, each with its words.
    calls: Vec<Vec<String>>,
    code: Option<i32>,
    /// What it wrote for later steps.
    output: String,
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
fn run(script: &str, env: &BTreeMap<String, String>) -> Called {
    run_in(tempfile::tempdir().unwrap().path(), script, env)
}

/// Runs a script in a folder, which is that of the action, and that of the runner's temporary files.
fn run_in(folder: &Path, script: &str, env: &BTreeMap<String, String>) -> Called {
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

/// The steps of the public action, by their names.
fn step_of_the_action(id: &str) -> Step {
    let steps = steps().into_iter();
    let mut steps = steps.filter(|step| step.place == "action.yml" && step.step["id"] == id);
    steps
        .next()
        .unwrap_or_else(|| panic!("there is no step {id}"))
}

/// What a step wrote for later ones under a name.
fn output<'c>(called: &'c Called, name: &str) -> &'c str {
    let mut lines = called.output.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{name} is missing: {}", called.output))
}

/// Whoever has two images judged in a job uses the action twice, and may name a version both times.
#[test]
fn the_action_may_be_used_twice_in_a_job() {
    for (version, key) in [("", "the-commit"), ("0.2.0", "v0.2.0")] {
        let folder = tempfile::tempdir().unwrap();
        let mut fetched = Vec::new();
        for _ in 0..2 {
            let source = step_of_the_action("source");
            let mut env = variables(&source, &BTreeMap::new(), &[("version", version)]);
            env.insert("REF".into(), "the-commit".into());
            let called = run_in(folder.path(), &plain(&source.step["run"]), &env);
            assert_eq!(called.code, Some(0));
            assert_eq!(output(&called, "key"), key);
            let place = folder.path().join(match version {
                "" => String::new(),
                version => format!("harness-{version}"),
            });
            let place = place.display().to_string();
            assert_eq!(output(&called, "folder"), place.trim_end_matches('/'));
            fetched.extend(called.calls.into_iter().filter(|call| call[0] == "git"));
            let set_up = step_of_the_action("set-up");
            let env = variables(&set_up, &BTreeMap::new(), &[]);
            let called = run_in(folder.path(), &plain(&set_up.step["run"]), &env);
            assert_eq!(called.code, Some(0));
            assert!(output(&called, "harness").ends_with("/target/debug/harness"));
        }
        assert_eq!(
            fetched.len(),
            usize::from(!version.is_empty()),
            "{fetched:?}"
        );
    }
    // It becomes a part of a path.
    let source = step_of_the_action("source");
    for version in ["../x", "a b", "x;y"] {
        let env = variables(&source, &BTreeMap::new(), &[("version", version)]);
        assert_eq!(run(&plain(&source.step["run"]), &env).code, Some(2));
    }
}

/// A verdict of an earlier attempt on the same runner is none of this one.
#[test]
fn the_action_tells_no_verdict_but_its_own() {
    let step = step_of_the_action("judge");
    let variables = variables(&step, &BTreeMap::new(), INPUTS[0]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("harness-__self.json"), "of before").unwrap();
    let script = format!(
        "harness() {{ return 2; }}\nHARNESS=harness\n{}",
        plain(&step.step["run"])
    );
    let called = run_in(folder.path(), &script, &variables);
    assert_eq!(called.code, Some(2));
    assert_eq!(called.output, "verdict=none\nexit-code=2\npage=\n");
}

/// What a filter of jq's gives of a value, as far as the action's go: members, elements, and `// empty`.
fn filtered(value: &serde_json::Value, filter: &str) -> String {
    let (path, or_empty) = match filter.strip_suffix(" // empty") {
        Some(path) => (path, true),
        None => (filter, false),
    };
    let mut value = value;
    for part in path.split('.').skip(1) {
        let (name, element) = part.split_once('[').unwrap_or((part, ""));
        value = &value[name];
        if let Some(nth) = element.strip_suffix(']') {
            let nth: isize = nth.parse().unwrap();
            let elements = value.as_array().unwrap();
            value = &elements[nth.rem_euclid(elements.len() as isize) as usize];
        }
    }
    match value {
        serde_json::Value::Null if or_empty => String::new(),
        value => plain(value),
    }
}

/// The action's filters find in a report of the harness's own what they are for; jq agrees where there is one.
#[test]
fn the_action_reads_the_report_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let judged = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args([
            "judge",
            "--arch",
            "riscv64",
            "fixtures/consoles/riscv64/good.log",
            "--report",
        ])
        .arg(format!("json={}", file.display()))
        .current_dir(crate::root())
        .output()
        .unwrap();
    assert_eq!(judged.status.code(), Some(0), "{judged:?}");
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    // A run that was made again; only the last counts.
    let mut again = report.clone();
    let attempts = again["cases"][0]["attempts"].as_array_mut().unwrap();
    attempts.push(attempts[0].clone());
    attempts[1]["report"]["run_dir"] = "/a run".into();
    attempts[1]["report"]["verdict"]["kind"] = "timeout".into();
    let step = step_of_the_action("judge");
    let variables = variables(&step, &BTreeMap::new(), INPUTS[0]);
    let leaves = "harness() { [ \"$1\" = page ] || echo >\"$RUNNER_TEMP/harness-__self.json\"; }\nHARNESS=harness";
    let called = run(
        &format!("{leaves}\n{}", plain(&step.step["run"])),
        &variables,
    );
    let filters = called.calls.iter().filter(|call| call[0] == "jq");
    let filters: Vec<_> = filters.map(|call| call[2].as_str()).collect();
    for (report, expected) in [(report, ["pass", ""]), (again, ["timeout", "/a run"])] {
        fs::write(&file, report.to_string()).unwrap();
        let found: Vec<_> = filters
            .iter()
            .map(|filter| filtered(&report, filter))
            .collect();
        assert_eq!(found, expected, "{filters:?}");
        for (filter, expected) in filters.iter().zip(expected) {
            // Not every computer has it.
            if let Ok(said) = Command::new("jq").args(["-r", filter]).arg(&file).output() {
                assert_eq!(String::from_utf8_lossy(&said.stdout).trim_end(), expected);
            }
        }
    }
}
