//! Sites in a Rust file, found by the shape of its code.

mod syntax;
#[cfg(test)]
mod tests;
mod walk;

use super::site::{Found, Items, Kind, slug};
use super::tokens;
use crate::arch::Arch;
use proc_macro2::TokenStream;
use std::ops::Range;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Lit, Pat, Stmt, Token, Type};
use syntax::{
    assigned, chain, clear_bits, first_literal, has_let, inner, is_assignment, is_one_of, name_of,
    shifted,
};

/// Macros that write a register, as a statement.
const WRITES: [&str; 2] = ["csr_write", "sysreg_write"];
/// Macros that read one.
const READS: [&str; 3] = ["csr_read", "sysreg_read", "read_if_present"];

/// What confines nothing: instruments of the suite, words, and the tables that a guest gets of its own.
const APART: [&str; 5] = [
    "host_registers",
    "leave_traces",
    "hv_guest_release",
    "fmt",
    "write_identity_tables",
];

/// Finds the sites of a file. In a file of an architecture these are its bits, tables, registers and
/// statements; everywhere, bounds and statements. An error says where the file cannot be parsed.
pub fn find(text: &str, arch: Option<Arch>) -> Result<(Items, Vec<Found>), String> {
    let at = |error: &dyn std::fmt::Display, span: proc_macro2::Span| {
        format!("line {}: {error}", span.start().line)
    };
    let tokens: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| at(&error, error.span()))?;
    let file: syn::File = syn::parse2(tokens.clone()).map_err(|error| at(&error, error.span()))?;
    let mut finder = Finder {
        text,
        arch,
        owner: None,
        items: Items::default(),
        found: Vec::new(),
    };
    finder.visit_file(&file);
    finder.wrapping_sums();
    if let Some(arch) = arch {
        finder.found.extend(tokens::find(text, tokens, arch));
    }
    Ok((finder.items, finder.found))
}

struct Finder<'a> {
    text: &'a str,
    arch: Option<Arch>,
    /// The type whose `impl` this is.
    owner: Option<String>,
    items: Items,
    found: Vec<Found>,
}

