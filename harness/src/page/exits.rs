//! The exits in QEMU's log, and where in the run they belong.
//!
//! The log has no times. What ties it to the run are events that tell how far the log was: the hypervisor's
//! report of a page fault, which is in both; an audit that was due at a number of exits; the guest's end. Between
//! two of these the exits have an order and no more, and that is what the page shows.

use super::data::Exits;
use crate::judge::hvlog::{Fault, GuestEnd};
use crate::judge::witness::{Address, Class, Exit, Format, LoggedFault, each_exit};
use crate::records::left_out;

/// How many lines the exits between two events may take, at their beginning and at their end.
const SHOWN: [usize; 2] = [16, 8];

const PAGE: u64 = 4096;

/// An exit, or what is counted besides.
#[derive(Debug, Clone, PartialEq)]
struct Logged {
    exit: Exit,
    pc: Option<u64>,
    /// Its line in the log, from 1.
    line: u64,
}

/// The exits of a log, of which some have found their place.
#[derive(Debug, Default)]
pub struct Placing {
    exits: Vec<Logged>,
    /// How many have a place.
    placed: usize,
    /// Page faults, calls and others among these, since a guest was entered; and all of these in the whole run.
    since_entry: [u64; 3],
    total: u64,
    /// When the last event came that tied the log to the run.
    since: u64,
    /// The places so far.
    pub segments: Vec<Exits>,
    /// How many bytes of the log the records do not have.
    pub not_kept: u64,
}

impl Placing {
    /// Of a log, as the records have it.
    pub fn read(format: Format, log: &[u8]) -> Self {
        let mut exits = Vec::new();
        let read = each_exit(format, log, |line, exit, pc| {
            exits.push(Logged { exit, pc, line });
        });
        read.expect("memory can be read");
        Self {
            exits,
            not_kept: left_out(log),
            ..Self::default()
        }
    }

    /// A guest is entered: what comes from now on is not before that.
    pub fn entered(&mut self, at: u64) {
        self.since = at;
        self.since_entry = [0; 3];
    }

    /// The hypervisor reports that it handled a page fault: the log has it, and what was before it.
    pub fn fault(&mut self, at: u64, fault: &Fault) -> Vec<String> {
        let rest = &self.exits[self.placed..];
        let found = rest.iter().position(|logged| is_that(logged, fault));
        self.place(at, found.map_or(0, |found| found + 1))
    }

    /// QEMU had logged so many exits.
    pub fn counted(&mut self, at: u64, count: u64) -> Vec<String> {
        let mut total = self.total;
        let rest = self.exits[self.placed..].iter();
        let until = rest.take_while(|logged| {
            let more = total < count;
            total += u64::from(class(logged) < 3);
            more
        });
        let until = until.count();
        self.place(at, until)
    }

    /// A guest has ended, with so many exits: those of its page faults and calls tell where in the log that was.
    pub fn ended(&mut self, at: u64, end: &GuestEnd) -> Vec<String> {
        let due = [end.npf.saturating_add(end.mmio), end.hypercalls];
        let mut counts = self.since_entry;
        let rest = self.exits[self.placed..].iter();
        let until = rest.take_while(|logged| {
            let more = counts[0] < due[0] || counts[1] < due[1];
            if let Some(count) = counts.get_mut(class(logged)) {
                *count += 1;
            }
            more
        });
        let until = until.count();
        self.place(at, until)
    }

    /// The run is over: all the rest came before.
    pub fn finish(&mut self, at: u64) -> Vec<String> {
        self.place(at, self.exits.len() - self.placed)
    }

    /// Gives the next `count` exits their place; in lines for people.
    fn place(&mut self, at: u64, count: usize) -> Vec<String> {
        let exits = &self.exits[self.placed..self.placed + count];
        self.placed += count;
        if exits.is_empty() {
            return Vec::new();
        }
        let mut segment = Exits {
            from: self.since.min(at),
            to: at,
            counts: [0; 6],
        };
        for logged in exits {
            let class = class(logged);
            segment.counts[class] += 1;
            self.total += u64::from(class < 3);
            if let Some(count) = self.since_entry.get_mut(class) {
                *count += 1;
            }
        }
        self.since = at;
        self.segments.push(segment);
        lines(exits)
    }
}

/// The place of its class among the counts of [`Exits`].
fn class(logged: &Logged) -> usize {
    match logged.exit {
        Exit::Npf(_) => 0,
        Exit::Hypercall => 1,
        Exit::Other => 2,
        Exit::Timer => 3,
        Exit::GuestTimer => 4,
        Exit::UserCall => 5,
    }
}

/// Whether a logged fault can be the one that was reported. Some logs have the virtual address: of that, the
/// place within a page is the same.
fn is_that(logged: &Logged, fault: &Fault) -> bool {
    let Exit::Npf(LoggedFault { at, access, .. }) = logged.exit else {
        return false;
    };
    let same_place = match at {
        Address::Gpa(gpa) => gpa == fault.gpa,
        Address::Va(va) => va % PAGE == fault.gpa % PAGE || fault.during_walk,
    };
    // A walk that stores the dirty bit is logged as the access that it is for.
    same_place && (access == fault.access || fault.during_walk)
}

