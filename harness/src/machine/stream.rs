//! Something that is read as it comes.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
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
    /// Of a source.
    pub fn of(source: impl AsyncRead + Unpin + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            buffer: vec![0; PIECE],
        }
    }

    /// One that was never open.
    pub fn closed() -> Self {
        Self {
            source: None,
            buffer: Vec::new(),
        }
    }

    /// Whether something may still come.
    pub fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// Waits for the next bytes: none when it closes, which is told once. Nothing is lost when the
    /// wait is given up.
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
