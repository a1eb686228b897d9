//! What a run was asked to be, and the command that boots the same again, from any folder.

use crate::arch::Arch;
use crate::config::machine::is_path;
use crate::shown;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, absolute};
use std::time::Duration;

/// What a run was asked to be. Names are as they were typed; files have their whole paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asked {
    /// The scenario; none if it was put together in code, so that no command can name it.
    pub scenario: Option<String>,
    /// The machine; none if it was the scenario's.
    pub machine: Option<String>,
    /// The architecture, if one was named.
    pub arch: Option<Arch>,
    /// What was booted instead of the workspace's own hypervisor.
    pub hypervisor: Option<String>,
    /// The guest that was run instead of the scenario's.
    pub guest: Option<String>,
    /// How long the run might take; none if it was as long as usual.
    pub timeout: Option<Duration>,
    /// Whether the audit was left out.
    #[serde(default)]
    pub no_audit: bool,
    /// What was to execute the instructions: `tcg`, `kvm`, `auto`; none if the machine's file said so.
    pub accel: Option<String>,
    /// Whether the machine waited for gdb.
    #[serde(default)]
    pub gdb: bool,
    /// Whether somebody sat at the console.
    #[serde(default)]
    pub shell: bool,
}

impl Asked {
    /// A run of a scenario on a machine, and nothing else.
    pub fn of(scenario: &str, machine: &str) -> Self {
        Self {
            scenario: Some(scenario.to_owned()),
            machine: Some(machine.to_owned()),
            ..Self::default()
        }
    }

    /// The command that boots the same again, to be pasted into a shell; none if no command can. `program` is what is typed
    /// to start the harness.
    pub fn command(&self, program: &str) -> Option<String> {
        let mut command = format!("{program} run");
        let mut option = |name: &str, value: &str| {
            command += &format!(" --{name} {}", typed(value.as_ref()));
        };
        option("scenario", self.scenario.as_deref()?);
        match (&self.machine, self.arch) {
            (Some(machine), _) => option("machine", machine),
            (None, Some(arch)) => option("arch", arch.name()),
            (None, None) => {}
        }
        let others = [
            ("hypervisor", &self.hypervisor),
            ("guest", &self.guest),
            ("timeout", &self.timeout.map(time)),
            ("accel", &self.accel),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                option(name, value);
            }
        }
        for (name, is_wanted) in [
            ("--no-audit", self.no_audit),
            ("--gdb", self.gdb),
            ("--shell", self.shell),
        ] {
            if is_wanted {
                command += &format!(" {name}");
            }
        }
        Some(command)
    }
}

/// A scenario's or a machine's name as it was typed; or, if the word means a file, the file's whole path.
pub fn whole(name_or_file: &OsStr) -> String {
    match is_path(name_or_file) {
        true => whole_file(Path::new(name_or_file)),
        false => name_or_file.to_string_lossy().into_owned(),
    }
}

/// A file's whole path. Parts that are not UTF-8 are replaced.
pub fn whole_file(file: &Path) -> String {
    let whole = absolute(file).unwrap_or_else(|_| file.to_owned());
    whole.to_string_lossy().into_owned()
}

/// A word to be pasted into a shell, and safe to show.
pub fn typed(word: &OsStr) -> String {
    shown::pasteable(word.as_bytes())
}

/// A time as an option takes it, to the microsecond: `5`, `300ms`.
pub fn time(time: Duration) -> String {
    match (time.subsec_micros() % 1000, time.subsec_millis()) {
        (0, 0) if time.as_secs() > 0 => time.as_secs().to_string(),
        (0, millis) if millis > 0 => format!("{}ms", time.as_millis()),
        _ => format!("{}us", time.as_micros().max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_duration;

    #[test]
    fn a_command_has_all_that_was_asked_for() {
        assert_eq!(
            Asked::of("gkernel", "riscv64").command("./x").unwrap(),
            "./x run --scenario gkernel --machine riscv64"
        );
        let asked = Asked {
            scenario: Some("/it's/my.toml".into()),
            arch: Some(Arch::Aarch64),
            hypervisor: Some("/a b/K".into()),
            guest: Some("story".into()),
            timeout: Some(Duration::from_millis(2500)),
            no_audit: true,
            accel: Some("tcg".into()),
            gdb: true,
            shell: true,
            ..Asked::default()
        };
        assert_eq!(
            asked.command("harness").unwrap(),
            r"harness run --scenario '/it'\''s/my.toml' --arch aarch64 --hypervisor '/a b/K' --guest story --timeout 2500ms --accel tcg --no-audit --gdb --shell"
        );
        assert_eq!(Asked::default().command("harness"), None);
    }

    #[test]
    fn a_word_is_the_same_from_any_folder_and_a_time_as_it_was() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(whole("gkernel".as_ref()), "gkernel");
        for file in ["./my.toml", "my.toml"] {
            let there = here.join("my.toml").display().to_string();
            assert_eq!(whole(file.as_ref()), there);
        }
        assert_eq!(whole("/a/b".as_ref()), "/a/b");
        for micros in [
            1, 999, 1000, 300_000, 1_000_000, 30_000_000, 1_500_000, 1_000_001,
        ] {
            let span = Duration::from_micros(micros);
            assert_eq!(parse_duration(&time(span)).unwrap(), span, "{}", time(span));
        }
    }
}
