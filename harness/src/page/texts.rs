//! The texts of a page, each of them once: what a firmware prints is the same in a hundred runs.

use crate::shown;
use std::collections::HashMap;

/// The place of a text in the page's list.
pub type Id = usize;

/// How many lines of a text of several lines are kept.
const LINES: usize = 400;

/// How many characters of a command are kept.
const COMMAND: usize = 8192;

/// The list.
#[derive(Debug, Default)]
pub struct Texts {
    list: Vec<String>,
    places: HashMap<String, Id>,
}

impl Texts {
    /// The place of a text that is one line. It is made safe, and a very long one loses its middle, with a word
    /// about how much that was.
    pub fn line(&mut self, text: &str) -> Id {
        self.place(shown::line(text).into_owned())
    }

    /// The place of a text that may have several lines.
    pub fn block(&mut self, text: &str) -> Id {
        let mut lines = text.trim_end().lines();
        let mut kept: Vec<_> = lines.by_ref().take(LINES).map(shown::line).collect();
        let more = lines.count();
        if more > 0 {
            kept.push(format!("[... {more} lines ...]").into());
        }
        self.place(kept.join("\n"))
    }

    /// The place of a command, which is of use only as a whole; a monstrous one is cut all the same.
    pub fn command(&mut self, text: &str) -> Id {
        let safe = shown::safe(text);
        let end = safe
            .char_indices()
            .nth(COMMAND)
            .map_or(safe.len(), |(at, _)| at);
        self.place(safe[..end].to_owned())
    }

    /// The text at a place.
    pub fn text(&self, id: Id) -> &str {
        &self.list[id]
    }

    /// About how many bytes of the page a line takes that is made safe already, with what escapes add to it.
    pub fn cost(&self, safe: &str) -> usize {
        const OF_A_PLACE: usize = 14;
        if self.places.contains_key(safe) {
            return OF_A_PLACE;
        }
        let escapes = safe.bytes().map(|byte| match byte {
            b'<' | b'>' | b'&' => 5,
            b'"' | b'\\' => 1,
            _ => 0,
        });
        OF_A_PLACE + safe.len() + escapes.sum::<usize>()
    }

    /// All of them, each at its place.
    pub fn list(self) -> Vec<String> {
        self.list
    }

    fn place(&mut self, text: String) -> Id {
        if let Some(&place) = self.places.get(&text) {
            return place;
        }
        self.list.push(text.clone());
        self.places.insert(text, self.list.len() - 1);
        self.list.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_safe() {
        let mut texts = Texts::default();
        let one = texts.line("a\x1b[31mb");
        assert_eq!(one, texts.line("ab"));
        let other = texts.line("<script>\u{202e}");
        assert_eq!(texts.cost("ab"), 14);
        assert_eq!(texts.cost("abc"), 17);
        assert_eq!(texts.cost("<\"&"), 14 + 6 + 2 + 6);
        let list = texts.list();
        assert_eq!((&*list[one], &*list[other]), ("ab", r"<script>\u{202e}"));
    }

    #[test]
    fn a_long_line_and_many_lines_are_cut_and_say_how_much() {
        let mut texts = Texts::default();
        let line = texts.line(&"x".repeat(65_536));
        let block = texts.block(&"line\n".repeat(LINES + 7));
        let list = texts.list();
        assert!(list[line].contains("[... 64736 characters ...]") && list[line].len() < 1000);
        assert!(list[block].ends_with("line\n[... 7 lines ...]"));
    }
}
