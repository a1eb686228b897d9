//! A machine that waits for gdb at its first instruction, and what gdb is told of the programs in it.
//!
//! QEMU has one gdb stub (a second `-gdb` replaces the first), so a machine that is debugged is not audited.

use super::command::pasteable;
use super::images::Part;
use super::known::Guest;
use crate::arch::Arch;
use crate::machine::Launch;
use object::{Object, ObjectSegment};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Why a machine that is debugged is not looked at.
pub(super) const NO_AUDIT: &str = "gdb has QEMU's only stub";

/// What the reader of its result is told besides.
pub(super) const NO_CLOCK: &str = "gdb was waited for: no clock ran";

/// What gdb is told, in the run's folder.
pub(super) const SCRIPT: &str = "gdb.txt";

/// QEMU's stub, in the run's folder. The whole path may be longer than a socket's may be, and a colon in it would make
/// gdb take it for a port; so gdb is started in that folder.
const SOCKET: &str = "gdb.sock";

/// The gdbs that know an architecture, best first. The plain one of many systems knows only the computer's own.
fn debuggers(arch: Arch) -> Vec<String> {
    let mut names = vec!["gdb-multiarch".to_owned()];
    if std::env::consts::ARCH == arch.name() {
        names.insert(0, "gdb".to_owned());
    }
    names.extend(["elf", "none-elf", "linux-gnu"].map(|system| format!("{arch}-{system}-gdb")));
    names.push(format!("{arch}-unknown-elf-gdb"));
    names.push("gdb".to_owned());
    names
}

/// The first of them that PATH has; otherwise the first, which is to be installed.
fn debugger(arch: Arch) -> String {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let there =
        |name: &String| std::env::split_paths(&folders).any(|folder| folder.join(name).is_file());
    let mut names = debuggers(arch);
    let first = names.iter().position(there).unwrap_or(0);
    names.swap_remove(first)
}

/// Has a machine wait for gdb, on a socket in its folder.
pub(super) fn wait(launch: &mut Launch, arch: Arch) {
    let socket = format!("socket,id=gdb,path={SOCKET},server=on,wait=off");
    let words = ["-chardev", &socket, "-gdb", "chardev:gdb"];
    launch.args.extend(words.map(str::to_owned));
    let folder = pasteable(launch.folder.as_os_str().as_bytes());
    launch.gdb = Some(format!("cd {folder} && {} -x {SCRIPT}", debugger(arch)));
}

/// A machine that is debugged.
pub(super) struct Debugged<'a> {
    pub(super) arch: Arch,
    pub(super) hypervisor: &'a Part,
    pub(super) guests: &'a [Guest],
    /// The guest-physical address of a guest's image, if it is declared.
    pub(super) guest_at: Option<u64>,
}

impl Debugged<'_> {
    /// What gdb is told.
    pub(super) fn script(&self) -> Vec<u8> {
        let architecture = match self.arch {
            Arch::Riscv64 => "riscv:rv64",
            Arch::Aarch64 => "aarch64",
            Arch::X86_64 => "i386:x86-64",
        };
        let mut out = b"# Made for this run. In its folder:  gdb -x gdb.txt\n# (Debian's gdb-multiarch knows \
                        every architecture.)\n"
            .to_vec();
        out.extend(format!("set architecture {architecture}\n\n").bytes());
        out.extend(
            b"# The hypervisor, or whatever was booted, at the addresses it is linked for.\n",
        );
        self.add(&mut out, self.hypervisor, None);
        for Guest { name, program, .. } in self.guests {
            out.extend(
                format!("\n# The guest {name}, at the guest's own virtual addresses.\n").bytes(),
            );
            self.add(&mut out, program, self.guest_at);
        }
        out.extend(b"\n# The machine stands before its first instruction.\n");
        out.extend(format!("target remote {SOCKET}\n\n").bytes());
        out.extend(
            b"# `break NAME` takes a function of any of them, a Rust one by its last name; `break FILE:LINE` a place;\n\
              # `info functions WORD` finds some. `continue` lets the machine go. With `detach` it goes on without gdb,\n\
              # to its end and the verdict; `kill`, and gdb's end, end it.\n",
        );
        out
    }

    /// Adds the symbols of a program. `loaded` is where it lies before it has tables of its own, if that is known.
    fn add(&self, out: &mut Vec<u8>, program: &Part, loaded: Option<u64>) {
        let Ok(path) = std::path::absolute(&program.file) else {
            return;
        };
        let Some(path) = word(&path) else {
            out.extend(b"# (Its path has a character that gdb does not take.)\n");
            return;
        };
        if !program.bytes.starts_with(b"\x7fELF") {
            out.extend(
                [
                    &b"# (It has no symbols: "[..],
                    &path,
                    b" is no ELF file.)\n",
                ]
                .concat(),
            );
            return;
        }
        out.extend([&b"add-symbol-file "[..], &path, b"\n"].concat());
        if let Some(offset) = loaded.and_then(|at| Some(at.wrapping_sub(lowest(&program.bytes)?))) {
            out.extend(b"# Until it turns its translation on it runs where it was loaded. For that time, instead:\n");
            let option = format!(" -o {offset:#x}\n");
            out.extend([&b"# add-symbol-file "[..], &path, option.as_bytes()].concat());
        }
    }
}