impl Finder<'_> {
    fn of(&self, node: &impl Spanned) -> &str {
        &self.text[node.span().byte_range()]
    }

    fn add(
        &mut self,
        kind: Kind,
        range: Range<usize>,
        replacement: impl Into<String>,
        what: String,
    ) {
        let replacement = replacement.into();
        self.found.push(Found {
            kind,
            range,
            replacement,
            what,
        });
    }

    fn replace(&mut self, kind: Kind, node: &impl Spanned, replacement: &str, what: String) {
        self.add(kind, node.span().byte_range(), replacement, what);
    }

    fn item(&mut self, node: &impl Spanned, name: &syn::Ident) {
        let name = match &self.owner {
            Some(owner) => format!("{owner}.{name}"),
            None => name.to_string(),
        };
        self.items.add(node.span().byte_range(), name);
    }

    /// Sums in the bodies of macros too: they may wrap.
    fn wrapping_sums(&mut self) {
        let sum = regex::Regex::new(r"\b(self\.0|offset)\.checked_(add|sub)\(([^()]*)\)")
            .expect("a pattern");
        let code = self.text.split("#[cfg(test)]").next().unwrap_or(self.text);
        for found in sum.captures_iter(code) {
            let whole = found.get(0).expect("a match");
            let mutant = format!("Some({}.wrapping_{}({}))", &found[1], &found[2], &found[3]);
            let what = format!("checked_{}-wraps", &found[2]);
            self.add(Kind::Bound, whole.range(), mutant, what);
        }
    }

    /// Each of several terms is dropped, with the operator that joins it to the one before.
    fn terms(&mut self, kind: Kind, terms: &[&Expr]) {
        for (at, term) in terms.iter().enumerate() {
            let span = term.span().byte_range();
            let range = match at {
                0 => span.start..terms[1].span().byte_range().start,
                _ => terms[at - 1].span().byte_range().end..span.end,
            };
            let what = format!("{}-dropped", self.name_of_term(term));
            self.add(kind, range, "", what);
        }
    }

    /// What people call a term: the first word of the comment behind it, the bit's number, or the name.
    fn name_of_term(&self, term: &Expr) -> String {
        let end = term.span().byte_range().end;
        let rest = self.text[end..].lines().next().unwrap_or_default();
        let comment = rest.trim_start_matches([' ', ';', ',']).strip_prefix("// ");
        if let Some(comment) = comment {
            return slug(comment.split([',', ':', ';']).next().unwrap_or(comment));
        }
        if let Expr::Binary(shift) = term
            && matches!(shift.op, BinOp::Shl(_))
            && let Expr::Lit(by) = &*shift.right
        {
            let bits = self.of(&shift.left);
            let by = self.of(by);
            return match bits {
                "1" => format!("bit{by}"),
                _ => format!("{}-at-bit{by}", slug(bits)),
            };
        }
        slug(self.of(term))
    }

    /// A constant of an architecture: nothing instead of its one field, and the bits that must stay clear.
    fn constant(&mut self, name: &syn::Ident, kind: &Type, value: &Expr) {
        let is_number = matches!(self.of(kind), "u8" | "u16" | "u32" | "u64");
        if self.arch.is_none() || !is_number {
            return;
        }
        // Where there are several bits, each is dropped by itself.
        if matches!(value, Expr::Binary(shift) if matches!(shift.op, BinOp::Shl(_))) {
            self.replace(Kind::Bit, value, "0", "zeroed".to_owned());
        }
        for bit in clear_bits(self.text, name.span().byte_range().start) {
            let set = format!("({}) | 1 << {bit}", self.of(value));
            self.replace(Kind::Bit, value, &set, format!("bit{bit}-set"));
        }
    }

    /// The elements of an array: left out, or where the length is fixed, the same as a neighbour.
    fn rows(&mut self, elements: &Punctuated<Expr, Token![,]>, fixed: bool) {
        if elements.len() < 2 {
            return;
        }
        for (at, element) in elements.iter().enumerate() {
            let name = slug(self.of(element).split("fields").next().unwrap_or_default());
            let what = format!("{name}-dropped");
            if fixed {
                let other = &elements[if at == 0 { 1 } else { at - 1 }];
                let other = self.of(other).to_owned();
                self.replace(Kind::Row, element, &other, what);
                continue;
            }
            let next = elements
                .iter()
                .nth(at + 1)
                .map(|next| next.span().byte_range().start);
            let range = element.span().byte_range();
            let range = match next {
                Some(next) => range.start..next,
                None => elements[at - 1].span().byte_range().end..range.end,
            };
            self.add(Kind::Row, range, "", what);
        }
    }

    /// A condition that guards what comes behind it: it never holds, and each of its parts is left out.
    fn guard(&mut self, condition: &Expr, body: &Block) {
        let refuses = body.stmts.iter().any(|statement| {
            matches!(
                statement,
                Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _)
            )
        });
        if !has_let(condition) {
            let what = slug(self.of(condition));
            if refuses {
                self.replace(Kind::Bound, condition, "false", format!("never-{what}"));
            } else if self.arch.is_some() && what.contains("permits") {
                self.replace(Kind::Bit, condition, "true", format!("always-{what}"));
            }
        }
    }

    /// A statement that does something: it is left out.
    fn step(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Expr(expression, Some(_)) => {
                let inner = inner(expression);
                let call = match inner {
                    Expr::Try(tried) => &*tried.expr,
                    inner => inner,
                };
                let name = match call {
                    Expr::Assign(assign) => assigned(self.of(&assign.left)),
                    Expr::Binary(binary) if is_assignment(&binary.op) => self.of(inner).to_owned(),
                    Expr::Call(_) | Expr::MethodCall(_) => self.of(call).to_owned(),
                    _ => return,
                };
                // A block that is left empty stays: it may have an `unsafe` of its own.
                let (range, nothing) = (inner.span().byte_range(), "()");
                self.add(
                    Kind::Step,
                    range,
                    nothing,
                    format!("{}-dropped", slug(&name)),
                );
            }
            Stmt::Macro(call) => self.register_write(&call.mac),
            _ => {}
        }
    }

    /// A write of a register by its name.
    fn register_write(&mut self, call: &syn::Macro) {
        if is_one_of(call, &WRITES)
            && let Some(name) = first_literal(call)
        {
            self.replace(
                Kind::Register,
                call,
                "()",
                format!("write-{}-dropped", slug(&name)),
            );
        }
    }
}

impl Finder<'_> {
    /// The alternatives of an arm: each is left out.
    fn alternatives(&mut self, alternatives: &syn::PatOr) {
        let cases: Vec<_> = alternatives
            .cases
            .iter()
            .map(|case| case.span().byte_range())
            .collect();
        for (at, case) in cases.iter().enumerate() {
            let range = match at {
                0 => case.start..cases[1].start,
                _ => cases[at - 1].end..case.end,
            };
            let what = format!("{}-dropped", slug(&self.text[case.clone()]));
            self.add(Kind::Row, range, "", what);
        }
    }
}
