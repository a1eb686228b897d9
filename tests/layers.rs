//! Checks the sources against the rules of ARCHITECTURE.md: which folder may import which, where unsafe
//! code may be, what may name an architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each folder (or file) of `harness/src` may import of its own crate. Nothing imports upwards, so
/// there is no circle.
const HARNESS: &[(&str, &[&str])] = &[
    ("suggest", &[]),
    ("arch", &["suggest"]),
    ("judge", &[]),
    ("shown", &["judge"]),
    ("error", &["judge", "shown"]),
    ("files", &["error", "shown"]),
    ("project", &["error", "files", "shown", "suggest"]),
    (
        "config",
        &[
            "arch", "error", "files", "judge", "project", "shown", "suggest",
        ],
    ),
    (
        "records",
        &[
            "arch", "config", "error", "files", "judge", "project", "shown", "suggest",
        ],
    ),
    (
        "machine",
        &[
            "arch", "config", "error", "files", "judge", "records", "shown", "suggest",
        ],
    ),
    (
        "boot",
        &[
            "arch", "config", "error", "files", "judge", "machine", "project", "records", "shown",
            "suggest",
        ],
    ),
    (
        "run",
        &[
            "arch", "boot", "config", "error", "files", "judge", "machine", "project", "records",
            "shown", "suggest",
        ],
    ),
    (
        "matrix",
        &[
            "arch", "boot", "config", "error", "files", "judge", "machine", "project", "records",
            "run", "shown", "suggest",
        ],
    ),
    ("reports", &["arch", "judge", "matrix", "records", "shown"]),
    (
        "page",
        &[
            "arch", "error", "files", "judge", "matrix", "records", "reports", "shown",
        ],
    ),
    (
        "tools",
        &[
            "arch", "boot", "config", "error", "files", "judge", "machine", "matrix", "project",
            "records", "run", "shown", "suggest",
        ],
    ),
    (
        "cli",
        &[
            "arch", "boot", "config", "error", "files", "judge", "machine", "project", "records",
            "matrix", "page", "reports", "run", "shown", "suggest", "tools",
        ],
    ),
];

/// The same of `hypervisor/src`. `vm`, `memory`, `calls` and `report` are one machine-independent
/// whole; what matters is that none of them knows an architecture.
const HYPERVISOR: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("vm", &["calls", "devices", "memory", "report", "error"]),
    ("devices", &["error", "memory", "vm"]),
    ("memory", &["error", "vm"]),
    ("calls", &["memory", "report", "vm"]),
    ("report", &["devices", "error", "memory", "vm"]),
    ("arch", &["devices", "error", "memory", "report", "vm"]),
    ("loader", &["error", "memory", "vm"]),
    ("clock", &["vm"]),
    (
        "boot",
        &[
            "arch", "clock", "devices", "error", "loader", "memory", "report", "vm", "calls",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below a folder, with their text; comments and the modules that are tests left out.
fn sources(folder: &str) -> Vec<(String, String)> {
    let top = root().join(folder);
    let mut found = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs")
            {
                let name = path
                    .strip_prefix(&top)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push((name, code(&std::fs::read_to_string(&path).unwrap())));
            }
        }
    }
    assert!(found.len() > 10, "{folder} holds no sources");
    found.sort();
    found
}

/// A file's text up to its tests, without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| match line.trim_start() {
        comment if comment.starts_with("//") => "",
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The folder or file of the crate that a source belongs to.
fn room(name: &str) -> &str {
    let first = name.split('/').next().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The first names behind every `crate::`, those of `crate::{a, b::{c}}` included.
fn imports(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue; // `$crate::`, `my_crate::`
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.extend(head(rest)),
        }
    }
    names
}

