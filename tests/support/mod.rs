//! What the integration tests share: the harness's program, and where the workspace is.

use harness::records::retention;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("harness/ is in the workspace")
        .to_owned()
}

/// What the harness's program did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ran {
    /// Its standard output as the one JSON object that it should be.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in {self:#?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("the harness prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("the harness prints UTF-8"),
        }
    }
}

/// When the tests were started: the records of all their runs are kept.
fn started() -> &'static str {
    static STARTED: OnceLock<String> = OnceLock::new();
    STARTED.get_or_init(retention::stamp)
}

/// The harness's program, in the workspace, not yet run.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command
        .args(args)
        .current_dir(root())
        .env(retention::SINCE, started())
        .env_remove("HARNESS_ROOT")
        // These tests may run in a job of GitHub Actions, of which those of the program are to know nothing.
        .env_remove("GITHUB_ACTIONS");
    command
}

/// Runs the harness's program in the workspace.
pub fn harness(args: &[&str]) -> Ran {
    command(args)
        .output()
        .expect("the harness can be started")
        .into()
}
