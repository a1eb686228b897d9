//! QMP, QEMU's control protocol: one JSON object a line.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// The longest message taken.
const MESSAGE_LIMIT: usize = 4 << 20;

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

/// QEMU's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    major: u64,
    minor: u64,
    /// As QEMU writes it.
    pub text: String,
}

impl Version {
    /// Whether it is some version or a later one.
    pub fn at_least(&self, oldest: (u64, u64)) -> bool {
        (self.major, self.minor) >= oldest
    }
}

/// A control connection.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    buffer: Vec<u8>,
    events: VecDeque<QmpEvent>,
}

impl Qmp {
    /// Over a connected socket.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
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

    /// Has a command executed; events that come in between are kept for [`next_event`](Self::next_event).
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        let mut request = json!({ "execute": command });
        if !arguments.is_null() {
            request["arguments"] = arguments;
        }
        let mut line = request.to_string();
        line.push('\n');
        self.stream
            .write_all(line.as_bytes())
            .await
            .map_err(closed)?;
        loop {
            let mut message = self.message().await?;
            if message.get("event").is_some() {
                self.events.push_back(event(message)?);
            } else if let Some(error) = message.get("error") {
                let description = error["desc"]
                    .as_str()
                    .unwrap_or("no description")
                    .to_owned();
                return Err(QmpError::Refused {
                    command: command.to_owned(),
                    description,
                });
            } else if message.get("return").is_some() {
                return Ok(message["return"].take());
            } else {
                return Err(QmpError::Protocol(short(&message)));
            }
        }
    }

    /// Waits for the next event. Nothing is lost when the wait is given up.
    pub async fn next_event(&mut self) -> Result<QmpEvent, QmpError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        loop {
            let message = self.message().await?;
            // A late reply to a command that was given up is of no interest any more.
            if message.get("event").is_some() {
                return event(message);
            }
        }
    }

    async fn message(&mut self) -> Result<Value, QmpError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line)
                    .map_err(|e| QmpError::Protocol(e.to_string()));
            }
            if self.buffer.len() > MESSAGE_LIMIT {
                return Err(QmpError::Protocol("a message without an end".into()));
            }
            if self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .map_err(closed)?
                == 0
            {
                return Err(QmpError::Closed);
            }
        }
    }
}

fn event(message: Value) -> Result<QmpEvent, QmpError> {
    serde_json::from_value(message).map_err(|error| QmpError::Protocol(error.to_string()))
}

/// A peer that went while it was spoken to has closed the connection, nothing worse.
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

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
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
            assert_eq!(qmp.next_event().await.unwrap().name, "A");
            assert_eq!(qmp.next_event().await.unwrap().reason(), "guest-reset");
            drop(theirs);
            assert!(matches!(qmp.next_event().await, Err(QmpError::Closed)));
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
