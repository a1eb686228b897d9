//! The gdb remote protocol's packets, from bytes that were cut anywhere, whatever those bytes are.
//! The form is that of the gdb manual, appendix "Remote Protocol", section "Overview".

use super::gdb::GdbError;

/// The longest packet taken, in bytes. QEMU says that it sends no more than 4 KiB.
pub const PACKET_LIMIT: usize = 256 << 10;

/// What stands for the byte that a `}` in a packet precedes is that byte, changed by this.
const ESCAPED_BY: u8 = 0x20;

/// Puts packets together. Both sides of the connection are on one machine, so nothing is lost on the
/// way: a packet that is not as it should be is an error, and is not asked for again.
#[derive(Debug, Default)]
pub struct Decoder {
    arrived: Vec<u8>,
    /// How much of that was taken.
    taken: usize,
    state: State,
    /// What the packet holds so far, and the sum of the bytes that said so.
    body: Vec<u8>,
    sum: u8,
    /// Whether what comes is a notification, which nobody waits for.
    notification: bool,
}

/// What the next byte is.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// The start of a packet, or an acknowledgement.
    #[default]
    Between,
    /// Of a packet.
    Body,
    /// The one behind a `}`.
    Escaped,
    /// The one behind a `*`: how often the last one is repeated.
    Repeated,
    /// The sum's first digit.
    Sum,
    /// Its second one, with the first.
    SumAfter(u8),
}

impl Decoder {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// What the next packet holds, once it has come whole. After an error there are no more.
    ///
    /// # Errors
    ///
    /// The bytes are none of the protocol's, or a packet is damaged or too long.
    pub fn packet(&mut self) -> Result<Option<Vec<u8>>, GdbError> {
        while let Some(&byte) = self.arrived.get(self.taken) {
            self.taken += 1;
            if self.take(byte)? && !self.notification {
                return Ok(Some(std::mem::take(&mut self.body)));
            }
        }
        self.arrived.clear();
        self.taken = 0;
        Ok(None)
    }

    /// Takes a byte; says whether a packet ends with it.
    fn take(&mut self, byte: u8) -> Result<bool, GdbError> {
        if matches!(self.state, State::Body | State::Escaped | State::Repeated) && byte != b'#' {
            self.sum = self.sum.wrapping_add(byte);
        }
        self.state = match (self.state, byte) {
            (State::Between, b'+') => State::Between,
            (State::Between, b'$' | b'%') => {
                self.body.clear();
                self.sum = 0;
                self.notification = byte == b'%';
                State::Body
            }
            (State::Between, b'-') => return Err(wrong("it did not understand a packet")),
            (State::Between, _) => return Err(wrong("there are bytes between two packets")),
            (State::Body, b'#') => State::Sum,
            (State::Body, b'$') => return Err(wrong("a packet starts within another")),
            (State::Body, b'}') => State::Escaped,
            (State::Body, b'*') => State::Repeated,
            (State::Body, _) => self.keep(byte, 1)?,
            (State::Escaped, _) => self.keep(byte ^ ESCAPED_BY, 1)?,
            (State::Repeated, _) => {
                let times = byte.checked_sub(29).filter(|&times| times >= 3);
                let (Some(times), Some(&last)) = (times, self.body.last()) else {
                    return Err(wrong("a packet repeats nothing"));
                };
                self.keep(last, times.into())?
            }
            (State::Sum, _) => State::SumAfter(byte),
            (State::SumAfter(first), _) => {
                if hex(&[first, byte]) != Some(self.sum.into()) {
                    return Err(wrong("a packet's sum is not that of its bytes"));
                }
                self.state = State::Between;
                return Ok(true);
            }
        };
        Ok(false)
    }

    fn keep(&mut self, byte: u8, times: usize) -> Result<State, GdbError> {
        if self.body.len() + times > PACKET_LIMIT {
            return Err(wrong("a packet without an end"));
        }
        self.body.resize(self.body.len() + times, byte);
        Ok(State::Body)
    }
}

