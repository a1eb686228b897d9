//! The terminal while somebody types to a machine: every key goes to the machine as it is. However the program
//! ends, the terminal is as it was before.

use rustix::termios::{self, InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

/// How the terminal was, while it is otherwise. It is kept here and not in a guard alone: a command that does not end
/// after an interrupt is not waited for, and its guards are never dropped.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that passes every key on. Dropping this puts it back, also while a panic unwinds.
pub(super) struct Raw(());

impl Raw {
    /// Makes standard input so, if it is a terminal; none if it is not, and nothing has to be put back.
    ///
    /// What is printed is still treated as before, so that a line's end returns to the margin.
    pub(super) fn of_stdin() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = termios::tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.local_modes -=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR;
        raw.input_modes -= InputModes::IXON | InputModes::ISTRIP | InputModes::BRKINT;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        // Kept first: a signal may come at any time.
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let raw = termios::tcsetattr(&stdin, OptionalActions::Now, &raw);
        if let Err(error) = raw {
            restore();
            return Err(error.into());
        }
        Ok(Some(Self(())))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back, if it is not as it was. A terminal that is gone needs nothing.
pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}
