//! What is done besides within a job of GitHub Actions: annotations, the job's summary, and that nothing a guest
//! prints is taken for a command of the runner's.

use super::output;
use crate::boot::nonce;
use crate::error::Error;
use crate::matrix::Results;
use crate::project::Project;
use crate::reports::github::{Place, Sources, annotations, disarmed, resume, stop};
use crate::reports::markdown::markdown;
use crate::{files, shown};
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The job that the program runs in.
#[derive(Debug)]
pub(super) struct Job {
    /// Where the job's summary goes.
    summary: Option<PathBuf>,
}

impl Job {
    /// The current job, if there is one.
    pub(super) fn current() -> Option<Self> {
        let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty());
        is_there().then(|| Self {
            summary: summary.map(PathBuf::from),
        })
    }

    /// Prints the annotations, and adds to the job's summary. `stdout_is_taken`: then they go to standard error,
    /// from which the runner takes them too.
    ///
    /// # Errors
    ///
    /// They cannot be printed or written.
    pub(super) fn report(
        &self,
        results: &Results,
        project: &Project,
        stdout_is_taken: bool,
    ) -> Result<(), Error> {
        let text = annotations(results, &InRepository::of(project));
        if stdout_is_taken {
            output::command_aside(&text);
        } else {
            output::text(&text)?;
        }
        let Some(file) = &self.summary else {
            return Ok(());
        };
        // Other steps write to it too.
        let opened = File::options().append(true).create(true).open(file);
        opened
            .and_then(|mut opened| opened.write_all(markdown(results).as_bytes()))
            .map_err(|e| Error::io("write", file, &e))
    }
}

/// Whether the program runs in a job.
fn is_there() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Whether there is a [`Silence`].
static SILENT: AtomicBool = AtomicBool::new(false);

/// Text for standard error, of which the runner must take nothing for a command. A silence does not cover it: the two
/// streams reach the runner in any order.
pub(super) fn for_stderr(text: &str) -> Cow<'_, str> {
    if is_there() {
        disarmed(text)
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for standard output, where a silence covers it.
pub(super) fn for_stdout(text: &str) -> Cow<'_, str> {
    if SILENT.load(Ordering::Relaxed) {
        Cow::Borrowed(text)
    } else {
        for_stderr(text)
    }
}

/// As long as this lives, the runner takes nothing that is printed on standard output for a command.
#[derive(Debug)]
pub(super) struct Silence {
    token: String,
}

impl Silence {
    /// Begins it, if the program runs in a job.
    ///
    /// # Errors
    ///
    /// There is no token that a guest cannot guess, or it cannot be printed.
    pub(super) fn in_a_job() -> Result<Option<Self>, Error> {
        if !is_there() {
            return Ok(None);
        }
        let token = nonce()?;
        output::text(&stop(&token))?;
        SILENT.store(true, Ordering::Relaxed);
        Ok(Some(Self { token }))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        SILENT.store(false, Ordering::Relaxed);
        // Whoever does not read it needs no protection.
        let _ = output::text(&resume(&self.token));
    }
}

/// Annotates an error that is no verdict, if this is a job: at its place, if it is a mistake in a file.
pub(super) fn complain_of(error: &Error) {
    if !is_there() {
        return;
    }
    let (place, message) = match error {
        Error::Config(mistake) => {
            let place = Place {
                file: mistake.file.display().to_string(),
                line: u32::try_from(mistake.line).ok().filter(|&line| line > 0),
            };
            (Some(place), mistake.message.clone())
        }
        other => (None, other.to_string()),
    };
    let text = crate::reports::github::mistake(place.as_ref(), &shown::paragraph(&message));
    output::command_aside(&text);
}

/// The files of a project in the repository that is checked out.
pub(super) struct InRepository<'p> {
    project: &'p Project,
    /// The repository's root.
    root: PathBuf,
}

impl<'p> InRepository<'p> {
    /// Where `GITHUB_WORKSPACE` says the repository is, if the project lies in it; else the project's folder.
    pub(super) fn of(project: &'p Project) -> Self {
        let root = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let root = root.filter(|root| project.folder().starts_with(root));
        Self {
            project,
            root: root.unwrap_or_else(|| project.folder().to_owned()),
        }
    }

    fn named(&self, file: &Path) -> Option<String> {
        let file = file.strip_prefix(&self.root).ok()?;
        file.to_str().map(str::to_owned)
    }
}

impl Sources for InRepository<'_> {
    fn find(&self, file: &str) -> Option<String> {
        use std::path::Component;
        let relative = Path::new(file);
        let plain = |part| matches!(part, Component::Normal(_));
        if !relative.components().all(plain) {
            return None;
        }
        let file = self.project.at(relative);
        self.named(&file).filter(|_| file.is_file())
    }

    fn scenario(&self, name: &str, file: Option<&Path>, step: Option<&str>) -> Option<Place> {
        let file = file.map_or_else(|| Ok(self.project.scenario(name)), std::path::absolute);
        let file = file.ok()?;
        let text = files::read_text(&file).ok()?;
        let line = step.and_then(|step| line_of_step(&text, step));
        Some(Place {
            file: self.named(&file)?,
            line,
        })
    }
}

/// The line that gives a step its name, from 1.
fn line_of_step(text: &str, step: &str) -> Option<u32> {
    let is_its = |line: &str| {
        let (key, value) = line.split_once('=').unwrap_or_default();
        let value = value.trim();
        let quoted = [format!("\"{step}\""), format!("'{step}'")];
        key.trim() == "name" && quoted.iter().any(|name| value.starts_with(name))
    };
    let at = text.lines().position(is_its)?;
    u32::try_from(at + 1).ok()
}
