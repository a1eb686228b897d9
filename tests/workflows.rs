//! The workflows and actions of GitHub: their structure, and that each of their scripts types what the program
//! understands. The scripts run, with programs that only note how they were called.

#[path = "workflows/action.rs"]
mod action;
#[path = "workflows/scripts.rs"]
mod scripts;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const WORKFLOWS: [&str; 2] = [".github/workflows/ci.yml", ".github/workflows/action.yml"];

const ACTIONS: [&str; 2] = ["action.yml", ".github/actions/set-up/action.yml"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_yaml_ng::from_str(&text(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A step, and where it is from.
struct Step {
    place: String,
    step: Value,
    /// Variables of its job.
    env: Value,
    /// The values of the job's matrix, one for each of its jobs.
    matrix: Vec<BTreeMap<String, String>>,
}

/// The steps of all workflows and actions.
fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for file in WORKFLOWS {
        for (name, job) in members(&yaml(file)["jobs"]) {
            steps.extend(list(&job["steps"]).map(|step| Step {
                place: format!("{file}: {name}"),
                step: step.clone(),
                env: job["env"].clone(),
                matrix: combinations(&job["strategy"]["matrix"]),
            }));
        }
    }
    for file in ACTIONS {
        steps.extend(list(&yaml(file)["runs"]["steps"]).map(|step| Step {
            place: file.to_owned(),
            step: step.clone(),
            env: Value::Null,
            matrix: vec![BTreeMap::new()],
        }));
    }
    assert!(steps.len() > 10);
    steps
}

/// Every combination of the values of a matrix.
fn combinations(matrix: &Value) -> Vec<BTreeMap<String, String>> {
    let mut all = vec![BTreeMap::new()];
    for (name, values) in members(matrix) {
        let with = |one: &BTreeMap<String, String>| {
            let one = one.clone();
            list(values).map(move |value| {
                let mut one = one.clone();
                one.insert(name.clone(), plain(value));
                one
            })
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn the_one_check_to_require_needs_every_other_job() {
    let jobs = yaml(WORKFLOWS[0])["jobs"].clone();
    let needs: BTreeSet<_> = list(&jobs["ci"]["needs"]).map(plain).collect();
    let others = members(&jobs).map(|(name, _)| name.clone());
    let others: BTreeSet<_> = others.filter(|name| name != "ci").collect();
    assert_eq!(needs, others);
    assert_eq!(jobs["ci"]["if"], "always()");
    assert_eq!(
        jobs["ci"]["env"]["RESULTS"],
        "${{ join(needs.*.result, ' ') }}"
    );
}

#[test]
fn the_suite_is_run_on_every_architecture_and_every_shard() {
    let matrix = combinations(&yaml(WORKFLOWS[0])["jobs"]["matrix"]["strategy"]["matrix"]);
    let arches = harness::Arch::ALL.map(harness::Arch::name);
    let wanted = arches.iter().flat_map(|arch| [(*arch, "1"), (*arch, "2")]);
    let has: Vec<_> = matrix
        .iter()
        .map(|one| (&*one["arch"], &*one["shard"]))
        .collect();
    assert_eq!(has, wanted.collect::<Vec<_>>());
    assert!(text(WORKFLOWS[0]).contains("SHARD: ${{ matrix.shard }}/2\n"));
}

#[test]
fn jobs_may_do_little_and_end() {
    for file in WORKFLOWS {
        let workflow = yaml(file);
        assert_eq!(
            workflow["permissions"],
            serde_json::json!({ "contents": "read" }),
            "{file}"
        );
        for (name, job) in members(&workflow["jobs"]) {
            assert!(
                job["timeout-minutes"].as_u64().is_some_and(|m| m <= 60),
                "{file}: {name}"
            );
            assert!(
                job["permissions"].as_object().is_none_or(|p| p.is_empty()),
                "{file}: {name}"
            );
        }
    }
    for Step { place, step, .. } in steps() {
        if plain(&step["uses"]).starts_with("actions/checkout@") {
            assert_eq!(step["with"]["persist-credentials"], false, "{place}");
        }
    }
}

/// A tag of somebody else's can be moved; a commit cannot.
#[test]
fn actions_of_others_are_pinned_to_a_commit_and_say_which_version_that_is() {
    let commit = regex::Regex::new(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").unwrap();
    let mut found = 0;
    for file in WORKFLOWS.into_iter().chain(ACTIONS) {
        for line in text(file).lines() {
            let line = line.trim_start().trim_start_matches("- ");
            if let Some(used) = line.strip_prefix("uses: ") {
                let own = used.starts_with("./") && root().join(used).join("action.yml").is_file();
                assert!(own || commit.is_match(used), "{file}: {used}");
                found += 1;
            }
        }
    }
    let parsed = steps()
        .iter()
        .filter(|step| step.step["uses"].is_string())
        .count();
    assert_eq!(found, parsed, "each is a line of its own");
}

/// What GitHub puts into a script may hold anything, such as a branch's name. In a variable it stays one value.
#[test]
fn nothing_is_put_into_a_script_but_by_variables() {
    for Step { place, step, .. } in steps() {
        assert!(
            !plain(&step["run"]).contains("${{"),
            "{place}: {}",
            step["run"]
        );
        assert!(
            step["run"].is_string() != step["uses"].is_string(),
            "{place}"
        );
        if ACTIONS.contains(&place.as_str()) && step["run"].is_string() {
            assert_eq!(step["shell"], "bash", "{place}");
        }
    }
}

#[test]
fn an_action_uses_each_of_its_inputs_and_no_other_and_each_output_has_its_step() {
    let input = regex::Regex::new(r"inputs\.([\w-]+)").unwrap();
    for file in ACTIONS {
        let (action, text) = (yaml(file), text(file));
        let declared: BTreeSet<_> = members(&action["inputs"])
            .map(|(name, _)| name.clone())
            .collect();
        let used: BTreeSet<_> = input
            .captures_iter(&text)
            .map(|c| c[1].to_owned())
            .collect();
        assert_eq!(declared, used, "{file}");
        for (name, described) in members(&action["inputs"]).chain(members(&action["outputs"])) {
            assert!(described["description"].is_string(), "{file}: {name}");
        }
        for (name, output) in members(&action["outputs"]) {
            let value = plain(&output["value"]);
            let (_, step) = value.split_once("steps.").unwrap();
            let (step, _) = step.split_once('.').unwrap();
            let mut steps = list(&action["runs"]["steps"]);
            let step = steps
                .find(|one| one["id"] == step)
                .unwrap_or_else(|| panic!("{file}: {name}"));
            assert!(
                plain(&step["run"]).contains(&format!("{name}=")),
                "{file}: {name}"
            );
        }
    }
    // Those who use an action give it what it has.
    let public = yaml(ACTIONS[0])["inputs"].clone();
    for step in steps().iter().filter(|step| step.step["uses"] == "./") {
        for (name, _) in members(&step.step["with"]) {
            assert!(
                public.get(name).is_some(),
                "{}: there is no input {name}",
                step.place
            );
        }
    }
}

/// Whether a list of paths, as `actions/cache` reads it, has a file: some begin with `!`, and a `*` is one name.
fn is_kept(paths: &str, file: &str) -> bool {
    let covers = |pattern: &str| {
        let mut parts = file.split('/');
        pattern
            .split('/')
            .all(|name| parts.next().is_some_and(|part| name == "*" || name == part))
    };
    let (not, wanted): (Vec<_>, Vec<_>) = paths.lines().partition(|path| path.starts_with('!'));
    wanted.iter().any(|path| covers(path)) && !not.iter().any(|path| covers(&path[1..]))
}

/// The steps of an action that keep something, with their places among its steps.
fn caches(action: &str) -> Vec<(usize, Value)> {
    let steps = yaml(action)["runs"]["steps"].clone();
    let steps = list(&steps).cloned().enumerate();
    let keeps = |(_, step): &(usize, Value)| plain(&step["uses"]).starts_with("actions/cache@");
    steps.filter(keeps).collect()
}

/// The records of an earlier run, brought back with its builds, would be uploaded as this one's.
#[test]
fn no_cache_keeps_the_records_of_a_run() {
    let mut built = 0;
    for action in ACTIONS {
        for (_, step) in caches(action) {
            let paths = plain(&step["with"]["path"]);
            let paths = paths.replace("${{ steps.source.outputs.folder }}/", "");
            for file in [
                "matrices/old/matrix.json",
                "matrices/old/index.html",
                "runs/old/verdict.json",
            ] {
                assert!(
                    !is_kept(&paths, &format!("target/harness/{file}")),
                    "{paths}"
                );
            }
            built += usize::from(is_kept(&paths, "target/debug/harness"));
        }
    }
    assert_eq!(built, ACTIONS.len(), "what is built is kept by each");
    assert!(
        is_kept("a/*\n!a/b", "a/c/d") && !is_kept("a/*\n!a/b", "a/b/c") && !is_kept("a/*", "b/a")
    );
}

/// What the public action keeps is of one version, and there before that is built.
#[test]
fn the_public_action_keeps_what_belongs_to_its_version() {
    let keeps = caches(ACTIONS[0]);
    let [(place, step)] = &keeps[..] else {
        panic!("{keeps:?}");
    };
    let steps = yaml(ACTIONS[0])["runs"]["steps"].clone();
    let position = |id: &str| list(&steps).position(|step| step["id"] == id).unwrap();
    assert!(position("source") < *place && *place < position("set-up"));
    assert_eq!(step["if"], "steps.source.outputs.key != ''");
    let key = plain(&step["with"]["key"]);
    assert!(key.ends_with("-${{ steps.source.outputs.key }}"), "{key}");
    // There it would be that of the action which keeps things.
    for step in list(&steps) {
        assert!(
            !step["with"].to_string().contains("github.action_"),
            "{step}"
        );
    }
    let set_up = &steps[position("set-up")]["env"];
    assert_eq!(set_up["CARGO_INCREMENTAL"], "0");
    assert_eq!(
        set_up["CARGO_TARGET_DIR"],
        "${{ steps.source.outputs.folder }}/target"
    );
    assert_eq!(yaml(WORKFLOWS[0])["env"]["CARGO_INCREMENTAL"], "0");
}

/// Each job of a matrix builds something else.
#[test]
fn jobs_that_build_different_things_keep_them_apart() {
    let mut keys = Vec::new();
    for Step { step, matrix, .. } in steps() {
        if step["uses"] == "./.github/actions/set-up" {
            keys.extend(matrix.iter().map(|one| {
                let mut key = plain(&step["with"]["key"]);
                for (name, value) in one {
                    key = key.replace(&format!("${{{{ matrix.{name} }}}}"), value);
                }
                key
            }));
        }
    }
    let different: BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "{keys:?}");
}

#[test]
fn a_newer_push_ends_only_the_jobs_of_a_pull_request_and_a_queue_is_checked_too() {
    let workflow = yaml(WORKFLOWS[0]);
    let cancel = &workflow["concurrency"]["cancel-in-progress"];
    assert_eq!(cancel, "${{ github.event_name == 'pull_request' }}");
    let on = workflow["on"].as_object().unwrap();
    let on: Vec<_> = on.keys().map(String::as_str).collect();
    assert_eq!(on, ["merge_group", "pull_request", "push"]);
}

/// The action is tried when anything changes that it is made of.
#[test]
fn the_action_is_tried_after_every_change_of_what_it_is_made_of() {
    let workflow = yaml(WORKFLOWS[1]);
    let paths: Vec<_> = list(&workflow["on"]["pull_request"]["paths"])
        .map(plain)
        .collect();
    let paths = paths.iter().map(|path| path.trim_end_matches("/**"));
    let paths: BTreeSet<_> = paths.collect();
    for made_of in [
        "action.yml",
        "x",
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
        "harness",
        "configs",
    ] {
        assert!(paths.contains(made_of), "{made_of}");
    }
    for path in paths {
        assert!(root().join(path).exists(), "there is no {path}");
    }
}
