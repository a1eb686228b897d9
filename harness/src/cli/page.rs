//! `harness page`.

use super::{find_project, output};
use crate::error::Error;
use crate::project::Project;
use crate::records::{BOOTED, retention};
use crate::{matrix, page};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Its options.
#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// The folder of a run's records, or a matrix's [default: the newest]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Makes the page of a run or a matrix, and prints its path.
pub(super) fn page(root: Option<&Path>, args: &PageArgs) -> Result<u8, Error> {
    let project = find_project(root)?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => newest(&project)?,
    };
    let path = write(&project, &dir)?;
    output::say(&output::path(&path))?;
    Ok(0)
}

/// Makes the page of the run or the matrix in a folder; its path.
pub(super) fn write(project: &Project, dir: &Path) -> Result<PathBuf, Error> {
    page::write(dir, project.program())
}

/// The newest run or matrix of a project, by its name, which begins with the time. Folders with other names are somebody
/// else's.
fn newest(project: &Project) -> Result<PathBuf, Error> {
    let (matrices, runs) = (project.matrices(), project.runs());
    let matrix = |name: &str| matrix::folder::began(name);
    let run = |name: &str| {
        let (stamp, _) = name.split_once('-')?;
        retention::looks_like_a_run(name).then(|| (stamp.to_owned(), 0))
    };
    let mut found = whole(&matrices, page::MATRIX, matrix);
    found.extend(whole(&runs, BOOTED, run));
    let newest = found.into_iter().max().map(|(_, path)| path);
    newest.ok_or_else(|| {
        let (matrices, runs) = (project.short(&matrices).display(), project.short(&runs).display());
        Error::Usage(format!(
            "there is neither a matrix in {matrices} nor a run in {runs} yet: make one with `harness run`, or name a \
             folder with records"
        ))
    })
}

/// When something began, and what decides between those of one second: their number, and then when they were written.
type Began = (String, u32, Option<SystemTime>);

/// The folders below one that hold a file of this name, with when each began, by its name.
fn whole(
    folder: &Path,
    mark: &str,
    began: impl Fn(&str) -> Option<(String, u32)>,
) -> Vec<(Began, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let whole = entries.filter_map(|entry| {
        let (stamp, nth) = began(entry.file_name().to_str()?)?;
        let mark = entry.path().join(mark).metadata().ok()?;
        let modified = mark.modified().ok();
        mark.is_file()
            .then(|| ((stamp, nth, modified), entry.path()))
    });
    whole.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_found_by_name_whichever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::new(folder.path());
        let error = newest(&project).unwrap_err().to_string();
        assert!(
            error.contains("neither a matrix in harness-matrices nor a run in harness-runs"),
            "{error}"
        );
        let make = |dir: PathBuf, mark: &str| {
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(mark), "{}").unwrap();
            dir
        };
        let run = make(project.runs().join("20260102T000000Z-x-1"), BOOTED);
        make(project.matrices().join("20260101T000000Z-1"), page::MATRIX);
        assert_eq!(newest(&project).unwrap(), run);
        let matrix = make(project.matrices().join("20260103T000000Z-1"), page::MATRIX);
        fs::create_dir_all(project.runs().join("20260104T000000Z-nothing-in-it")).unwrap();
        assert_eq!(newest(&project).unwrap(), matrix);
        // The tenth of a second is after the ninth; and what has another name is no run and no matrix.
        let tenth = make(project.matrices().join("20260103T000000Z-10"), page::MATRIX);
        make(project.matrices().join("20260103T000000Z-9"), page::MATRIX);
        make(project.matrices().join("mine"), page::MATRIX);
        make(
            project.matrices().join("20260105T000000Z-mine"),
            page::MATRIX,
        );
        make(project.runs().join("zzz"), BOOTED);
        assert_eq!(newest(&project).unwrap(), tenth);
    }
}
