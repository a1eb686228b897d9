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
