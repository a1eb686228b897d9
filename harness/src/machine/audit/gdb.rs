//! QEMU's gdb stub, asked over a connection that is inherited: registers by name, physical memory,
//! breakpoints, and the machine's going and standing.
//!
//! The client is our own: of the crates, `gdb-protocol` (2019) takes packets of any length and passes over
//! what is none, and `gdbstub` is the other side.

use super::description::{self, Register};
use super::packet::{self, Decoder};
use std::collections::BTreeMap;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How many questions are on their way at once. Their answers fit the connection, so neither side waits
/// for the other.
const AT_ONCE: usize = 32;

/// How many bytes one question is for: the answer is twice as long, and within QEMU's 4 KiB.
const PIECE: usize = 1 << 10;

/// How many pieces of a description's file are asked for at once.
const PIECES: usize = 8;

/// How long a description's file and the monitor's answer may be, and how many files there may be.
const TEXT_LIMIT: usize = 4 << 20;
const FILES: usize = 64;

/// What can go wrong between the harness and the stub.
#[derive(Debug, thiserror::Error)]
pub enum GdbError {
    /// The other side is gone.
    #[error("it closed its gdb connection")]
    Closed,
    /// The connection failed.
    #[error("its gdb connection failed: {0}")]
    Io(io::Error),
    /// What came is not what the protocol has there.
    #[error("it does not speak gdb's protocol: {0}")]
    Protocol(String),
    /// The stub refused what it was asked for.
    #[error("it refused gdb's `{question}`: {answer}")]
    Refused {
        /// What for.
        question: String,
        /// Its words.
        answer: String,
    },
}

/// What a connection goes over.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection to a stub.
pub struct Gdb {
    stream: Box<dyn Wire>,
    decoder: Decoder,
    buffer: Vec<u8>,
    registers: BTreeMap<String, Register>,
}

impl std::fmt::Debug for Gdb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gdb {{ registers: {} }}", self.registers.len())
    }
}

