//! Which runs `harness watch` starts, and after which changes.

use crate::watching::{PATIENCE, Watching, append, project};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_change_runs_again_what_it_concerns() {
    let mut watching = Watching::start();
    assert_eq!(watching.started().len(), 2);
    let of = |name: &str| format!("tests/scenarios/{name}.toml");
    assert_eq!(
        watching.after(|at| append(at.join(of("one")), "# more\n")),
        ["one"]
    );
    assert_eq!(
        watching.after(|at| append(at.join(of("two")), "# more\n")),
        ["two"]
    );
    assert_eq!(
        watching.after(|at| append(at.join(of("base/story")), "# more\n")),
        ["one", "two"]
    );
    assert_eq!(
        watching.after(|at| append(at.join("configs/machines/mine.toml"), "# more\n")),
        ["one", "two"]
    );
    assert_eq!(
        watching.after(|at| fs::write(at.join("kernel.bin"), [1; 64]).unwrap()),
        ["one", "two"]
    );
    // As editors save.
    let renamed = watching.after(|at| {
        let file = at.join(of("two"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(at.join(".two.swp"), text + "# other\n").unwrap();
        fs::rename(at.join(".two.swp"), file).unwrap();
    });
    assert_eq!(renamed, ["two"]);
}

#[test]
fn a_burst_of_changes_is_one_and_what_is_no_input_is_none() {
    let mut watching = Watching::start();
    let once = watching.after(|at| {
        fs::write(at.join("README.md"), "").unwrap();
        for nth in 0..200 {
            fs::write(at.join("kernel.bin"), nth.to_string()).unwrap();
            append(at.join("tests/scenarios/one.toml"), "#\n");
        }
    });
    assert_eq!(once, ["one", "two"]);
}

#[test]
fn a_mistake_is_shown_and_mending_it_runs_again() {
    let mut watching = Watching::start();
    let file = watching.at("tests/scenarios/one.toml");
    let good = fs::read_to_string(&file).unwrap();
    watching.change(|_| fs::write(&file, format!("{good}patern = 1\n")).unwrap());
    let said = watching.until("watching ").join("\n");
    assert!(said.contains("one.toml:4: key `patern`"), "{said}");
    assert_eq!(watching.after(|_| fs::write(&file, good).unwrap()), ["one"]);
}

/// Neither of the two ends before the other has begun.
#[test]
fn as_many_runs_go_on_at_once_as_there_are_jobs() {
    let args = "--scenario one --scenario two --hypervisor kernel.bin --jobs 2";
    let args: Vec<_> = args.split(' ').collect();
    let mut watching = Watching::project(project(), &args);
    let wait = watching.at("wait");
    fs::write(&wait, "").unwrap();
    let before = watching.started().len();
    watching.change(|at| append(at.join("tests/scenarios/base/story.toml"), "# more\n"));
    let end = Instant::now() + PATIENCE;
    while watching.started().len() < before + 2 {
        assert!(Instant::now() < end, "they do not go on at once");
        std::thread::yield_now();
    }
    fs::remove_file(wait).unwrap();
    watching.until("watching ");
    assert_eq!(watching.started().len(), before + 2);
}

/// A run that is under way is ended by a change that concerns it, and begun again.
#[test]
fn a_newer_change_ends_the_run_in_progress() {
    let mut watching = Watching::start();
    let (wait, one) = (watching.at("wait"), watching.at("tests/scenarios/one.toml"));
    fs::write(&wait, "").unwrap();
    let before = watching.started().len();
    watching.change(|_| append(one.clone(), "# first\n"));
    watching.until("tests/scenarios/one.toml changed");
    let end = Instant::now() + PATIENCE;
    while watching.started().len() == before {
        assert!(Instant::now() < end, "no run began");
        std::thread::yield_now();
    }
    watching.change(|_| append(one, "# second\n"));
    watching.until("tests/scenarios/one.toml changed");
    fs::remove_file(wait).unwrap();
    watching.until("watching ");
    assert_eq!(watching.started().len(), before + 2);
}

#[test]
fn from_save_to_start_takes_less_than_a_second() {
    let mut watching = Watching::start();
    let before = watching.started().len();
    append(watching.at("tests/scenarios/one.toml"), "# more\n");
    let saved = Instant::now();
    while watching.started().len() == before {
        assert!(saved.elapsed() < PATIENCE, "no run began");
        std::thread::yield_now();
    }
    assert!(
        saved.elapsed() < Duration::from_secs(1),
        "{:?}",
        saved.elapsed()
    );
    watching.until("watching ");
}

#[test]
fn an_interrupt_ends_it() {
    let mut watching = Watching::start();
    kill_process(Pid::from_child(&watching.child), Signal::INT).unwrap();
    assert_eq!(watching.ended(), Some(130));
}

#[test]
fn it_may_end_by_itself_with_the_worst_result() {
    let folder = project();
    let run = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args([
            "watch",
            "--scenario",
            "one",
            "--hypervisor",
            "kernel.bin",
            "--changes",
            "0",
        ])
        .current_dir(folder.path())
        .env("HARNESS_ROOT", folder.path())
        .output();
    let ran: crate::support::Ran = run.unwrap().into();
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.stderr.contains("closed its control connection"),
        "{ran:?}"
    );
}

/// One that is there from the start is waited for like any other.
#[test]
fn a_mistake_that_is_there_at_the_start_is_waited_for() {
    let folder = project();
    let file = folder.path().join("tests/scenarios/one.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}patern = 1\n")).unwrap();
    let one = ["--scenario", "one", "--hypervisor", "kernel.bin"];
    let mut watching = Watching::project(folder, &one);
    let said = watching.first.join("\n");
    assert!(said.contains("one.toml:4: key `patern`"), "{said}");
    assert_eq!(watching.after(|_| fs::write(&file, good).unwrap()), ["one"]);
}

