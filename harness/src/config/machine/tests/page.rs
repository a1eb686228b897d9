//! The page of machine files against the code.

use super::*;

/// The page that explains every key.
const PAGE: &str = include_str!("../../../../docs/machine.md");

/// The keys that a table has, as the code itself lists them when it meets one that it does not know.
fn keys_of(table: &str) -> Vec<String> {
    let text = format!("{table}\nno-key-at-all = 1\n");
    let error = Machine::from_text(&workspace(), Path::new("m.toml"), text).unwrap_err();
    let error = error.to_string();
    let (_, listed) = error
        .split_once("expected ")
        .expect("it lists what it knows");
    let listed = listed.lines().next().unwrap();
    let names = listed.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn every_key_has_its_paragraph_and_every_paragraph_its_key() {
    let tables = ["qemu", "disk", "disk.file", "firmware", "flash", "witness"];
    let mut keys = keys_of("");
    for table in tables {
        let head = match table {
            "disk.file" => "[[disk.file]]\npath = '/a'\nfrom = 'a'".to_owned(),
            _ => format!("[{table}]"),
        };
        let of_table = keys_of(&head);
        assert!(of_table.len() > 1, "[{table}]: {of_table:?}");
        keys.extend(of_table.iter().map(|key| format!("{table}.{key}")));
    }
    keys.retain(|key| !tables.contains(&&**key));
    keys.sort();
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("### `"));
    let mut explained: Vec<_> = headings.map(|line| line.trim_end_matches('`')).collect();
    explained.sort_unstable();
    assert_eq!(keys, explained);
}

/// Every example is right: alone or over another machine. And each key's paragraph has one.
#[test]
fn the_examples_of_the_page_are_machine_files() {
    for paragraph in PAGE.split("\n### ").skip(1) {
        let (key, text) = paragraph.split_once('\n').unwrap();
        let key = key.trim_matches('`');
        let (_, rest) = text
            .split_once("```toml\n")
            .unwrap_or_else(|| panic!("{key}"));
        let (example, _) = rest.split_once("```").unwrap();
        let name = key.rsplit('.').next().unwrap();
        assert!(example.contains(name), "{key}: {example}");
        let file = match key {
            "extends" => example.to_owned(),
            _ => format!("extends = 'riscv64'\n{example}"),
        };
        let machine = Machine::from_text(&workspace(), Path::new("m.toml"), file);
        // What is gone is refused, with a word on where it went, as the page has it.
        if text.trim_start().starts_with("Gone: ") {
            let error = machine.unwrap_err().to_string();
            assert!(error.contains(&format!("key `{name}`: is ")), "{error}");
            continue;
        }
        assert!(machine.is_ok(), "{key}: {}", machine.unwrap_err());
    }
    let (_, rest) = PAGE.split_once("```toml\n").unwrap();
    let (first, _) = rest.split_once("```").unwrap();
    let machine = Machine::from_text(&workspace(), Path::new("m.toml"), first.to_owned()).unwrap();
    assert!(machine.qemu.machine.ends_with(&["-smp".into(), "2".into()]));
}

/// The page names every machine that is built in.
#[test]
fn the_page_names_every_built_in_machine() {
    for (name, _) in find::BUILT_IN {
        assert!(PAGE.contains(&format!("| `{name}` | ")), "{name}");
    }
}
