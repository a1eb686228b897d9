//! A project whose machine is a script that is no QEMU, and a harness that watches it.

use crate::dispositions::with_signals;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long something may take that comes at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

const STORY: &str =
    "end = 'shutdown'\n[hv]\nlines = false\n[[step]]\nname = 'one'\npattern = '^one$'\n";

/// A machine that is nothing, whose QEMU says which scenario started it, and fails.
pub fn project() -> tempfile::TempDir {
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
pub struct Watching {
    pub child: Child,
    said: Receiver<String>,
    folder: tempfile::TempDir,
    /// What it said of its first runs.
    pub first: Vec<String>,
}

impl Watching {
    /// Starts watching both scenarios, and waits until their first runs are over.
    pub fn start() -> Self {
        let both = ["--scenario", "one", "--scenario", "two"];
        Self::project(
            project(),
            &[&both[..], &["--hypervisor", "kernel.bin"]].concat(),
        )
    }

    /// Starts watching a project, and waits until the first runs are over.
    #[track_caller]
    pub fn project(folder: tempfile::TempDir, args: &[&str]) -> Self {
        let path = std::env::var_os("PATH").unwrap();
        Self::project_with(folder, args, &path)
    }

    /// The same, with programs of the test's own in PATH.
    #[track_caller]
    pub fn project_with(folder: tempfile::TempDir, args: &[&str], path: &OsStr) -> Self {
        let mut harness = Command::new(env!("CARGO_BIN_EXE_harness"));
        harness
            .arg("watch")
            .args(args)
            .current_dir(folder.path())
            .env("HARNESS_ROOT", folder.path())
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // Whoever runs the tests may ignore it, as a shell's background does.
        let mut child = with_signals(&mut harness, &[], &[Signal::INT])
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
            first: Vec::new(),
        };
        watching.first = watching.until("watching ");
        watching
    }

    /// Its exit code; what it still says is read up to the end.
    #[track_caller]
    pub fn ended(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code(),
                Err(RecvTimeoutError::Timeout) => panic!("it goes on"),
            }
        }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What it says up to a line that begins so, this one included.
    #[track_caller]
    pub fn until(&mut self, beginning: &str) -> Vec<String> {
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
    pub fn started(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("started")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Changes something while the harness stands still, so that it sees all of it at once however slow the computer
    /// is: a file that is written is empty for a moment.
    pub fn change(&self, change: impl FnOnce(&Path)) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        change(self.folder.path());
        kill_process(pid, Signal::CONT).unwrap();
    }

    /// Which scenarios are run after a change.
    #[track_caller]
    pub fn after(&mut self, change: impl FnOnce(&Path)) -> Vec<&'static str> {
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

pub fn append(file: PathBuf, text: &str) {
    let before = fs::read_to_string(&file).unwrap();
    fs::write(file, before + text).unwrap();
}
