//! What the harness itself knows of a run: which guests it put on the disk, and where they and the
//! hypervisor have their code. A fact that the hypervisor or QEMU tells is compared with it.

use super::audit::{Span, Window};
use super::hvlog::console::PrintedLoad;
use super::hvlog::{Fields, HvEvent, number};
use super::witness::{Account, Place};
use serde::{Deserialize, Serialize};

/// The pages by which code is compared: QEMU logs an address, and programs fill pages.
const PAGE: u64 = 4096;

/// How many contradictions of a kind are told.
const TOLD: usize = 4;

/// What is known of the programs of a run. It is empty where a record says nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The guests, in the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<KnownGuest>,
    /// Where the hypervisor has its code: virtual addresses, from its ELF file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hypervisor: Vec<Span>,
    /// The windows that the scenario declares for a guest, whether or not the machine itself is looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

/// What is known of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGuest {
    /// How many times it runs, one after another.
    pub runs: u64,
    /// Its file on the disk.
    pub path: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The guest-physical address of its first byte, which is its first instruction too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpa: Option<u64>,
    /// Where it has its code, from its ELF file: at virtual addresses, and where it is loaded. None of a
    /// flat binary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<Span>,
}

/// Where the exits that QEMU logs may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pc {
    /// The guest's own code.
    Guest,
    /// Anything but the hypervisor's code: a guest may have made code that no file holds.
    NotHypervisor,
    /// Anywhere.
    #[default]
    Any,
}

impl Known {
    /// The guest that runs when `ended` others have ended.
    fn guest(&self, ended: u64) -> Option<&KnownGuest> {
        let mut before = 0_u64;
        let mut guests = self.guests.iter();
        guests
            .find(|guest| {
                before = before.saturating_add(guest.runs);
                ended < before
            })
            .or(self.guests.last())
    }

    /// What an event of the hypervisor's report tells otherwise than it is, when `ended` guests have ended.
    pub(super) fn objection(&self, event: &HvEvent, ended: u64) -> Option<String> {
        match event {
            HvEvent::Load(said) => self.guest(ended)?.objection_to_load(said),
            HvEvent::Enter(said) => {
                let pc = self.guest(ended)?.gpa?;
                differs("enter", "pc", said, pc, "the guest begins at")
            }
            HvEvent::Exit { said, .. } if said.get("action") == Some("map") => {
                objection_to_map(said, &self.windows)
            }
            _ => None,
        }
    }

    /// What a line for people tells otherwise of a guest that was loaded.
    pub(super) fn objection_to_line(&self, load: &PrintedLoad<'_>) -> Option<String> {
        if self.guests.is_empty() {
            return None;
        }
        let path = load.path;
        let Some(guest) = self.guests.iter().find(|guest| guest.path == path) else {
            return Some(format!(
                "the console says that {path} was loaded, which is no guest of this run"
            ));
        };
        let (bytes, pages) = (guest.bytes, guest.bytes.div_ceil(PAGE));
        if load.bytes != bytes {
            let said = load.bytes;
            return Some(format!(
                "the console says that {said} bytes were loaded from {path}, which has {bytes}"
            ));
        }
        let said = load.pages.filter(|&said| said != pages)?;
        Some(format!(
            "the console says that {path} fills {said} pages, and its {bytes} bytes fill {pages}"
        ))
    }

    /// The exits that QEMU logged at places where nobody's exit can be, in words.
    pub(super) fn strangers(&self, rule: Pc, qemu: &Account) -> Vec<String> {
        let guests = || self.guests.iter().flat_map(|guest| &guest.code);
        let flat = self.guests.iter().any(|guest| guest.code.is_empty());
        // Nothing is known of where a flat binary has its code.
        if rule == Pc::Any || self.guests.is_empty() || flat {
            return Vec::new();
        }
        let is_in = |place: &Place, span: &Span| {
            let page = place.pc / PAGE;
            span.size > 0 && (span.start / PAGE..=(span.end() - 1) / PAGE).contains(&page)
        };
        let strange = |place: &&Place| {
            let of_the_hypervisor = || self.hypervisor.iter().any(|span| is_in(place, span));
            let of_a_guest = guests().any(|span| is_in(place, span));
            !of_a_guest && (rule == Pc::Guest || of_the_hypervisor())
        };
        let mut strangers = qemu.places.iter().filter(strange).map(|place| {
            let Place { pc, exits, class } = place;
            let whose = match self.hypervisor.iter().any(|span| is_in(place, span)) {
                true => "the hypervisor's own code",
                false => "no code of the guest's",
            };
            let more = match exits {
                1 => String::new(),
                _ => format!(", and {} more in that page", exits - 1),
            };
            format!("{class}: QEMU logged an exit at pc {pc:#x}{more}: that is {whose}")
        });
        let mut told: Vec<_> = strangers.by_ref().take(TOLD).collect();
        let more = strangers.count();
        if more > 0 {
            told.push(format!("exits in {more} more such pages"));
        }
        if rule == Pc::Guest && qemu.elsewhere > 0 {
            let elsewhere = qemu.elsewhere;
            told.push(format!(
                "QEMU logged exits in so many pages that {elsewhere} were not compared with the guest's \
                 code"
            ));
        }
        told
    }
}

impl KnownGuest {
    fn objection_to_load(&self, said: &Fields) -> Option<String> {
        let path = said.get("path").unwrap_or_default();
        if path != self.path {
            let due = &self.path;
            return Some(format!("`load` has path={path}, and {due} was due"));
        }
        let bytes = || differs("load", "bytes", said, self.bytes, "the file's size is");
        bytes().or_else(|| differs("load", "gpa", said, self.gpa?, "the guest is declared at"))
    }
}

/// That a number of an event is another one.
fn differs(event: &str, word: &str, said: &Fields, known: u64, but: &str) -> Option<String> {
    let said = said.get(word).unwrap_or_default();
    if number(said) == Some(known) {
        return None;
    }
    // As the report writes them.
    let known = match word {
        "bytes" => known.to_string(),
        _ => format!("{known:#x}"),
    };
    Some(format!("`{event}` has {word}={said}, but {but} {known}"))
}

/// That a page was mapped where the scenario declares no such window.
fn objection_to_map(said: &Fields, windows: &[Window]) -> Option<String> {
    let gpa = said.get("gpa").and_then(number)?;
    let name = said.get("window").unwrap_or_default();
    if windows.is_empty() {
        return None;
    }
    let Some(window) = windows.iter().find(|window| window.name == name) else {
        let names: Vec<_> = windows.iter().map(|window| window.name.as_str()).collect();
        let names = names.join(", ");
        return Some(format!(
            "`exit` has window={name}, and the scenario declares {names}"
        ));
    };
    let span = window.guest;
    let inside = gpa >= span.start && gpa - span.start < span.size;
    (!inside).then(|| {
        let (start, end) = (span.start, span.end());
        format!(
            "`exit` has gpa={gpa:#x} in window={name}, which the scenario declares at {start:#x} to {end:#x}"
        )
    })
}

#[cfg(test)]
mod tests;
