//! Sites in what a Rust parser does not look into: the arguments and the bodies of macros. They are found by
//! their tokens: the instructions of `asm!`, lists of registers, and tables of registers.

use super::assembly::comment;
use super::site::{Found, Kind, slug};
use crate::arch::Arch;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::ops::Range;

/// The macros whose arguments are instructions.
const INSTRUCTIONS: [&str; 3] = ["asm", "with_floating_point", "with_vectors"];

/// As many numbers in a row are a list of registers.
const LIST: usize = 8;

/// Finds the sites of a file of an architecture.
pub fn find(text: &str, tokens: TokenStream, arch: Arch) -> Vec<Found> {
    let mut finder = Finder {
        text,
        arch,
        found: Vec::new(),
    };
    finder.walk(tokens);
    finder.found
}

struct Finder<'a> {
    text: &'a str,
    arch: Arch,
    found: Vec<Found>,
}

impl Finder<'_> {
    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        self.lists(&tokens);
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else {
                continue;
            };
            if is_tests(&tokens[..at]) {
                continue;
            }
            match macro_called(&tokens[..at]) {
                Some(name) if INSTRUCTIONS.contains(&name.as_str()) => self.instructions(group),
                // A table in a macro's arguments: `name = "register",`.
                Some(name) if name != "macro_rules" => self.rows(group),
                _ => {}
            }
            self.walk(group.stream());
        }
    }

    /// The literals among a macro's own arguments that are instructions. Each becomes a comment, in which
    /// its operands still count as used.
    fn instructions(&mut self, group: &Group) {
        for token in group.stream() {
            let TokenTree::Literal(literal) = token else {
                continue;
            };
            let range = literal.span().byte_range();
            let text = &self.text[range.clone()];
            let Some(code) = text
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'))
            else {
                continue;
            };
            if !code.starts_with(|c: char| c.is_ascii_lowercase()) {
                continue; // a directive, a label
            }
            let comment = comment(self.arch);
            let commented = code.replace("\\n", &format!("\\n{comment}"));
            self.found.push(Found {
                kind: Kind::Register,
                range,
                replacement: format!("\"{comment}{commented}\""),
                what: format!("{}-dropped", slug(&code.replace("\\n", " "))),
            });
        }
    }

    /// Rows of a table of registers. `name = "register",` is pointed at a register that nobody relies on,
    /// so that its own is neither saved nor loaded; `name "number" = value;` is left out.
    fn rows(&mut self, group: &Group) {
        if group.delimiter() != Delimiter::Brace {
            return;
        }
        let tokens: Vec<_> = group.stream().into_iter().collect();
        for at in 0..tokens.len() {
            match &tokens[at..] {
                [
                    TokenTree::Ident(name),
                    TokenTree::Punct(is),
                    TokenTree::Literal(register),
                    ..,
                ] if is.as_char() == '=' => {
                    self.found.push(Found {
                        kind: Kind::Register,
                        range: register.span().byte_range(),
                        replacement: format!("\"{}\"", dead_register(self.arch)),
                        what: format!("{name}-not-switched"),
                    });
                }
                [
                    TokenTree::Ident(name),
                    TokenTree::Literal(_),
                    TokenTree::Punct(is),
                    rest @ ..,
                ] if is.as_char() == '=' => {
                    let Some(end) = rest.iter().find(|token| is_punct(token, ';')) else {
                        continue;
                    };
                    self.found.push(Found {
                        kind: Kind::Register,
                        range: name.span().byte_range().start..end.span().byte_range().end,
                        replacement: String::new(),
                        what: format!("{name}-dropped"),
                    });
                }
                _ => {}
            }
        }
    }

    /// Lists of register numbers, one or, between commas, more for each element.
    fn lists(&mut self, tokens: &[TokenTree]) {
        let is_part = |token: &TokenTree| is_number(token) || is_punct(token, ',');
        for run in tokens.chunk_by(|a, b| is_part(a) == is_part(b)) {
            if run.iter().filter(|token| is_number(token)).count() < LIST {
                continue;
            }
            // A comma in front belongs to what comes before the list.
            let first = run.iter().position(is_number).unwrap_or_default();
            let run = &run[first..];
            let has_commas = run.iter().any(|token| is_punct(token, ','));
            if !has_commas {
                run.iter()
                    .for_each(|number| self.element(std::slice::from_ref(number), None));
                continue;
            }
            // The comma that goes with an element is the one behind it, and of the last none.
            let mut rest = run;
            while let Some(comma) = rest.iter().position(|token| is_punct(token, ',')) {
                self.element(&rest[..comma], Some(&rest[comma]));
                rest = &rest[comma + 1..];
            }
            let before = run.len() - rest.len();
            if let (Some(comma), false) = (run.get(before.wrapping_sub(1)), rest.is_empty()) {
                let end = rest[rest.len() - 1].span().byte_range().end;
                self.drop_element(comma.span().byte_range().start..end, rest);
            }
        }
    }

    fn element(&mut self, numbers: &[TokenTree], comma: Option<&TokenTree>) {
        let Some((first, last)) = numbers.first().zip(comma.or(numbers.last())) else {
            return;
        };
        let range = first.span().byte_range().start..last.span().byte_range().end;
        self.drop_element(range, numbers);
    }

    fn drop_element(&mut self, range: Range<usize>, numbers: &[TokenTree]) {
        let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        self.found.push(Found {
            kind: Kind::Register,
            range,
            replacement: String::new(),
            what: format!("register-{}-dropped", numbers.join("-")),
        });
    }
}

