//! docs/desk.md is held against the program.

use harness::cli::description;
use harness::tools::pages::{Entry, PAGES, entries};
use std::collections::BTreeSet;

fn page() -> Vec<Entry<'static>> {
    let page = PAGES.iter().find(|page| page.name == "desk.md");
    entries(page.expect("the page is built in").text)
}

/// The options of a command by their long names, but for those of every command.
fn options(command: &str) -> BTreeSet<String> {
    let harness = description();
    let command = harness.find_subcommand(command).expect("it is a command");
    let options = command
        .get_arguments()
        .filter(|option| !option.is_global_set());
    let names = options.filter_map(|option| option.get_long());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_has_every_option_of_watch_and_no_other() {
    let page = page();
    let watch = page
        .iter()
        .find(|entry| entry.key == "watch")
        .expect("it is there");
    let rows = watch.text.lines().filter(|line| line.starts_with("| `--"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let words = cells.flat_map(|cell| cell.split(','));
    let names: Vec<_> = words
        .map(|word| {
            word.trim()
                .trim_matches('`')
                .trim_start_matches("--")
                .to_owned()
        })
        .collect();
    let different: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert_eq!(different, options("watch"));
}

#[test]
fn what_the_page_says_of_other_commands_they_have() {
    let (run, bench) = (options("run"), options("bench"));
    let mut found = 0;
    for entry in page() {
        let of = match entry.section {
            Some("Options of a run") => &run,
            Some("Getting slower") if entry.key != "bench" => &bench,
            _ => continue,
        };
        found += 1;
        assert!(of.contains(entry.key), "there is no option --{}", entry.key);
    }
    assert!(found >= 5, "{found}");
}
