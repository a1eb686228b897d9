//! `--report FORMAT=FILE`, which writes what came of a run or a matrix for other programs.

use super::github::Job;
use super::output;
use crate::error::Error;
use crate::matrix::Results;
use crate::project::Project;
use crate::reports::{github, json, junit, markdown, tap};
use clap::{Args, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The options.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportArgs {
    /// Write a report too: json, junit, tap, github (annotations) or markdown (a summary), to a file, or to
    /// standard output (`-`) instead of all else; may be repeated
    #[arg(
        long = "report",
        value_name = "FORMAT=FILE",
        value_parser = clap::builder::TypedValueParser::try_map(
            clap::builder::OsStringValueParser::new(),
            Destination::parse,
        )
    )]
    destinations: Vec<Destination>,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Junit,
    Tap,
    Github,
    Markdown,
}

impl Format {
    fn of(self, results: &Results, project: &Project) -> String {
        match self {
            Self::Json => json::json(results),
            Self::Junit => junit::junit(results),
            Self::Tap => tap::tap(results),
            Self::Github => github::annotations(results, &super::github::InRepository::of(project)),
            Self::Markdown => markdown::markdown(results),
        }
    }

    fn names() -> String {
        let all = Self::value_variants().iter();
        let all = all.filter_map(|format| format.to_possible_value());
        let names: Vec<_> = all.map(|value| value.get_name().to_owned()).collect();
        names.join(", ")
    }
}

/// A report, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    format: Format,
    /// None is standard output.
    file: Option<PathBuf>,
}

impl Destination {
    fn parse(text: OsString) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let at = bytes.iter().position(|&byte| byte == b'=');
        let (format, file) = bytes.split_at(at.unwrap_or(bytes.len()));
        let format = String::from_utf8_lossy(format);
        let format = Format::from_str(&format, false)
            .map_err(|_| format!("the formats are {}", Format::names()))?;
        match file {
            [] | [b'='] => Err("name a file after the format, such as junit=junit.xml".into()),
            b"=-" => Ok(Self { format, file: None }),
            [_, file @ ..] => Ok(Self {
                format,
                file: Some(OsStr::from_bytes(file).into()),
            }),
        }
    }
}

impl ReportArgs {
    /// Whether one of the reports goes to standard output, so that nothing else may.
    pub(super) fn take_stdout(&self) -> bool {
        self.destinations.iter().any(|to| to.file.is_none())
    }

    /// Whether there is any to write; in a job of GitHub Actions there always is.
    pub(super) fn are_wanted(&self) -> bool {
        !self.destinations.is_empty() || Job::current().is_some()
    }

    /// Checks what can be known before a run that takes its time.
    ///
    /// # Errors
    ///
    /// Two reports have the same destination, or one has a place where no file can be.
    pub(super) fn check(&self, stdout_is_taken: bool) -> Result<(), Error> {
        if self.take_stdout() && stdout_is_taken {
            return Err(Error::Usage(
                "standard output is taken by --format json: give the report a file".into(),
            ));
        }
        for (nth, to) in self.destinations.iter().enumerate() {
            let place = to.file.as_deref().unwrap_or(Path::new("-"));
            if self.destinations[..nth]
                .iter()
                .any(|other| other.file == to.file)
            {
                return Err(Error::Usage(format!(
                    "two reports would be written to {}: give each its own file",
                    place.display()
                )));
            }
            if let Some(file) = &to.file {
                is_possible(file)?;
            }
        }
        Ok(())
    }

    /// Writes them all, and in a job of GitHub Actions its annotations and summary besides.
    ///
    /// # Errors
    ///
    /// The first that could not be written; the others are written all the same.
    pub(super) fn write(
        &self,
        results: &Results,
        project: &Project,
        stdout_is_taken: bool,
    ) -> Result<(), Error> {
        let mut result = Ok(());
        for Destination { format, file } in &self.destinations {
            let text = format.of(results, project);
            let written = match file {
                None => output::text(&text),
                Some(file) => write(file, &text).map_err(|e| Error::io("write", file, &e)),
            };
            result = result.and(written);
        }
        let job = Job::current();
        let reported = job.map(|job| job.report(results, project, stdout_is_taken));
        result.and(reported.unwrap_or(Ok(())))
    }
}

/// Objects to a file that cannot be there.
fn is_possible(file: &Path) -> Result<(), Error> {
    let shown = file.display();
    if file.is_dir() {
        let message = format!("the report {shown} would be written to a folder: name a file in it");
        return Err(Error::Usage(message));
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Error::Usage(format!(
            "the report {shown} has no folder to be in: make it first: mkdir -p {}",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Writes a file completely or not at all, unless it is no regular file, such as a pipe.
fn write(file: &Path, text: &str) -> io::Result<()> {
    // Through a link, which stays one.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if file.exists() && !file.is_file() {
        return fs::write(file, text);
    }
    let mut unfinished = file.clone().into_os_string();
    unfinished.push(".unfinished");
    let result = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &file));
    if result.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_format_and_a_place() {
        let parse = |text: &str| Destination::parse(text.into());
        let to = |format, file: Option<&str>| Destination {
            format,
            file: file.map(PathBuf::from),
        };
        assert_eq!(
            parse("junit=a=b.xml"),
            Ok(to(Format::Junit, Some("a=b.xml")))
        );
        assert_eq!(parse("tap=-"), Ok(to(Format::Tap, None)));
        assert!(parse("tap").unwrap_err().contains("junit=junit.xml"));
        assert!(parse("tap=").unwrap_err().contains("junit=junit.xml"));
        let formats = "json, junit, tap, github, markdown";
        assert!(parse("pdf=x").unwrap_err().contains(formats));
        assert!(parse("").unwrap_err().contains(formats));
    }

    #[test]
    fn a_file_is_written_as_a_whole_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&file, "one").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        write(Path::new("/dev/full"), "three").unwrap_err();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
