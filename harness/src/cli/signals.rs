//! What signals mean to the program: which ask it to end, and what its caller decided about them.

use std::os::raw::c_int;
use tokio::signal::unix::{SignalKind, signal};

/// The signals that ask the program to end.
const REQUESTS: [c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// The requests to end that the program listens to.
#[derive(Debug)]
pub(super) struct Requests {
    heeded: Vec<c_int>,
}

impl Requests {
    /// Settles what signals do, before there is any other thread or process.
    ///
    /// A request that the caller ignores stays ignored, as `nohup` and shells with background jobs
    /// want it. The ends of children are waited for, even where the caller does not wait for its
    /// own. A file that has become too large is an error of whoever writes it, here and in QEMU,
    /// and does not kill.
    pub(super) fn settle() -> Self {
        let heeded = REQUESTS.into_iter().filter(|&request| !is_ignored(request));
        let heeded = heeded.collect();
        set(libc::SIGCHLD, libc::SIG_DFL);
        set(libc::SIGXFSZ, libc::SIG_IGN);
        Self { heeded }
    }

    /// Waits for one of these requests.
    pub(super) async fn wait(&self) {
        let wait = |request: c_int| async move {
            if self.heeded.contains(&request)
                && let Ok(mut signals) = signal(SignalKind::from_raw(request))
            {
                signals.recv().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let [interrupt, terminate, hangup] = REQUESTS;
        tokio::select! {
            () = wait(interrupt) => {}
            () = wait(terminate) => {}
            () = wait(hangup) => {}
        }
    }
}

fn is_ignored(number: c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action given, the call only writes the present one to where it is told to,
    // which is a `sigaction` that all zeroes are a value of.
    let action = unsafe {
        libc::sigaction(number, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

fn set(number: c_int, disposition: libc::sighandler_t) {
    // SAFETY: both dispositions that this is called with install no handler.
    unsafe { libc::signal(number, disposition) };
}
