//! Measures how fast a recorded console is judged.

use crate::judge::Story;
use crate::judge::trial::Trial;
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, Read};

/// How much is judged at a time, and how often.
const LENGTH: usize = 128 << 20;
const TIMES: usize = 9;

/// MB per second on one core, whatever else the computer does, each time. The console is one that a talkative
/// kernel might print, with colours; it is generated while it is read, so the disk does not count.
pub(super) fn measure(story: &Story) -> Vec<f64> {
    let block = chatter();
    (0..TIMES).map(|_| speed(story, &block)).collect()
}

fn speed(story: &Story, block: &[u8]) -> f64 {
    let console = Repeated {
        block,
        at: 0,
        left: LENGTH,
    };
    let mut trial = Trial::new(story);
    let start = seconds_of_work();
    trial.replay_console(console).expect("memory can be read");
    LENGTH as f64 / 1e6 / (seconds_of_work() - start)
}

/// The processor time that this process has used.
fn seconds_of_work() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn chatter() -> Vec<u8> {
    let line = |n: usize| {
        let (seconds, page) = (n as f64 / 7.0, n * 4096);
        match n % 20 {
            0..10 => format!("[{seconds:12.6} 0 mem:{n}] mapped [PA:{page:#x}) READ | WRITE\r\n"),
            10..16 => format!("\x1b[32mINFO\x1b[m scheduler: task {n} is ready\r\n"),
            16..19 => format!("ping {n}\r\n"),
            _ => "\r\n".into(),
        }
    };
    (0..20_000).map(line).collect::<String>().into_bytes()
}

/// Repeats a block.
struct Repeated<'b> {
    block: &'b [u8],
    at: usize,
    left: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.block[self.at..];
        let length = rest.len().min(buffer.len()).min(self.left);
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at = (self.at + length) % self.block.len();
        self.left -= length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_repeated_up_to_the_length() {
        let mut read = String::new();
        let mut console = Repeated {
            block: b"abc",
            at: 0,
            left: 8,
        };
        console.read_to_string(&mut read).unwrap();
        assert_eq!(read, "abcabcab");
    }
}
