//! Turns the bytes of a serial line into lines that are safe to judge, show and store.
//!
//! The program under test controls this input completely, so nothing is assumed about it: it may not be
//! UTF-8, its lines may never end, and it may hold control characters. Memory is bounded by
//! [`LINE_LIMIT`] however much comes.

use std::borrow::Cow;

/// How much of a line is kept; the rest is counted and dropped.
pub const LINE_LIMIT: usize = 64 << 10;

/// Assembles lines from reads of any size.
#[derive(Debug, Default)]
pub struct LineAssembler {
    partial: Vec<u8>,
    dropped: u64,
}

impl LineAssembler {
    /// Takes the next bytes and passes every line that they complete, normalised, to `sink`. When
    /// `sink` returns false, the rest of the bytes is discarded.
    pub fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(Cow<'_, str>) -> bool) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = (&rest[..end], &rest[end + 1..]);
            let more = if self.partial.is_empty() && head.len() <= LINE_LIMIT {
                sink(normalise(head))
            } else {
                self.extend(head);
                self.complete(&mut sink)
            };
            if !more {
                return;
            }
            rest = tail;
        }
        self.extend(rest);
    }

    /// Passes on what came after the last line's end.
    pub fn finish(&mut self, mut sink: impl FnMut(Cow<'_, str>) -> bool) {
        if !self.partial.is_empty() {
            self.complete(&mut sink);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_LIMIT - self.partial.len();
        let kept = bytes.len().min(room);
        self.partial.extend_from_slice(&bytes[..kept]);
        self.dropped += (bytes.len() - kept) as u64;
    }

    fn complete(&mut self, sink: &mut impl FnMut(Cow<'_, str>) -> bool) -> bool {
        // A carriage return at the very limit belongs to the line's end only if nothing was cut.
        let mut line = normalise(&self.partial);
        if self.dropped > 0 {
            line.to_mut()
                .push_str(&format!(" [cut: {} more bytes]", self.dropped));
        }
        let more = sink(line);
        self.partial.clear();
        self.dropped = 0;
        more
    }
}

/// Makes a line safe, given without its line feed: removes terminal escape sequences and spells out every other
/// byte that is not plain text (`\x07`, `\u{202e}`).
///
/// Carriage returns at the end belong to the line's end. A carriage return inside the line could make a
/// terminal show a different text than the one that is judged, so it is spelled out too.
pub fn normalise(line: &[u8]) -> Cow<'_, str> {
    let end = line
        .iter()
        .rposition(|&b| b != b'\r')
        .map_or(0, |last| last + 1);
    let mut rest = &line[..end];
    let (mut plain, mut after) = split_plain(rest);
    if after.is_empty() {
        return Cow::Borrowed(plain);
    }
    let mut out = String::with_capacity(rest.len());
    loop {
        out.push_str(plain);
        match after.first() {
            None => return Cow::Owned(out),
            Some(0x1b) => rest = &after[escape_sequence(after)..],
            Some(_) => {
                let until = memchr::memchr(0x1b, after).unwrap_or(after.len());
                spell_out(&after[..until], &mut out);
                rest = &after[until..];
            }
        }
        (plain, after) = split_plain(rest);
    }
}

/// Splits off the beginning that needs no special care.
fn split_plain(bytes: &[u8]) -> (&str, &[u8]) {
    let end = bytes.iter().position(|&b| !PLAIN[usize::from(b)]);
    let (plain, after) = bytes.split_at(end.unwrap_or(bytes.len()));
    (std::str::from_utf8(plain).expect("it is ASCII"), after)
}

/// The bytes that stay as they are. Every byte of a console is looked up here, so it is a table.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = true;
        byte += 1;
    }
    plain[b'\t' as usize] = true;
    plain
};

