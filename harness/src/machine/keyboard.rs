//! What is typed on a machine's console: it is taken as fast as the machine takes it, and nothing waits for
//! that.

use std::collections::VecDeque;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// How many bytes may wait to be typed before what a person types is dropped.
const FULL: usize = 1 << 20;

/// How many strokes may wait between a person and the run.
const STROKES: usize = 16;

/// The sending direction of a serial line. It stays open for as long as this lives: QEMU takes its end for
/// that of the line.
#[derive(Default)]
pub struct Keyboard {
    line: Option<Box<dyn AsyncWrite + Unpin>>,
    waiting: VecDeque<u8>,
}

impl std::fmt::Debug for Keyboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let open = self.line.is_some();
        write!(
            f,
            "Keyboard {{ open: {open}, waiting: {} }}",
            self.waiting.len()
        )
    }
}

impl Keyboard {
    /// Types on a line.
    pub fn of(line: impl AsyncWrite + Unpin + 'static) -> Self {
        Self {
            line: Some(Box::new(line)),
            waiting: VecDeque::new(),
        }
    }

    /// Has a text typed, behind those that wait.
    pub fn queue(&mut self, text: &[u8]) {
        self.waiting.extend(text);
    }

    /// How many bytes a person may still type.
    pub fn room(&self) -> usize {
        FULL.saturating_sub(self.waiting.len())
    }

    /// Types as much of what waits as the line takes at once; waits for ever while there is nothing to type.
    /// Dropping the future loses nothing.
    pub async fn press(&mut self) {
        let Some(line) = self.line.as_mut().filter(|_| !self.waiting.is_empty()) else {
            return std::future::pending().await;
        };
        match line.write(self.waiting.make_contiguous()).await {
            Ok(taken) if taken > 0 => drop(self.waiting.drain(..taken)),
            // Nobody takes any more. What came of the machine is seen elsewhere.
            _ => self.line = None,
        }
    }
}

/// What a person does at a run's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stroke {
    /// Types these bytes.
    Keys(Vec<u8>),
    /// Ends the run.
    Leave,
}

/// Who types while a machine runs. As long as the other end is open no clock of the run counts, and the machine goes
/// on after the verdict until it ends or the person leaves.
#[derive(Debug)]
pub struct Typist {
    come: mpsc::Receiver<Stroke>,
    /// What was typed before the machine was there.
    early: VecDeque<Stroke>,
}

impl Typist {
    /// A typist, and what makes it type. Closing that is like going away from a console: the run goes on as if nobody
    /// had been there.
    pub fn new() -> (mpsc::Sender<Stroke>, Self) {
        let (strokes, come) = mpsc::channel(STROKES);
        let early = VecDeque::new();
        (strokes, Self { come, early })
    }

    /// Waits until the person leaves. What is typed meanwhile is kept for the machine, as far as a keyboard has room for
    /// it; the rest waits. Dropping the future loses nothing.
    pub async fn leaves(&mut self) {
        while self.early_bytes() < FULL {
            match self.come.recv().await {
                Some(Stroke::Leave) => return,
                Some(stroke) => self.early.push_back(stroke),
                None => break,
            }
        }
        std::future::pending::<()>().await;
    }

    fn early_bytes(&self) -> usize {
        let bytes = self.early.iter().map(|stroke| match stroke {
            Stroke::Keys(keys) => keys.len(),
            Stroke::Leave => 0,
        });
        bytes.sum()
    }

    /// Waits for the next stroke; none when there will be no more. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Stroke> {
        match self.early.pop_front() {
            Some(stroke) => Some(stroke),
            None => self.come.recv().await,
        }
    }

    /// The next stroke, if it has come.
    pub fn has_come(&mut self) -> Option<Stroke> {
        self.early.pop_front().or_else(|| self.come.try_recv().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    }

    #[test]
    fn what_is_typed_comes_in_order_however_little_is_taken_at_once() {
        runtime().block_on(async {
            let (line, mut machine) = tokio::io::duplex(3);
            let mut keyboard = Keyboard::of(line);
            keyboard.queue(b"hello, ");
            keyboard.queue(b"world");
            let mut read: Vec<u8> = Vec::new();
            let mut piece = [0; 2];
            while read.len() < 12 {
                tokio::select! {
                    () = keyboard.press() => {}
                    length = machine.read(&mut piece) => read.extend(&piece[..length.unwrap()]),
                }
            }
            assert_eq!(read, b"hello, world");
        });
    }

    #[test]
    fn who_leaves_before_there_is_a_machine_is_heard_and_what_was_typed_is_kept() {
        runtime().block_on(async {
            let (strokes, mut typist) = Typist::new();
            strokes.send(Stroke::Keys(b"ls".into())).await.unwrap();
            let second = Duration::from_secs(1);
            let stays = tokio::time::timeout(second, typist.leaves()).await;
            assert!(stays.is_err());
            assert_eq!(typist.next().await, Some(Stroke::Keys(b"ls".into())));
            strokes.send(Stroke::Leave).await.unwrap();
            typist.leaves().await;
            // Who only goes away has not left.
            drop(strokes);
            let stays = tokio::time::timeout(second, typist.leaves()).await;
            assert!(stays.is_err());
            assert_eq!(typist.next().await, None);
        });
    }

    #[test]
    fn with_nothing_to_type_or_nobody_to_take_it_nothing_comes() {
        runtime().block_on(async {
            let (line, machine) = tokio::io::duplex(3);
            let mut keyboard = Keyboard::of(line);
            let second = Duration::from_secs(1);
            assert!(
                tokio::time::timeout(second, keyboard.press())
                    .await
                    .is_err()
            );
            drop(machine);
            keyboard.queue(b"x");
            keyboard.press().await;
            assert!(
                tokio::time::timeout(second, keyboard.press())
                    .await
                    .is_err()
            );
        });
    }
}
