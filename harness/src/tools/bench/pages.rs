//! The figures on this project's pages. Each stands between two comments, which Markdown does not show:
//!
//! ```text
//! <!-- measured: NAME -->what was measured<!-- end -->
//! ```
//!
//! `harness bench --all --pages` measures everything, keeps it in `docs/figures.json` and fills the pages in. A test holds them
//! against that file, so that no figure is written by hand, or stays behind.

mod tables;

use super::kept::{Kept, Series};
use crate::arch::Arch;
use crate::error::Error;
use crate::files;
use crate::project::Project;
use std::path::PathBuf;

/// The pages that have figures.
pub const PAGES: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/figures.md",
    "docs/world-switch.md",
];

/// The file that they come from.
pub const FIGURES: &str = "docs/figures.json";

const BEGINNING: &str = "<!-- measured: ";
const BEGUN: &str = " -->";
const END: &str = "<!-- end -->";

/// Keeps what was measured, and fills all pages in; gives the files that it wrote.
///
/// # Errors
///
/// A page names what was not measured, or cannot be written. Then none is changed.
pub fn fill(project: &Project, kept: &Kept) -> Result<Vec<PathBuf>, Error> {
    let mut pages = Vec::new();
    for page in PAGES {
        let file = project.folder().join(page);
        let text = files::read_text(&file).map_err(|e| Error::io("read", &file, &e))?;
        let text = filled(&text, kept).map_err(|why| Error::Usage(format!("{page}: {why}")))?;
        pages.push((file, text));
    }
    let figures = project.folder().join(FIGURES);
    kept.save(&figures)?;
    let mut written = vec![figures];
    for (file, text) in pages {
        std::fs::write(&file, text).map_err(|e| Error::io("write", &file, &e))?;
        written.push(file);
    }
    Ok(written)
}

/// A page with its figures as they were measured.
///
/// # Errors
///
/// It names something that was not measured, or a comment has no end.
pub fn filled(page: &str, kept: &Kept) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, from_name)) = rest.split_once(BEGINNING) {
        let (name, old) = from_name
            .split_once(BEGUN)
            .ok_or("a comment about what was measured has no end")?;
        let (old, after) = old
            .split_once(END)
            .ok_or_else(|| format!("after `{BEGINNING}{name}{BEGUN}` there is no `{END}`"))?;
        if old.contains(BEGINNING) {
            return Err(format!("`{name}` has no `{END}` of its own"));
        }
        let new = shown(name, kept).ok_or_else(|| format!("`{name}` was not measured"))?;
        // What stands on lines of its own stays there.
        let new = match old.starts_with('\n') {
            true => format!("\n{}\n", new.trim_end()),
            false => new,
        };
        out += &format!("{before}{BEGINNING}{name}{BEGUN}{new}{END}");
        rest = after;
    }
    Ok(out + rest)
}

/// What stands for a name.
fn shown(name: &str, kept: &Kept) -> Option<String> {
    match name {
        "how" => Some(kept.measured.clone()),
        "the harness" => tables::harness(kept),
        "the matrix" => tables::matrix(kept),
        "the hypervisor" => tables::hypervisor(kept),
        _ => match name.strip_prefix("range of ") {
            Some(figure) => range(figure, kept),
            None => kept
                .shown
                .get(name)
                .map(|text| format!("```text\n{text}\n```")),
        },
    }
}

/// The least and the greatest median of a figure over the architectures: `1.2 to 3.4 ms`.
fn range(name: &str, kept: &Kept) -> Option<String> {
    let figures = Arch::ALL.map(|arch| kept.figure(&format!("{arch}: {name}")));
    let mut figures: Vec<&Series> = figures.into_iter().collect::<Option<_>>()?;
    figures.sort_by(|a, b| a.median().total_cmp(&b.median()));
    let [least, .., most] = &*figures else {
        return None;
    };
    let (least, most) = (quantity(least), quantity(most));
    let ((low, low_unit), (high, high_unit)) = (least.rsplit_once(' ')?, most.rsplit_once(' ')?);
    Some(match low_unit == high_unit {
        true if low == high => most,
        true => format!("{low} to {high} {high_unit}"),
        false => format!("{least} to {most}"),
    })
}

/// A figure's median for people, with a unit that fits.
fn quantity(figure: &Series) -> String {
    let value = figure.median();
    match &*figure.unit {
        "s" if value.abs() < 1.0 => format!("{} ms", digits(value * 1e3)),
        "KiB" => format!("{} MiB", digits(value / 1024.0)),
        "times" => format!("{:+.1} %", (value - 1.0) * 100.0),
        "of 1" => format!("{:.1} %", value * 100.0),
        unit => format!("{} {unit}", digits(value)),
    }
}

/// A number with at most three digits that matter, and commas: `12,300`, `4.1`.
fn digits(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0..99.95 => format!("{value:.1}"),
        99.95..999.5 => format!("{value:.0}"),
        _ => {
            let unit = 10f64.powi(size.log10() as i32 - 2);
            thousands((value / unit).round() * unit)
        }
    }
}

fn thousands(value: f64) -> String {
    let plain = format!("{value:.0}");
    let (sign, number) = match plain.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", &*plain),
    };
    let first = (number.len() + 2) % 3 + 1;
    let mut out = format!("{sign}{}", &number[..first]);
    for group in number.as_bytes()[first..].chunks(3) {
        out.push(',');
        out.extend(group.iter().map(|&digit| char::from(digit)));
    }
    out
}

#[cfg(test)]
mod tests;
