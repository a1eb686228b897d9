//! A scripted QEMU, for tests.

use crate::machine::keyboard::Keyboard;
use crate::machine::process::{Ending, Process, Qemu};
use crate::machine::qmp::Qmp;
use crate::machine::stream::Stream;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::time::{advance, sleep};

/// A millisecond.
pub const MS: Duration = Duration::from_millis(1);

/// A step of the script.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Lets this many milliseconds pass.
    Wait(u64),
    /// Prints on the serial line.
    Say(String),
    /// Waits until this was typed there.
    Hear(String),
    /// Logs a guest's exit, this many times.
    Exits(u32),
    /// Reports the end of the machine.
    Off,
    /// Ends, with a wait status of the kernel.
    Die(i32),
    /// Goes, but leaves its connections open.
    DieButHold(i32),
    /// The harness stands still for this many milliseconds. Everything up to the next
    /// [`Wait`](Act::Wait) happens meanwhile.
    Stop(u64),
}
use Act::*;

pub fn say(text: &str) -> Act {
    Say(text.into())
}

#[derive(Debug)]
struct Scripted(watch::Receiver<Option<i32>>);

impl Process for Scripted {
    fn wait(&mut self) -> Ending<'_, io::Result<ExitStatus>> {
        Box::pin(async {
            let status = *self
                .0
                .wait_for(Option::is_some)
                .await
                .expect("the script lives");
            Ok(ExitStatus::from_raw(status.expect("it was waited for")))
        })
    }

    fn stop(&mut self) -> Ending<'_, Option<ExitStatus>> {
        Box::pin(async { None })
    }
}

/// The machine's ends of its connections.
pub struct Machine {
    pub qmp: DuplexStream,
    pub serial: DuplexStream,
    pub log: DuplexStream,
    pub status: watch::Sender<Option<i32>>,
}

impl Machine {
    pub fn new() -> (Self, Qemu) {
        let (qmp, qmp_end) = duplex(1 << 20);
        let (serial, serial_end) = duplex(1 << 20);
        let (log, log_end) = duplex(1 << 20);
        let (serial_end, keyboard) = tokio::io::split(serial_end);
        let (status, ended) = watch::channel(None);
        let streams = [
            Stream::of(serial_end),
            Stream::closed(),
            Stream::of(log_end),
        ];
        let mut qemu = Qemu::of(Qmp::new(qmp_end), streams, Box::new(Scripted(ended)));
        qemu.keyboard = Keyboard::of(keyboard);
        let machine = Self {
            qmp,
            serial,
            log,
            status,
        };
        (machine, qemu)
    }

    pub async fn play(mut self, script: Vec<Act>) {
        let mut command = String::new();
        BufReader::new(&mut self.qmp)
            .read_line(&mut command)
            .await
            .expect("a command");
        assert!(command.contains("cont"), "{command}");
        self.act(script).await;
    }

    /// Acts from where it goes on; for ever, unless it dies.
    pub async fn act(mut self, script: Vec<Act>) {
        for act in script {
            match act {
                Wait(ms) => sleep(ms as u32 * MS).await,
                Stop(ms) => advance(ms as u32 * MS).await,
                Hear(text) => {
                    let mut heard = vec![0; text.len()];
                    self.serial.read_exact(&mut heard).await.expect("a line");
                    assert_eq!(heard, text.as_bytes());
                }
                Say(text) => drop(self.serial.write_all(text.as_bytes()).await),
                Off => {
                    let event = r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}"#;
                    drop(self.qmp.write_all(format!("{event}\n").as_bytes()).await);
                }
                Exits(count) => {
                    let line = "riscv_trap hart:0, async:0, cause:10, epc:0x0, tval:0x0, desc=x\n";
                    for _ in 0..count {
                        drop(self.log.write_all(line.as_bytes()).await);
                    }
                }
                Die(status) => {
                    let _ = self.status.send(Some(status));
                    return;
                }
                DieButHold(status) => drop(self.status.send(Some(status))),
            }
        }
        std::future::pending::<()>().await;
    }
}
