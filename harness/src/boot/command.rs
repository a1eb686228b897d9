//! The command of a run: how the harness holds on to QEMU, and for people, as it was run and to be run
//! by hand.

use crate::machine::Launch;
use crate::machine::process::{ENVIRONMENT, QMP_FD, SERIAL_FD};
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

/// A word as a POSIX shell reads it.
fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |c: &u8| c.is_ascii_alphanumeric() || b"-_=./,:+@".contains(c);
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_owned();
    }
    let parts: Vec<_> = word.split(|&byte| byte == b'\'').collect();
    [b"'", &parts.join(&br"'\''"[..])[..], b"'"].concat()
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
            folder: folder.clone(),
            witness: None,
            firmware: None,
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
