//! The data of pages, out of recorded runs.

use super::data::{Page, Run, Sign};
use super::*;
use serde_json::{Value, json};
use std::fs;

fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    fixtures.join(name)
}

fn run(name: &str) -> (Page, Run) {
    let mut page = of_run(&fixture(name), "./x").unwrap();
    let run = page.runs.remove(0);
    (page, run)
}

/// The lines of a log as the page shows them.
fn log(page: &Page, run: &Run) -> Vec<String> {
    let log = &run.log;
    let lines = log.times.iter().zip(log.sources.chars()).zip(&log.texts);
    let line = |((at, source), text): ((&Option<i64>, char), &usize)| {
        let at = at.unwrap_or(-1);
        format!("{at:>7} {source} {}", page.texts[*text])
    };
    lines.map(line).collect()
}

#[test]
fn a_run_in_time() {
    let (page, run) = run("runs/x86_64-gkernel");
    let name = |id: usize| page.texts[id].clone();
    let time = &run.timeline;
    let phases: Vec<_> = time
        .phases
        .iter()
        .map(|p| (p.who, p.from, p.to, p.what.map(name)))
        .collect();
    let steps: Vec<_> = time
        .steps
        .iter()
        .map(|s| (name(s.name), s.by, s.at, s.line))
        .collect();
    let audits: Vec<_> = run
        .audits
        .iter()
        .map(|a| (a.at, name(a.moment), a.map, a.breaches.len()))
        .collect();
    insta::assert_json_snapshot!(json!({
        "end": time.end, "phases": phases, "steps": steps, "audits": audits, "exits": time.exits, "marks": time.marks,
    }));
}

#[test]
fn all_sources_in_one_order() {
    let (page, run) = run("runs/x86_64-gkernel");
    let lines = log(&page, &run);
    let from = lines
        .iter()
        .position(|line| line.contains("Reading PFlash"))
        .unwrap();
    insta::assert_json_snapshot!(lines[from - 4..]);
}

#[test]
fn a_breach_is_the_cause_and_is_drawn() {
    let (page, run) = run("foreign/audit-guestaspace-riscv64");
    assert_eq!((run.sign, run.kind), (Sign::Failed, "isolation-broken"));
    let cause = run.cause.as_ref().unwrap();
    assert!(log(&page, &run)[cause.line.unwrap()].contains("BREACH"));
    assert!(page.texts[cause.text].contains("the tables that confine the guest"));
    let map = &page.maps[run.audits[0].map];
    let broken = map
        .bands
        .iter()
        .find(|band| !band.breaches.is_empty())
        .unwrap();
    assert_eq!(
        page.texts[broken.whose],
        "the tables that confine the guest and the host's RAM `audited-ram`"
    );
    assert_eq!(map.host[broken.host[0]].kind, "tables");
}

#[test]
fn where_the_clock_ran_out_and_what_to_type() {
    let (page, run) = run("runs/riscv64-timeout");
    assert_eq!(run.sign, Sign::TimedOut);
    let place = &page.texts[run.stopped_at[1]];
    assert!(place.contains("load.rs:88"), "{place}");
    assert!(page.texts[run.registers.unwrap()].contains("hstatus"));
    assert_eq!(page.texts[run.timeline.awaited.unwrap()], "case");
    let commands: Vec<_> = run
        .commands
        .iter()
        .map(|[_, command]| &*page.texts[*command])
        .collect();
    assert_eq!(
        commands[0],
        "./x run --scenario irq-state-reloaded --machine riscv64"
    );
    // The images are not among what is kept for the tests.
    let note = &page.texts[run.by_hand.note.unwrap()];
    assert!(
        run.by_hand.command.is_none() && note.contains("not in its folder"),
        "{note}"
    );
}

