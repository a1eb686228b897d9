//! The page of a run or a matrix: one HTML file that shows what the records hold, and needs nothing else.
//!
//! It is made of records alone, so anybody's can be shown. [`data`] is what a page shows, as plain data; the
//! other files take it out of a run's folder (`run`) or a matrix's (`grid`), and `html` puts it into the page, where
//! a script of ours (`assets`) draws it. Foreign text is only ever data: it is made safe when it is taken, escaped
//! when it is written, and set as text when it is shown.

mod audits;
mod bounds;
pub mod data;
mod exits;
mod facts;
mod follow;
mod grid;
mod html;
mod log;
mod map;
mod rows;
mod run;
mod texts;

use crate::error::Error;
use crate::records::{BOOTED, EVENTS};
use bounds::Room;
use data::Page;
use std::fs;
use std::path::{Path, PathBuf};
use texts::Texts;

/// The file that holds a matrix, in its folder.
pub const MATRIX: &str = "matrix.json";

/// The page of a run, in its folder.
pub const RUN_PAGE: &str = "page.html";

/// The page of a matrix, in its folder.
pub const MATRIX_PAGE: &str = "index.html";

/// Makes the page of the run or the matrix in a folder, and writes it there; the page's path. `program` is what
/// one types to start the harness, for the commands on the page.
///
/// # Errors
///
/// The folder is neither's, its records cannot be read, or the page cannot be written.
pub fn write(dir: &Path, program: &str) -> Result<PathBuf, Error> {
    let (name, page) = if dir.join(MATRIX).is_file() {
        (MATRIX_PAGE, of_matrix(dir, program)?)
    } else if dir.join(BOOTED).is_file() || dir.join(EVENTS).is_file() {
        (RUN_PAGE, of_run(dir, program)?)
    } else {
        return Err(Error::Usage(format!(
            "{} is neither the folder of a run ({BOOTED}) nor that of a matrix ({MATRIX}): name one of these, or none \
             for the newest",
            dir.display()
        )));
    };
    let path = dir.join(name);
    // A browser that has the page open never sees half of it.
    let unfinished = dir.join(format!(".{name}"));
    let written =
        fs::write(&unfinished, html::html(&page)).and_then(|()| fs::rename(&unfinished, &path));
    if let Err(error) = written {
        let _ = fs::remove_file(&unfinished);
        return Err(Error::io("write", &path, &error));
    }
    Ok(path)
}

/// What the page of one run shows.
///
/// # Errors
///
/// The records cannot be read.
pub fn of_run(dir: &Path, program: &str) -> Result<Page, Error> {
    let mut page = Page::new(program, dir);
    let mut texts = Texts::default();
    let run = run::read(dir, None, Room::of_a_run(), &mut texts, &mut page)?;
    page.runs.push(run);
    page.texts = texts.list();
    Ok(page)
}

/// What the page of a matrix shows.
///
/// # Errors
///
/// `matrix.json` cannot be read. A run whose records cannot be read is shown with what `matrix.json` says of it.
pub fn of_matrix(dir: &Path, program: &str) -> Result<Page, Error> {
    grid::page(dir, program)
}

#[cfg(test)]
mod tests;
