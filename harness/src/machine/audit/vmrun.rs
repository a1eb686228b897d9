//! Where the VMCB lies, from QEMU's log of a machine under SVM: `vmrun! 000000000014c000`.

/// What the line begins with.
const START: &[u8] = b"vmrun! ";

/// The longest line that is looked at.
const LINE: usize = 64;

/// The last VMRUN of a log that comes in pieces.
#[derive(Debug, Default)]
pub struct LastVmrun {
    /// The line that has no end yet, or what it begins with.
    line: Vec<u8>,
    vmcb: Option<u64>,
}

impl LastVmrun {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut lines = bytes.split(|&byte| byte == b'\n');
        let unfinished = lines.next_back().unwrap_or_default();
        for line in lines {
            self.keep(line);
            self.read();
            self.line.clear();
        }
        self.keep(unfinished);
    }

    /// The address that the last one named.
    pub fn vmcb(&self) -> Option<u64> {
        self.vmcb
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn read(&mut self) {
        if let Some(rest) = self.line.strip_prefix(START) {
            let digits = rest.split(|byte| !byte.is_ascii_hexdigit()).next();
            self.vmcb = digits.and_then(super::packet::hex).or(self.vmcb);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"vmrun! 0000000000150000\nvmexit(00000081, 0, 0, 1000)!\nvmrun! 0000000000151000\n\
        a line of a hundred bytes, of which nobody needs more than the first few, which are not the right ones\n\
        not vmrun! 0000000000159000\nvmrun! 00000000001";

    #[test]
    fn it_is_the_same_however_the_log_is_cut() {
        for size in 1..=LOG.len() {
            let mut last = LastVmrun::default();
            LOG.chunks(size).for_each(|piece| last.push(piece));
            assert_eq!(last.vmcb(), Some(0x15_1000), "pieces of {size}");
            last.push(b"52000\n");
            assert_eq!(last.vmcb(), Some(0x15_2000), "pieces of {size}");
        }
    }
}
