//! The reference pages in `harness/docs`, which are built into the program, and lookups of keys in
//! them.
//!
//! A heading that contains code, such as ``### `silence` ``, is an entry, and extends to the next
//! heading. An item of a list that begins with code, ``- `why`: … ``, is one too, and belongs to the
//! heading above it.

use crate::error::Error;
use crate::suggest;
use std::collections::BTreeSet;

/// A reference page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its file's name.
    pub name: &'static str,
    /// Its text, in Markdown.
    pub text: &'static str,
}

/// All pages, in the order of lookup.
pub const PAGES: [Page; 7] = [
    Page {
        name: "scenario.md",
        text: include_str!("../../docs/scenario.md"),
    },
    Page {
        name: "machine.md",
        text: include_str!("../../docs/machine.md"),
    },
    Page {
        name: "report.md",
        text: include_str!("../../docs/report.md"),
    },
    Page {
        name: "verdict.md",
        text: include_str!("../../docs/verdict.md"),
    },
    Page {
        name: "reports.md",
        text: include_str!("../../docs/reports.md"),
    },
    Page {
        name: "matrix.md",
        text: include_str!("../../docs/matrix.md"),
    },
    Page {
        name: "desk.md",
        text: include_str!("../../docs/desk.md"),
    },
];

/// How many keys like one that is unknown are suggested at most.
const NEIGHBOURS: usize = 5;

/// An entry: a key and its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'p> {
    /// The key as the page writes it: `silence`, `[[step]]`.
    pub key: &'p str,
    /// The heading above it, without its `#`s; none for an entry above the first heading.
    pub section: Option<&'p str>,
    /// The text below the heading.
    pub text: &'p str,
}

impl Entry<'_> {
    /// The key as a user types it, without the brackets of a table.
    pub fn plain_key(&self) -> &str {
        self.key.trim_matches(['[', ']'])
    }

    /// Whether `wanted` means this entry: the key, or its last part, as `name` for `step.name` or `records` for
    /// `--records`; `stopped at`, as the verdict in words has it, is `stopped_at`.
    fn is(&self, wanted: &str) -> bool {
        let spaced = |text: &str| text.replace('_', " ");
        let rest = spaced(self.plain_key());
        let rest = rest.strip_suffix(&spaced(wanted));
        rest.is_some_and(|rest| rest.is_empty() || rest == "--" || rest.ends_with('.'))
    }
}

/// The entries of a page's text, in order.
pub fn entries(page: &str) -> Vec<Entry<'_>> {
    let headings = headings(page);
    let mut entries = Vec::new();
    let mut section = None;
    for (nth, &(at, level, title)) in headings.iter().enumerate() {
        let end = headings.get(nth + 1).map_or(page.len(), |next| next.0);
        let (_, text) = page[at..end].split_once('\n').unwrap_or_default();
        if let Some(key) = code_in(title) {
            let section = section.filter(|_| level > 2);
            let text = text.trim();
            entries.push(Entry { key, section, text });
        }
        if level <= 2 {
            section = Some(title);
        }
    }
    entries
}

/// The items ``- `word`: …`` of an entry, in order.
pub fn items<'p>(entry: &Entry<'p>) -> Vec<Entry<'p>> {
    let mut items = Vec::new();
    let mut rest = entry.text;
    while let Some(item) = next_item(&mut rest) {
        items.extend(item.split_once("`: ").map(|(key, text)| Entry {
            key,
            section: Some(entry.key),
            text: text.trim_end(),
        }));
    }
    items
}

/// The next item of a list, after its first backtick: up to the following item, or to the list's end.
fn next_item<'p>(rest: &mut &'p str) -> Option<&'p str> {
    const START: &str = "- `";
    let start = if rest.starts_with(START) {
        0
    } else {
        rest.find("\n- `")? + 1
    };
    let item = &rest[start + START.len()..];
    let ends = ["\n- ", "\n\n"].iter().filter_map(|end| item.find(end));
    let end = ends.min().unwrap_or(item.len());
    *rest = &item[end..];
    Some(&item[..end])
}

/// Where each heading begins, its level, and its title. Lines in a block of code are not headings.
fn headings(page: &str) -> Vec<(usize, usize, &str)> {
    let (mut headings, mut at, mut in_code) = (Vec::new(), 0, false);
    for line in page.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !in_code && level > 0 && title.starts_with(' ') {
            headings.push((at, level, title.trim()));
        }
        at += line.len();
    }
    headings
}

/// The first code in a title.
fn code_in(title: &str) -> Option<&str> {
    let (_, rest) = title.split_once('`')?;
    let (code, _) = rest.split_once('`')?;
    Some(code).filter(|code| !code.is_empty())
}

/// What the pages say about a key; without a key, the list of all keys.
pub fn explain(key: Option<&str>) -> Result<String, Error> {
    match key {
        Some(key) => paragraphs(key),
        None => Ok(contents()),
    }
}

