//! The scripts of the public action.

use crate::scripts::{Called, INPUTS, run, run_in, variables};
use crate::{Step, plain, steps};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

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

/// The script that judges, with each way in which the harness may end.
#[test]
fn the_action_tells_the_verdict_and_ends_as_the_harness_does() {
    let step = step_of_the_action("judge");
    let variables = variables(&step, &BTreeMap::new(), INPUTS[0]);
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