fn head(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut fresh) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if depth == 0 && fresh && !c.is_whitespace() => {
                heads.extend(head(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

/// Every import that the table does not allow.
fn trespasses(folder: &str, allowed: &[(&str, &[&str])], apart: &[&str]) -> Vec<String> {
    let table: BTreeMap<_, _> = allowed.iter().copied().collect();
    let mut found = Vec::new();
    for (name, code) in sources(folder) {
        let room = room(&name);
        if apart.contains(&room) {
            continue;
        }
        let Some(may) = table.get(room) else {
            found.push(format!("{folder}/{name} belongs to no folder of the table"));
            continue;
        };
        for import in imports(&code) {
            // A type of the crate's root, such as an error, is not a folder.
            let is_room = import != room && table.contains_key(import.as_str());
            if is_room && !may.contains(&import.as_str()) {
                found.push(format!("{folder}/{name} imports {import}"));
            }
        }
    }
    found
}

fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn nothing_imports_upwards_in_the_harness() {
    none(trespasses("harness/src", HARNESS, &["lib", "main"]));
}

#[test]
fn nothing_imports_upwards_in_the_hypervisor() {
    none(trespasses("hypervisor/src", HYPERVISOR, &["lib", "main"]));
}

#[test]
fn the_tables_have_no_circle() {
    // An earlier row never imports a later one.
    for (at, (name, may)) in HARNESS.iter().enumerate() {
        let earlier: Vec<_> = HARNESS[..at].iter().map(|(name, _)| *name).collect();
        for import in *may {
            assert!(earlier.contains(import), "{name} imports {import}");
        }
    }
}

/// Files whose code has one of some words.
fn with_words(folder: &str, words: &[&str]) -> Vec<String> {
    let files = sources(folder).into_iter();
    let hits = files.filter(|(_, code)| words.iter().any(|word| code.contains(word)));
    hits.map(|(name, _)| name).collect()
}

#[test]
fn the_judge_has_no_files_no_clocks_no_processes_and_no_command_line() {
    let words = [
        "tokio",
        "clap",
        "std::fs",
        "std::env",
        "std::process",
        "std::thread",
        "std::net",
        "Instant",
        "SystemTime",
    ];
    let hits = with_words("harness/src", &words);
    none(
        hits.into_iter()
            .filter(|name| room(name) == "judge")
            .collect(),
    );
}

#[test]
fn options_are_the_command_lines_business() {
    let hits = with_words("harness/src", &["clap::", "clap("]);
    let elsewhere = |name: &String| room(name) != "cli";
    none(hits.into_iter().filter(elsewhere).collect());
}

/// Another project's test prints what it likes.
#[test]
fn only_the_command_line_prints() {
    let words = ["stderr()", "stdout()", "print!(", "println!("];
    let hits = with_words("harness/src", &words);
    let elsewhere = |name: &String| room(name) != "cli";
    none(hits.into_iter().filter(elsewhere).collect());
}

/// In a library the program that runs is another project's test.
#[test]
fn the_program_that_runs_is_the_command_lines_business() {
    let hits = with_words("harness/src", &["current_exe"]);
    let elsewhere = |name: &String| !["cli", "main"].contains(&room(name));
    none(hits.into_iter().filter(elsewhere).collect());
}

#[test]
fn only_the_command_line_uses_the_tools() {
    let hits = with_words("harness/src", &["crate::tools"]);
    let elsewhere = |name: &String| !["cli", "tools"].contains(&room(name));
    none(hits.into_iter().filter(elsewhere).collect());
}

#[test]
fn time_passes_in_few_places() {
    // What a user waits for while something is built or measured is not a clock of a run's.
    let allowed = ["machine", "tools", "cli", "boot"];
    let hits = with_words("harness/src", &["tokio::time", "thread::sleep"]);
    let elsewhere = |name: &String| !allowed.contains(&room(name));
    none(hits.into_iter().filter(elsewhere).collect());
}

#[test]
fn one_file_chooses_the_architecture() {
    let hits = with_words("hypervisor/src", &["target_arch"]);
    assert_eq!(hits, ["arch/mod.rs"]);
}

#[test]
fn the_run_loop_names_no_architecture_and_exits_import_addresses_alone() {
    let names = [
        "riscv", "aarch64", "x86", "hgatp", "vttbr", "vmcb", "scause", "esr_el", "svm",
    ];
    let shared = ["vm", "memory", "calls", "devices"];
    let hits = with_words("hypervisor/src", &names);
    none(
        hits.into_iter()
            .filter(|name| shared.contains(&room(name)))
            .collect(),
    );
    for (name, code) in sources("hypervisor/src") {
        // Plain data: addresses, which import nothing themselves.
        let wanted = match name.as_str() {
            "vm/exit.rs" => vec!["use crate::memory::addr::{Gpa, Gva};"],
            "memory/addr.rs" => vec!["use core::fmt;"],
            _ => continue,
        };
        let uses = code
            .lines()
            .filter(|line| line.starts_with("use ") || line.contains("crate::"));
        assert_eq!(uses.collect::<Vec<_>>(), wanted, "{name}");
    }
}

#[test]
fn architectures_do_not_name_each_other() {
    let architectures = ["aarch64", "riscv64", "x86_64"];
    for (name, code) in sources("hypervisor/src/arch") {
        for other in architectures {
            let own = room(&name) == other || name == "mod.rs";
            let named = code.contains(&format!("arch::{other}"))
                || code.contains(&format!("super::super::{other}"));
            assert!(own || !named, "arch/{name} names {other}");
        }
    }
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    let may = |name: &str| {
        let pure = ["decode.rs", "calls.rs", "format.rs"];
        let in_arch = name.starts_with("arch/") && !pure.iter().any(|pure| name.ends_with(pure));
        // The canary and the pages are host memory; `main` has the one symbol that ArceOS calls.
        in_arch || ["memory/pages.rs", "memory/canary.rs", "main.rs"].contains(&name)
    };
    let hits = with_words("hypervisor/src", &["unsafe "]);
    none(hits.into_iter().filter(|name| !may(name)).collect());
    // Between fork and exec; and before there is a second thread: the environment (cli/itself.rs) and
    // what signals do (cli/signals.rs).
    let alone = ["cli/itself.rs", "cli/signals.rs"];
    let hits = with_words("harness/src", &["unsafe "]);
    let hits = hits
        .into_iter()
        .filter(|name| !alone.contains(&name.as_str()));
    none(hits.filter(|name| room(name) != "machine").collect());
}

#[test]
fn what_is_read_is_read_right() {
    let code = code(
        "use crate::{\n    a,\n    b::{c, d},\n};\nuse crate::e::f; // crate::g\n// use crate::h;\n$crate::i",
    );
    let found: Vec<_> = imports(&code).into_iter().collect();
    assert_eq!(found, ["a", "b", "e", "g"]);
}
