//! Makes foreign text safe to show: file names, what a user typed, what a file says.
//!
//! A terminal does not act on it, it takes a bounded number of lines and columns, and it cannot pass
//! for a line of the harness, because those begin at the margin.

use crate::judge::lines;
use std::borrow::Cow;

/// How many characters of a line are shown at most, at its beginning and at its end.
const SHOWN: [usize; 2] = [600, 200];

/// The same for a line of a paragraph, which may be a whole list of contradictions.
const SHOWN_OF_PARAGRAPH: [usize; 2] = [3000, 500];

/// How many lines are shown.
const LINES: usize = 200;

/// Makes a text safe that must stay on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    // `normalise` removes only a carriage return that belongs to the line's end.
    shortened(safe(text), SHOWN)
}

/// Makes a text safe for terminals, whatever its length.
pub fn safe(text: &str) -> Cow<'_, str> {
    lines::normalise(text.as_bytes())
}

/// A word as a POSIX shell reads it.
pub fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |c: &u8| c.is_ascii_alphanumeric() || b"-_=./,:+@".contains(c);
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_owned();
    }
    let parts: Vec<_> = word.split(|&byte| byte == b'\'').collect();
    [b"'", &parts.join(&br"'\''"[..])[..], b"'"].concat()
}

/// Makes a text of several lines safe: the lines after the first are indented.
pub fn paragraph(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4096));
    for (nth, text) in text.trim_end().split('\n').enumerate() {
        if nth == LINES {
            out += "\n  ...";
            break;
        }
        if nth > 0 {
            let indented = text.is_empty() || text.starts_with("  ");
            out += if indented { "\n" } else { "\n    " };
        }
        out += &shortened(safe(text), SHOWN_OF_PARAGRAPH);
    }
    out
}

/// Cuts the middle out of a very long line.
fn shortened(text: Cow<'_, str>, [first, last]: [usize; 2]) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= first + last + 40 {
        return text;
    }
    let head: String = text.chars().take(first).collect();
    let tail: String = text.chars().skip(length - last).collect();
    let left_out = length - first - last;
    Cow::Owned(format!("{head}[... {left_out} characters ...]{tail}"))
}

/// Escapes all characters in JSON that a terminal acts on. They can only be in strings, where JSON has
/// an escape for each.
pub fn json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).expect("it is made of texts, numbers and lists");
    if !text.contains(lines::is_treacherous) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if lines::is_treacherous(c) {
            out += &format!("\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// A word as bash and other shells of today read it, that can be shown and pasted whatever is in it: a byte that a terminal
/// would not show is spelled out, as `$'\xff'`. Words without such bytes are [`quoted`].
pub fn pasteable(word: &[u8]) -> String {
    match std::str::from_utf8(word) {
        Ok(text) if safe(text) == text => String::from_utf8_lossy(&quoted(word)).into_owned(),
        _ => {
            let escaped = word.iter().map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        assert_eq!(line("a\x1b[31mb\nc\u{9b}d"), r"ab\x0ac\u{9b}d");
        assert_eq!(paragraph("a\nPASS b\n  | c\n"), "a\n    PASS b\n  | c");
        let text = json(&"\u{9b}31m\u{202e}\x1b\x7f");
        assert_eq!(text, r#""\u009b31m\u202e\u001b\u007f""#);
        let back: String = serde_json::from_str(&text).unwrap();
        assert_eq!(back, "\u{9b}31m\u{202e}\x1b\x7f");
    }

    #[test]
    fn a_very_long_line_loses_its_middle() {
        let text = "x".repeat(5 << 20);
        let shown = line(&text);
        assert!(shown.len() < 1000, "{}", shown.len());
        assert!(shown.contains("[... 5242080 characters ...]"), "{shown}");
        assert!(paragraph(&"x\n".repeat(100_000)).len() < 2000);
    }

    /// Bash reads them as they were, and nothing in them acts on a terminal.
    #[test]
    fn words_that_cannot_be_shown_survive_being_pasted() {
        for word in [
            &b"plain"[..],
            b"a b",
            "\u{e4}".as_bytes(),
            b"\xff it's\\x41",
            b"\x1b[2Jx\n1",
            "\u{202e}9".as_bytes(),
        ] {
            let shown = pasteable(word);
            assert_eq!(safe(&shown), shown);
            let script = format!("printf %s {shown}");
            let said = std::process::Command::new("bash")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(said.stdout, word, "{shown}");
        }
    }
}