/// The command is as the records have it, and the folder is where they are now.
#[test]
fn the_machine_by_hand_is_started_where_its_images_are() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture("runs/riscv64-timeout")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    fs::write(folder.path().join("kernel"), "").unwrap();
    let by_hand = || {
        let page = of_run(folder.path(), "./x").unwrap();
        let by_hand = &page.runs[0].by_hand;
        let text = |id: Option<usize>| id.map(|id| page.texts[id].clone());
        (text(by_hand.command), text(by_hand.note))
    };
    let (command, note) = by_hand();
    let command = command.unwrap();
    assert!(
        command.starts_with("TMPDIR=. qemu-system-riscv64 ") && note.is_none(),
        "{command}"
    );
    let path = folder.path().join("command.txt");
    let said = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("# Its images were removed.\n\n{said}")).unwrap();
    assert_eq!(by_hand(), (None, Some("Its images were removed.".into())));
}

/// What was not kept of QEMU's log is not made up, and not passed over.
#[test]
fn the_middle_of_a_long_log_is_told_to_be_missing() {
    let (page, run) = run("runs/riscv64-timeout");
    let lines = log(&page, &run);
    let told = "[... 5162850 bytes of QEMU's log were not kept, and the exits in them are missing here ...]";
    assert!(lines.last().unwrap().ends_with(told), "{:?}", lines.last());
}

#[test]
fn what_is_no_folder_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |what: &str| {
        let error = write(folder.path(), "./x").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(what), "{error}");
    };
    refused("neither the folder of a run (run.json) nor that of a matrix (matrix.json)");
    fs::write(folder.path().join(MATRIX), r#"{"version": 99}"#).unwrap();
    refused("it is of version 99, and this harness knows them up to 1");
    fs::write(folder.path().join(MATRIX), "[]").unwrap();
    refused("cannot be read");
    fs::remove_file(folder.path().join(MATRIX)).unwrap();
    fs::write(folder.path().join(BOOTED), "{").unwrap();
    refused("this is not the directory of a run");
}

/// A matrix of one case, with its folder.
fn matrix(folder: &Path, name: &str, case: &Value) -> PathBuf {
    let dir = folder.join(name);
    fs::create_dir_all(dir.join("runs")).unwrap();
    let matrix = json!({
        "version": 1, "harness": "0.2.0", "started": name, "seconds": 2.5, "jobs": 2, "command": "./x matrix",
        "shard": {"k": 1, "n": 2}, "flaky_fails": false, "cases": [case],
    });
    fs::write(dir.join(MATRIX), matrix.to_string()).unwrap();
    dir
}

fn case(outcome: &str, run_dir: &str) -> Value {
    let report = fs::read_to_string(fixture("runs/x86_64-gkernel/verdict.json")).unwrap();
    let mut report: Value = serde_json::from_str(&report).unwrap();
    report["run_dir"] = json!(run_dir);
    json!({
        "name": "gkernel::x86_64", "scenario": "gkernel", "machine": "x86_64", "arch": "x86_64", "outcome": outcome,
        "attempts": [{"at": 0.0, "seconds": 0.4, "report": report}, {"at": 1.0, "seconds": 0.5, "report": report}],
    })
}

#[test]
fn the_runs_of_a_matrix_are_found_where_it_lies_now() {
    let folder = tempfile::tempdir().unwrap();
    let dir = matrix(
        folder.path(),
        "20260102T000000Z-1",
        &case("flaky", "/no/such/runs/one"),
    );
    let run = dir.join("runs/one");
    fs::create_dir(&run).unwrap();
    for file in fs::read_dir(fixture("runs/x86_64-gkernel")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), run.join(file.file_name())).unwrap();
    }
    let page = of_matrix(&dir, "./x").unwrap();
    let ids: Vec<_> = page.runs.iter().map(|run| &*page.texts[run.id]).collect();
    assert_eq!(ids, ["gkernel::x86_64", "gkernel::x86_64~2"]);
    assert!(
        page.runs
            .iter()
            .all(|run| run.missing.is_none() && run.log.texts.len() > 50)
    );
    assert_eq!(page.maps.len(), 2, "what is the same is there once");
    let matrix = page.matrix.unwrap();
    assert_eq!(
        (matrix.cases[0].outcome, &matrix.cases[0].runs),
        (Sign::Flaky, &vec![0, 1])
    );
    assert_eq!(matrix.shard.as_deref(), Some("1/2"));
}

