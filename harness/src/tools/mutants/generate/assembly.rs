//! Sites in an assembly file: each instruction that moves a register to or from the vCPU, and each that
//! switches or orders something. Where one instruction moves two registers, each is a site.

use super::site::{Found, Items, Kind, slug};
use crate::arch::Arch;
use std::ops::Range;

/// What only leads from one place to another, or computes an address.
const FLOW: [&str; 13] = [
    "ret", "sret", "eret", "b", "br", "cbz", "la", "adrp", "add", "j", "jmp", "call", "vmrun",
];

/// How a comment begins in assembly of an architecture.
pub fn comment(arch: Arch) -> &'static str {
    match arch {
        Arch::Aarch64 => "// ",
        Arch::Riscv64 | Arch::X86_64 => "# ",
    }
}

/// Finds the sites of a file. Its items are its labels.
pub fn find(text: &str, arch: Arch) -> (Items, Vec<Found>) {
    let (mut items, mut found) = (Items::default(), Vec::new());
    let mut label: Option<(usize, String)> = None;
    for (range, line) in lines(text) {
        if let Some(name) = named_label(line) {
            if let Some((start, name)) = label.replace((range.start, name)) {
                items.add(start..range.start, name);
            }
        } else if is_instruction(line) {
            found.extend(instruction(line, range.start, arch));
        }
    }
    if let Some((start, name)) = label {
        items.add(start..text.len(), name);
    }
    (items, found)
}

fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        (range, line.trim_end())
    })
}

/// A label that names a part of the code, or a macro that does; a numbered label does not.
fn named_label(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix(".macro ") {
        return rest.split_whitespace().next().map(str::to_owned);
    }
    let name = line.strip_suffix(':')?;
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    named.then(|| name.to_owned())
}

/// Whether the line is an instruction that does something which can be left out.
fn is_instruction(line: &str) -> bool {
    let Some(word) = line.split_whitespace().next() else {
        return false;
    };
    let indented = line.starts_with(' ');
    indented && word.starts_with(|c: char| c.is_ascii_lowercase()) && !FLOW.contains(&word)
}

/// The sites of an instruction whose line begins at byte `start`.
fn instruction(line: &str, start: usize, arch: Arch) -> Vec<Found> {
    let code = line.trim_start();
    let at = start + (line.len() - code.len());
    let code = code.split("  //").next().unwrap_or(code).trim_end();
    let whole = |replacement: String, what: String| Found {
        kind: Kind::Register,
        range: at..at + code.len(),
        replacement,
        what,
    };
    if let Some(pair) = Pair::of(code) {
        let one =
            |lost: &str, replacement| whole(replacement, format!("{}-{lost}-dropped", pair.name));
        return vec![
            one(pair.first, pair.second_alone()),
            one(pair.second, pair.first_alone()),
        ];
    }
    let text = format!("{}{code}", comment(arch));
    vec![whole(text, format!("{}-dropped", slug(code)))]
}

/// LDP or STP: two registers, and a place for both.
struct Pair<'a> {
    name: &'a str,
    first: &'a str,
    second: &'a str,
    /// `base, offset`, or the base alone.
    place: &'a str,
}

impl<'a> Pair<'a> {
    fn of(code: &'a str) -> Option<Self> {
        let (name, operands) = code.split_once(' ')?;
        let (first, rest) = operands.split_once(',')?;
        let (second, place) = rest.split_once(',')?;
        let place = place.trim().strip_prefix('[')?.strip_suffix(']')?;
        let (first, second) = (first.trim(), second.trim());
        ["ldp", "stp"].contains(&name).then_some(Self {
            name,
            first,
            second,
            place,
        })
    }

    fn first_alone(&self) -> String {
        format!("{} {}, [{}]", self.single(), self.first, self.place)
    }

    fn second_alone(&self) -> String {
        let offset = if self.place.contains(',') {
            " + 8"
        } else {
            ", 8"
        };
        format!(
            "{} {}, [{}{offset}]",
            self.single(),
            self.second,
            self.place
        )
    }

    fn single(&self) -> &'static str {
        if self.name == "ldp" { "ldr" } else { "str" }
    }
}

#[cfg(test)]
mod tests {
    use super::super::site::named;
    use super::*;
    use std::path::Path;

    fn changes(text: &str, arch: Arch) -> Vec<(String, String)> {
        let (items, found) = find(text, arch);
        let file = format!("hypervisor/src/arch/{arch}/enter.S");
        let sites = named(Path::new(&file), text, &items, found);
        sites
            .iter()
            .map(|site| (site.id.clone(), site.apply(text).unwrap()))
            .collect()
    }

    #[test]
    fn each_register_of_a_switch_is_a_site() {
        let text = "# sd x1 is a comment\n.globl enter\nenter:\n    sd      ra,  {host} + 0*8(a0)\n    sret\n1:\n";
        let expected = (
            "riscv64/enter/enter/sd-ra-host-0-8-a0-dropped".to_owned(),
            text.replace("    sd ", "    # sd "),
        );
        assert_eq!(changes(text, Arch::Riscv64), [expected]);
    }

    #[test]
    fn of_a_pair_each_register_is_one() {
        let text = "leave:\n    ldp     x0,  x1,  [sp, {guest}]\n    stp x2, x3, [sp]\n";
        let found = changes(text, Arch::Aarch64);
        let mutant = |at: usize| found[at].1.lines().nth(1 + at / 2).unwrap().trim();
        assert_eq!(found[0].0, "aarch64/enter/leave/ldp-x0-dropped");
        assert_eq!(mutant(0), "ldr x1, [sp, {guest} + 8]");
        assert_eq!(mutant(1), "ldr x0, [sp, {guest}]");
        assert_eq!(mutant(2), "str x3, [sp, 8]");
        assert_eq!(mutant(3), "str x2, [sp]");
    }
}