/// The length of the escape sequence (ECMA-48) at the beginning of some bytes.
fn escape_sequence(bytes: &[u8]) -> usize {
    let run = |from: usize, class: std::ops::RangeInclusive<u8>| {
        bytes[from..]
            .iter()
            .take_while(|b| class.contains(b))
            .count()
            + from
    };
    let one_more = |from: usize, class: std::ops::RangeInclusive<u8>| {
        if bytes.get(from).is_some_and(|b| class.contains(b)) {
            from + 1
        } else {
            from
        }
    };
    match bytes.get(1) {
        // CSI: parameters, intermediates, one final byte.
        Some(b'[') => one_more(run(run(2, 0x30..=0x3f), 0x20..=0x2f), 0x40..=0x7e),
        // Strings (OSC, DCS, SOS, PM, APC) end at BEL or ST; unterminated ones, at the end of the line.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let tail = &bytes[2..];
            // In one pass: a line may consist of nothing but beginnings of strings.
            let end = memchr::memchr2_iter(0x07, 0x1b, tail).find_map(|at| match &tail[at..] {
                [0x07, ..] => Some(at + 1),
                [0x1b, b'\\', ..] => Some(at + 2),
                _ => None,
            });
            2 + end.unwrap_or(tail.len())
        }
        _ => one_more(run(1, 0x20..=0x2f), 0x30..=0x7e),
    }
}

fn spell_out(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => out.push(c),
                '\0'..='\x1f' | '\x7f' => spell(out, format_args!("\\x{:02x}", u32::from(c))),
                c if is_treacherous(c) => spell(out, format_args!("\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            spell(out, format_args!("\\x{byte:02x}"));
        }
    }
}

fn spell(out: &mut String, text: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(out, text).expect("a string takes all");
}

/// Characters that a terminal, a browser or an XML reader may act on instead of showing them.
pub(crate) fn is_treacherous(c: char) -> bool {
    matches!(c,
        '\u{7f}'..='\u{9f}'         // DEL, C1 controls
        | '\u{200b}'..='\u{200f}'   // zero-width and direction marks
        | '\u{2028}'..='\u{202e}'   // line separators, direction overrides
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(reads: &[&[u8]]) -> Vec<String> {
        let (mut assembler, mut out) = (LineAssembler::default(), Vec::new());
        for read in reads {
            assembler.push(read, |line| {
                out.push(line.into_owned());
                true
            });
        }
        assembler.finish(|line| {
            out.push(line.into_owned());
            true
        });
        out
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_were_cut() {
        let text = "Hypervisor ...\r\n\r\n  d8888 \u{e9}\n\x1b[31mred\x1b[0m\r\r\nlast".as_bytes();
        let whole = lines(&[text]);
        assert_eq!(
            whole,
            ["Hypervisor ...", "", "  d8888 \u{e9}", "red", "last"]
        );
        for cut in 0..=text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&bytes), whole);
    }

    #[test]
    fn what_is_not_text_is_spelled_out_and_sequences_are_gone() {
        for (raw, shown) in [
            (&b"a\x07\0b"[..], r"a\x07\x00b"),
            (b"\xff\xfe ok", r"\xff\xfe ok"),
            (b"bad\rgood\r", r"bad\x0dgood"),
            (b"\x1b]0;title\x07x\x1b]8;;url\x1b\\y", "xy"),
            (b"\x1b]0;never ended", ""),
            (b"\x1bPdcs\x1b[1m\x1b\\a\x07b", r"a\x07b"),
            (b"\x1bc\x1b[?7l\x1b[2J\x1b(Bx", "x"),
            (b"\x1b", ""),
            (b"\x1b[", ""),
            ("\u{202e}evil\u{9b}31m".as_bytes(), r"\u{202e}evil\u{9b}31m"),
        ] {
            assert_eq!(normalise(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn an_endless_line_is_cut_and_costs_no_more_than_the_limit() {
        let mut assembler = LineAssembler::default();
        let block = [b'x'; 8192];
        for _ in 0..100 {
            assembler.push(&block, |_| unreachable!("no line has ended"));
        }
        assert!(assembler.partial.capacity() <= 2 * LINE_LIMIT);
        let mut seen = Vec::new();
        assembler.push(b"\nnext\n", |line| {
            seen.push(line.into_owned());
            true
        });
        assert_eq!(seen.len(), 2);
        assert!(seen[0].ends_with(&format!("x [cut: {} more bytes]", 819_200 - LINE_LIMIT)));
        assert_eq!(seen[1], "next");
    }

    #[test]
    fn a_sink_that_has_enough_gets_no_more() {
        let mut count = 0;
        LineAssembler::default().push(b"1\n2\n3\n", |_| {
            count += 1;
            count < 2
        });
        assert_eq!(count, 2);
    }
}
