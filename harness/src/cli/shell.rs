//! `harness run --shell`: somebody sits at the machine's console.
//!
//! What is typed goes to the machine as it is, but for an escape, as QEMU has it: Ctrl-A x ends the machine. What the
//! machine prints is shown as it comes, without what a terminal would act on and without the hypervisor's own event
//! lines.

use super::output::say_aside;
use super::terminal::Raw;
use crate::judge::event::Event;
use crate::judge::observer::{Beginning, Observer};
use crate::machine::keyboard::{Stroke, Typist};
use std::io::{self, Read};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

mod plain;

use plain::Plain;

/// Ctrl-A.
const ESCAPE: u8 = 0x01;

const HELP: &str = "Ctrl-A x ends the machine; Ctrl-A Ctrl-A types Ctrl-A; Ctrl-A h shows this";

/// What the keys mean.
#[derive(Debug, Default)]
struct Keys {
    escaped: bool,
}

/// What some keys came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meant {
    typed: Vec<u8>,
    help: bool,
    leave: bool,
}

impl Keys {
    /// Takes the next keys. None of those behind the end of the machine count.
    fn take(&mut self, keys: &[u8]) -> Meant {
        let mut meant = Meant::default();
        for &key in keys {
            match (std::mem::take(&mut self.escaped), key) {
                (true, b'x' | b'X') => {
                    meant.leave = true;
                    return meant;
                }
                (true, b'h' | b'?') => meant.help = true,
                (true, ESCAPE | b'a') => meant.typed.push(ESCAPE),
                (true, _) => {}
                (false, ESCAPE) => self.escaped = true,
                (false, _) => meant.typed.push(key),
            }
        }
        meant
    }
}

/// Passes on what is typed, until there is no more or nobody wants it.
fn listen(mut input: impl Read, strokes: &Sender<Stroke>) {
    let mut keys = Keys::default();
    let mut buffer = [0; 4096];
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let Meant { typed, help, leave } = keys.take(&buffer[..length]);
        if help {
            say_aside(&format!("\n{HELP}"));
        }
        let typed = (!typed.is_empty()).then_some(Stroke::Keys(typed));
        let leave = leave.then_some(Stroke::Leave);
        for stroke in typed.into_iter().chain(leave) {
            if strokes.blocking_send(stroke).is_err() {
                return;
            }
        }
    }
}

/// The console of a machine at which somebody sits: shows what the machine prints, and has standard input typed into it.
///
/// Both begin with the machine. Until then, while something is built or waited for, a terminal is as it always is, and
/// Ctrl-C in it is a signal. Dropping this puts the terminal back.
pub(super) struct Console<S> {
    plain: Plain,
    show: S,
    /// Where the keys go, until somebody listens to them.
    strokes: Option<Sender<Stroke>>,
    terminal: Option<Raw>,
}

impl<S: FnMut(Vec<u8>)> Console<S> {
    /// Hands what is safe to show to `show`. The typist is for the run's request.
    pub(super) fn new(show: S) -> (Self, Typist) {
        let (strokes, typist) = Typist::new();
        let console = Self {
            plain: Plain::default(),
            show,
            strokes: Some(strokes),
            terminal: None,
        };
        (console, typist)
    }
}

impl<S: FnMut(Vec<u8>)> Observer for Console<S> {
    fn begins(&mut self, run: &Beginning<'_>) {
        self.plain = Plain::without(&format!("@hv {} ", run.nonce));
        match Raw::of_stdin() {
            Ok(Some(terminal)) => {
                self.terminal = Some(terminal);
                say_aside(&format!("the console is yours: {HELP}"));
            }
            Ok(None) => {}
            Err(error) => say_aside(&format!(
                "the terminal passes on whole lines only, because it cannot be set up: {error}"
            )),
        }
        if let Some(strokes) = self.strokes.take() {
            // The thread may wait for a key when the run is over; it ends with the program.
            std::thread::spawn(move || listen(io::stdin(), &strokes));
        }
    }

    fn event(&mut self, _: Duration, _: &Event<'_>) {}

    fn console(&mut self, bytes: &[u8]) {
        let safe = self.plain.take(bytes);
        if !safe.is_empty() {
            (self.show)(safe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(typed: &[u8], help: bool, leave: bool) -> Meant {
        Meant {
            typed: typed.to_vec(),
            help,
            leave,
        }
    }

    #[test]
    fn an_escape_may_be_cut_anywhere_and_everything_else_is_typed() {
        let mut keys = Keys::default();
        assert_eq!(
            keys.take(b"ls\r\x03\x04"),
            meant(b"ls\r\x03\x04", false, false)
        );
        assert_eq!(keys.take(b"a\x01"), meant(b"a", false, false));
        assert_eq!(keys.take(b"h b"), meant(b" b", true, false));
        assert_eq!(
            keys.take(b"\x01\x01\x01a\x01q."),
            meant(b"\x01\x01.", false, false)
        );
        assert_eq!(keys.take(b"bye\x01"), meant(b"bye", false, false));
        assert_eq!(keys.take(b"x never"), meant(b"", false, true));
    }

    #[test]
    fn listening_ends_with_the_input_and_with_whoever_listens() {
        let (strokes, mut typist) = Typist::new();
        let listening = std::thread::spawn(move || listen(&b"hello\x01x"[..], &strokes));
        let runtime = crate::run::event_loop().unwrap();
        runtime.block_on(async {
            assert_eq!(typist.next().await, Some(Stroke::Keys(b"hello".into())));
            assert_eq!(typist.next().await, Some(Stroke::Leave));
            assert_eq!(typist.next().await, None);
        });
        listening.join().unwrap();
        let (strokes, typist) = Typist::new();
        drop(typist);
        listen(io::repeat(b'x'), &strokes);
    }
}
