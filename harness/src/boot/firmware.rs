//! The firmware of a machine, without asking QEMU for its folders each time.
//!
//! The answer is kept where the [project](Project::firmware_note) has a place for it, and holds while QEMU's program
//! is the same file and the firmware is there. Only the candidate that comes first is kept: another one may be there
//! only until the first is installed.

use super::freshness::{self, Identity};
use crate::config::machine::{Machine, Qemu};
use crate::config::scenario::plain_name;
use crate::error::Error;
use crate::machine::firmware_image;
use crate::project::Project;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What QEMU's answer led to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    program: PathBuf,
    identity: Identity,
    candidate: String,
    file: PathBuf,
}

/// The machine's firmware for its own hypervisor, or for any other; none if it needs none. QEMU has to
/// answer within `patience` if it is asked.
pub async fn of(
    project: &Project,
    machine: &Machine,
    own: bool,
    patience: Duration,
) -> Result<Option<PathBuf>, Error> {
    if !machine.uses("firmware") {
        return Ok(None);
    }
    let whose = if own { "own-firmware" } else { "firmware" };
    let name = plain_name(&machine.name);
    let kept = project.firmware_note(&format!("{whose}-{name}"));
    let candidates = machine.firmware_for(own);
    find(kept.as_deref(), &machine.qemu, &candidates, patience).await
}

async fn find(
    kept: Option<&Path>,
    qemu: &Qemu,
    candidates: &[String],
    patience: Duration,
) -> Result<Option<PathBuf>, Error> {
    let Some(first) = candidates.first() else {
        return Ok(None);
    };
    let known = |file: PathBuf| {
        let program = freshness::program(&qemu.program)?;
        Some(Known {
            identity: Identity::of(&program).ok()??,
            program,
            candidate: first.clone(),
            file,
        })
    };
    let then = kept.and_then(|kept| fs::read(kept).ok());
    let then = then.and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
    if let Some(then) = then.filter(|then| then.file.is_file())
        && known(then.file.clone()).as_ref() == Some(&then)
    {
        return Ok(Some(then.file));
    }
    let found = firmware_image::find(&qemu.program, qemu.oldest, candidates, patience).await?;
    let keep = found.clone().filter(|file| file.ends_with(first));
    if let Some(kept) = kept
        && let Some(known) = keep.and_then(known)
        && let Ok(bytes) = serde_json::to_vec(&known)
    {
        // If it cannot be kept, QEMU is asked again.
        let _ = freshness::write_whole(kept, &bytes);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A QEMU whose only folder this is, and which counts how often it is asked.
    fn qemu(folder: &Path) -> PathBuf {
        let path = folder.join("qemu");
        let script = format!(
            "#!/bin/sh\necho asked >>{0}/log\necho {0}\n",
            folder.display()
        );
        fs::write(folder.join("script"), script).unwrap();
        // Another process writes it: while a test forks, a file that this one has written may still
        // be open in the child, and cannot be started.
        let copy = "rm -f \"$1\" && cp \"$0\" \"$1\" && chmod 755 \"$1\"";
        let mut copy_it = std::process::Command::new("sh");
        copy_it
            .args(["-c", copy])
            .arg(folder.join("script"))
            .arg(&path);
        assert!(copy_it.status().unwrap().success());
        path
    }

    #[tokio::test]
    async fn qemu_is_asked_again_only_when_it_or_the_firmware_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let emulator = Qemu {
            program: qemu(folder.path()),
            oldest: (0, 0),
            machine: Vec::new(),
            accel: None,
        };
        let candidates = ["best.rom", "other.bin"].map(str::to_owned);
        let asked = || fs::read_to_string(at("log")).map_or(0, |log| log.lines().count());
        let find = async || {
            find(Some(&at("kept")), &emulator, &candidates, PATIENCE)
                .await
                .unwrap()
                .unwrap()
        };

        fs::write(at("other.bin"), "").unwrap();
        assert_eq!((find().await, asked()), (at("other.bin"), 1));
        fs::write(at("best.rom"), "").unwrap();
        assert_eq!((find().await, asked()), (at("best.rom"), 2));
        assert_eq!((find().await, asked()), (at("best.rom"), 2));
        qemu(folder.path());
        assert_eq!((find().await, asked()), (at("best.rom"), 3));
        assert_eq!((find().await, asked()), (at("best.rom"), 3));
        fs::remove_file(at("best.rom")).unwrap();
        assert_eq!((find().await, asked()), (at("other.bin"), 4));
        fs::remove_file(at("other.bin")).unwrap();
        let none = super::find(Some(&at("kept")), &emulator, &candidates, PATIENCE).await;
        assert!(none.is_err());
    }
}