fn wrong(what: &str) -> GdbError {
    GdbError::Protocol(what.into())
}

/// Writes a packet. None of those that are sent has a byte that would need an escape.
pub fn encode(body: &[u8], into: &mut Vec<u8>) {
    let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    into.push(b'$');
    into.extend_from_slice(body);
    into.extend_from_slice(format!("#{sum:02x}").as_bytes());
}

/// Why a machine stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By a signal: 5 at a breakpoint or after a step, 2 when it was asked to.
    Signal(u8),
    /// It is gone.
    Gone,
}

impl Stop {
    /// What a stop reply says.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        match packet {
            [b'T' | b'S', digits @ ..] => {
                let signal = hex(digits.get(..2)?)?;
                signal.try_into().ok().map(Self::Signal)
            }
            [b'W' | b'X', ..] => Some(Self::Gone),
            _ => None,
        }
    }
}

/// A number of one to sixteen hexadecimal digits.
pub fn hex(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    u64::from_str_radix(digits, 16).ok()
}

/// The bytes that pairs of hexadecimal digits stand for.
pub fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |pair: &[u8; 2]| hex(pair).and_then(|byte| u8::try_from(byte).ok());
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut decoder = Decoder::default();
        decoder.push(bytes);
        let mut packets = Vec::new();
        while let Some(packet) = decoder.packet().map_err(|error| error.to_string())? {
            packets.push(packet);
        }
        Ok(packets)
    }

    #[test]
    fn a_packet_is_what_its_writer_meant() {
        let mut written = b"+".to_vec();
        encode(b"qXfer:features:read:target.xml:0,ffc", &mut written);
        assert_eq!(
            packets(&written).unwrap(),
            [b"qXfer:features:read:target.xml:0,ffc"]
        );
        // Repeated, escaped, and a notification in between.
        let framed = |start: &[u8], body: &[u8]| {
            let mut packet = Vec::new();
            encode(body, &mut packet);
            [start, &packet[1..]].concat()
        };
        assert_eq!(packets(&framed(b"$", b"0* ")).unwrap(), [b"0000"]);
        assert_eq!(
            packets(&framed(b"+$", b"m}\x03}]}\x0a")).unwrap(),
            [b"m#}*"]
        );
        let after = [framed(b"%", b"Stop:"), framed(b"$", b"OK")].concat();
        assert_eq!(packets(&after).unwrap(), [b"OK"]);
        assert_eq!(packets(b"$#00").unwrap(), [b""]);
    }

    #[test]
    fn what_is_no_packet_is_an_error_that_says_so() {
        for (bytes, words) in [
            (&b"$OK#9b"[..], "sum"),
            (b"$OK#zz", "sum"),
            (b"SSH-2.0", "between two packets"),
            (b"-", "did not understand"),
            (b"$O$K#9a", "within another"),
            (b"$* #4a", "repeats nothing"),
            (b"$0*\x1e#78", "repeats nothing"),
        ] {
            let error = packets(bytes).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let endless = [b"$".to_vec(), vec![b'0'; PACKET_LIMIT + 1]].concat();
        assert!(packets(&endless).unwrap_err().contains("without an end"));
        let repeated = [b"$0".to_vec(), b"*~".repeat(PACKET_LIMIT / 97 + 1)].concat();
        assert!(packets(&repeated).unwrap_err().contains("without an end"));
    }

    #[test]
    fn stop_replies_are_told_apart() {
        assert_eq!(Stop::parse(b"T05thread:01;"), Some(Stop::Signal(5)));
        assert_eq!(Stop::parse(b"S02"), Some(Stop::Signal(2)));
        assert_eq!(Stop::parse(b"W00"), Some(Stop::Gone));
        for nonsense in [&b""[..], b"T", b"T5", b"Txx", b"OK", b"E01"] {
            assert_eq!(Stop::parse(nonsense), None);
        }
        assert_eq!(bytes(b"00fF7"), None);
        assert_eq!(bytes(b"00fF"), Some(vec![0, 255]));
        assert_eq!(hex(b"+1"), None);
    }
}
