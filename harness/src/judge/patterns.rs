//! The patterns of a story, matched all at once.

use regex::RegexSet;

/// Patterns by number. Almost no line matches any, so that answer must be quick: patterns anchored at
/// the beginning of the line are kept separate, because a few bytes settle them all.
#[derive(Debug)]
pub(super) struct Patterns {
    bound: Numbered,
    free: Numbered,
    /// The numbers of patterns that are `.`: every line with something in it matches them.
    any: Vec<usize>,
    count: usize,
}

/// The pattern of any line.
const ANY: &str = ".";

/// Which patterns a line matched.
#[derive(Debug)]
pub(super) struct Matches(Vec<bool>);

impl Matches {
    pub(super) fn matched(&self, pattern: usize) -> bool {
        self.0[pattern]
    }
}

#[derive(Debug)]
struct Numbered {
    set: RegexSet,
    numbers: Vec<usize>,
}

impl Numbered {
    fn new<'p>(patterns: impl Iterator<Item = (usize, &'p str)>) -> Result<Self, regex::Error> {
        let (numbers, patterns): (Vec<_>, Vec<_>) = patterns.unzip();
        let set = RegexSet::new(patterns)?;
        Ok(Self { set, numbers })
    }
}

impl Patterns {
    /// Compiles some regular expressions, numbered from 0.
    pub(super) fn new(patterns: &[&str]) -> Result<Self, regex::Error> {
        // `^a|b` counts as anchored and is not: that costs time, but no match.
        let is_bound = |pattern: &&str| pattern.starts_with('^');
        let numbered = || patterns.iter().copied().enumerate();
        let (any, some): (Vec<_>, Vec<_>) = numbered().partition(|(_, pattern)| *pattern == ANY);
        let numbered = || some.iter().copied();
        Ok(Self {
            any: any.into_iter().map(|(number, _)| number).collect(),
            bound: Numbered::new(numbered().filter(|(_, pattern)| is_bound(pattern)))?,
            free: Numbered::new(numbered().filter(|(_, pattern)| !is_bound(pattern)))?,
            count: patterns.len(),
        })
    }

    /// Whether a pattern is that of any line.
    pub(super) fn is_any(&self, pattern: usize) -> bool {
        self.any.contains(&pattern)
    }

    /// The patterns that a line matches; none if it matches none, or, unless `any` counts by itself, none but
    /// the pattern of any line.
    pub(super) fn matches(&self, line: &str, any: bool) -> Option<Matches> {
        let any = any && !self.any.is_empty() && !line.is_empty();
        if !any && !self.bound.set.is_match(line) && !self.free.set.is_match(line) {
            return None;
        }
        let mut matched = vec![false; self.count];
        for &number in &self.any {
            matched[number] = !line.is_empty();
        }
        for part in [&self.bound, &self.free] {
            for index in part.set.matches(line) {
                matched[part.numbers[index]] = true;
            }
        }
        Some(Matches(matched))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_keeps_its_number_wherever_it_is_matched() {
        let patterns = Patterns::new(&["b", "^a", "c$", "^x|d", "^ab"]).unwrap();
        let matched = |line| {
            let matches = patterns.matches(line, true)?;
            Some((0..5).filter(|&n| matches.matched(n)).collect::<Vec<_>>())
        };
        assert_eq!(matched("abc"), Some(vec![0, 1, 2, 4]));
        assert_eq!(matched("xyz"), Some(vec![3]));
        assert_eq!(matched("yes d"), Some(vec![3]));
        assert_eq!(matched("nothing"), None);
        assert_eq!(matched(""), None);
        let patterns = Patterns::new(&["^a", "."]).unwrap();
        let matched = |line, any| {
            let matches = patterns.matches(line, any)?;
            Some((matches.matched(0), matches.matched(1)))
        };
        assert_eq!(matched("abc", false), Some((true, true)));
        assert_eq!(matched("xyz", false), None);
        assert_eq!(matched("xyz", true), Some((false, true)));
        assert_eq!(matched("", true), None);
        assert!(Patterns::new(&[]).unwrap().matches("a", true).is_none());
    }
}
