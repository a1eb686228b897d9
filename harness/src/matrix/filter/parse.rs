//! Reads an expression.
//!
//! ```text
//! either = both  { "|" both }
//! both   = one   { "&" one }
//! one    = { "!" } ( "(" either ")" | "failed()" | name "(" pattern ")" | pattern )
//! ```

use super::{Expr, Mistake, Pattern, What};
use crate::suggest;

/// How long an expression may be, in bytes, and how deep its parentheses.
const LONGEST: usize = 64 << 10;
const DEEPEST: usize = 50;

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<Expr, Mistake> {
    if text.len() > LONGEST {
        return Err(Mistake {
            at: 0,
            message: format!("it is longer than {} KiB", LONGEST >> 10),
        });
    }
    let mut reader = Reader { text, at: 0 };
    let root = reader.either(0)?;
    match reader.next() {
        None => Ok(root),
        Some(')') => Err(reader.expected("no `)`, which closes nothing")),
        Some(_) => Err(reader.expected("`&` or `|` between two patterns")),
    }
}

struct Reader<'t> {
    text: &'t str,
    /// How many bytes are read.
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next character, behind what is blank; it stays unread.
    fn next(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    /// Reads a character, if it is the next; `&&` is the same as `&`, and `||` as `|`.
    fn takes(&mut self, wanted: char) -> bool {
        if self.next() != Some(wanted) {
            return false;
        }
        self.at += wanted.len_utf8();
        if "&|".contains(wanted) && self.rest().starts_with(wanted) {
            self.at += wanted.len_utf8();
        }
        true
    }

    fn expected(&self, what: &str) -> Mistake {
        Mistake {
            at: self.at,
            message: format!("expected {what}"),
        }
    }

    fn either(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let mut parts = vec![self.both(depth)?];
        while self.takes('|') {
            parts.push(self.both(depth)?);
        }
        Ok(alone(parts, Expr::Or))
    }

    fn both(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let mut parts = vec![self.one(depth)?];
        while self.takes('&') {
            parts.push(self.one(depth)?);
        }
        Ok(alone(parts, Expr::And))
    }

    fn one(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let mut negated = false;
        while self.takes('!') {
            negated = !negated;
        }
        let expr = match self.next() {
            Some('(') if depth == DEEPEST => {
                return Err(
                    self.expected(&format!("at most {DEEPEST} parentheses within one another"))
                );
            }
            Some('(') => {
                let open = self.at;
                self.takes('(');
                let inner = self.either(depth + 1)?;
                self.close(open)?;
                inner
            }
            _ => self.pattern_or_function()?,
        };
        Ok(if negated {
            Expr::Not(Box::new(expr))
        } else {
            expr
        })
    }

    fn close(&mut self, open: usize) -> Result<(), Mistake> {
        if self.takes(')') {
            return Ok(());
        }
        match self.next() {
            None => Err(Mistake {
                at: open,
                message: "this `(` is not closed".into(),
            }),
            Some(_) => Err(self.expected("`&`, `|` or `)`")),
        }
    }

    fn pattern_or_function(&mut self) -> Result<Expr, Mistake> {
        let word = self.word(
            "a pattern, such as `npf-*`, or arch(…), machine(…), scenario(…), case(…), failed()",
        )?;
        if !self.rest().starts_with('(') {
            let what = if word.glob.contains("::") {
                What::Case
            } else {
                What::Scenario
            };
            return Ok(Expr::Is(what, word));
        }
        let open = self.at;
        self.takes('(');
        if word.glob == "failed" {
            self.close(open)?;
            return Ok(Expr::Failed(word.at));
        }
        let Some(what) = What::ALL.into_iter().find(|what| what.name() == word.glob) else {
            let mut names: Vec<_> = What::ALL.into_iter().map(What::name).collect();
            names.push("failed");
            let message = format!(
                "there is no `{}(…)`; {}",
                word.glob,
                suggest::instead(&word.glob, &names)
            );
            return Err(Mistake {
                at: word.at,
                message,
            });
        };
        let pattern = self.word("a pattern")?;
        self.close(open)?;
        Ok(Expr::Is(what, pattern))
    }

    /// Reads a word: up to a blank or a character that means something.
    fn word(&mut self, what: &str) -> Result<Pattern, Mistake> {
        self.next();
        let (at, rest) = (self.at, self.rest());
        let ends = |c: char| c.is_whitespace() || "()&|!".contains(c);
        let glob = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if glob.is_empty() {
            return Err(self.expected(what));
        }
        self.at += glob.len();
        Ok(Pattern {
            glob: glob.to_owned(),
            at,
        })
    }
}

/// The one part that there is, or several of them together.
fn alone(mut parts: Vec<Expr>, several: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => several(parts),
    }
}
