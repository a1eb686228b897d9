//! How the hypervisor's lines for people look.

use super::{Access, Fault, number};

/// The beginning of the line that reports any end other than a good one.
pub const KILLED: &str = "Hypervisor error: ";

/// The page fault that a line for people names.
pub fn printed_fault(line: &str) -> Option<Fault> {
    let fault = line
        .strip_prefix("VM exit: ")
        .or_else(|| line.strip_prefix(KILLED))?
        .strip_prefix("nested page fault at ")?;
    let (gpa, rest) = fault.split_once(" (")?;
    let (access, rest) = rest.split_once(')')?;
    Some(Fault {
        gpa: number(gpa)?,
        access: Access::parse(access)?,
        during_walk: rest.starts_with(" while walking"),
    })
}

/// A guest that was loaded, as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintedLoad<'a> {
    /// How many bytes.
    pub bytes: u64,
    /// How many pages they fill, if the line says so.
    pub pages: Option<u64>,
    /// The file on the disk.
    pub path: &'a str,
}

/// What a line tells people of a guest that was loaded: `Loaded 13580 bytes from /sbin/gkernel`, or
/// `Loaded 13580 bytes (4 pages) from /sbin/gkernel`.
pub fn printed_load(line: &str) -> Option<PrintedLoad<'_>> {
    let (bytes, rest) = line.strip_prefix("Loaded ")?.split_once(" bytes ")?;
    let (pages, path) = match rest.strip_prefix('(') {
        Some(rest) => {
            let (pages, path) = rest.split_once(" pages) from ")?;
            (Some(pages.parse().ok()?), path)
        }
        None => (None, rest.strip_prefix("from ")?),
    };
    Some(PrintedLoad {
        bytes: bytes.parse().ok()?,
        pages,
        path,
    })
}
