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

/// The lines so far.
#[derive(Debug, Default)]
pub struct Lines {
    head: Vec<Line>,
    tail: VecDeque<Line>,
    count: usize,
}

#[derive(Debug)]
struct Line {
    at: Option<u64>,
    source: Source,
    text: String,
}

impl Lines {
    /// Adds a line; its number, from 0.
    pub fn push(&mut self, at: Option<u64>, source: Source, text: &str) -> usize {
        let text = shown::line(text).into_owned();
        let line = Line { at, source, text };
        let [head, tail] = KEPT;
        if self.head.len() < head {
            self.head.push(line);
        } else {
            if self.tail.len() == tail {
                self.tail.pop_front();
            }
            self.tail.push_back(line);
        }
        self.count += 1;
        self.count - 1
    }

    /// As many of them as there is room for, in bytes: a third of that for the beginning, and the rest for the end,
    /// where a run fails.
    pub fn finish(self, room: usize, texts: &mut Texts) -> Log {
        let mut log = Log::default();
        let of_head = self.head.len();
        let dropped = self.count - of_head - self.tail.len();
        let mut lines: VecDeque<_> = self.head.into_iter().chain(self.tail).collect();
        // What was dropped lies between the two.
        let may_take = |taken: usize| dropped == 0 || taken < of_head;
        let (mut taken, mut cost) = (0, 0);
        while let Some(line) = lines.front()
            && may_take(taken)
            && cost + texts.cost(&line.text) <= room / 3
        {
            cost += texts.cost(&line.text);
            log.push(line, texts);
            taken += 1;
            lines.pop_front();
        }
        let mut end = VecDeque::new();
        while let Some(line) = lines.back()
            && (dropped == 0 || lines.len() > of_head - taken)
            && cost + texts.cost(&line.text) <= room
        {
            cost += texts.cost(&line.text);
            texts.line(&line.text);
            end.extend(lines.pop_back());
        }
        let left_out = lines.len() + dropped;
        log.left_out = (left_out > 0).then_some([taken, left_out]);
        for line in end.iter().rev() {
            log.push(line, texts);
        }
        log
    }
}

impl Log {
    fn push(&mut self, line: &Line, texts: &mut Texts) {
        let at = line.at.and_then(|at| i64::try_from(at).ok());
        self.times.push(at.unwrap_or(-1));
        self.sources.push(line.source.letter());
        self.texts.push(texts.line(&line.text));
    }

    /// Whether the line of that number is among them.
    pub fn has(&self, number: usize) -> bool {
        let [from, count] = self.left_out.unwrap_or([usize::MAX, 0]);
        number < from || number - from >= count
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
        assert_eq!((log.times, &*log.sources), (vec![0, 1, 2], "ccc"));
        assert_eq!(log.left_out, None);
    }

    #[test]
    fn of_more_the_middle_is_left_out_and_counted() {
        // A line takes 24 bytes.
        let (log, said) = of(100, 240);
        assert_eq!(said.len(), 10);
        assert_eq!((&*said[2], &*said[3]), ("line 00002", "line 00093"));
        assert_eq!(log.left_out, Some([3, 90]));
        assert!(log.has(2) && !log.has(3) && !log.has(92) && log.has(93));
    }

    #[test]
    fn a_flood_takes_bounded_memory_and_its_lines_keep_their_numbers() {
        let (log, said) = of(50_000, usize::MAX);
        assert_eq!(said.len(), KEPT[0] + KEPT[1]);
        assert_eq!(log.left_out, Some([KEPT[0], 38_000]));
        assert_eq!(said[KEPT[0]], "line 42000");
    }

    #[test]
    fn a_line_without_a_time_has_a_place() {
        let mut lines = Lines::default();
        lines.push(None, Source::Qemu, "hypercall");
        let log = lines.finish(100, &mut Texts::default());
        assert_eq!((log.times, &*log.sources), (vec![-1], "q"));
    }
}