fn paragraphs(key: &str) -> Result<String, Error> {
    let wanted = key.trim_matches(['[', ']']);
    if wanted.is_empty() {
        return Err(Error::Usage(
            "name a key, or leave it out to see all".into(),
        ));
    }
    let mut found = Vec::new();
    let mut keys = BTreeSet::new();
    for page in PAGES {
        for heading in entries(page.text) {
            let items = items(&heading);
            for entry in std::iter::once(heading).chain(items) {
                if entry.is(wanted) {
                    let section = entry.section.map_or(String::new(), |s| format!(", {s}"));
                    let (name, text) = (page.name, entry.text);
                    found.push(format!("{} ({name}{section})\n\n{text}", entry.key));
                }
                keys.insert(entry.plain_key().to_owned());
            }
        }
    }
    if found.is_empty() {
        let keys: Vec<_> = keys.into_iter().collect();
        let near = suggest::neighbours(wanted, &keys, NEIGHBOURS);
        let near: Vec<_> = near.iter().map(|key| format!("`{key}`")).collect();
        let instead = match near.is_empty() {
            true => String::new(),
            false => format!("did you mean {}? ", near.join(", ")),
        };
        return Err(Error::Usage(format!(
            "no page explains `{key}`; {instead}`harness explain` lists all"
        )));
    }
    Ok(found.join("\n\n"))
}

fn contents() -> String {
    let pages = PAGES.map(|page| {
        let entries = entries(page.text);
        let keys: Vec<_> = entries.iter().map(|entry| entry.key).collect();
        format!("{}:\n  {}", page.name, keys.join(", "))
    });
    pages.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\nIntro.\n\n## `[[step]]`\n\nA step.\n\n### `name`\n\nIts name.\n\n\
                        ```toml\n# no heading: `x`\nname = \"a\"\n```\n\n## Others\n\n### `end` (a word)\nThe end.\n";

    #[test]
    fn an_entry_reaches_to_the_next_heading_and_code_has_none() {
        let entries = entries(PAGE);
        let keys: Vec<_> = entries.iter().map(|e| (e.key, e.section)).collect();
        assert_eq!(
            keys,
            [
                ("[[step]]", None),
                ("name", Some("`[[step]]`")),
                ("end", Some("Others"))
            ]
        );
        assert_eq!(
            entries[1].text,
            "Its name.\n\n```toml\n# no heading: `x`\nname = \"a\"\n```"
        );
        assert_eq!(entries[2].text, "The end.");
    }

    #[test]
    fn every_key_is_explained_with_or_without_its_brackets() {
        for page in PAGES {
            let entries = entries(page.text);
            assert!(entries.len() > 4, "{} explains little", page.name);
            for entry in entries {
                let said = explain(Some(entry.key)).unwrap();
                assert!(said.contains(page.name) && said.contains(entry.text));
                assert!(!entry.text.is_empty(), "{} {}", page.name, entry.key);
                assert_eq!(explain(Some(entry.plain_key())).unwrap(), said);
            }
        }
    }

    #[test]
    fn the_last_part_of_a_key_is_enough_and_a_part_of_a_word_is_not() {
        let entry = Entry {
            key: "[[step.name]]",
            section: None,
            text: "",
        };
        assert!(entry.is("step.name") && entry.is("name"));
        assert!(!entry.is("ame") && !entry.is("step") && explain(Some("[]")).is_err());
    }

    #[test]
    fn an_item_of_a_list_is_a_word_of_its_heading() {
        let entry = Entry {
            key: "end",
            section: None,
            text: "It ended.\n\n- `why`: it\n  is so.\n- no code: not one.\n- `pc`: where.\n\nMore.",
        };
        let items = items(&entry);
        let items: Vec<_> = items.iter().map(|item| (item.key, item.text)).collect();
        assert_eq!(items, [("why", "it\n  is so."), ("pc", "where.")]);
        let said = explain(Some("outcome")).unwrap();
        assert!(
            said.contains("outcome (report.md, end)") && said.contains("`killed`"),
            "{said}"
        );
    }

    #[test]
    fn a_slip_gets_the_key_that_was_meant() {
        let said = |key| explain(Some(key)).unwrap_err().to_string();
        let error = said("witness-disagree");
        assert!(
            error.contains("did you mean `witness-disagrees`"),
            "{error}"
        );
        // The one that was meant, a few that are like it, and not the other two hundred.
        let error = said("silance");
        assert!(error.contains("did you mean `silence`"), "{error}");
        assert!(error.matches('`').count() <= 2 * (5 + 2), "{error}");
        assert!(error.ends_with("`harness explain` lists all"), "{error}");
        let error = said("qqqqqq");
        assert_eq!(
            error,
            "no page explains `qqqqqq`; `harness explain` lists all"
        );
    }

    #[test]
    fn the_words_that_a_verdict_shows_are_explained() {
        for word in [
            "reset",
            "shutdown",
            "panic",
            "guest-reset",
            "triple fault",
            "stopped at",
            "stopped_at",
            "records",
            "--records",
            "early-exit",
        ] {
            assert!(explain(Some(word)).is_ok(), "{word}");
        }
    }
}