/// A name that was typed wrong is no mistake in a file.
#[test]
fn a_scenario_that_there_is_not_is_refused() {
    let folder = project();
    let watch = ["watch", "--scenario", "onne", "--hypervisor", "kernel.bin"];
    let ran = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(watch)
        .env("HARNESS_ROOT", folder.path())
        .output();
    let ran: crate::support::Ran = ran.unwrap().into();
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("did you mean `one`?"), "{ran:?}");
}

/// The set of runs is what the scenario says now.
#[test]
fn a_scenario_may_come_to_be_for_other_architectures() {
    let folder = project();
    let at = |path: &str| folder.path().join(path);
    let machine = fs::read_to_string(at("configs/machines/mine.toml")).unwrap();
    for arch in ["riscv64", "aarch64"] {
        let text = machine.replace("riscv64", arch);
        fs::write(at(&format!("configs/machines/{arch}.toml")), text).unwrap();
    }
    let (file, text) = (at("tests/scenarios/one.toml"), |arches: &str| {
        format!("about = 'one'\nextends = 'base/story'\narches = [{arches}]\n")
    });
    fs::write(&file, text("'riscv64'")).unwrap();
    let one = ["--scenario", "one", "--hypervisor", "kernel.bin"];
    let mut watching = Watching::project(folder, &one);
    let mut machines = |arches: &str| {
        let before = watching.started().len();
        watching.change(|_| fs::write(&file, text(arches)).unwrap());
        let said = watching.until("watching ").join("\n");
        let started = watching.started().split_off(before);
        let names = ["riscv64", "aarch64", "mine"];
        let is_one = |name: &&str| {
            started
                .iter()
                .any(|run| run.contains(&format!("-{name}-one-")))
        };
        (
            started.len(),
            names.into_iter().filter(is_one).collect::<Vec<_>>(),
            said,
        )
    };
    let (runs, of, said) = machines("'riscv64', 'aarch64'");
    assert_eq!((runs, of), (2, vec!["riscv64", "aarch64"]), "{said}");
    let (runs, of, said) = machines("'aarch64'");
    assert_eq!((runs, of), (1, vec!["aarch64"]), "{said}");
    assert!(!said.contains("riscv64"), "{said}");
    let (runs, _, said) = machines("");
    assert_eq!(runs, 0);
    assert!(said.contains("error: "), "{said}");
    let (runs, of, said) = machines("'riscv64'");
    assert_eq!((runs, of), (1, vec!["riscv64"]), "{said}");
}

#[test]
fn all_architectures_of_one_machine_are_its_own() {
    let all = ["--machine", "mine", "--arch", "all"];
    let one = ["--scenario", "one", "--hypervisor", "kernel.bin"];
    let watching = Watching::project(project(), &[&one[..], &all].concat());
    let error = |line: &&String| line.starts_with("error: ");
    let errors = watching.first.iter().filter(error).count();
    assert_eq!(
        (watching.started().len(), errors),
        (1, 1),
        "{:?}",
        watching.first
    );
}

/// As with a checkout of another branch, and back.
#[test]
fn a_folder_that_goes_and_comes_back_is_watched_again() {
    let mut watching = Watching::start();
    let (there, away) = (watching.at("tests/scenarios"), watching.at("tests/away"));
    watching.change(|_| fs::rename(&there, &away).unwrap());
    let said = watching.until("watching ").join("\n");
    assert!(said.contains("no scenario `one`"), "{said}");
    assert_eq!(
        watching.after(|_| fs::rename(&away, &there).unwrap()),
        ["one", "two"]
    );
    let one = there.join("one.toml");
    assert_eq!(watching.after(|_| append(one, "# more\n")), ["one"]);
}

/// The same folder under two names, in the options and in the root.
#[test]
fn files_may_be_named_through_links() {
    let folder = project();
    let root = folder.path().canonicalize().unwrap();
    let link = tempfile::tempdir().unwrap();
    symlink(&root, link.path().join("link")).unwrap();
    let linked = link.path().join("link");
    let (root, linked) = (root.to_str().unwrap(), linked.to_str().unwrap());
    // Two files of one folder, each by another path.
    let one = format!("{root}/tests/scenarios/one.toml");
    let hypervisor = format!("{linked}/configs/../tests/scenarios/kernel.bin");
    fs::copy(folder.path().join("kernel.bin"), &hypervisor).unwrap();
    let args = [
        "--scenario",
        &one,
        "--hypervisor",
        &hypervisor,
        "--root",
        linked,
    ];
    let mut watching = Watching::project(folder, &args);
    let kernel = watching.at("tests/scenarios/kernel.bin");
    assert_eq!(
        watching.after(|_| fs::write(kernel, [1; 64]).unwrap()),
        ["one"]
    );
    let one = watching.at("tests/scenarios/one.toml");
    assert_eq!(watching.after(|_| append(one, "# more\n")), ["one"]);
}