/// In words; like ones that follow each other share a line, and of very many the middle is left out.
fn lines(exits: &[Logged]) -> Vec<String> {
    let mut groups: Vec<(String, &Logged, u64)> = Vec::new();
    for logged in exits {
        let words = words(logged);
        match groups.last_mut() {
            Some((same, _, times)) if *same == words => *times += 1,
            _ => groups.push((words, logged, 1)),
        }
    }
    let [head, tail] = SHOWN;
    let middle = groups.len().saturating_sub(head + tail);
    let mut lines = Vec::new();
    for (nth, (words, logged, times)) in groups.iter().enumerate() {
        if middle > 1 && nth == head {
            let left_out: u64 = groups[head..head + middle]
                .iter()
                .map(|group| group.2)
                .sum();
            let until = groups[head + middle].1.line - 1;
            lines.push(format!(
                "[... {left_out} more, witness.log:{}-{until} ...]",
                logged.line
            ));
        }
        if middle > 1 && (head..head + middle).contains(&nth) {
            continue;
        }
        let times = match times {
            1 => String::new(),
            times => format!(" \u{d7}{times}"),
        };
        lines.push(format!("{words}{times}  witness.log:{}", logged.line));
    }
    lines
}

fn words(logged: &Logged) -> String {
    let words = match logged.exit {
        Exit::Npf(fault) => {
            let space = match fault.at {
                Address::Gpa(_) => "GPA ",
                Address::Va(_) => "",
            };
            let walk = match fault.during_walk {
                Some(true) => ", a walk of the guest's tables",
                _ => "",
            };
            format!("page fault at {space}{fault}{walk}")
        }
        Exit::Hypercall => Class::Hypercall.to_string(),
        Exit::Other => "another exit".into(),
        Exit::Timer => "timer interrupt (no exit)".into(),
        Exit::GuestTimer => "timer interrupt of the guest (no exit)".into(),
        Exit::UserCall => "call from user mode (no exit)".into(),
    };
    match logged.pc {
        Some(pc) => format!("{words}, pc {pc:#x}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::hvlog::Access;
    use std::fmt::Write as _;

    const FAULT: Fault = Fault {
        gpa: 0xffc0_0010,
        access: Access::Read,
        during_walk: false,
    };

    /// Calls, then a page fault, then calls.
    fn log(before: usize, after: usize) -> String {
        let mut log = String::new();
        for nth in 0..before + after + 1 {
            let _ = match nth == before {
                true => writeln!(
                    log,
                    "vmexit(00000400, 0000000000000004, 00000000ffc00010, 0000000000001000)!"
                ),
                false => writeln!(
                    log,
                    "vmexit(00000081, 0000000000000000, 0000000000000000, 0000000000002000)!"
                ),
            };
        }
        log
    }

    fn placing(log: &str) -> Placing {
        Placing::read(Format::X86Svm, log.as_bytes())
    }

    #[test]
    fn a_fault_that_both_tell_of_parts_what_came_before_from_what_came_after() {
        let mut placing = placing(&log(3, 2));
        placing.entered(100);
        let before = placing.fault(200, &FAULT);
        assert_eq!(
            before,
            [
                "hypercall, pc 0x2000 \u{d7}3  witness.log:1",
                "page fault at GPA 0xffc00010 (read), pc 0x1000  witness.log:4"
            ]
        );
        let after = placing.finish(300);
        assert_eq!(after, ["hypercall, pc 0x2000 \u{d7}2  witness.log:5"]);
        let segment = |from, to, counts| Exits { from, to, counts };
        assert_eq!(
            placing.segments,
            [
                segment(100, 200, [1, 3, 0, 0, 0, 0]),
                segment(200, 300, [0, 2, 0, 0, 0, 0])
            ]
        );
    }

    #[test]
    fn a_fault_that_the_log_does_not_have_places_nothing() {
        let mut placing = placing(&log(3, 2));
        placing.entered(100);
        let other = Fault { gpa: 0x20, ..FAULT };
        assert!(placing.fault(150, &other).is_empty() && placing.segments.is_empty());
        assert_eq!(placing.fault(200, &FAULT).len(), 2);
        assert_eq!(
            placing.segments[0].from, 100,
            "it may have been before the other one"
        );
    }

    #[test]
    fn a_number_of_exits_is_a_place_too() {
        let mut placing = placing(&log(9, 0));
        placing.entered(10);
        assert_eq!(placing.counted(20, 4).len(), 1);
        assert_eq!(placing.segments[0].counts[1], 4);
        assert!(placing.counted(30, 4).is_empty());
        assert_eq!(placing.counted(40, 6).len(), 1);
        assert_eq!(placing.segments[1].counts[1], 2);
    }

    #[test]
    fn a_guest_ends_with_its_last_exit() {
        use crate::judge::hvlog::HvEvent;
        let mut placing = placing(&(log(2, 1) + &log(1, 1)));
        let HvEvent::End(end) =
            HvEvent::parse("end outcome=shutdown exits=4 npf=1 hypercalls=3").unwrap()
        else {
            panic!("it is an end");
        };
        placing.entered(10);
        placing.ended(20, &end);
        placing.entered(30);
        placing.ended(40, &end);
        let counts: Vec<_> = placing
            .segments
            .iter()
            .map(|s| s.counts[..2].to_vec())
            .collect();
        assert_eq!(counts, [[1, 3], [1, 2]]);
        assert_eq!(placing.segments[1].from, 30);
    }

    #[test]
    fn of_very_many_different_exits_the_middle_is_left_out_and_counted() {
        let mut log = String::new();
        for pc in 0..100 {
            let _ = writeln!(
                log,
                "vmexit(00000081, 0000000000000000, 0000000000000000, {pc:016x})!"
            );
        }
        let lines = placing(&log).finish(1);
        assert_eq!(lines.len(), 25);
        assert_eq!(lines[16], "[... 76 more, witness.log:17-92 ...]");
        assert_eq!(lines[17], "hypercall, pc 0x5c  witness.log:93");
    }
}