#[test]
fn a_run_without_records_is_shown_with_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let dir = matrix(
        folder.path(),
        "20260102T000000Z-1",
        &case("passed", "/no/such/runs/one"),
    );
    let page = of_matrix(&dir, "./x").unwrap();
    let run = &page.runs[0];
    assert!(page.texts[run.missing.unwrap()].contains("not part of this folder"));
    assert!(page.texts[run.text].contains("steps in order") && run.log.texts.is_empty());
}

#[test]
fn earlier_matrices_of_the_folder_are_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let failed = case("failed", "/no/such");
    for name in ["20260101T000000Z-1", "20260103T000000Z-1"] {
        matrix(folder.path(), name, &failed);
    }
    // Where flaky cases fail a matrix they do so in its history.
    let flaky = matrix(
        folder.path(),
        "20251231T000000Z-1",
        &case("flaky", "/no/such"),
    );
    let strict = fs::read_to_string(flaky.join(MATRIX)).unwrap();
    let strict = strict.replace("\"flaky_fails\":false", "\"flaky_fails\":true");
    fs::write(flaky.join(MATRIX), strict).unwrap();
    fs::create_dir(folder.path().join("20260101T000000Z-2")).unwrap();
    let dir = matrix(
        folder.path(),
        "20260102T000000Z-1",
        &case("passed", "/no/such"),
    );
    let page = of_matrix(&dir, "./x").unwrap();
    let history = page.matrix.unwrap().history;
    let [strict, past] = &history[..] else {
        panic!("{history:?}");
    };
    assert_eq!(strict.counts, [0, 1, 0]);
    assert_eq!(page.texts[past.folder], "20260101T000000Z-1");
    assert_eq!(
        (&past.outcomes[..], &past.took[..], past.counts),
        (&[Sign::Failed][..], &[500][..], [0, 1, 0])
    );
}

/// Anybody may have written the records.
#[test]
fn no_record_makes_it_panic() {
    let rubbish = [
        "",
        "{}",
        "[]",
        "null",
        "\u{0}\u{ff}",
        r#"{"t": 1e300, "event": "line", "text": "x"}"#,
        r#"{"t": -1, "event": "audit", "at": {"when": "time", "seconds": 1e300}, "at_entry": true, "registers": {"hgatp":
           18446744073709551615}, "format": null, "mappings": [{"gpa": 18446744073709551615, "hpa": 18446744073709551615,
           "size": 18446744073709551615, "access": "rwx"}], "tables": [{"start": 1, "size": 18446744073709551615}],
           "took_ms": -1}"#,
    ];
    let files = [
        "run.json",
        "story.json",
        "events.jsonl",
        "verdict.json",
        "witness.log",
        "command.txt",
        "registers.txt",
    ];
    for file in files {
        for bad in rubbish.map(|text| text.replace("\n", " ")) {
            let folder = tempfile::tempdir().unwrap();
            for entry in fs::read_dir(fixture("runs/riscv64-timeout")).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
            fs::write(folder.path().join(file), bad).unwrap();
            let _ = write(folder.path(), "./x"); // an error is as good as a page
        }
    }
}

/// docs/page.md against the code.
#[test]
fn the_page_on_pages_has_every_key_and_every_limit() {
    let page = include_str!("../../docs/page.md");
    let rows = include_str!("assets/keys.js").lines();
    let rows = rows.filter_map(|line| line.strip_prefix("  [\"")?.split_once('"'));
    let keys: Vec<_> = rows.flat_map(|(keys, _)| keys.split("  ")).collect();
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        let key = key.replace("\\u2212", "-");
        assert!(
            page.contains(&format!("`{key}`")) || page.contains(&format!("| {key} |")),
            "{key}"
        );
    }
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for limit in [
        format!("some {} kB of its log", bounds::LOG_OF_A_RUN / 1000),
        format!("{} MB for all runs", grid::ROOM / 1_000_000),
        format!("up to {} kB each", grid::OF_A_FAILURE / 1000),
        format!("at most {} marks of a kind", bounds::MARKS),
        format!("at most {} audits", bounds::Room::of_a_run().audits(false)),
        format!("at most {} sentences", audits::SENTENCES),
        format!("at most {} bands", map::BANDS),
    ] {
        assert!(words.contains(&limit), "{limit}");
    }
}
