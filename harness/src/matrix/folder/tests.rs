use super::*;
use crate::arch::Arch;
use crate::matrix::results::{CaseResult, Outcome};

fn results(outcome: Outcome) -> Results {
    Results {
        version: VERSION,
        harness: "0".into(),
        started: "2026-01-01T00:00:00Z".into(),
        seconds: 1.0,
        jobs: 1,
        command: String::new(),
        shard: None,
        chosen: None,
        flaky_fails: false,
        cases: vec![CaseResult {
            name: "a::riscv64".into(),
            scenario: "a".into(),
            machine: "riscv64".into(),
            arch: Arch::Riscv64,
            outcome,
            attempts: Vec::new(),
        }],
    }
}

fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::new(folder.path());
    (folder, project)
}

/// Adds matrices of some day, one second apart.
fn add(parent: &Path, day: u32, count: usize, outcome: Outcome) -> Vec<PathBuf> {
    let add = |nth: usize| {
        let path = parent.join(format!("202001{day:02}T1200{nth:02}Z-1"));
        fs::create_dir_all(path.join(RUNS)).unwrap();
        let mut folder = Folder::begin_again(&path);
        folder.conclude(&results(outcome)).unwrap();
        path
    };
    (0..count).map(add).collect()
}

impl Folder {
    fn begin_again(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            _going_on: None,
        }
    }
}

fn left(paths: &[PathBuf]) -> usize {
    paths.iter().filter(|path| path.is_dir()).count()
}

#[test]
fn what_came_of_a_matrix_can_be_read_back_and_the_newest_is_found() {
    let (_folder, project) = project();
    assert!(newest(&project.matrices()).is_none());
    let mut first = Folder::create(&project, None).unwrap();
    let mut second = Folder::create(&project, None).unwrap();
    assert_ne!(first.path(), second.path());
    assert!(newest(&project.matrices()).is_none(), "none is over");
    second.conclude(&results(Outcome::Failed)).unwrap();
    first.conclude(&results(Outcome::Passed)).unwrap();
    let (path, found) = newest(&project.matrices()).unwrap();
    assert_eq!(
        (path.as_path(), found.cases[0].outcome),
        (second.path(), Outcome::Failed)
    );
    let left: Vec<_> = fs::read_dir(second.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 3, "results, runs and what is kept: {left:?}");
    // The eleventh of a second comes after the second.
    let parent = project.matrices();
    for nth in [2, 11] {
        let path = parent.join(format!("21000101T000000Z-{nth}"));
        fs::create_dir_all(&path).unwrap();
        Folder::begin_again(&path)
            .conclude(&results(Outcome::Passed))
            .unwrap();
    }
    assert!(newest(&parent).unwrap().0.ends_with("21000101T000000Z-11"));
    // What cannot be read is passed over.
    fs::write(parent.join("21000101T000000Z-11").join(RESULTS), "{").unwrap();
    assert!(newest(&parent).unwrap().0.ends_with("21000101T000000Z-2"));
}

#[test]
fn a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join(RESULTS),
        r#"{"version": 99, "cases": "many"}"#,
    )
    .unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("it has version 99, and this harness knows"),
        "{error}"
    );
    fs::write(folder.path().join(RESULTS), "[").unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is not what came of a matrix"), "{error}");
}

