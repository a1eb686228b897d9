//! The table of faults.

mod control;
mod ends;
mod right;
mod silence;
mod wrong;

use Act::*;

/// The story that a good machine tells.
pub const STORY: &str = r#"
guest  = "guest"
arches = ["riscv64"]
end    = "shutdown"

[hv]
lines = false # most of these machines are mute about themselves

[[step]]
name    = "one"
by      = "hypervisor"
pattern = '^step one$'
unique  = true

[[step]]
name    = "two"
by      = "guest"
pattern = '^step two, word (0x\d+)$'
near    = '^step two'
unique  = true

[[step]]
name    = "three"
by      = "hypervisor"
pattern = '^step three$'
unique  = true

[[forbid]]
pattern = 'panicked at'
"#;

/// A story that forbids nothing.
const LENIENT: &str = "\
end = 'shutdown'
[hv]
lines = false
[[step]]
name = 'one'
pattern = '^step one$'
";

/// A story that allows one panic.
const KNOWING: &str = "\
end = 'shutdown'
[hv]
lines = false
[[step]]
name = 'one'
pattern = '^step one$'
[[forbid]]
pattern = 'panicked at'
except = 'panicked at test'
";

/// A story with the results of three cases.
const SWEPT: &str = "\
end = 'shutdown'
[hv]
lines = false
[[step]]
name = 'one'
pattern = '^step one$'
[[result]]
name = 'ports'
[[result]]
name = 'msrs'
[[result]]
name = 'sieve'
pattern = '^PASS: sieve'
failed = '^FAIL: sieve'
[[forbid]]
pattern = '^CASE .*FAILED'
";

/// Something that the fake QEMU does.
pub enum Act {
    /// Greet, and obey until the machine is set going.
    Boot,
    /// Greet, as a major version.
    Greet(u64),
    /// Await a command and say nothing.
    Await(&'static str),
    /// Await a command and confirm it.
    Obey(&'static str),
    /// Await a command and answer it with a text.
    Answer(&'static str, &'static str),
    /// Await a command and answer it with JSON.
    Reply(&'static str, &'static str),
    /// Read this from the serial line.
    Hear(&'static str),
    /// Await a command and refuse it.
    Refuse(&'static str),
    /// Send bytes over QMP.
    Qmp(&'static str),
    /// Report an event of the guest with a reason.
    Event(&'static str, &'static str),
    /// Print on the serial line.
    Say(&'static str),
    /// Print bytes on the serial line.
    Bytes(&'static [u8]),
    /// Print an event line of the hypervisor's, with the run's nonce.
    Hv(&'static str),
    /// Log a line, as QEMU logs the exits of its guest.
    Log(&'static str),
    /// Log a line so many times.
    Logs(usize, &'static str),
    /// Log a line again and again.
    LogFlood(&'static str),
    /// Print on the serial line, a write for each byte.
    EachByte(&'static str),
    /// Print a line on stderr.
    Stderr(&'static str),
    /// Close the serial line.
    CloseSerial,
    /// Close the control connection.
    CloseQmp,
    /// Exit with a status.
    Exit(u8),
    /// Die by SIGABRT.
    Abort,
    /// Die by a signal.
    Kill(&'static str),
    /// Ignore SIGTERM from here on.
    IgnoreTerm,
    /// Print a number of lines.
    Lines(usize),
    /// Print a line again and again.
    Flood(&'static str),
    /// Print a line every few milliseconds.
    Chatter,
    /// Leave a temporary file where QEMU has its own.
    Overlay,
    /// Await a file in the bed.
    AwaitFile(&'static str),
    /// Note the moment.
    Mark,
    /// Print without ever ending the line.
    EndlessLine,
    /// Leave a process behind that holds all connections open.
    Grandchild,
    /// Do nothing until killed.
    Hang,
}

/// A way of going wrong (or right), and what the harness has to make of it.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The scenario it is to tell.
    pub story: &'static str,
    /// What the machine does.
    pub script: &'static [Act],
    /// `--timeout`.
    pub timeout: &'static str,
    /// The harness's exit code.
    pub exit: i32,
    /// JSON pointers into the report, and what is found there.
    pub verdict: &'static [(&'static str, &'static str)],
}

/// The steps, and the end.
pub const ONE: Act = Say("step one\r\n");
pub const TWO: Act = Say("step two, word 0x42\r\n");
pub const THREE: Act = Say("step three\r\n");
/// That it runs with TCG.
pub const TCG: Act = Reply("query-kvm", r#"{"enabled": false, "present": true}"#);
pub const OFF: Act = Event("SHUTDOWN", "guest-shutdown");

/// Long enough never to run out in a case that has another verdict.
pub const LONG: &str = "20s";
/// Short, for the cases that are about running out.
pub const SHORT: &str = "300ms";

/// The kind of verdict.
pub const KIND: &str = "/verdict/kind";

/// A case with the usual story.
pub const fn case(
    name: &'static str,
    script: &'static [Act],
    timeout: &'static str,
    exit: i32,
    verdict: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        story: STORY,
        script,
        timeout,
        exit,
        verdict,
    }
}

/// The rows of the table, by topic.
pub const TOPICS: [&[Case]; 5] = [
    right::CASES,
    silence::CASES,
    ends::CASES,
    wrong::CASES,
    control::CASES,
];
