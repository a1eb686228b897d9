//! A gdb stub that a test scripts.

use super::*;

/// What the stub does when it is asked to stop the machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Peer {
    /// What it is asked for.
    Good,
    /// Nothing.
    NeverStops,
    /// Is closed after so many answers; QEMU lives.
    Closes(usize),
    /// The same, since QEMU ends: it answers no more.
    Ends(usize),
    /// Answers with no packet after so many.
    Rubbish(usize),
    /// QEMU ends with that status after so many answers.
    Dies(usize, i32),
    /// QEMU logs so many bytes before it answers the first time, and the pipe takes but a third of that at once.
    LogsFirst(usize),
    /// Refuses what begins so.
    Refuses(&'static str),
    /// Says that it has set the machine going, and does not.
    NeverGoes,
    /// Has a machine that stands in its guest each time that it is stopped, but for so many times at first.
    InGuest(usize),
    /// Has a machine that gets another device after it was stopped so often.
    NewDevice(usize),
    /// Has an Arm machine that has HCR_EL2.VM set for a turn of its guest alone: a stop at any time finds it clear, one at
    /// the vectors finds it set.
    AtVectors,
}

/// VBAR_EL2 of [`Peer::AtVectors`].
const VECTORS: u64 = 0x4000_1000;

/// A gdb stub.
pub(super) struct Stub {
    pub(super) stream: DuplexStream,
    pub(super) peer: Peer,
    pub(super) went: Option<oneshot::Sender<()>>,
    pub(super) status: watch::Sender<Option<i32>>,
    pub(super) log: Option<DuplexStream>,
    /// How many answers it has given since the machine was stopped first.
    pub(super) answered: Option<usize>,
    pub(super) runs: bool,
    /// How often the machine was stopped.
    pub(super) stops: usize,
    /// Whether it stops at the vectors, and whether it stands there.
    pub(super) watched: bool,
    pub(super) at_vector: bool,
}

impl Stub {
    pub(super) async fn serve(mut self) {
        let mut buffer = [0; 4096];
        let mut arrived = Vec::new();
        loop {
            let Ok(length @ 1..) = self.stream.read(&mut buffer).await else {
                return;
            };
            arrived.extend_from_slice(&buffer[..length]);
            while !arrived.is_empty() {
                if self.runs {
                    // Any byte stops a machine that runs, but nobody should send another than this.
                    assert_eq!(arrived.remove(0), 3);
                    if !self.stop().await {
                        return std::future::pending().await;
                    }
                    continue;
                }
                let Some(end) = arrived.iter().position(|&byte| byte == b'#') else {
                    break;
                };
                if arrived.len() < end + 3 {
                    break;
                }
                let packet: Vec<_> = arrived.drain(..end + 3).collect();
                let start = packet.iter().position(|&byte| byte == b'$').unwrap();
                let question = String::from_utf8(packet[start + 1..end].to_vec()).unwrap();
                if !self.answer(&question).await {
                    return;
                }
            }
        }
    }

    /// Stops the machine; says whether the script goes on.
    async fn stop(&mut self) -> bool {
        if self.peer == Peer::NeverStops {
            return false;
        }
        if let (Peer::LogsFirst(bytes), Some(log), 0) = (&self.peer, &mut self.log, self.stops) {
            log.write_all(&vec![b'\n'; *bytes]).await.unwrap();
        }
        self.runs = false;
        self.stops += 1;
        self.answered.get_or_insert(0);
        self.reply("T02thread:01;").await;
        true
    }

    /// Answers; says whether the script goes on.
    async fn answer(&mut self, question: &str) -> bool {
        if let Some(answered) = &mut self.answered {
            *answered += 1;
            match self.peer {
                Peer::Closes(after) | Peer::Ends(after) if *answered > after => return false,
                Peer::Rubbish(after) if *answered > after => {
                    self.stream.write_all(b"SSH-2.0-rubbish\n").await.unwrap();
                    return std::future::pending().await;
                }
                Peer::Dies(after, status) if *answered > after => {
                    let _ = self.status.send(Some(status));
                    return false;
                }
                _ => {}
            }
        }
        if self.peer == Peer::AtVectors && self.answer_for_arm(question).await {
            return true;
        }
        let register = |name: &&str| format!("<reg name=\"{name}\" bitsize=\"64\"/>");
        let names: &[&str] = match self.peer {
            Peer::AtVectors => &["pc", "cpsr", "VBAR_EL2", "HCR_EL2", "VTTBR_EL2", "VTCR_EL2"],
            _ => &["pc", "hgatp", "hstatus", "sstatus", "priv"],
        };
        let registers: String = names.iter().map(register).collect();
        match question {
            refused if matches!(self.peer, Peer::Refuses(start) if refused.starts_with(start)) => {
                self.reply("E22").await;
            }
            "c" => {
                self.runs = true;
                if let Some(went) = self.went.take() {
                    let _ = went.send(());
                }
            }
            file if file.starts_with("qXfer:features:read:target.xml:") => {
                self.reply("l<target><xi:include href=\"r.xml\"/></target>")
                    .await;
            }
            file if file.starts_with("qXfer") => self.reply(&format!("l{registers}")).await,
            // VS.
            "p4" if matches!(self.peer, Peer::InGuest(from) if self.stops > from) => {
                self.reply("0500000000000000").await;
            }
            read if read.starts_with('p') => self.reply("0000000000000000").await,
            read if read.starts_with('m') => self.reply("E14").await,
            command if command.starts_with("qRcmd,") => {
                let map = "FlatView #0\n AS \"memory\", root: system\n Root memory region: system\n  \
                           0000000080000000-0000000087ffffff (prio 0, ram): ram\n";
                let device = "  0000000040000000-0000000040000fff (prio 1, i/o): virtio-pci\n";
                let there = matches!(self.peer, Peer::NewDevice(after) if self.stops > after);
                let map = if there {
                    format!("{map}{device}")
                } else {
                    map.into()
                };
                let digits: String = map.bytes().map(|byte| format!("{byte:02x}")).collect();
                self.reply(&format!("O{digits}")).await;
                self.reply("OK").await;
            }
            _ => self.reply("OK").await,
        }
        true
    }

    /// What an Arm machine answers otherwise; says whether it did.
    async fn answer_for_arm(&mut self, question: &str) -> bool {
        const EL2: u64 = 0x3C9;
        const VM: u64 = 1;
        let (vm, pc) = match self.at_vector {
            true => (VM, VECTORS + 0x400),
            false => (0, VECTORS - 0x1000),
        };
        let value = match question {
            "p0" => pc,
            "p1" => EL2,
            "p2" => VECTORS,
            "p3" => vm,
            "c" => {
                self.at_vector = self.watched;
                if self.watched {
                    // The guest exits at once.
                    self.stops += 1;
                    self.reply("T05thread:01;").await;
                }
                return self.watched;
            }
            point if point.starts_with(&format!("Z1,{:x}", VECTORS + 0x400)) => {
                self.watched = true;
                return false;
            }
            point if point.starts_with(&format!("z1,{:x}", VECTORS + 0x400)) => {
                self.watched = false;
                return false;
            }
            _ => return false,
        };
        let bytes = value.to_le_bytes().map(|byte| format!("{byte:02x}"));
        self.reply(&bytes.concat()).await;
        true
    }

    async fn reply(&mut self, body: &str) {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        let _ = self
            .stream
            .write_all(format!("+${body}#{sum:02x}").as_bytes())
            .await;
    }
}
