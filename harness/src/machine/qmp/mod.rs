//! QMP, QEMU's control protocol: one JSON object per line.

mod decode;

pub use decode::Decoder;

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What can go wrong on the control connection.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The other side is gone.
    #[error("it closed its control connection")]
    Closed,
    /// The connection failed.
    #[error("its control connection failed: {0}")]
    Io(#[from] io::Error),
    /// What came is not QMP.
    #[error("it does not speak QMP: {0}")]
    Protocol(String),
    /// QEMU refused a command.
    #[error("it refused the command {command}: {description}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's words.
        description: String,
    },
}

/// An event that QEMU reports.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct QmpEvent {
    /// Its name, such as `SHUTDOWN`.
    #[serde(rename = "event")]
    pub name: String,
    /// Its details.
    #[serde(default)]
    pub data: Value,
}

impl QmpEvent {
    /// Why it happened, where QEMU says so.
    pub fn reason(&self) -> &str {
        self.data["reason"].as_str().unwrap_or("no reason given")
    }
}

/// A message from QEMU after its greeting.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Something happened.
    Event(QmpEvent),
    /// A command was executed.
    Return(Value),
    /// A command was refused, and why.
    Refused(String),
}

/// QEMU's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    major: u64,
    minor: u64,
    /// As QEMU writes it.
    pub text: String,
}

impl Version {
    /// Whether this is the given version or a later one.
    pub fn at_least(&self, oldest: (u64, u64)) -> bool {
        (self.major, self.minor) >= oldest
    }
}

/// The transport of a control connection.
trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// A control connection.
pub struct Qmp {
    stream: Box<dyn Wire>,
    decoder: Decoder,
    events: VecDeque<QmpEvent>,
}

impl std::fmt::Debug for Qmp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Qmp {{ events: {:?} }}", self.events)
    }
}

impl Qmp {
    /// Makes a connection over a transport.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            decoder: Decoder::default(),
            events: VecDeque::new(),
        }
    }

    /// Takes the greeting. Events are reported once `qmp_capabilities` has been executed.
    pub async fn greeting(&mut self) -> Result<Version, QmpError> {
        let greeting = self.message().await?;
        let version = &greeting["QMP"]["version"];
        let number = |name| version["qemu"][name].as_u64();
        let (Some(major), Some(minor)) = (number("major"), number("minor")) else {
            return Err(QmpError::Protocol(format!(
                "no greeting, but {}",
                short(&greeting)
            )));
        };
        let package = version["package"].as_str().unwrap_or_default();
        let text = format!("{major}.{minor}.{} {package}", number("micro").unwrap_or(0));
        Ok(Version {
            major,
            minor,
            text: text.trim_end().to_owned(),
        })
    }

    /// Sends a command. Its reply comes as one of the next [messages](Self::next).
    pub async fn send(&mut self, command: &str, arguments: Value) -> Result<(), QmpError> {
        let mut request = json!({ "execute": command });
        if !arguments.is_null() {
            request["arguments"] = arguments;
        }
        let line = format!("{request}\n");
        self.stream.write_all(line.as_bytes()).await.map_err(closed)
    }

    /// Executes a command; events that come meanwhile are kept for [`next`](Self::next).
    ///
    /// Use it only while the machine is stopped: a running machine may be printing, and QEMU answers
    /// nothing while nobody reads its output.
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        self.send(command, arguments).await?;
        loop {
            match self.receive().await? {
                Message::Event(event) => self.events.push_back(event),
                Message::Return(value) => return Ok(value),
                Message::Refused(description) => {
                    return Err(QmpError::Refused {
                        command: command.to_owned(),
                        description,
                    });
                }
            }
        }
    }

    /// Waits for the next message. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Message, QmpError> {
        match self.events.pop_front() {
            Some(event) => Ok(Message::Event(event)),
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> Result<Message, QmpError> {
        decode::classify(self.message().await?)
    }

    async fn message(&mut self) -> Result<Value, QmpError> {
        loop {
            if let Some(message) = self.decoder.object()? {
                return Ok(message);
            }
            let read = self.stream.read_buf(&mut self.decoder.buffer).await;
            if read.map_err(closed)? == 0 {
                return Err(QmpError::Closed);
            }
        }
    }
}

/// A peer that ended in the middle of a conversation has merely closed the connection.
fn closed(error: io::Error) -> QmpError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => QmpError::Closed,
        _ => QmpError::Io(error),
    }
}

fn short(message: &Value) -> String {
    message.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixStream;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    async fn event(qmp: &mut Qmp) -> QmpEvent {
        match qmp.next().await.unwrap() {
            Message::Event(event) => event,
            other => panic!("{other:?} is no event"),
        }
    }

    const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Debian"}}}"#;

    #[test]
    fn events_between_a_command_and_its_reply_are_kept() {
        run(async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let mut qmp = Qmp::new(ours);
            let script = format!(
                "{GREETING}\r\n{{\"event\": \"A\"}}\n{{\"return\": {{}}}}\n\
                 {{\"event\": \"SHUTDOWN\", \"data\": {{\"reason\": \"guest-reset\"}}}}\n"
            );
            theirs.write_all(script.as_bytes()).await.unwrap();
            let version = qmp.greeting().await.unwrap();
            qmp.execute("qmp_capabilities", Value::Null).await.unwrap();
            assert_eq!(version.text, "10.0.2 Debian");
            assert!(
                version.at_least((7, 2)) && version.at_least((10, 0)) && !version.at_least((10, 1))
            );
            assert_eq!(event(&mut qmp).await.name, "A");
            assert_eq!(event(&mut qmp).await.reason(), "guest-reset");
            drop(theirs);
            assert!(matches!(qmp.next().await, Err(QmpError::Closed)));
        });
    }

    #[test]
    fn a_refusal_and_a_stranger_are_told_apart() {
        run(async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let mut qmp = Qmp::new(ours);
            let refusal = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n";
            theirs.write_all(refusal.as_bytes()).await.unwrap();
            let error = qmp.execute("cont", Value::Null).await.unwrap_err();
            assert_eq!(error.to_string(), "it refused the command cont: no");
            theirs.write_all(b"SSH-2.0-stranger\n").await.unwrap();
            assert!(matches!(qmp.greeting().await, Err(QmpError::Protocol(_))));
        });
    }
}
