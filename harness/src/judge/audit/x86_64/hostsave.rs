//! Where VMRUN saves the host's state: VM_HSAVE_PA (APM vol. 2, 15.30.4), which QEMU tells nobody.

use super::super::{Machine, Unreadable};

/// How long VMRUN is, in bytes.
const VMRUN: u64 = 3;

/// The register, by what is found in the machine's memory.
pub const VM_HSAVE_PA: &str = "vm_hsave_pa";

/// Where its value after a reset leads: to whoever has the machine's first page.
const RESET: u64 = 0;

/// Where QEMU saves CR3 and RIP: as in a VMCB (appendix B, table B-2).
const CR3: u64 = 0x550;
const RIP: u64 = 0x578;

/// The register's value, if the last VMRUN shows that it is still that of a reset. The processor stands before
/// the next VMRUN, and what the last one saved is what this one will save.
pub fn not_set(machine: &mut dyn Machine) -> Result<Option<u64>, Unreadable> {
    let (Some(rip), Some(cr3)) = (machine.register("rip")?, machine.register("cr3")?) else {
        return Ok(None);
    };
    let saves = [(CR3, cr3), (RIP, rip.wrapping_add(VMRUN))];
    for (offset, value) in saves {
        let mut word = [0; 8];
        // Where no memory is, nothing was saved.
        if machine.read(RESET + offset, &mut word).is_err() || u64::from_le_bytes(word) != value {
            return Ok(None);
        }
    }
    Ok(Some(RESET))
}
