//! A run's records, made by hand.

use std::fs;
use std::path::Path;

/// What was booted: `run.json`.
pub const RUN: &str = r#"{"version":1,"harness":"0.1.0","arch":"riscv64","scenario":"made","nonce":"abc",
"hypervisor":{"file":"hv","sha256":""},"guest":null,"second":null,"flash":{"file":"f","sha256":""}}"#;

/// What it had to tell: `story.json`.
pub const STORY: &str = r#"{"version":1,"arch":"riscv64","timeout":{"secs":30,"nanos":0},"silence":null,
"steps":[{"name":"ok","pattern":"^ok$","near":null,"by":"guest","unique":false,"optional":false,"count":1,
"within":null}],"forbidden":[{"pattern":"^bad","by":null}],"end":"shutdown",
"hv":{"lines":false,"guests":1,"start":{"arch":"riscv64"},"ends":[]},"witness":null}"#;

/// What happened: `events.jsonl`.
pub const EVENTS: &str = r#"{"t":0.1,"event":"line","text":"ok"}
{"t":0.2,"event":"end","how":"reported","kind":"shutdown","reason":"guest-shutdown"}
"#;

/// The three files.
pub const FILES: [(&str, &str); 3] = [
    ("run.json", RUN),
    ("story.json", STORY),
    ("events.jsonl", EVENTS),
];

/// Makes a record of a run that passed.
pub fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (name, text) in FILES {
        fs::write(folder.join(name), text).unwrap();
    }
}
