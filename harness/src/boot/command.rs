//! The command of a run: how the harness holds on to QEMU, and for people, as it was run and to be run
//! by hand.

use crate::machine::Launch;
use crate::machine::audit::{AuditPlan, RAM_ID};
use crate::machine::process::{ENVIRONMENT, GDB_FD, QMP_FD, RAM_FD, SERIAL_FD};
pub use crate::shown::{pasteable, quoted};
use std::os::unix::ffi::OsStrExt;

/// How the harness holds on to QEMU: it starts stopped, and its control connection and its first serial
/// line are sockets that it inherits.
pub(super) fn control() -> Vec<String> {
    let words = [
        "-S",
        "-chardev",
        &format!("socket,id=qmp,fd={QMP_FD}"),
        "-mon",
        "chardev=qmp,mode=control",
        "-chardev",
        &format!("socket,id=console,fd={SERIAL_FD}"),
        "-serial",
        "chardev:console",
    ];
    words.map(str::to_owned).into()
}

/// Has a machine audited: its gdb stub is on a connection that QEMU inherits, and so is its RAM if its
/// size is understood. Otherwise QEMU is asked for what is in that, which takes longer.
pub fn audited(launch: &mut Launch, mut plan: AuditPlan) {
    plan.ram = ram_size(&launch.args);
    let mut words = vec![
        "-chardev".to_owned(),
        format!("socket,id=gdb,fd={GDB_FD}"),
        "-gdb".to_owned(),
        "chardev:gdb".to_owned(),
    ];
    if let Some(size) = plan.ram {
        let file = format!("mem-path=/dev/fd/{RAM_FD},share=on");
        words.extend([
            "-object".to_owned(),
            format!("memory-backend-file,id={RAM_ID},size={size},{file}"),
            // QEMU puts the properties of several of these together.
            "-machine".to_owned(),
            format!("memory-backend={RAM_ID}"),
        ]);
    }
    launch.args.extend(words);
    launch.audit = Some(plan);
}

/// How much RAM a machine has, in bytes, by QEMU's arguments; none where they do not say it plainly, or
/// say where it is to be.
pub(super) fn ram_size(args: &[String]) -> Option<u64> {
    let is_option = |word: &str, name: &str| {
        let word = word.strip_prefix('-').unwrap_or_default();
        word.strip_prefix('-').unwrap_or(word) == name
    };
    let elsewhere = args.iter().any(|word| {
        let says_where = ["numa", "mem-path", "readconfig"];
        word.contains("memory-backend") || says_where.iter().any(|name| is_option(word, name))
    });
    let mut sizes = args.windows(2).filter(|pair| is_option(&pair[0], "m"));
    let (Some(pair), None, false) = (sizes.next(), sizes.next(), elsewhere) else {
        return None;
    };
    let size = pair[1].split(',').next()?;
    let size = size.strip_prefix("size=").unwrap_or(size);
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    // QEMU's unit is the MiB where none is named.
    let unit = match &size[digits.len()..] {
        "b" | "B" => 0,
        "k" | "K" => 10,
        "" | "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return None,
    };
    let number = digits.parse::<u64>().ok().filter(|&number| number > 0)?;
    number.checked_mul(1 << unit)
}

/// What stands in for that when someone runs the command by hand.
pub(super) const BY_HAND: [&str; 2] = ["-serial", "mon:stdio"];

