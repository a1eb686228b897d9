//! Whether KVM can be used here: it is opened and asked, since a file of that name proves nothing.

use crate::arch::Arch;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::fs::File;
use std::io;
use std::path::Path;

/// Where KVM is.
const DEVICE: &str = "/dev/kvm";

/// `KVM_GET_API_VERSION`, and the one version that there has been since Linux 2.6.22 (KVM's API, section 4.1).
const GET_API_VERSION: u32 = 0xae00;
const API_VERSION: i32 = 12;

/// `KVM_CREATE_VM`; its argument 0 is the usual type of machine (section 4.2).
const CREATE_VM: u32 = 0xae01;

/// `KVM_GET_SUPPORTED_CPUID` (section 4.46): what CPUID can say in a machine. Its argument is a `struct kvm_cpuid2`, of a
/// header of two words and as many entries of ten words as the first of them says. There are never more than these.
const GET_SUPPORTED_CPUID: u32 = 0xc008_ae05;
const ENTRIES: usize = 256;
const WORDS: usize = 10;

/// The leaves and bits of ECX that say whether a machine's own hypervisor can run guests: SVM (APM vol. 3, appendix E.4.2)
/// and VMX (Intel SDM vol. 3, section 24.6).
const SVM: (u32, u32) = (0x8000_0001, 1 << 2);
const VMX: (u32, u32) = (1, 1 << 5);

/// What a hypervisor in one of KVM's machines can run its guests with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nested {
    /// AMD's SVM.
    Svm,
    /// Intel's VMX.
    Vmx,
    /// Nothing: the computer's processor cannot, or it was switched off.
    Nothing,
    /// KVM does not tell on this architecture; QEMU refuses a machine that cannot be had.
    Untold,
}

/// Opens KVM, makes a machine with it, which is given up at once, and asks what a hypervisor could do there.
///
/// # Errors
///
/// Why it cannot run a machine of this architecture, in words.
pub fn usable(arch: Arch) -> Result<Nested, String> {
    if std::env::consts::ARCH != arch.name() {
        return Err(other_architecture(arch));
    }
    let kvm = try_device(Path::new(DEVICE))?;
    if arch != Arch::X86_64 {
        return Ok(Nested::Untold);
    }
    let cpuid = supported_cpuid(&kvm);
    let cpuid =
        cpuid.map_err(|error| format!("{DEVICE} does not tell what CPUID says: {error}"))?;
    Ok(nested(&cpuid))
}

/// Why KVM cannot run a machine of another architecture than the computer's.
fn other_architecture(arch: Arch) -> String {
    let here = std::env::consts::ARCH;
    format!(
        "this computer is {here}, and the machine {arch}: KVM executes a guest's own instructions"
    )
}

fn try_device(device: &Path) -> Result<File, String> {
    let shown = device.display();
    let kvm = File::options().read(true).write(true).open(device);
    let kvm = kvm.map_err(|error| format!("{shown} cannot be opened: {error}"))?;
    let version = ask(&kvm, GET_API_VERSION);
    let version = version.map_err(|error| format!("{shown} is no KVM: {error}"))?;
    if version != API_VERSION {
        return Err(format!(
            "{shown} has version {version} of KVM's interface, not {API_VERSION}"
        ));
    }
    let made = ask(&kvm, CREATE_VM);
    let machine = made.map_err(|error| format!("{shown} makes no machine: {error}"))?;
    // SAFETY: KVM_CREATE_VM returns a new descriptor, which nobody else knows of.
    drop(unsafe { OwnedFd::from_raw_fd(machine) });
    Ok(kvm)
}

/// The entries of CPUID in a machine: the leaf, its index, flags, EAX, EBX, ECX, EDX, and three words of nothing.
fn supported_cpuid(kvm: &File) -> io::Result<Vec<[u32; WORDS]>> {
    let mut words = vec![0_u32; 2 + ENTRIES * WORDS];
    words[0] = ENTRIES as u32;
    // SAFETY: the descriptor is open. The kernel reads the number of entries from the buffer's first word, and writes at
    // most the header and so many entries, for which the buffer has room; all of them are words.
    let answer = unsafe {
        libc::ioctl(
            kvm.as_raw_fd(),
            GET_SUPPORTED_CPUID as _,
            words.as_mut_ptr(),
        )
    };
    if answer == -1 {
        return Err(io::Error::last_os_error());
    }
    let count = (words[0] as usize).min(ENTRIES);
    let (entries, _) = words[2..].as_chunks::<WORDS>();
    Ok(entries[..count].to_vec())
}

/// What the entries of CPUID say of virtualisation.
fn nested(cpuid: &[[u32; WORDS]]) -> Nested {
    let says = |(leaf, bit): (u32, u32)| {
        let is_it = |entry: &&[u32; WORDS]| entry[0] == leaf;
        cpuid
            .iter()
            .find(is_it)
            .is_some_and(|entry| entry[5] & bit != 0)
    };
    if says(SVM) {
        Nested::Svm
    } else if says(VMX) {
        Nested::Vmx
    } else {
        Nested::Nothing
    }
}

/// Makes a request whose argument is 0.
fn ask(kvm: &File, request: u32) -> io::Result<i32> {
    // SAFETY: the descriptor is open. Both requests take a number, and the kernel writes nothing to memory of this
    // process; a device that is no KVM refuses requests of KVM's type (0xae).
    match unsafe { libc::ioctl(kvm.as_raw_fd(), request as _, 0) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_kvm_is_no_kvm_whatever_its_name_is() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("kvm");
        let why = try_device(&device).unwrap_err();
        assert!(why.contains("cannot be opened: No such file"), "{why}");
        std::fs::write(&device, "").unwrap();
        let why = try_device(&device).unwrap_err();
        assert!(why.contains("is no KVM: "), "{why}");
        let why = try_device(Path::new("/dev/null")).unwrap_err();
        assert!(why.contains("is no KVM: "), "{why}");
    }

    #[test]
    fn cpuid_says_what_a_hypervisor_has() {
        let entry = |leaf: u32, ecx: u32| [leaf, 0, 0, !ecx, !ecx, ecx, !ecx, 0, 0, 0];
        assert_eq!(nested(&[]), Nested::Nothing);
        let nothing = [
            entry(0x8000_0001, !4),
            entry(1, !(1 << 5)),
            entry(0x8000_000a, !0),
        ];
        assert_eq!(nested(&nothing), Nested::Nothing);
        assert_eq!(nested(&[entry(1, 1 << 5)]), Nested::Vmx);
        assert_eq!(nested(&[entry(1, 1), entry(0x8000_0001, 4)]), Nested::Svm);
    }

    #[test]
    fn kvm_tells_what_cpuid_says_where_there_is_any() {
        let Ok(kvm) = try_device(Path::new(DEVICE)) else {
            return;
        };
        if std::env::consts::ARCH == Arch::X86_64.name() {
            let cpuid = supported_cpuid(&kvm).unwrap();
            // The leaf of the basic features is everywhere.
            assert!(cpuid.iter().any(|entry| entry[0] == 1), "{cpuid:x?}");
        }
    }

    #[test]
    fn another_architecture_has_none() {
        let others = Arch::ALL
            .into_iter()
            .filter(|arch| arch.name() != std::env::consts::ARCH);
        for arch in others {
            let why = usable(arch).unwrap_err();
            assert!(
                why.contains("this computer is ") && why.contains(arch.name()),
                "{why}"
            );
        }
    }
}