/// A register that the host's own code overwrites before it reads it, whatever a vCPU leaves there:
/// `enter.S` writes it in front of each entry.
fn dead_register(arch: Arch) -> &'static str {
    match arch {
        Arch::Riscv64 => "sepc",
        Arch::Aarch64 => "elr_el1",
        Arch::X86_64 => "rax",
    }
}

fn is_number(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Literal(literal) if literal.to_string().parse::<u64>().is_ok())
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// The macro whose arguments come after these tokens.
fn macro_called(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if bang.as_char() == '!' => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// Whether a module of tests comes after these tokens.
fn is_tests(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(module), TokenTree::Ident(name)]
        if module == "mod" && name == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutants(text: &str, arch: Arch) -> Vec<(String, String)> {
        let found = find(text, text.parse().unwrap(), arch);
        let mutant = |found: &Found| {
            let mut mutant = text.to_owned();
            mutant.replace_range(found.range.clone(), &found.replacement);
            (found.what.clone(), mutant)
        };
        found.iter().map(mutant).collect()
    }

    #[test]
    fn an_instruction_becomes_a_comment() {
        let text = r#"fn f() { unsafe { asm!(".option push", "hfence.gvma", "1:", "a {}\nb {}", in(reg) x) } }"#;
        let expected = [
            (
                "hfence.gvma-dropped",
                text.replace("\"hfence", "\"# hfence"),
            ),
            ("a-b-dropped", text.replace("\"a {}\\nb", "\"# a {}\\n# b")),
        ];
        let expected = expected.map(|(what, mutant)| (what.to_owned(), mutant));
        assert_eq!(mutants(text, Arch::Riscv64), expected);
    }

    #[test]
    fn a_row_of_a_table_of_registers_is_not_switched() {
        let text = "state! { /// Doc.\n a = \"x0\", b = \"x1\", }\nif_present! { c \"0x1\" = 2; d \"0x2\" = y; }";
        let expected = [
            ("a-not-switched", text.replace("\"x0\"", "\"elr_el1\"")),
            ("b-not-switched", text.replace("\"x1\"", "\"elr_el1\"")),
            ("c-dropped", text.replace("c \"0x1\" = 2;", "")),
            ("d-dropped", text.replace("d \"0x2\" = y;", "")),
        ];
        let expected = expected.map(|(what, mutant)| (what.to_owned(), mutant));
        assert_eq!(mutants(text, Arch::Aarch64), expected);
    }

    #[test]
    fn of_a_list_of_registers_each_is_dropped() {
        let text = "m!(a, 0 1 2 3 4 5 6 7)";
        let found = mutants(text, Arch::Riscv64);
        assert_eq!(found.len(), 8);
        assert_eq!(
            found[7],
            ("register-7-dropped".into(), "m!(a, 0 1 2 3 4 5 6 )".into())
        );
        let text = "m!(a; 0 1, 2 3, 4 5, 6 7)";
        let found = mutants(text, Arch::Aarch64);
        assert_eq!(found.len(), 4);
        assert_eq!(
            found[0],
            (
                "register-0-1-dropped".into(),
                "m!(a;  2 3, 4 5, 6 7)".into()
            )
        );
        assert_eq!(
            found[3],
            ("register-6-7-dropped".into(), "m!(a; 0 1, 2 3, 4 5)".into())
        );
        assert_eq!(mutants("[0, 1, 2]", Arch::Aarch64), []);
    }

    #[test]
    fn tests_have_no_sites() {
        let text = "mod tests { fn f() { asm!(\"nop\") } }";
        assert_eq!(mutants(text, Arch::Riscv64), []);
    }
}
