//! The page about scenarios against the code.

use super::*;

/// The page's headings for keys, ``### `key` ``.
fn headings() -> Vec<String> {
    let headings = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let mut headings: Vec<_> = headings.map(str::to_owned).collect();
    headings.sort();
    headings
}

#[test]
fn the_page_has_every_key_and_no_other() {
    assert_eq!(headings(), keys());
    for part in PAGE.split("\n### ").skip(1) {
        assert!(
            part.contains("```toml\n"),
            "without an example: {}",
            part.lines().next().unwrap()
        );
    }
}

#[test]
fn the_examples_of_the_page_are_right() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let examples = PAGE.split("```toml\n").skip(1);
    let examples: Vec<_> = examples
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() > 40, "{}", examples.len());
    for example in examples {
        // What an example leaves out: an end, and steps of the names that it speaks of.
        let mut text = String::new();
        let says_its_end = |line: &str| line.split('=').next().unwrap().trim() == "end";
        if !example.lines().any(says_its_end) {
            text += "end = 'shutdown'\n";
        }
        let parses = Source::from_text("example.toml", format!("{text}{example}"));
        let parsed = parses.parse::<raw::Scenario>();
        assert!(parsed.is_ok(), "{}\n{example}", parsed.err().unwrap());
        if example.contains("extends") || example.contains("-from") || example.contains("before") {
            continue; // other files are not here
        }
        let mut whole = format!("{text}{example}");
        for name in ["boot", "enter", "worker1", "worker2"] {
            let there = format!("name = \"{name}\"");
            let known = whole.lines().any(|line| {
                let pair = line
                    .split_once('=')
                    .map(|(key, value)| (key.trim(), value.trim()));
                pair == Some(("name", &format!("{name:?}")))
            });
            if !known {
                let strand = name.starts_with("worker");
                let kind = if strand { "strand" } else { "step" };
                let more = if strand { "sequence = '0..=1'\n" } else { "" };
                whole += &format!("\n[[{kind}]]\n{there}\npattern = '^{name} (\\d)'\n{more}");
            }
        }
        let resolved =
            Scenario::from_text("example", &*whole).resolve(&project, &machine, &With::default());
        assert!(resolved.is_ok(), "{}\n{whole}", resolved.err().unwrap());
    }
}