/// The command as it is run, and as one would paste it. What it starts with is the folder's name,
/// byte for byte: it need not be text.
pub(super) fn commands(launch: &Launch, by_hand: &[String]) -> Vec<u8> {
    let (name, value) = ENVIRONMENT;
    let line = |args: &[String]| {
        let args = args.iter().map(|word| quoted(word.as_bytes()));
        let program = quoted(launch.program.as_os_str().as_bytes());
        let start = [format!("{name}={value}").into_bytes(), program];
        start
            .into_iter()
            .chain(args)
            .collect::<Vec<_>>()
            .join(&b' ')
    };
    // A line of a comment stays one, whatever a word has in it.
    let as_it_was_run = line(&launch.args);
    let as_it_was_run: Vec<_> = as_it_was_run.split(|&byte| byte == b'\n').collect();
    [
        b"# by hand: the same machine, its serial line on this terminal\ncd ",
        &quoted(launch.folder.as_os_str().as_bytes())[..],
        b" && ",
        &line(by_hand),
        b"\n\n# as it was run, in the same folder: stopped at first; its control connection, \
          serial line and log are inherited descriptors\n# ",
        &as_it_was_run.join(&b"\n# "[..]),
        b"\n",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::fs;
    use std::process::Command;

    #[test]
    fn words_survive_a_shell() {
        for (word, as_typed) in [
            ("if=none,id=x", "if=none,id=x"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word.as_bytes()), as_typed.as_bytes());
        }
    }

    #[test]
    fn the_size_of_ram_is_read_as_qemu_reads_it() {
        let size = |args: &str| {
            let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
            ram_size(&args)
        };
        for (args, bytes) in [
            ("-machine virt -m 128M -cpu max", 128 << 20),
            ("-m 512", 512 << 20),
            ("--m 1G", 1 << 30),
            ("-m size=256m,slots=2,maxmem=1G", 256 << 20),
            ("-m 1048576k", 1 << 30),
        ] {
            assert_eq!(size(args), Some(bytes), "{args}");
        }
        for args in [
            "-machine virt",
            "-m",
            "-m 1.5G",
            "-m 0",
            "-m maxmem=1G",
            "-m 99999999999999T",
            "-m 128M -m 256M",
            "-m 128M -machine virt,memory-backend=mine",
            "-m 128M -object memory-backend-ram,id=mine,size=128M",
            "-m 128M -numa node,mem=128M",
        ] {
            assert_eq!(size(args), None, "{args}");
        }
    }

    #[test]
    fn an_audited_machine_has_its_stub_and_its_ram_on_inherited_descriptors() {
        let mut launch = Launch {
            program: "qemu".into(),
            oldest: (0, 0),
            args: ["-machine", "virt", "-m", "1G"].map(str::to_owned).into(),
            accelerator: None,
            folder: ".".into(),
            witness: None,
            firmware: None,
            audit: None,
            typed: Vec::new(),
            gdb: None,
        };
        let plan = AuditPlan {
            arch: crate::arch::Arch::Riscv64,
            entries: Vec::new(),
            releases: Vec::new(),
            every: None,
            registers: Vec::new(),
            image: Vec::new(),
            texts: Vec::new(),
            ram: None,
        };
        audited(&mut launch, plan.clone());
        let args = launch.args.join(" ");
        assert_eq!(
            args,
            "-machine virt -m 1G -chardev socket,id=gdb,fd=103 -gdb chardev:gdb -object \
             memory-backend-file,id=audited-ram,size=1073741824,mem-path=/dev/fd/104,share=on \
             -machine memory-backend=audited-ram"
        );
        assert_eq!(launch.audit.unwrap().ram, Some(1 << 30));
        // It names a memory of its own by now.
        launch.audit = None;
        audited(&mut launch, plan);
        assert_eq!(launch.audit.unwrap().ram, None);
    }

    /// Pasted into a shell it runs the program, in the folder, with the arguments.
    #[test]
    fn the_command_by_hand_does_what_it_says() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent
            .path()
            .join(OsStr::from_bytes(b"it's $HOME, \xff\nls"));
        fs::create_dir(&folder).unwrap();
        let launch = Launch {
            program: "sh".into(),
            oldest: (0, 0),
            args: vec!["-c".into(), "a line\nfalse".into()],
            accelerator: None,
            folder: folder.clone(),
            witness: None,
            firmware: None,
            audit: None,
            typed: Vec::new(),
            gdb: None,
        };
        let script = "pwd; printf '%s|' \"$TMPDIR\" \"$@\"";
        let by_hand = ["-c", script, "sh", "a b", "it's"].map(str::to_owned);
        let text = commands(&launch, &by_hand);
        let mut shell = Command::new("sh");
        let ran = shell
            .arg("-e")
            .arg("-c")
            .arg(OsStr::from_bytes(&text))
            .output()
            .unwrap();
        let mut expected = folder.into_os_string().into_encoded_bytes();
        expected.extend_from_slice(b"\n.|a b|it's|");
        assert_eq!(OsStr::from_bytes(&ran.stdout), OsStr::from_bytes(&expected));
        assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
    }
}
