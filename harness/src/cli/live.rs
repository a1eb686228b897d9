//! The console as it comes, on standard output. The judge does not wait for whoever reads that: a
//! pager that stands still must hold up neither the clocks nor an interrupt.

use crate::judge::event::Event;
use crate::judge::observer::{Beginning, Observer};
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How many bytes may wait for a slow reader; lines beyond that are not shown.
const WAITING: usize = 8 << 20;

/// Lines on their way to standard output.
pub(super) struct Live {
    queue: Arc<Queue>,
    printed: oneshot::Receiver<io::Result<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room.
    skipped: u64,
    /// No more will come.
    complete: bool,
    /// The reader has gone, as in `| head`.
    gone: bool,
}

impl Live {
    /// Starts printing.
    pub(super) fn start(out: impl Write + Send + 'static) -> Self {
        let queue = Arc::new(Queue::default());
        let (done, printed) = oneshot::channel();
        let printer = Arc::clone(&queue);
        std::thread::spawn(move || {
            let result = printer.print(out);
            let _ = done.send(result); // nobody waits any more after an interrupt
        });
        Self { queue, printed }
    }

    /// An observer that shows the lines of a run's console.
    pub(super) fn console(&self) -> Console {
        Console {
            queue: Arc::clone(&self.queue),
            event_line: None,
        }
    }

    /// Has bytes printed as they are.
    pub(super) fn bytes(&self) -> impl FnMut(Vec<u8>) + Send + 'static {
        let queue = Arc::clone(&self.queue);
        move |bytes| {
            queue.state().take(&bytes);
            queue.changed.notify_one();
        }
    }

    /// Waits until everything is printed, or the reader has gone.
    ///
    /// # Errors
    ///
    /// Something could not be printed.
    pub(super) async fn finish(self) -> io::Result<()> {
        self.queue.state().complete = true;
        self.queue.changed.notify_one();
        // Without a result the printer has panicked.
        self.printed
            .await
            .unwrap_or_else(|e| Err(io::Error::other(e)))
    }
}

/// Shows the console of a run, but for the hypervisor's own event lines: these are for the judge. A
/// forged one is shown like any other line.
pub(super) struct Console {
    queue: Arc<Queue>,
    /// How the event lines begin.
    event_line: Option<String>,
}

impl Console {
    /// Takes a line.
    fn line(&self, line: &str) {
        self.queue.state().take_line(line);
        self.queue.changed.notify_one();
    }
}

impl Observer for Console {
    fn begins(&mut self, run: &Beginning<'_>) {
        self.event_line = Some(format!("@hv {} ", run.nonce));
    }

    fn event(&mut self, _: Duration, event: &Event<'_>) {
        if let Event::Line { text } | Event::Partial { text } = event
            && !self
                .event_line
                .as_ref()
                .is_some_and(|start| text.starts_with(start))
        {
            self.line(text);
        }
    }
}

impl State {
    fn take_line(&mut self, line: &str) {
        if self.take(line.as_bytes()) {
            self.waiting.push(b'\n');
        }
    }

    /// Takes some bytes; says whether there was room for them, and somebody to read them.
    fn take(&mut self, bytes: &[u8]) -> bool {
        if self.gone {
            return false;
        }
        if self.waiting.len() + bytes.len() > WAITING {
            self.skipped += 1;
            return false;
        }
        self.waiting.extend_from_slice(bytes);
        true
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, mut out: impl Write) -> io::Result<()> {
        while let Some(text) = self.next() {
            if let Err(error) = out.write_all(&text).and_then(|()| out.flush()) {
                let mut state = self.state();
                state.gone = true;
                state.waiting = Vec::new();
                return match error.kind() {
                    io::ErrorKind::BrokenPipe => Ok(()),
                    _ => Err(error),
                };
            }
        }
        Ok(())
    }

    /// Waits for what is to be printed next; none when that was all.
    fn next(&self) -> Option<Vec<u8>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.complete;
        let state = self.changed.wait_while(self.state(), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_empty() {
            return None;
        }
        let mut text = std::mem::take(&mut state.waiting);
        let skipped = std::mem::take(&mut state.skipped);
        if skipped > 0 {
            let note = format!("[{skipped} more lines, which nobody read in time]\n");
            text.extend_from_slice(note.as_bytes());
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// A reader that takes a write when it is told to.
    struct Slow {
        may: Receiver<()>,
        got: SyncSender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.got.send(bytes.to_vec()).expect("the test listens");
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn finished(live: Live) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(live.finish())
    }

    #[test]
    fn lines_beyond_what_may_wait_are_counted_and_nothing_blocks() {
        let (go, may) = sync_channel(100);
        let (got, written) = sync_channel(100);
        let live = Live::start(Slow { may, got });
        live.console().line("first");
        go.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), b"first\n");
        let long = "x".repeat(WAITING / 4);
        (0..20).for_each(|_| live.console().line(&long));
        for _ in 0..100 {
            let _ = go.send(());
        }
        finished(live).unwrap();
        let all: Vec<u8> = written.try_iter().flatten().collect();
        let text = String::from_utf8(all).unwrap();
        assert!(text.ends_with(" more lines, which nobody read in time]\n"));
        assert!(text.len() <= 2 * WAITING + 100, "{}", text.len());
    }

    #[test]
    fn a_reader_that_has_gone_ends_it() {
        let (go, may) = sync_channel(1);
        let (got, _written) = sync_channel(1);
        let live = Live::start(Slow { may, got });
        drop(go);
        live.console().line("lost");
        finished(live).unwrap();
    }

    #[test]
    fn a_disk_that_is_full_is_told() {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let live = Live::start(full.unwrap());
        live.console().line("lost");
        let error = finished(live).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