/// The lowest address that a program is linked for; segments without an address are of thread-local data.
fn lowest(bytes: &[u8]) -> Option<u64> {
    let file = object::File::parse(bytes).ok()?;
    let segments = file.segments().filter(|segment| segment.address() != 0);
    segments.map(|segment| segment.address()).min()
}

/// A path as a word of gdb's; none if it cannot be one.
fn word(path: &Path) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_control() {
            return None;
        }
        if !byte.is_ascii_alphanumeric() && byte.is_ascii() && !b"/._-+".contains(&byte) {
            word.push(b'\\');
        }
        word.push(byte);
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::super::image::tests::elf;
    use super::*;

    fn part(file: &str, linked: u64) -> Part {
        Part {
            file: file.into(),
            bytes: elf(&[(linked, b"code")]),
        }
    }

    #[test]
    fn gdb_is_told_of_every_program_and_where_to_find_the_machine() {
        let guests = [Guest {
            name: "my guest".into(),
            program: part("/a b/it's", 0x8020_0000),
            flat: Vec::new(),
        }];
        let hypervisor = part("/hv", 0x1000);
        let debugged = Debugged {
            arch: Arch::Riscv64,
            hypervisor: &hypervisor,
            guests: &guests,
            guest_at: Some(0x8020_0000),
        };
        let script = String::from_utf8(debugged.script()).unwrap();
        let told: Vec<_> = script
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        assert_eq!(
            told,
            [
                "set architecture riscv:rv64",
                "add-symbol-file /hv",
                r"add-symbol-file /a\ b/it\'s",
                "target remote gdb.sock"
            ]
        );
        let early = r"# add-symbol-file /a\ b/it\'s -o 0x1000000000000";
        assert!(script.lines().any(|line| line == early), "{script}");
    }

    #[test]
    fn a_program_without_symbols_or_with_a_wild_path_is_told_in_a_comment() {
        let flat = Part {
            file: "/flat".into(),
            bytes: b"code".to_vec(),
        };
        let wild = Guest {
            name: "g".into(),
            program: part("/a\nshell rm -rf", 0x1000),
            flat: Vec::new(),
        };
        let debugged = Debugged {
            arch: Arch::X86_64,
            hypervisor: &flat,
            guests: &[wild],
            guest_at: None,
        };
        let script = String::from_utf8(debugged.script()).unwrap();
        assert!(
            script.contains("# (It has no symbols: /flat is no ELF file.)\n"),
            "{script}"
        );
        assert!(
            !script.contains("shell") && !script.contains("add-symbol-file"),
            "{script}"
        );
    }

    #[test]
    fn the_computers_own_gdb_is_for_its_own_architecture() {
        for arch in Arch::ALL {
            let own = std::env::consts::ARCH == arch.name();
            assert_eq!(
                debuggers(arch)[0],
                if own { "gdb" } else { "gdb-multiarch" }
            );
        }
    }
}
