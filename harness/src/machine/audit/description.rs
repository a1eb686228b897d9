//! Which registers a machine has, as QEMU's gdb stub describes them (gdb manual, appendix "Target
//! Descriptions"): XML of a few forms, of which only the attributes of two elements count.

use std::collections::BTreeMap;

/// The most registers that are taken.
const REGISTERS: usize = 16 << 10;

/// How a register is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    /// Its number.
    pub number: u64,
    /// Its width.
    pub bits: u64,
}

/// The files that a description includes.
pub fn included(description: &str) -> Vec<String> {
    let elements = elements(description, "xi:include");
    let files = elements.filter_map(|element| attribute(element, "href"));
    files.map(str::to_owned).collect()
}

/// The registers of the files that a description includes, in the order in which it does: a register
/// that has no number of its own has the one after the last one's.
pub fn registers<'f>(files: impl IntoIterator<Item = &'f str>) -> BTreeMap<String, Register> {
    let mut found = BTreeMap::new();
    let mut next = 0_u64;
    let all = files.into_iter().flat_map(|file| elements(file, "reg"));
    for element in all.take(REGISTERS) {
        let number = |name| attribute(element, name).and_then(|number| number.parse().ok());
        let number_of_it = number("regnum").unwrap_or(next);
        next = number_of_it.saturating_add(1);
        if let (Some(name), Some(bits)) = (attribute(element, "name"), number("bitsize")) {
            let register = Register {
                number: number_of_it,
                bits,
            };
            found.entry(name.to_owned()).or_insert(register);
        }
    }
    found
}

/// What stands between an element's name and its `>`, for each that is in no comment.
fn elements<'x>(xml: &'x str, name: &'x str) -> impl Iterator<Item = &'x str> {
    let mut comments = xml.split("<!--");
    let first = comments.next().unwrap_or_default();
    let others = comments.filter_map(|comment| Some(comment.split_once("-->")?.1));
    let outside = std::iter::once(first).chain(others);
    let elements = outside.flat_map(|text| text.split('<'));
    elements.filter_map(move |element| {
        let attributes = element.strip_prefix(name)?.split('>').next()?;
        attributes
            .starts_with(|c: char| c.is_ascii_whitespace())
            .then_some(attributes)
    })
}

/// The value of an attribute.
fn attribute<'x>(mut attributes: &'x str, name: &str) -> Option<&'x str> {
    loop {
        let (before, rest) = attributes.split_once('=')?;
        let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let (value, rest) = rest[1..].split_once(quote)?;
        if before.trim() == name {
            return Some(value);
        }
        attributes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_numbered_as_gdb_numbers_them() {
        let target = r#"<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>
            riscv:rv64</architecture><xi:include href="riscv-64bit-cpu.xml"/><xi:include href="csr.xml"/></target>"#;
        assert_eq!(included(target), ["riscv-64bit-cpu.xml", "csr.xml"]);
        let core = r#"<feature name="org.gnu.gdb.riscv.cpu"><reg name="zero" bitsize="64" type="int"/>
            <!--reg name="cs_base" bitsize="64"/>
            <reg name="ss_base" bitsize="64"/--><reg name='pc' bitsize='64' type="code_ptr"/></feature>"#;
        let csrs = r#"<reg name="hgatp" bitsize="64" regnum="1733" save-restore="no"/><reg bitsize="64" name="v0"/>
            <reg name="pc" bitsize="32"/><regs name="no"/><reg name="half" bitsize="#;
        let found = registers([core, csrs]);
        let register = |number, bits| Some(Register { number, bits });
        assert_eq!(found.get("zero").copied(), register(0, 64));
        assert_eq!(found.get("pc").copied(), register(1, 64));
        assert_eq!(found.get("hgatp").copied(), register(1733, 64));
        assert_eq!(found.get("v0").copied(), register(1734, 64));
        assert_eq!(found.len(), 4);
    }
}
