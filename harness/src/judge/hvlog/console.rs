//! What the hypervisor's lines for people look like.

use super::{Access, Fault, number};

/// How the hypervisor begins the line that reports any end other than the good one.
pub const KILLED: &str = "Hypervisor error: ";

/// The fault that a line of the hypervisor's tells people of.
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
