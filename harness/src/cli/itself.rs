//! Checks that the harness that `x` started matches its sources.
//!
//! `x` checks the compiler, QEMU and the harness only once. The program that it then starts writes what was found
//! into a [stamp](crate::boot::freshness). From then on `x` starts the program at once, and the program checks
//! whether the stamp still holds. If it does not, the program hands over to `x`, which checks everything again.

use crate::boot::freshness::{Build, Moment, Stamp};
use crate::boot::quoted;
use crate::error::Error;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// `x` has checked nothing, so the program must.
const CHECK: &str = "--x-check";

/// `x` has checked everything and built this program. What follows: a file that is older than the build, the
/// toolchain that rustup must be told (or nothing), the compiler's folder, and the programs that `x` looked for,
/// separated by spaces.
const BUILT: &str = "--x-built";

/// Tells `x` to check everything again.
const LOOK: &str = "--look";

/// The program's arguments without those that `x` added. If everything must be checked again, this does not return:
/// `x` takes over.
///
/// Called while there is only one thread.
pub fn arguments(mut given: Vec<OsString>) -> Result<Vec<OsString>, Error> {
    match given.get(1).and_then(|first| first.to_str()) {
        Some(CHECK) => {
            given.remove(1);
            check(&given[1..])?;
        }
        Some(BUILT) if given.len() >= 6 => {
            let said: Vec<_> = given.drain(1..6).skip(1).collect();
            built(&said);
        }
        _ => {}
    }
    Ok(given)
}

/// The command line that started the program, as one would type it.
pub(super) fn command_line() -> String {
    let mut words = std::env::args_os().skip(1).peekable();
    let added = words.peek().and_then(|word| match word.to_str() {
        Some(CHECK) => Some(1),
        Some(BUILT) => Some(5),
        _ => None,
    });
    let program = if added.is_some() { "./x" } else { "harness" };
    let typed = words.skip(added.unwrap_or(0));
    let typed = typed.map(|word| quoted(word.as_bytes()));
    let words: Vec<_> = std::iter::once(program.into()).chain(typed).collect();
    String::from_utf8_lossy(&words.join(&b' ')).into_owned()
}

/// Returns if all is as it was when `x` last checked; otherwise `x` takes over, with these arguments.
fn check(arguments: &[OsString]) -> Result<(), Error> {
    let build = build(Vec::new());
    let stamp = build
        .as_ref()
        .and_then(|build| Stamp::read(&build.artefact).filter(|stamp| stamp.holds(build)));
    if let Some(stamp) = stamp {
        export(stamp.exports);
        return Ok(());
    }
    let error = Command::new("./x").arg(LOOK).args(arguments).exec();
    Err(Error::io("start", Path::new("./x"), &error))
}

/// Writes the stamp. Without one, `x` checks everything the next time.
fn built(said: &[OsString]) {
    let [marker, toolchain, sysroot, programs] = said else {
        return;
    };
    let began = std::fs::metadata(marker).map(|meta| Moment::modified(&meta));
    let _ = std::fs::remove_file(marker);
    let mut exports = BTreeMap::from([("RUSTUP_AUTO_INSTALL".to_owned(), "0".to_owned())]);
    if let Some(name) = toolchain.to_str().filter(|name| !name.is_empty()) {
        exports.insert("RUSTUP_TOOLCHAIN".to_owned(), name.to_owned());
    }
    let programs = programs.to_str().unwrap_or_default().split(' ');
    let build = build(programs.map(str::to_owned).collect());
    if let (Some(build), Ok(began)) = (build, began) {
        Stamp::record(&build, began, Path::new(sysroot), exports.clone());
    }
    export(exports);
}

/// This program, as `x` builds it in the workspace that is the current folder.
fn build(programs: Vec<String>) -> Option<Build> {
    let root = std::env::current_dir().ok()?;
    Some(Build {
        artefact: std::env::current_exe().ok()?,
        arguments: Vec::new(),
        environment: std::env::vars_os().collect(),
        triple: None,
        programs,
        files: vec![root.join("x")],
        root,
    })
}

fn export(variables: BTreeMap<String, String>) {
    for (name, value) in variables {
        // SAFETY: `arguments` is called before a second thread is started, so nobody reads the
        // environment meanwhile.
        unsafe { std::env::set_var(name, value) };
    }
}