impl Gdb {
    /// Over a connection.
    pub fn new(stream: impl Wire + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            decoder: Decoder::default(),
            buffer: vec![0; 64 << 10],
            registers: BTreeMap::new(),
        }
    }

    /// Waits for the next packet, such as a stop reply. Nothing is lost when the wait is given up.
    pub async fn packet(&mut self) -> Result<Vec<u8>, GdbError> {
        loop {
            if let Some(packet) = self.decoder.packet()? {
                return Ok(packet);
            }
            match self.stream.read(&mut self.buffer).await.map_err(closed)? {
                0 => return Err(GdbError::Closed),
                length => self.decoder.push(&self.buffer[..length]),
            }
        }
    }

    /// Lets the machine go on; a stop reply follows when it stands again. While it runs, any byte that
    /// is sent stops it.
    pub async fn go(&mut self) -> Result<(), GdbError> {
        self.send(&[b"c".to_vec()]).await
    }

    /// Has a processor execute one instruction; a stop reply follows.
    pub async fn step(&mut self) -> Result<(), GdbError> {
        self.send(&[b"s".to_vec()]).await
    }

    /// Stops a machine that runs; a stop reply follows.
    pub async fn interrupt(&mut self) -> Result<(), GdbError> {
        self.stream.write_all(&[3]).await.map_err(closed)
    }

    /// Has addresses be physical ones, or those that the processor sees.
    pub async fn physical(&mut self, physical: bool) -> Result<(), GdbError> {
        let question = format!("Qqemu.PhyMemMode:{}", u8::from(physical));
        self.done(question).await
    }

    /// Has the machine stop before the instruction at an address, or no longer.
    pub async fn breakpoint(&mut self, set: bool, address: u64) -> Result<(), GdbError> {
        let word = if set { 'Z' } else { 'z' };
        self.done(format!("{word}1,{address:x},2")).await
    }

    /// Reads which registers there are. This has to come before the first [read](Self::read_registers) of one.
    pub async fn describe(&mut self) -> Result<(), GdbError> {
        let mut files = self.files(&["target.xml".to_owned()]).await?;
        let mut included = description::included(&files[0]);
        included.truncate(FILES);
        files.extend(self.files(&included).await?);
        self.registers = description::registers(files.iter().map(String::as_str));
        Ok(())
    }

    /// Reads registers by name: none of one that the machine has not got, or words for one that cannot be
    /// read.
    pub async fn read_registers(
        &mut self,
        names: &[&str],
    ) -> Result<Vec<Result<Option<u64>, String>>, GdbError> {
        let known: Vec<_> = names
            .iter()
            .map(|name| self.registers.get(*name).copied())
            .collect();
        let questions = known
            .iter()
            .flatten()
            .map(|register| format!("p{:x}", register.number).into_bytes());
        let questions: Vec<_> = questions.collect();
        let mut answers = self.ask_all(&questions).await?.into_iter();
        let values = known.iter().zip(names).map(|(register, name)| {
            let Some(register) = register else {
                return Ok(None);
            };
            let answer = answers.next().unwrap_or_default();
            let value = packet::bytes(&answer).filter(|bytes| !bytes.is_empty());
            let value = value.ok_or_else(|| format!("the register {name}: {}", words(&answer)))?;
            little_endian(&value)
                .map(Some)
                .ok_or_else(|| format!("the register {name} has {} bits", register.bits))
        });
        Ok(values.collect())
    }

    /// Reads memory: its bytes, or words for what cannot be read.
    pub async fn read_memory(
        &mut self,
        address: u64,
        length: usize,
    ) -> Result<Result<Vec<u8>, String>, GdbError> {
        let pieces = (0..length)
            .step_by(PIECE)
            .map(|offset| (offset, PIECE.min(length - offset)));
        let questions = pieces.map(|(offset, size)| {
            let address = address.wrapping_add(offset as u64);
            format!("m{address:x},{size:x}").into_bytes()
        });
        let questions: Vec<_> = questions.collect();
        let mut memory = Vec::with_capacity(length);
        for (answer, question) in self.ask_all(&questions).await?.iter().zip(&questions) {
            match packet::bytes(answer) {
                Some(bytes) => memory.extend(bytes),
                None => {
                    return Ok(Err(format!(
                        "gdb's `{}`: {}",
                        words(question),
                        words(answer)
                    )));
                }
            }
        }
        let found = memory.len();
        Ok((found == length)
            .then_some(memory)
            .ok_or_else(|| format!("{found:#x} bytes came of the {length:#x} at {address:#x}")))
    }

    /// Has the monitor execute a command: its words.
    pub async fn monitor(&mut self, command: &str) -> Result<String, GdbError> {
        let digits: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&[format!("qRcmd,{digits}").into_bytes()]).await?;
        let mut text = Vec::new();
        loop {
            let answer = self.packet().await?;
            match answer.as_slice() {
                b"OK" => break,
                [b'O', digits @ ..] => {
                    let more = packet::bytes(digits);
                    text.extend(more.ok_or_else(|| unexpected(command, &answer))?);
                    self.stream.write_all(b"+").await.map_err(closed)?;
                }
                _ => return Err(refused(command, &answer)),
            }
            if text.len() > TEXT_LIMIT {
                return Err(GdbError::Protocol(format!(
                    "`{command}` has no end of words"
                )));
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Files of the machine's description. Many questions are on their way at once: QEMU tells some 2 KiB at a time, so
    /// that an aarch64 machine's takes about 20 of them.
    async fn files(&mut self, names: &[String]) -> Result<Vec<String>, GdbError> {
        let questions: Vec<_> = names.iter().map(|name| file_piece(name, 0)).collect();
        let firsts = self.ask_all(&questions).await?;
        let mut files = Vec::with_capacity(names.len());
        for (name, first) in names.iter().zip(&firsts) {
            let mut text = Vec::new();
            let mut ended = take_piece(&mut text, &file_piece(name, 0), first)?;
            let size = text.len();
            while !ended {
                let offsets = (0..PIECES).map(|nth| text.len() + nth * size);
                let questions: Vec<_> = offsets.map(|offset| file_piece(name, offset)).collect();
                let answers = self.ask_all(&questions).await?;
                for (answer, question) in answers.iter().zip(&questions) {
                    let before = text.len();
                    ended = take_piece(&mut text, question, answer)?;
                    // What follows an end or a shorter piece was asked for at the wrong place.
                    if ended || text.len() - before != size {
                        break;
                    }
                }
            }
            files.push(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(files)
    }

    /// Asks for something that is done or refused.
    async fn done(&mut self, question: String) -> Result<(), GdbError> {
        match self.ask(question.as_bytes()).await?.as_slice() {
            b"OK" => Ok(()),
            answer => Err(refused(&question, answer)),
        }
    }

    async fn ask(&mut self, question: &[u8]) -> Result<Vec<u8>, GdbError> {
        self.send(&[question.to_vec()]).await?;
        self.packet().await
    }

    /// Asks many questions, and waits for an answer to each.
    async fn ask_all(&mut self, questions: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, GdbError> {
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(AT_ONCE) {
            self.send(some).await?;
            for _ in some {
                answers.push(self.packet().await?);
            }
        }
        Ok(answers)
    }

    /// Sends packets to a machine that stands still. Each acknowledges the answer before it.
    async fn send(&mut self, packets: &[Vec<u8>]) -> Result<(), GdbError> {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.push(b'+');
            packet::encode(packet, &mut bytes);
        }
        self.stream.write_all(&bytes).await.map_err(closed)
    }
}

/// The question for a piece of a description's file.
fn file_piece(name: &str, offset: usize) -> Vec<u8> {
    format!("qXfer:features:read:{name}:{offset:x},ff0").into_bytes()
}

/// Takes a piece of a description's file; says whether it is the last one.
fn take_piece(text: &mut Vec<u8>, question: &[u8], answer: &[u8]) -> Result<bool, GdbError> {
    match answer {
        [b'l', rest @ ..] => {
            text.extend_from_slice(rest);
            Ok(true)
        }
        [b'm', more @ ..] if !more.is_empty() && text.len() < TEXT_LIMIT => {
            text.extend_from_slice(more);
            Ok(false)
        }
        _ => Err(refused(&words(question), answer)),
    }
}

/// A value of at most 64 bits, as the machine has it in its memory.
fn little_endian(bytes: &[u8]) -> Option<u64> {
    let mut value = [0; 8];
    value.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(value))
}

fn refused(question: &str, answer: &[u8]) -> GdbError {
    match answer {
        [] | [b'E', ..] => GdbError::Refused {
            question: question.to_owned(),
            answer: words(answer),
        },
        _ => unexpected(question, answer),
    }
}

fn unexpected(question: &str, answer: &[u8]) -> GdbError {
    GdbError::Protocol(format!("it answered `{question}` with {}", words(answer)))
}

/// An answer as it is quoted.
fn words(answer: &[u8]) -> String {
    match answer {
        [] => "it does not know that".into(),
        _ => answer[..answer.len().min(80)].escape_ascii().to_string(),
    }
}

/// A peer that went while it was spoken to has closed the connection, nothing worse.
fn closed(error: io::Error) -> GdbError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => GdbError::Closed,
        _ => GdbError::Io(error),
    }
}

#[cfg(test)]
mod tests;
