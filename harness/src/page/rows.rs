//! What there is very much of on a page, written so that it is short: rows, and differences of times.

use super::data::{Audit, Band, Case, Exits, Part, Phase, Step};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

/// Has what there is very much of stand on the page as a row, without the names of its fields; these are there once.
macro_rules! rows {
    ($($what:ident $name:literal: $($field:ident)+;)+) => {
        /// What stands in rows, and the names of its fields in their order.
        pub const ROWS: &[(&str, &[&str])] = &[$(($name, &[$(stringify!($field)),+])),+];
        $(impl Serialize for $what {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ($(&self.$field,)+).serialize(serializer)
            }
        })+
    };
}

rows! {
    Case "case": name scenario machine arch outcome fails seconds runs without;
    Phase "phase": who from to what;
    Step "step": name by at line;
    Exits "exits": from to counts;
    Audit "audit": at moment line counts held took_ms format map registers open programs breaches found;
    Part "part": start end size kind label;
    Band "band": guest host gpa hpa size access window whose breaches;
}

/// Each time as its difference from the one before, which is shorter: -1 where there is none, and a step back one
/// lower than it is.
pub fn differences<S: Serializer>(times: &[Option<i64>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut row = serializer.serialize_seq(Some(times.len()))?;
    let mut last = 0;
    for time in times {
        let Some(time) = *time else {
            row.serialize_element(&-1)?;
            continue;
        };
        let step = time.wrapping_sub(last);
        row.serialize_element(&if step < 0 {
            step.saturating_sub(1)
        } else {
            step
        })?;
        last = time;
    }
    row.end()
}

#[cfg(test)]
mod tests {
    use super::super::data::Log;
    use super::*;

    #[test]
    fn a_row_has_the_fields_in_the_order_of_their_names() {
        let step = Step {
            name: 7,
            by: Some("guest"),
            at: 12,
            line: None,
        };
        assert_eq!(
            serde_json::to_string(&step).unwrap(),
            r#"[7,"guest",12,null]"#
        );
        let names = ROWS.iter().find(|(what, _)| *what == "step").unwrap().1;
        assert_eq!(names, ["name", "by", "at", "line"]);
    }

    #[test]
    fn times_are_differences_and_can_be_had_again() {
        let times = [
            Some(5),
            None,
            Some(9),
            Some(9),
            Some(7),
            None,
            Some(i64::MAX),
        ];
        let log = Log {
            times: times.to_vec(),
            ..Log::default()
        };
        let steps = serde_json::to_value(&log).unwrap()["times"].clone();
        let steps: Vec<i64> = serde_json::from_value(steps).unwrap();
        assert_eq!(steps, [5, -1, 4, 0, -3, -1, i64::MAX - 7]);
    }
}
