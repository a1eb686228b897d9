//! Expressions that choose cases: `arch(x86_64) & !timer-*`.
//!
//! | expression | the cases |
//! |---|---|
//! | `npf-*` | of the scenarios that match |
//! | `gkernel::x86_64*`, `case(…)` | whose names match |
//! | `scenario(…)`, `machine(…)`, `arch(…)` | whose scenario, machine, architecture matches |
//! | `failed()` | that did not pass in the newest matrix |
//! | `!a`, `a & b`, `a \| b`, `(a)` | all but a; of both; of either. `&` binds before `\|` |
//!
//! In a pattern `*` is any text and `?` any character. A pattern that matches nothing there is is a mistake, and an
//! error: a misspelt name would otherwise choose nothing, or all behind a `!`.

mod parse;

use super::plan::Case;
use crate::error::Error;
use crate::suggest;
use std::collections::BTreeSet;
use std::str::FromStr;

/// An expression that chooses cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    root: Expr,
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expr {
    Not(Box<Expr>),
    /// Of all of these.
    And(Vec<Expr>),
    /// Of any of these.
    Or(Vec<Expr>),
    /// What a pattern matches.
    Is(What, Pattern),
    /// What did not pass last time; where it is written.
    Failed(usize),
}

/// What of a case a pattern is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Case,
    Scenario,
    Machine,
    Arch,
}

impl What {
    const ALL: [Self; 4] = [Self::Case, Self::Scenario, Self::Machine, Self::Arch];

    fn name(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Scenario => "scenario",
            Self::Machine => "machine",
            Self::Arch => "arch",
        }
    }

    fn of(self, case: &Case) -> &str {
        match self {
            Self::Case => &case.name,
            Self::Scenario => &case.scenario,
            Self::Machine => &case.machine,
            Self::Arch => case.arch.name(),
        }
    }
}

/// A pattern, and where it is written: how many bytes come before it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    glob: String,
    at: usize,
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let root = parse::parse(text).map_err(|mistake| mistake.shown(text))?;
        Ok(Self {
            text: text.to_owned(),
            root,
        })
    }
}

impl Filter {
    /// Whether it asks what did not pass in the newest matrix.
    pub fn asks_what_failed(&self) -> bool {
        self.root.asks_what_failed()
    }

    /// Chooses some of the cases `all`. `failed` has the names of those that did not pass in the newest matrix, if there
    /// is one.
    ///
    /// # Errors
    ///
    /// A pattern matches none of the cases; or `failed()` is asked for, and there is no matrix yet.
    pub fn choose(
        &self,
        all: &[Case],
        failed: Option<&BTreeSet<String>>,
    ) -> Result<BTreeSet<String>, Error> {
        let mistake = self.root.mistake(all, failed.is_some());
        if let Some(mistake) = mistake {
            return Err(mistake.shown(&self.text));
        }
        let none = BTreeSet::new();
        let failed = failed.unwrap_or(&none);
        let chosen = all.iter().filter(|case| self.root.takes(case, failed));
        Ok(chosen.map(|case| case.name.clone()).collect())
    }
}

impl Expr {
    fn asks_what_failed(&self) -> bool {
        match self {
            Self::Not(other) => other.asks_what_failed(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::asks_what_failed),
            Self::Is(..) => false,
            Self::Failed(_) => true,
        }
    }

    fn takes(&self, case: &Case, failed: &BTreeSet<String>) -> bool {
        match self {
            Self::Not(other) => !other.takes(case, failed),
            Self::And(parts) => parts.iter().all(|part| part.takes(case, failed)),
            Self::Or(parts) => parts.iter().any(|part| part.takes(case, failed)),
            Self::Is(what, pattern) => matches(&pattern.glob, what.of(case)),
            Self::Failed(_) => failed.contains(&case.name),
        }
    }

    /// The first part that can only be meant otherwise.
    fn mistake(&self, all: &[Case], there_is_a_matrix: bool) -> Option<Mistake> {
        match self {
            Self::Not(other) => other.mistake(all, there_is_a_matrix),
            Self::And(parts) | Self::Or(parts) => {
                let mut mistakes = parts
                    .iter()
                    .map(|part| part.mistake(all, there_is_a_matrix));
                mistakes.find_map(|mistake| mistake)
            }
            Self::Is(what, pattern) => pattern.mistake(*what, all),
            Self::Failed(at) => (!there_is_a_matrix).then(|| Mistake {
                at: *at,
                message: "there is no earlier matrix in which something could have failed".into(),
            }),
        }
    }
}

impl Pattern {
    fn mistake(&self, what: What, all: &[Case]) -> Option<Mistake> {
        let names: BTreeSet<&str> = all.iter().map(|case| what.of(case)).collect();
        if names.iter().any(|name| matches(&self.glob, name)) {
            return None;
        }
        let names: Vec<_> = names.into_iter().collect();
        let plain = self.glob.replace(['*', '?'], "");
        let instead = match (what, suggest::nearest(&plain, &names)) {
            (What::Machine | What::Arch, _) => format!("; {}", suggest::instead(&plain, &names)),
            (_, Some(name)) => format!("; did you mean `{name}`?"),
            (_, None) => " (harness matrix --list shows all)".to_owned(),
        };
        Some(Mistake {
            at: self.at,
            message: format!("no {} matches `{}`{instead}", what.name(), self.glob),
        })
    }
}

/// What is wrong with an expression, and where: how many bytes come before it.
#[derive(Debug, PartialEq, Eq)]
struct Mistake {
    at: usize,
    message: String,
}

impl Mistake {
    fn shown(&self, text: &str) -> Error {
        let excerpt = crate::error::Excerpt::around(text, self.at..self.at + 1);
        let before = excerpt.mistake.map_or(0, |mistake| mistake.start);
        let blanks = " ".repeat(before.into());
        Error::Usage(format!(
            "the filter: {}\n  | {}\n  | {blanks}^",
            self.message, excerpt.text
        ))
    }
}

/// Whether a pattern matches a whole text: `*` any text, `?` any character.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // Behind the last `*`, and what it has taken up to.
    let mut star = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                g += 1;
                star = Some((g, t));
            }
            Some(&c) if c == '?' || c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((behind, taken)) => {
                    g = behind;
                    t = taken + 1;
                    star = Some((behind, t));
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests;
