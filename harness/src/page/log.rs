//! The lines of a run's page: from every source, in the order in which they happened.

use super::data::Log;
use super::texts::Texts;
use crate::shown;
use std::collections::VecDeque;

/// Where a line is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The firmware, on the console.
    Firmware,
    /// The hypervisor or its guest, on the console.
    Console,
    /// The hypervisor's report: a line with the run's nonce.
    Report,
    /// QEMU's log of the guest's exits.
    Qemu,
    /// A look at the machine itself.
    Audit,
    /// What was typed on the console.
    Typed,
    /// The harness, or QEMU by its stderr or its control socket.
    Harness,
}

impl Source {
    fn letter(self) -> char {
        match self {
            Self::Firmware => 'f',
            Self::Console => 'c',
            Self::Report => 'h',
            Self::Qemu => 'q',
            Self::Audit => 'a',
            Self::Typed => 'k',
            Self::Harness => 'n',
        }
    }
}

/// How many lines are kept in memory, at the beginning and at the end: a console may be flooded.
const KEPT: [usize; 2] = [4000, 8000];

/// How many lines around one that the page speaks of are shown with it, on each side.
const AROUND: usize = 20;

/// How many such lines there may be.
const PINS: usize = 8;

/// The lines so far.
#[derive(Debug, Default)]
pub struct Lines {
    head: Vec<Line>,
    tail: VecDeque<Line>,
    /// Lines around pins that have left the tail.
    saved: Vec<Line>,
    /// The numbers of the lines that the page speaks of.
    pins: Vec<usize>,
    count: usize,
}

#[derive(Debug)]
struct Line {
    number: usize,
    at: Option<u64>,
    source: Source,
    text: String,
}

impl Lines {
    /// Adds a line; its number, from 0.
    pub fn push(&mut self, at: Option<u64>, source: Source, text: &str) -> usize {
        let number = self.count;
        let line = Line {
            number,
            at,
            source,
            text: shown::line(text).into_owned(),
        };
        let [head, tail] = KEPT;
        if self.head.len() < head {
            self.head.push(line);
        } else {
            if self.tail.len() == tail
                && let Some(oldest) = self.tail.pop_front()
                && self.distance(oldest.number) <= AROUND
            {
                self.saved.push(oldest);
            }
            self.tail.push_back(line);
        }
        self.count += 1;
        number
    }

    /// Has the line that was added last be on the page, with those around it, however many there are: the page
    /// speaks of it. Of very many such lines the first are.
    pub fn pin(&mut self) {
        if self.pins.len() < PINS {
            self.pins.extend(self.count.checked_sub(1));
        }
    }

    /// How far a line is from the nearest that is pinned.
    fn distance(&self, number: usize) -> usize {
        let distances = self.pins.iter().map(|pin| pin.abs_diff(number));
        distances.min().unwrap_or(usize::MAX)
    }

    /// As many of them as there is room for, in bytes: at first those around pins, for which there is half of it, but
    /// the pinned ones themselves in any case; then a third for the beginning, and the rest for the end, where a run
    /// fails.
    pub fn finish(mut self, room: usize, texts: &mut Texts) -> Log {
        let mut lines = std::mem::take(&mut self.head);
        lines.append(&mut self.saved);
        lines.extend(std::mem::take(&mut self.tail));
        let mut chosen = Chosen::of(&lines);
        let near = (0..lines.len()).map(|nth| (self.distance(lines[nth].number), nth));
        let mut near: Vec<_> = near.filter(|(far, _)| *far <= AROUND).collect();
        near.sort_unstable();
        for (far, nth) in near {
            chosen.take(nth, if far == 0 { usize::MAX } else { room / 2 }, texts);
        }
        // The lines of either end have no gap between them.
        let follows = |nth: usize| nth == 0 || lines[nth].number == lines[nth - 1].number + 1;
        let of_beginning = chosen.cost + room.saturating_sub(chosen.cost) / 3;
        for nth in 0..lines.len() {
            if !follows(nth) || !chosen.take(nth, of_beginning, texts) {
                break;
            }
        }
        for nth in (0..lines.len()).rev() {
            if !chosen.take(nth, room, texts) || !follows(nth) {
                break;
            }
        }
        let mut log = Log {
            cost: chosen.cost,
            ..Log::default()
        };
        let mut next = 0;
        let taken = lines.iter().zip(&chosen.taken);
        for (line, _) in taken.filter(|(_, taken)| **taken) {
            log.leave_out(line.number - next);
            log.push(line, texts);
            next = line.number + 1;
        }
        log.leave_out(self.count - next);
        log
    }
}

/// Which lines are taken, and what they cost.
struct Chosen<'a> {
    lines: &'a [Line],
    taken: Vec<bool>,
    cost: usize,
}

impl<'a> Chosen<'a> {
    /// None of them yet.
    fn of(lines: &'a [Line]) -> Self {
        let taken = vec![false; lines.len()];
        Self {
            lines,
            taken,
            cost: 0,
        }
    }

