//! `harness watch` on a workspace of its own, whose hypervisor cargo really builds: a program of the computer's own, of a
//! few lines. Nothing is booted; what matters is after which changes cargo is started again.

use crate::watching::{Watching, append, project};
use std::fs;
use std::path::Path;

/// What is said when there is something to boot: it is no machine that would boot it.
const BUILT: &str = "did not start its machine";

/// A workspace with a hypervisor of two files, and a crate beside it that it is built with.
fn workspace() -> tempfile::TempDir {
    let folder = project();
    let arch = std::env::consts::ARCH;
    let target = format!("{arch}-unknown-linux-gnu");
    for (file, text) in [
        (
            "Cargo.toml",
            "[workspace]\nresolver = '3'\nmembers = ['hypervisor', 'beside']\n[profile.image]\ninherits = 'dev'\n",
        ),
        (
            "hypervisor/Cargo.toml",
            "[package]\nname = 'hypervisor'\nedition = '2024'\n[dependencies]\nbeside = { path = '../beside' }\n",
        ),
        (
            "hypervisor/src/main.rs",
            "mod deep;\nfn main() { deep::say(beside::WORD) }\n",
        ),
        (
            "hypervisor/src/deep/mod.rs",
            "pub fn say(word: &str) { println!(\"{word}\") }\n",
        ),
        (
            "beside/Cargo.toml",
            "[package]\nname = 'beside'\nedition = '2024'\n",
        ),
        ("beside/src/lib.rs", "pub const WORD: &str = \"word\";\n"),
        ("configs/axconfig.toml", ""),
        (
            "configs/build.toml",
            &format!("[{arch}]\ntarget = '{target}'\naxconfig = 'axconfig.toml'\n"),
        ),
        (
            "configs/machines/mine.toml",
            &format!(
                "arch = '{arch}'\n[qemu]\nprogram = '../../qemu'\nmachine = ['-kernel', '{{kernel}}']\n"
            ),
        ),
    ] {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn watch(folder: tempfile::TempDir) -> Watching {
    Watching::project(folder, &["--scenario", "one"])
}

/// What it says after a change in the hypervisor's sources.
#[track_caller]
fn after(watching: &mut Watching, change: impl FnOnce(&Path)) -> String {
    watching.change(|folder| change(&folder.join("hypervisor/src")));
    watching.until("watching ").join("\n")
}

/// The file that has to be mended is none of those that the last build was made of.
#[test]
fn a_file_that_is_new_in_a_build_that_fails_can_be_mended() {
    let mut watching = watch(workspace());
    let said = watching.first.join("\n");
    assert!(said.contains(BUILT), "{said}");
    let said = after(&mut watching, |src| {
        fs::write(src.join("new.rs"), "pub fn new( {}\n").unwrap();
        append(src.join("main.rs"), "mod new;\n");
    });
    assert!(said.contains("new.rs:1:"), "{said}");
    let said = after(&mut watching, |src| {
        fs::write(src.join("new.rs"), "pub fn new() {}\n").unwrap();
    });
    assert!(said.contains("hypervisor/src/new.rs changed"), "{said}");
    assert!(said.contains(BUILT), "{said}");
    // What is no source is none again.
    let said = after(&mut watching, |src| {
        fs::write(src.join("notes.txt"), "nothing").unwrap();
        append(src.join("deep/mod.rs"), "// more\n");
    });
    assert!(
        said.contains("hypervisor/src/deep/mod.rs changed"),
        "{said}"
    );
}

#[test]
fn a_module_may_be_missing_at_first_and_lie_in_a_folder_that_is_missing_too() {
    let mut watching = watch(workspace());
    let said = after(&mut watching, |src| {
        append(src.join("deep/mod.rs"), "mod more;\n")
    });
    assert!(said.contains("E0583"), "{said}");
    let said = after(&mut watching, |src| {
        fs::create_dir(src.join("deep/more")).unwrap()
    });
    assert!(said.contains("E0583"), "{said}");
    let said = after(&mut watching, |src| {
        fs::write(src.join("deep/more/mod.rs"), "").unwrap();
    });
    assert!(said.contains(BUILT), "{said}");
}

/// Nothing was ever built: all that is there may be what is wrong.
#[test]
fn a_workspace_that_never_built_can_be_mended_anywhere() {
    let folder = workspace();
    let lib = folder.path().join("beside/src/lib.rs");
    fs::write(&lib, "pub const WORD: &str = 1;\n").unwrap();
    let mut watching = watch(folder);
    let said = watching.first.join("\n");
    assert!(said.contains("E0308"), "{said}");
    let said = after(&mut watching, |_| {
        fs::write(&lib, "pub const WORD: &str = \"\";\n").unwrap()
    });
    assert!(
        said.contains("beside/src/lib.rs changed") && said.contains(BUILT),
        "{said}"
    );
}