#[test]
fn the_newest_are_kept_and_those_that_failed_for_longer() {
    let (_folder, project) = project();
    let parent = project.matrices();
    let failed = add(&parent, 1, FAILED_KEPT + 2, Outcome::Failed);
    let not_run = add(&parent, 2, 1, Outcome::NotRun);
    let passed = add(&parent, 3, PASSED_KEPT + 4, Outcome::Passed);
    // Who names another folder keeps all of both.
    let other = parent.with_file_name("other");
    Folder::create(&project, Some(&other)).unwrap();
    assert_eq!(left(&passed), PASSED_KEPT + 4);
    // And so does who names the usual one.
    let named = Folder::create(&project, Some(&parent)).unwrap();
    assert_eq!(left(&passed), PASSED_KEPT + 4);
    fs::remove_dir_all(named.path()).unwrap();
    prune(&parent, Some("20200102T000000Z"), ROOM);
    assert_eq!(
        (left(&passed), left(&failed)),
        (PASSED_KEPT + 4, FAILED_KEPT)
    );
    let _goes_on = Folder::create(&project, None).unwrap();
    assert_eq!(
        (left(&passed), left(&not_run), left(&failed)),
        (PASSED_KEPT, 1, FAILED_KEPT - 1)
    );
    assert!(passed[passed.len() - 1].is_dir() && !passed[0].is_dir());
    // There is room for one of each kind, also where nobody has noted the sizes.
    for path in passed.iter().chain(&not_run).filter(|path| path.is_dir()) {
        fs::remove_file(path.join(KEPT)).unwrap();
    }
    prune(&parent, None, 1);
    assert_eq!((left(&passed), left(&not_run), left(&failed)), (1, 1, 0));
}

#[test]
fn nothing_else_is_touched_and_no_matrix_that_goes_on() {
    let (_folder, project) = project();
    let parent = project.matrices();
    let mine = [
        "mine",
        "20200101T000000Z-notes",
        "20200101T000000Z-1", // named like one, with something else in it
        "20200101T000000Z-2/runs",
        "runs",
    ];
    for name in mine {
        fs::create_dir_all(parent.join(name)).unwrap();
    }
    let times = parent.join(TIMES);
    fs::write(&times, "{}").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(elsewhere.path().join(RUNS)).unwrap();
    fs::write(elsewhere.path().join(RESULTS), "{}").unwrap();
    let link = parent.join("20200101T000000Z-3");
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    let goes_on = Folder::create(&project, None).unwrap();
    let killed = parent.join("20200101T000000Z-4");
    fs::create_dir(&killed).unwrap();
    drop(Folder::begin(killed.clone()).unwrap());
    add(&parent, 3, FAILED_KEPT, Outcome::Failed);
    prune(&parent, None, 0);
    assert!(mine.iter().all(|name| parent.join(name).is_dir()));
    assert!(times.is_file() && goes_on.runs().is_dir());
    assert!(link.is_symlink() && elsewhere.path().join(RESULTS).is_file());
    assert!(!killed.exists());
}

#[test]
fn of_a_run_that_passed_all_stays_but_what_was_booted() {
    let run = tempfile::tempdir().unwrap();
    for name in [
        "kernel",
        "disk.img",
        "firmware.img",
        "pflash.img",
        "events.jsonl",
    ] {
        fs::write(run.path().join(name), "x").unwrap();
    }
    fs::write(run.path().join("command.txt"), "cd there && qemu\n").unwrap();
    let booted = r#"{"version":4,"harness":"0","arch":"riscv64","scenario":"it's","nonce":"0",
        "asked":{"scenario":"/here/it's.toml","machine":"/my.toml","arch":"riscv64","hypervisor":"K","guest":null,
                 "timeout":{"secs":5,"nanos":0},"no_audit":true,"accel":null},
        "hypervisor":{"file":"K","sha256":""},"guest":null,"second":null}"#;
    fs::write(run.path().join(BOOTED), booted).unwrap();
    slim(run.path(), "./x");
    let mut names: Vec<_> = fs::read_dir(run.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["command.txt", "events.jsonl.gz", "run.json"]);
    let command = fs::read_to_string(run.path().join("command.txt")).unwrap();
    assert!(
        command.contains(
            "\n#   ./x run --scenario '/here/it'\\''s.toml' --machine /my.toml --hypervisor K --timeout 5 --no-audit\n"
        ),
        "{command}"
    );
    assert!(command.ends_with("\n\ncd there && qemu\n"), "{command}");
}
