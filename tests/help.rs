//! What the program says of itself: examples, completions, the manual; and in colour only where that is wanted.

mod support;

use clap::error::ErrorKind;
use harness::cli::description;
use std::process::Command;
use support::{Ran, command, harness, root};

/// Every command, the program's own included.
fn commands() -> Vec<String> {
    let program = description();
    let names = program
        .get_subcommands()
        .map(|command| command.get_name().to_owned());
    names.filter(|name| name != "help").collect()
}

/// The command lines under `Example:` or `Examples:` in a help text.
fn examples(help: &str) -> Vec<&str> {
    let after = help.split_once("\nExample").map_or("", |(_, after)| after);
    let lines = after.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter(|line| !line.starts_with(' ')).collect()
}

#[test]
fn every_command_has_examples_and_each_is_one_that_the_program_understands() {
    for name in commands() {
        for option in ["--help", "-h"] {
            let help = harness(&[&name, option]);
            let examples = examples(&help.stdout);
            assert!(!examples.is_empty(), "{name} has no example: {help:#?}");
            for example in examples {
                let words: Vec<_> = example.split(' ').collect();
                assert_eq!(&words[..2], ["harness", &name]);
                let parsed = description().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{example}: {parsed:?}");
            }
        }
    }
}

/// An example with a slip is one that the test above would find.
#[test]
fn the_parser_that_examples_are_tried_with_is_strict() {
    let wrong = [
        "harness",
        "run",
        "--arch",
        "riscv64",
        "--reports",
        "junit=x",
    ];
    let error = description().try_get_matches_from(wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownArgument);
}

#[test]
fn completions_are_made_for_each_shell_and_name_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = harness(&["completions", shell]);
        assert_eq!(script.code, Some(0), "{script:#?}");
        for name in commands() {
            assert!(
                script.stdout.contains(&name),
                "{shell} does not know {name}"
            );
        }
        assert!(
            script.stdout.contains("no-audit"),
            "{shell} knows no options"
        );
    }
    let none = harness(&["completions", "csh"]);
    assert_eq!(none.code, Some(2), "{none:#?}");
    assert!(none.stderr.contains("fish"), "{none:#?}");
}

/// What bash offers for the last word of a line.
fn offered(words: &[&str]) -> Vec<String> {
    let script = harness(&["completions", "bash"]).stdout;
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let asked = format!(
        "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_harness harness '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        quoted.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let ran: Ran = Command::new("bash")
        .args(["-c", &asked])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_architectures() {
    assert_eq!(offered(&["harness", "jud"]), ["judge"]);
    assert_eq!(offered(&["harness", "run", "--no-a"]), ["--no-audit"]);
    assert_eq!(offered(&["harness", "run", "--arch", "ri"]), ["riscv64"]);
}

#[test]
fn the_manual_has_a_page_for_the_program_and_for_each_command() {
    let page = |about: &[&str]| {
        let ran = harness(&[&["man"], about].concat());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.stdout
    };
    let version = env!("CARGO_PKG_VERSION");
    let title = |name: &str| format!(".TH {name} 1  \"harness {version}\"");
    let program = page(&[]);
    assert!(program.contains(&title("harness")), "{program}");
    assert!(program.contains("Exit codes"), "{program}");
    for name in commands() {
        let about = page(&[&name]);
        assert!(
            about.contains(&title(&format!("harness-{name}"))),
            "{about}"
        );
        assert!(about.contains("Example"), "{about}");
        assert!(
            program.contains(&name.replace('-', r"\-")),
            "{name} is not in {program}"
        );
    }
    let none = harness(&["man", "judg"]);
    assert_eq!(none.code, Some(2), "{none:#?}");
    assert!(none.stderr.contains("did you mean `judge`?"), "{none:#?}");
}

/// What the program prints with these variables set, to standard output and standard error together.
fn printed(args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = command(args);
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"] {
        command.env_remove(name);
    }
    let ran: Ran = command
        .envs(variables.iter().copied())
        .output()
        .unwrap()
        .into();
    ran.stdout + &ran.stderr
}

#[test]
fn colours_are_where_they_are_wanted_and_nowhere_else() {
    let (force, none) = (("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1"));
    for args in [
        &[
            "judge",
            "--arch",
            "riscv64",
            "fixtures/consoles/riscv64/good.log",
        ][..],
        &["judge", "no/such/log"],
        &["run", "--nonsense"],
        &["run", "--help"],
    ] {
        assert!(
            !printed(args, &[]).contains('\x1b'),
            "{args:?}: no terminal, no colour"
        );
        assert!(
            printed(args, &[force]).contains("\x1b["),
            "{args:?}: colour was asked for"
        );
        assert!(
            !printed(args, &[force, none]).contains('\x1b'),
            "{args:?}: it was asked not to be"
        );
        let empty = ("NO_COLOR", ""); // which is none, as its convention says
        assert!(printed(args, &[force, empty]).contains("\x1b["), "{args:?}");
    }
}

#[test]
fn json_has_no_colour_even_where_colour_was_asked_for() {
    let mut command = command(&["doctor", "--format", "json"]);
    let ran: Ran = command.env("CLICOLOR_FORCE", "1").output().unwrap().into();
    assert!(
        ran.json()["checks"].is_array() || ran.json().is_array(),
        "{ran:#?}"
    );
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ["));
    let version = format!("{}] - ", env!("CARGO_PKG_VERSION"));
    assert!(
        newest.is_some_and(|newest| newest.starts_with(&version)),
        "{newest:?}"
    );
    let said = harness(&["--version"]).stdout;
    assert_eq!(
        said.trim(),
        format!("harness {}", env!("CARGO_PKG_VERSION"))
    );
}
