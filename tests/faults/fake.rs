//! The fake QEMU: speaks enough QMP to be believed, then plays a case's script.

use crate::cases::{self, Act};
use crate::dispositions;
use crate::machines;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// What the fake is told on its command line.
pub struct Machine<'a> {
    /// Where processes are to be remembered.
    pub pids: &'a Path,
    /// The descriptor of the control connection.
    pub qmp: &'a str,
    /// The descriptor of the serial line.
    pub serial: &'a str,
    /// The disk's image.
    pub disk: &'a Path,
    /// Where the guest's exits are to be logged, if they are.
    pub log: Option<&'a Path>,
}

/// What comes before the words of the machine file.
pub const FLAG: &str = "--fake-qemu";

/// The descriptor's number of one of the sockets that QEMU inherits, from
/// `-chardev socket,id=NAME,fd=N`.
pub fn descriptor<'a>(control: &'a [String], name: &str) -> &'a str {
    let start = format!("socket,id={name},fd=");
    let mut numbers = control.iter().filter_map(|word| word.strip_prefix(&start));
    numbers.next().expect("the harness adds its connections")
}

/// Where a machine notes a moment.
pub const MOMENT: &str = "moment";

/// Nanoseconds on a clock that all processes share.
pub fn now() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Plays a case; returns when its script is over.
pub fn play(case: &str, machine: &Machine<'_>) -> ExitCode {
    let case = machines()
        .find(|c| c.name == case)
        .expect("the bed knows its cases");
    remember(machine.pids, std::process::id());
    let mut fake = Fake {
        qmp: Some(inherited(machine.qmp)),
        serial: Some(inherited(machine.serial)),
        machine,
    };
    for act in case.script {
        if let Some(code) = fake.act(act) {
            return code;
        }
    }
    ExitCode::SUCCESS
}

/// Notes the moment, in the folder beside that of the processes.
fn mark(pids: &Path) {
    fs::write(pids.with_file_name(MOMENT), now().to_string()).expect("the bed can be written to");
}

fn remember(pids: &Path, pid: u32) {
    fs::write(pids.join(pid.to_string()), "").expect("the bed can be written to");
}

fn inherited(number: &str) -> UnixStream {
    let number = number.parse().expect("a descriptor's number");
    // SAFETY: the harness passes the numbers of two sockets that this process inherits for itself;
    // each is taken once.
    unsafe { UnixStream::from_raw_fd(number) }
}

struct Fake<'a> {
    qmp: Option<UnixStream>,
    serial: Option<UnixStream>,
    machine: &'a Machine<'a>,
}

