//! Turns the bytes of a control connection into messages, whatever those bytes are.

use super::{Message, QmpError};
use serde_json::Value;

/// The longest message that is accepted.
const MESSAGE_LIMIT: usize = 4 << 20;

/// Assembles messages from reads of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Bytes that have come and were not taken yet.
    pub(super) buffer: Vec<u8>,
    /// How many of them are known to hold no end of a message.
    searched: usize,
}

impl Decoder {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, once it is complete. After an error there are no more.
    pub fn message(&mut self) -> Result<Option<Message>, QmpError> {
        self.object()?.map(classify).transpose()
    }

    /// The next message as it is.
    pub(super) fn object(&mut self) -> Result<Option<Value>, QmpError> {
        while let Some(end) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let line: Vec<u8> = self.buffer.drain(..=self.searched + end).collect();
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|e| QmpError::Protocol(e.to_string()));
            }
        }
        self.searched = self.buffer.len();
        if self.searched > MESSAGE_LIMIT {
            return Err(QmpError::Protocol("a message without an end".into()));
        }
        Ok(None)
    }
}

/// What kind of message it is.
pub(super) fn classify(mut message: Value) -> Result<Message, QmpError> {
    if message.get("event").is_some() {
        let event = serde_json::from_value(message);
        event
            .map(Message::Event)
            .map_err(|e| QmpError::Protocol(e.to_string()))
    } else if let Some(error) = message.get("error") {
        let description = error["desc"].as_str().unwrap_or("no description");
        Ok(Message::Refused(description.to_owned()))
    } else if message.get("return").is_some() {
        Ok(Message::Return(message["return"].take()))
    } else {
        Err(QmpError::Protocol(super::short(&message)))
    }
}
