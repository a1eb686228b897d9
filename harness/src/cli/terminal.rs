//! The terminal while somebody types to a machine: every key goes to the machine as it is. However the program
//! ends, the terminal is as it was before.

use rustix::fd::{AsFd, OwnedFd};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr,
    tcsetattr,
};
use std::io;
use std::sync::{Mutex, PoisonError};

/// The terminal that is otherwise than it was, and how it was. It is kept here and not in a guard alone: a command that
/// does not end after an interrupt is not waited for, and its guards are never dropped.
static BEFORE: Mutex<Option<(OwnedFd, Termios)>> = Mutex::new(None);

/// A terminal that passes every key on. Dropping this puts it back, also while a panic unwinds.
pub(super) struct Raw(());

impl Raw {
    /// Makes standard input so, if it is a terminal; none if it is not, and nothing has to be put back.
    pub(super) fn of_stdin() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        isatty(&stdin).then(|| Self::of(&stdin)).transpose()
    }

    /// Makes a terminal so. What is printed on it is still treated as before, so that a line's end returns to the
    /// margin.
    fn of(terminal: impl AsFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.local_modes -=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR;
        raw.input_modes -= InputModes::IXON | InputModes::ISTRIP | InputModes::BRKINT;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        // Kept first: a signal may come at any time.
        let kept = (rustix::io::fcntl_dupfd_cloexec(&terminal, 0)?, before);
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        let guard = Self(());
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(guard)
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
    if let Some((terminal, before)) = before {
        let _ = tcsetattr(terminal, OptionalActions::Now, &before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    fn local_modes(terminal: &OwnedFd) -> LocalModes {
        tcgetattr(terminal).unwrap().local_modes
    }

    /// One test, because there is one terminal at a time.
    #[test]
    fn a_terminal_is_put_back_after_a_panic_and_without_its_guard() {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let terminal = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let before = local_modes(&terminal);
        assert!(before.contains(LocalModes::ECHO));
        let panics = std::panic::catch_unwind(|| {
            let _raw = Raw::of(&terminal).unwrap();
            assert!(!local_modes(&terminal).intersects(LocalModes::ECHO | LocalModes::ISIG));
            std::panic::resume_unwind(Box::new("a mistake"));
        });
        assert!(panics.is_err());
        assert_eq!(local_modes(&terminal), before);
        // A command that is not waited for never drops it.
        std::mem::forget(Raw::of(&terminal).unwrap());
        assert_ne!(local_modes(&terminal), before);
        restore();
        assert_eq!(local_modes(&terminal), before);
        assert!(Raw::of(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