impl Fake<'_> {
    /// Does one thing; gives the exit code if it is the last.
    fn act(&mut self, act: &Act) -> Option<ExitCode> {
        match act {
            Act::Boot => {
                self.act(&Act::Greet(10));
                self.obey("qmp_capabilities");
                self.act(&cases::TCG);
                self.obey("cont");
            }
            Act::Greet(major) => self.send(json!({"QMP": {"version": {
                "qemu": {"major": major, "minor": 0, "micro": 0}, "package": "fake"
            }, "capabilities": []}})),
            Act::Await(command) => self.await_command(command),
            Act::Obey(command) => self.obey(command),
            Act::Answer(command, text) => {
                self.await_command(command);
                self.send(json!({ "return": text }));
            }
            Act::Reply(command, json) => {
                self.await_command(command);
                self.send_raw(format!("{{\"return\": {json}}}\r\n").as_bytes());
            }
            Act::Hear(text) => {
                let mut heard = vec![0; text.len()];
                self.serial
                    .as_mut()?
                    .read_exact(&mut heard)
                    .expect("it is typed");
                assert_eq!(String::from_utf8_lossy(&heard), *text);
            }
            Act::Refuse(command) => {
                self.await_command(command);
                self.send(json!({"error": {"class": "GenericError", "desc": "not today"}}));
            }
            Act::Qmp(text) => self.send_raw(text.as_bytes()),
            Act::Event(name, reason) => {
                self.send(json!({"event": name, "data": {"guest": true, "reason": reason}}));
            }
            Act::Say(text) => self.say(text.as_bytes()),
            Act::Bytes(bytes) => self.say(bytes),
            Act::Hv(text) => self.say(format!("@hv {} {text}\r\n", self.nonce()).as_bytes()),
            Act::Log(line) => self.log(1, line),
            Act::Logs(count, line) => self.log(*count, line),
            Act::LogFlood(line) => self.log(usize::MAX, line),
            Act::EachByte(text) => text.bytes().for_each(|byte| self.say(&[byte])),
            Act::Stderr(text) => eprintln!("{text}"),
            Act::CloseSerial => self.serial = None,
            Act::CloseQmp => self.qmp = None,
            Act::Exit(code) => return Some(ExitCode::from(*code)),
            Act::Abort => std::process::abort(),
            Act::Kill(signal) => self.kill_self(signal),
            Act::IgnoreTerm => dispositions::ignore(SIGTERM),
            Act::Lines(count) => self.say("noise\n".repeat(*count).as_bytes()),
            Act::Flood(line) => {
                let block = format!("{line}\n").repeat(1000);
                // Ends when the harness has had enough and kills this process.
                while self.serial.as_mut()?.write_all(block.as_bytes()).is_ok() {}
            }
            Act::Chatter => {
                // A slow machine; nothing is awaited here.
                while self.serial.as_mut()?.write_all(b"noise\n").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
            Act::Overlay => {
                let folder = std::env::var_os("TMPDIR").expect("a folder for it is named");
                let file = Path::new(&folder).join("vl.V2THZ3");
                fs::write(file, "").expect("it can be written to");
            }
            Act::AwaitFile(name) => {
                let file = self.machine.pids.with_file_name(name);
                while !file.exists() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
            Act::Mark => mark(self.machine.pids),
            Act::EndlessLine => {
                let block = [b'x'; 1 << 16];
                while self.serial.as_mut()?.write_all(&block).is_ok() {}
            }
            Act::Grandchild => self.leave_grandchild(),
            Act::Hang => hang(),
        }
        None
    }

    fn obey(&mut self, command: &str) {
        self.await_command(command);
        self.send(json!({"return": {}}));
    }

    /// Reads a byte at a time: a reader that buffers would swallow the next command.
    fn await_command(&mut self, command: &str) {
        let qmp = self.qmp.as_ref().expect("the script has not closed it");
        let mut line = String::new();
        BufReader::with_capacity(1, qmp)
            .read_line(&mut line)
            .expect("the harness speaks");
        assert!(line.contains(command), "{line:?} came instead of {command}");
    }

    fn send(&mut self, message: serde_json::Value) {
        self.send_raw(format!("{message}\r\n").as_bytes());
    }

    fn send_raw(&mut self, bytes: &[u8]) {
        if let Some(qmp) = &mut self.qmp {
            // The harness may have hung up already, as it may on a real QEMU.
            let _ = qmp.write_all(bytes);
        }
    }

    /// What a hypervisor finds on its disk.
    fn nonce(&self) -> String {
        let words = harness::boot::image::read_from_disk(self.machine.disk, "/boot/cmdline");
        let words = String::from_utf8(words.expect("the disk has its words")).expect("of text");
        let mut words = words.split(' ');
        let nonce = words.find_map(|word| word.strip_prefix("nonce="));
        nonce.expect("a nonce among them").to_owned()
    }

    fn log(&self, mut count: usize, line: &str) {
        let path = self.machine.log.expect("the story asks for a log");
        let mut file = File::options()
            .append(true)
            .open(path)
            .expect("it is a pipe");
        let line = format!("{line}\n");
        while count > 0 {
            // Whole lines, as QEMU does. It waits for room, and goes on when nobody reads any more.
            let lines = count.min(4096 / line.len());
            let _ = file.write_all(line.repeat(lines).as_bytes());
            count -= lines;
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        if let Some(serial) = &mut self.serial {
            let _ = serial.write_all(bytes);
        }
    }

    fn kill_self(&self, signal: &str) {
        let signal = match signal {
            "KILL" => Signal::KILL,
            "ILL" => Signal::ILL,
            "TERM" => Signal::TERM,
            other => panic!("no script uses the signal {other}"),
        };
        kill_process(getpid(), signal).expect("a process may end itself");
        hang();
    }

    /// Starts a process that inherits stderr and both connections, and outlives this one.
    #[expect(clippy::zombie_processes, reason = "it is to outlive this process")]
    fn leave_grandchild(&self) {
        let child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::null())
            .spawn()
            .expect("there is a sleep");
        remember(self.machine.pids, child.id());
    }
}

/// The signal of a request to end.
const SIGTERM: i32 = 15;

/// Waits to be killed.
fn hang() {
    // A pipe to oneself never ends; unlike a sleep it has no length that could be wrong.
    let (mut reader, writer) = std::io::pipe().expect("descriptors are left");
    let _ = std::io::copy(
        &mut reader,
        &mut File::create("/dev/null").expect("it exists"),
    );
    drop(writer);
}
