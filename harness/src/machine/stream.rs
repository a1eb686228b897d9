//! A source of bytes that is read as they come.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much to read at once.
const PIECE: usize = 64 << 10;

/// A source of bytes that may have closed.
pub struct Stream {
    source: Option<Box<dyn AsyncRead + Unpin>>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream {{ open: {} }}", self.is_open())
    }
}

impl Stream {
    /// Reads from a source.
    pub fn of(source: impl AsyncRead + Unpin + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            buffer: vec![0; PIECE],
        }
    }

    /// A source that was never open.
    pub fn closed() -> Self {
        Self {
            source: None,
            buffer: Vec::new(),
        }
    }

    /// Whether more may come.
    pub fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// Waits for the next bytes. Returns none once, when the source closes. Dropping the future loses
    /// nothing.
    pub async fn read(&mut self) -> &[u8] {
        let Some(source) = &mut self.source else {
            return std::future::pending().await;
        };
        let length = source.read(&mut self.buffer).await.unwrap_or(0);
        if length == 0 {
            self.source = None;
        }
        &self.buffer[..length]
    }
}
