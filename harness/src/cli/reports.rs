//! `--report FORMAT=FILE`, which writes what came of a run or a matrix for other programs.

use super::github::Job;
use super::output;
use crate::error::Error;
use crate::files;
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
            let same = |other: &Destination| {
                other.file.as_deref().map(self::place) == to.file.as_deref().map(self::place)
            };
            if self.destinations[..nth].iter().any(same) {
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
    let file = behind_links(file);
    // What is a link even now leads round in a circle, and the system says so.
    if file.is_symlink() || (file.exists() && !file.is_file()) {
        return fs::write(file, text);
    }
    files::write_whole(&file, text.as_bytes())
}

/// What a file's name leads to, whether that is there or not.
fn behind_links(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&file) {
            Ok(to) => file = file.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => break,
        }
    }
    file
}

/// A file's place, by which two names of one file are the same.
fn place(file: &Path) -> PathBuf {
    let file = behind_links(file);
    let file = std::path::absolute(&file).unwrap_or(file);
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, file.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => file,
    }
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

    #[test]
    fn no_other_file_is_touched_and_a_link_that_leads_nowhere_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("report.unfinished"), "mine").unwrap();
        write(&at("report"), "one").unwrap();
        assert_eq!(fs::read_to_string(at("report.unfinished")).unwrap(), "mine");
        std::os::unix::fs::symlink("later", at("link")).unwrap();
        write(&at("link"), "two").unwrap();
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(at("later")).unwrap(), "two");
        // A link to itself is no place for a report.
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        write(&at("loop"), "three").unwrap_err();
    }

    #[test]
    fn two_names_of_one_file_are_one_destination() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("a.xml", at("link")).unwrap();
        fs::create_dir(at("sub")).unwrap();
        let check = |other: &str| {
            let to = |format: &str, name: &str| {
                Destination::parse(format!("{format}={}", at(name).display()).into()).unwrap()
            };
            let destinations = vec![to("junit", "a.xml"), to("tap", other)];
            ReportArgs { destinations }.check(false)
        };
        for other in ["a.xml", "./a.xml", "sub/../a.xml", "link"] {
            let error = check(other).unwrap_err().to_string();
            assert!(error.contains("give each its own file"), "{other}: {error}");
        }
        check("b.xml").unwrap();
        check("sub/a.xml").unwrap();
    }
}
