//! Every CSR.

use super::{
    encode::{csrr, csrw},
    probe::{ILLEGAL, try_in_kernel},
};
use crate::{
    probe::Fate,
    sweep::{Access, Number, Sweep, Whose},
};

/// The CSRs of a guest's kernel: first, last, and whether they can be written.
const OWN: [(u32, u32, bool); 7] = [
    (0x001, 0x003, true),  // fflags, frm, fcsr
    (0x100, 0x100, true),  // sstatus
    (0x104, 0x106, true),  // sie, stvec, scounteren
    (0x10A, 0x10A, true),  // senvcfg
    (0x140, 0x144, true),  // sscratch, sepc, scause, stval, sip
    (0x180, 0x180, true),  // satp
    (0xC01, 0xC01, false), // time
];

/// Reads every CSR and writes it: what was read, or zero. Only those of VS-mode are the guest's.
pub fn sweep_registers() -> Sweep<Access<Number>> {
    let mut sweep = Sweep::new();
    for csr in 0..0x1000 {
        let own = OWN
            .iter()
            .find(|(first, last, _)| (*first..=*last).contains(&csr));
        let read = try_in_kernel(&csrr(csr));
        let written = match read {
            Fate::WentOn => try_in_kernel(&keep(csr)),
            Fate::Trapped(_) => try_in_kernel(&csrw(csr)),
        };
        for (writes, fate) in [(false, read), (true, written)] {
            let whose = match own {
                Some((_, _, writable)) if *writable || !writes => Whose::Guests,
                _ => Whose::Nobodys,
            };
            // Another exception than the one for what is not there is an answer too.
            let name = Number(csr);
            sweep.note(Access { writes, name }, fate != ILLEGAL, whose);
        }
    }
    sweep
}

/// `csrr t0, CSR; csrw CSR, t0`.
fn keep(csr: u32) -> [u8; 8] {
    /// rs1 of CSRRW.
    const T0: u32 = 5 << 15;
    let write = u32::from_le_bytes(csrw(csr)) | T0;
    let mut code = [0; 8];
    code[..4].copy_from_slice(&csrr(csr));
    code[4..].copy_from_slice(&write.to_le_bytes());
    code
}
