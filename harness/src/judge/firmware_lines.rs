//! The firmware's own lines, which come before all others on the serial line.

use regex::Regex;

/// How to recognise the firmware's lines.
#[derive(Debug, Clone)]
pub struct FirmwareLines {
    /// The first one, blank lines aside.
    pub first: Regex,
    /// The last one.
    pub last: Regex,
}

/// Separates the firmware's lines from the lines to judge.
///
/// Only the beginning of the console, up to the firmware's last line, can be the firmware's: whatever
/// runs later cannot hide a line by making it look like the firmware's.
#[derive(Debug, Default)]
pub struct FirmwareFilter {
    lines: Option<FirmwareLines>,
    within: bool,
}

impl FirmwareFilter {
    /// For a machine whose firmware prints such lines, or no lines.
    pub fn new(lines: Option<FirmwareLines>) -> Self {
        Self {
            lines,
            within: false,
        }
    }

    /// Whether the next line is the firmware's.
    pub fn takes(&mut self, line: &str) -> bool {
        let Some(lines) = &self.lines else {
            return false;
        };
        if !self.within && line.trim().is_empty() {
            return true;
        }
        self.within |= lines.first.is_match(line);
        let takes = self.within;
        if !takes || lines.last.is_match(line) {
            self.lines = None;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged<'a>(lines: &[&'a str]) -> Vec<&'a str> {
        let mut filter = FirmwareFilter::new(Some(FirmwareLines {
            first: Regex::new("^OpenSBI v").unwrap(),
            last: Regex::new("^Boot HART MEDELEG").unwrap(),
        }));
        let lines = lines.iter().copied();
        lines.filter(|line| !filter.takes(line)).collect()
    }

    const LAST: &str = "Boot HART MEDELEG         : 0xf0b509";

    #[test]
    fn the_firmwares_lines_come_first_and_end_with_its_last_one() {
        let console = ["", "OpenSBI v1.5", "", "panicked at x", LAST, "", "ok"];
        assert_eq!(judged(&console), ["", "ok"]);
    }

    #[test]
    fn nothing_that_comes_later_is_the_firmwares() {
        let console = [
            "",
            "OpenSBI v1.5",
            LAST,
            "OpenSBI v1.5",
            "panicked at x",
            LAST,
        ];
        assert_eq!(judged(&console), console[3..]);
        let console = ["hello", "OpenSBI v1.5", "panicked at x", LAST];
        assert_eq!(judged(&console), console);
    }

    #[test]
    fn a_machine_without_such_lines_loses_none() {
        assert!(!FirmwareFilter::new(None).takes(""));
    }
}
