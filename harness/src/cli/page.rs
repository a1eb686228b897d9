//! `harness page`.

use super::{find_project, output};
use crate::error::Error;
use crate::page;
use crate::project::Project;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

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
    let path = std::path::absolute(&path).unwrap_or(path);
    output::say(&path.display().to_string())?;
    Ok(0)
}

/// Makes the page of the run or the matrix in a folder; its path.
pub(super) fn write(project: &Project, dir: &Path) -> Result<PathBuf, Error> {
    let program = match project.is_workspace() {
        true => "./x",
        false => "harness",
    };
    page::write(dir, program)
}

/// The newest run or matrix of a project, by its name, which begins with the time.
fn newest(project: &Project) -> Result<PathBuf, Error> {
    let folders = [
        (project.matrices(), page::MATRIX),
        (project.runs(), crate::records::BOOTED),
    ];
    let mut found = Vec::new();
    for (folder, mark) in &folders {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let whole = entries.filter(|entry| entry.path().join(mark).is_file());
        found.extend(whole.map(|entry| (entry.file_name(), entry.path())));
    }
    let newest = found.into_iter().max().map(|(_, path)| path);
    newest.ok_or_else(|| {
        let [(matrices, _), (runs, _)] = &folders;
        let (matrices, runs) = (project.short(matrices).display(), project.short(runs).display());
        Error::Usage(format!(
            "there is neither a matrix in {matrices} nor a run in {runs} yet: make one with `harness run`, or name a \
             folder with records"
        ))
    })
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
        let run = make(
            project.runs().join("20260102T000000Z-x-1"),
            crate::records::BOOTED,
        );
        make(project.matrices().join("20260101T000000Z-1"), page::MATRIX);
        assert_eq!(newest(&project).unwrap(), run);
        let matrix = make(project.matrices().join("20260103T000000Z-1"), page::MATRIX);
        fs::create_dir_all(project.runs().join("20260104T000000Z-nothing-in-it")).unwrap();
        assert_eq!(newest(&project).unwrap(), matrix);
    }
}
