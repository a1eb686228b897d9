//! Makes a stream of console bytes safe to show, without waiting for a line's end: a prompt has none.

use crate::judge::lines::is_treacherous;
use anstream::adapter::StripBytes;

/// A backspace, with which a shell edits its line.
const BACKSPACE: u8 = 0x08;

/// What a stream's bytes so far mean for those that come.
#[derive(Default)]
pub(super) struct Plain {
    /// Takes escape sequences out, wherever they are cut.
    sequences: StripBytes,
    /// The bytes of a character that is not complete yet.
    begun: Vec<u8>,
    /// How lines begin that are not shown.
    hidden: String,
    at: Place,
    /// The beginning of a line that may still become one of these.
    held: String,
}

/// Where in a line the stream is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// At its beginning, or behind what may begin a hidden one.
    #[default]
    Start,
    /// In one that is shown.
    Shown,
    /// In one that is hidden.
    Hidden,
}

impl Plain {
    /// Shows no line that begins so.
    pub(super) fn without(hidden: &str) -> Self {
        Self {
            hidden: hidden.to_owned(),
            ..Self::default()
        }
    }

    /// Takes the next bytes; what of them is to be shown.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut plain = std::mem::take(&mut self.begun);
        for piece in bytes.chunk_by(|a, b| (*a == BACKSPACE) == (*b == BACKSPACE)) {
            if piece[0] == BACKSPACE {
                plain.extend_from_slice(piece);
            } else {
                self.sequences
                    .strip_next(piece)
                    .for_each(|part| plain.extend_from_slice(part));
            }
        }
        let (text, begun) = decoded(plain);
        self.begun = begun;
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            self.character(c, &mut shown);
        }
        shown.into_bytes()
    }

    fn character(&mut self, c: char, shown: &mut String) {
        if self.at == Place::Start && c != '\n' && !self.hidden.is_empty() {
            self.held.push(c);
            if self.held == self.hidden {
                self.at = Place::Hidden;
                self.held.clear();
                return;
            }
            if self.hidden.starts_with(&self.held) {
                return;
            }
            self.at = Place::Shown;
            let held = std::mem::take(&mut self.held);
            shown.extend(held.chars().filter(|&c| is_shown(c)));
            return;
        }
        if self.at != Place::Hidden {
            shown.push_str(&std::mem::take(&mut self.held));
            if is_shown(c) {
                shown.push(c);
            }
        }
        if c == '\n' {
            self.at = Place::Start;
        } else if self.at == Place::Start {
            self.at = Place::Shown;
        }
    }
}

fn is_shown(c: char) -> bool {
    "\n\r\t\x08".contains(c) || !(c.is_control() || is_treacherous(c))
}

/// The text of some bytes, and those at their end that begin a character. What is no text is left out, or shows as a mark.
fn decoded(mut bytes: Vec<u8>) -> (String, Vec<u8>) {
    let mut text = String::with_capacity(bytes.len());
    loop {
        let error = match std::str::from_utf8(&bytes) {
            Ok(rest) => {
                text += rest;
                return (text, Vec::new());
            }
            Err(error) => error,
        };
        let rest = bytes.split_off(error.valid_up_to());
        text += &String::from_utf8_lossy(&bytes);
        let Some(wrong) = error.error_len() else {
            return (text, rest);
        };
        text.push(char::REPLACEMENT_CHARACTER);
        bytes = rest[wrong..].to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the pieces are, the same is shown.
    fn shown(hidden: &str, bytes: &[u8]) -> String {
        let all = |size: usize| {
            let mut plain = Plain::without(hidden);
            let pieces = bytes.chunks(size).flat_map(|piece| plain.take(piece));
            String::from_utf8(pieces.collect()).unwrap()
        };
        let whole = all(bytes.len());
        for size in 1..bytes.len() {
            assert_eq!(all(size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn a_prompt_is_shown_at_once_and_a_terminal_acts_on_nothing() {
        assert_eq!(shown("", b"~ # "), "~ # ");
        assert_eq!(shown("", b"a\x1b[31mb\x1b]0;title\x07c\r\n"), "abc\r\n");
        assert_eq!(
            shown("", "l\x08 \x08\u{9b}31m\u{202e}é\u{7}".as_bytes()),
            "l\x08 \x0831mé"
        );
        assert_eq!(shown("", b"\xff\xfeok"), "ok");
    }

    #[test]
    fn event_lines_are_left_out_and_nothing_else() {
        let text = b"one\n@hv 12 1 exit\n@hv 13 forged\n@h\n\n@hv 12 2 end\ntwo @hv 12 \n@hv";
        let expected = "one\n@hv 13 forged\n@h\n\ntwo @hv 12 \n";
        assert_eq!(shown("@hv 12 ", text), expected);
    }
}