    /// Takes a line if all of them are within `room` bytes then; whether it is taken.
    fn take(&mut self, nth: usize, room: usize, texts: &mut Texts) -> bool {
        let text = &self.lines[nth].text;
        let cost = self.cost.saturating_add(texts.cost(text));
        if !self.taken[nth] && cost <= room {
            texts.line(text);
            self.taken[nth] = true;
            self.cost = cost;
        }
        self.taken[nth]
    }
}

impl Log {
    fn push(&mut self, line: &Line, texts: &mut Texts) {
        let at = line.at.and_then(|at| i64::try_from(at).ok());
        self.times.push(at);
        self.sources.push(line.source.letter());
        self.texts.push(texts.line(&line.text));
    }

    fn leave_out(&mut self, count: usize) {
        if count > 0 {
            self.left_out.push([self.texts.len(), count]);
        }
    }

    /// Whether the line of that number is among them.
    pub fn has(&self, number: usize) -> bool {
        let mut left_out = 0;
        for [at, count] in &self.left_out {
            if number < at + left_out {
                return true;
            }
            left_out += count;
            if number < at + left_out {
                return false;
            }
        }
        number < self.texts.len() + left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize, room: usize) -> (Log, Vec<String>) {
        let mut lines = Lines::default();
        for nth in 0..count {
            assert_eq!(
                lines.push(Some(nth as u64), Source::Console, &format!("line {nth:05}")),
                nth
            );
        }
        let mut texts = Texts::default();
        let log = lines.finish(room, &mut texts);
        let list = texts.list();
        let said = log.texts.iter().map(|&text| list[text].clone()).collect();
        (log, said)
    }

    #[test]
    fn what_there_is_room_for_is_kept_in_order() {
        let (log, said) = of(3, 1000);
        assert_eq!(said, ["line 00000", "line 00001", "line 00002"]);
        assert_eq!(
            (log.times, &*log.sources),
            (vec![Some(0), Some(1), Some(2)], "ccc")
        );
        assert_eq!(log.left_out, [[0; 2]; 0]);
    }

    #[test]
    fn of_more_the_middle_is_left_out_and_counted() {
        // A line takes 24 bytes.
        let (log, said) = of(100, 240);
        assert_eq!(said.len(), 10);
        assert_eq!((&*said[2], &*said[3]), ("line 00002", "line 00093"));
        assert_eq!(log.left_out, [[3, 90]]);
        assert!(log.has(2) && !log.has(3) && !log.has(92) && log.has(93));
    }

    #[test]
    fn a_flood_takes_bounded_memory_and_its_lines_keep_their_numbers() {
        let (log, said) = of(50_000, usize::MAX);
        assert_eq!(said.len(), KEPT[0] + KEPT[1]);
        assert_eq!(log.left_out, [[KEPT[0], 38_000]]);
        assert_eq!(said[KEPT[0]], "line 42000");
    }

    #[test]
    fn a_line_without_a_time_has_a_place() {
        let mut lines = Lines::default();
        lines.push(None, Source::Qemu, "hypercall");
        let log = lines.finish(100, &mut Texts::default());
        assert_eq!((log.times, &*log.sources), (vec![None], "q"));
    }

    /// 400 lines, and what the page speaks of among them.
    fn pinned(count: usize, pins: &[usize], room: usize) -> (Log, Vec<usize>) {
        let mut lines = Lines::default();
        for nth in 0..count {
            lines.push(Some(nth as u64), Source::Console, &format!("line {nth:05}"));
            if pins.contains(&nth) {
                lines.pin();
            }
        }
        let log = lines.finish(room, &mut Texts::default());
        let kept = (0..count).filter(|&nth| log.has(nth)).collect();
        (log, kept)
    }

    #[test]
    fn what_the_page_speaks_of_is_kept_with_what_stands_around_it() {
        let (log, kept) = pinned(400, &[200], 24 * 60);
        assert!((186..=214).all(|nth| kept.contains(&nth)), "{kept:?}");
        assert!(kept.contains(&200) && kept.len() == 60);
        let times: Vec<_> = log.times.iter().flatten().map(|&at| at as usize).collect();
        assert_eq!(
            times, kept,
            "a line's number is its place, with those that are left out"
        );
        assert_eq!(log.left_out.len(), 2);
        // Whatever the room, and however many lines come behind it.
        for (count, pins) in [(400, &[7, 200, 390][..]), (50_000, &[7, 9_000, 30_000][..])] {
            let (_, kept) = pinned(count, pins, 24);
            assert!(pins.iter().all(|pin| kept.contains(pin)), "{kept:?}");
        }
        let (_, kept) = pinned(50_000, &[9_000], usize::MAX);
        assert!((8_980..=9_020).all(|nth| kept.contains(&nth)));
    }

    #[test]
    fn very_many_pins_do_not_make_the_page_large() {
        let pins: Vec<_> = (0..5000).step_by(10).collect();
        let (_, kept) = pinned(50_000, &pins, 24 * 100);
        assert!(kept.len() <= 100 + PINS, "{}", kept.len());
    }
}
