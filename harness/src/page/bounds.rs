//! How much of a run is on a page: a page is small, whatever somebody recorded.

use super::data::{Exits, Phase, Run, Timeline};
use super::texts::Texts;

/// About how many bytes of a run's page may be lines of its log.
pub const LOG_OF_A_RUN: usize = 700_000;

/// The most marks of a kind in a run's timeline: steps, exits, programs that ran, keystrokes.
pub const MARKS: usize = 400;

/// How many marks of a kind there may be on a page of many runs.
const MARKS_OF_ALL: usize = 12_000;

/// The fewest marks of a kind that a run has room for.
const FEW: usize = 60;

/// How many times as many marks as audits there may be: an audit has a map and sentences.
const OF_AN_AUDIT: usize = 12;

/// How much of a run there is room for.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Lines of its log, in bytes.
    pub log: usize,
    /// Marks of a kind in its timeline.
    pub marks: usize,
}

impl Room {
    /// On a page of its own.
    pub fn of_a_run() -> Self {
        Self {
            log: LOG_OF_A_RUN,
            marks: MARKS,
        }
    }

    /// On a page of several runs, with so many bytes for its log.
    pub fn of_several(log: usize, runs: usize) -> Self {
        let marks = (MARKS_OF_ALL / runs.max(1)).clamp(FEW, MARKS);
        Self { log, marks }
    }

    /// How many audits there are at most when one more is to be kept. Breaches are what one looks for: these have
    /// room where the others have none any more.
    pub fn audits(self, is_breached: bool) -> usize {
        let most = self.marks / OF_AN_AUDIT;
        if is_breached { 2 * most } else { most }
    }
}

/// Has a run keep no more marks than there is room for, and say what it leaves out, with the audits that were left
/// out already.
pub fn bound(run: &mut Run, room: Room, audits_left_out: usize, texts: &mut Texts) {
    let Room { marks, .. } = room;
    let mut left_out = Vec::new();
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            left_out.push(texts.line(&format!("{count} {what}")));
        }
    };
    let Timeline {
        steps,
        typed,
        phases,
        exits,
        marks: ended,
        ..
    } = &mut run.timeline;
    note(ends(steps, marks), "steps");
    note(ends(typed, marks), "typed lines");
    note(ends(ended, marks), "ends and clocks");
    *phases = phases_joined(std::mem::take(phases), marks);
    *exits = exits_joined(exits, marks);
    note(audits_left_out, "audits");
    run.timeline.left_out = left_out;
}

/// Keeps the two ends of a list; how many it leaves out.
fn ends<T>(list: &mut Vec<T>, most: usize) -> usize {
    let more = list.len().saturating_sub(most);
    if more > 0 {
        let half = most / 2;
        list.drain(half..half + more);
    }
    more
}

/// Exits between fewer events: what is known of them is their order, and that still is.
fn exits_joined(exits: &[Exits], most: usize) -> Vec<Exits> {
    let of = exits.len().div_ceil(most).max(1);
    let joined = exits.chunks(of).map(|chunk| {
        let mut counts = [0; 6];
        for exits in chunk {
            for (count, more) in counts.iter_mut().zip(exits.counts) {
                *count += more;
            }
        }
        Exits {
            from: chunk.iter().map(|exits| exits.from).min().unwrap_or(0),
            to: chunk.iter().map(|exits| exits.to).max().unwrap_or(0),
            counts,
        }
    });
    joined.collect()
}

/// The middle of very many programs that ran in turn is one time in which several did.
fn phases_joined(mut phases: Vec<Phase>, most: usize) -> Vec<Phase> {
    let more = phases.len().saturating_sub(most);
    if more == 0 {
        return phases;
    }
    let half = most / 2;
    let middle: Vec<_> = phases.drain(half..=half + more).collect();
    if let [first, .., last] = &middle[..] {
        let joined = Phase {
            who: "several",
            from: first.from,
            to: last.to,
            what: None,
        };
        phases.insert(half, joined);
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_with_a_breach_has_room_longer() {
        let room = Room::of_a_run();
        assert_eq!((room.audits(false), room.audits(true)), (33, 66));
        let room = Room::of_several(0, 1000);
        assert_eq!((room.audits(false), room.audits(true)), (5, 10));
    }

    #[test]
    fn of_a_long_list_both_ends_are_kept() {
        let mut list: Vec<_> = (0..10).collect();
        assert_eq!((ends(&mut list, 4), &list[..]), (6, &[0, 1, 8, 9][..]));
        assert_eq!((ends(&mut list, 4), list.len()), (0, 4));
    }

    #[test]
    fn joined_exits_are_as_many_as_before_and_in_order() {
        let one = |nth: u64| Exits {
            from: nth,
            to: nth + 1,
            counts: [1, nth, 0, 0, 0, 0],
        };
        let exits: Vec<_> = (0..50_000).map(one).collect();
        let joined = exits_joined(&exits, 400);
        assert!(joined.len() <= 400);
        let sum = |exits: &[Exits], nth: usize| exits.iter().map(|of| of.counts[nth]).sum::<u64>();
        assert_eq!(
            (sum(&joined, 0), sum(&joined, 1)),
            (sum(&exits, 0), sum(&exits, 1))
        );
        assert!(joined.windows(2).all(|pair| pair[0].to <= pair[1].from));
        assert_eq!(exits_joined(&exits[..3], 400), exits[..3]);
    }

    #[test]
    fn joined_programs_have_no_gap() {
        let one = |nth: u64| Phase {
            who: ["guest", "hypervisor"][nth as usize % 2],
            from: nth,
            to: nth + 1,
            what: None,
        };
        let joined = phases_joined((0..1000).map(one).collect(), 10);
        assert_eq!(joined.len(), 10);
        assert!(joined.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!((joined[0].from, joined[9].to), (0, 1000));
        assert_eq!(joined.iter().filter(|of| of.who == "several").count(), 1);
    }
}
