//! `harness watch` on a project of its own, whose machine is a script that is no QEMU: what matters is which runs it
//! starts, and after which changes.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long something may take that comes at once.
const PATIENCE: Duration = Duration::from_secs(20);

const STORY: &str =
    "end = 'shutdown'\n[hv]\nlines = false\n[[step]]\nname = 'one'\npattern = '^one$'\n";

/// A machine that is nothing, whose QEMU says which scenario started it, and fails.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("tests/scenarios/base")).unwrap();
    fs::create_dir_all(at("configs/machines")).unwrap();
    let qemu = at("qemu");
    // It notes that it was started, and waits while there is a file that says so.
    let script = "#!/bin/sh\necho \"$PWD\" >>\"${0%/*}/started\"\n\
                  while [ -e \"${0%/*}/wait\" ]; do sleep 0.05; done\nexit 1\n";
    fs::write(&qemu, script).unwrap();
    let mut mode = fs::metadata(&qemu).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&qemu, mode).unwrap();
    let machine =
        "arch = 'riscv64'\n[qemu]\nprogram = '../../qemu'\nmachine = ['-kernel', '{kernel}']\n";
    fs::write(at("configs/machines/mine.toml"), machine).unwrap();
    fs::write(at("tests/scenarios/base/story.toml"), STORY).unwrap();
    for name in ["one", "two"] {
        let text = format!("about = '{name}'\nextends = 'base/story'\nmachine = 'mine'\n");
        fs::write(at(&format!("tests/scenarios/{name}.toml")), text).unwrap();
    }
    fs::write(at("kernel.bin"), [0; 64]).unwrap();
    folder
}

/// A harness that watches.
struct Watching {
    child: Child,
    said: Receiver<String>,
    folder: tempfile::TempDir,
}

impl Watching {
    /// Starts watching both scenarios, and waits until their first runs are over.
    fn start() -> Self {
        let folder = project();
        let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args([
                "watch",
                "--scenario",
                "one",
                "--scenario",
                "two",
                "--hypervisor",
                "kernel.bin",
            ])
            .current_dir(folder.path())
            .env("HARNESS_ROOT", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (say, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let mut watching = Self {
            child,
            said,
            folder,
        };
        watching.until("watching ");
        watching
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What it says up to a line that begins so, this one included.
    #[track_caller]
    fn until(&mut self, beginning: &str) -> Vec<String> {
        let (mut lines, end) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left);
            lines.push(line.unwrap_or_else(|_| panic!("{beginning:?} did not come: {lines:#?}")));
            if lines.last().is_some_and(|line| line.starts_with(beginning)) {
                return lines;
            }
        }
    }

    /// The machines that were started, by the folders of their runs.
    fn started(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("started")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Changes something while the harness stands still, so that it sees all of it at once however slow the computer
    /// is: a file that is written is empty for a moment.
    fn change(&self, change: impl FnOnce(&Path)) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        change(self.folder.path());
        kill_process(pid, Signal::CONT).unwrap();
    }

    /// Which scenarios are run after a change.
    #[track_caller]
    fn after(&mut self, change: impl FnOnce(&Path)) -> Vec<&'static str> {
        let before = self.started().len();
        self.change(change);
        self.until("watching ");
        let started = self.started().split_off(before);
        let mut names: Vec<_> = started
            .iter()
            .map(|folder| {
                if folder.contains("-mine-one-") {
                    "one"
                } else {
                    "two"
                }
            })
            .collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(file: PathBuf, text: &str) {
    let before = fs::read_to_string(&file).unwrap();
    fs::write(file, before + text).unwrap();
}

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
    assert_eq!(watching.child.wait().unwrap().code(), Some(130));
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
