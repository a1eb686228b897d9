use super::*;
use crate::judge::{By, Course};

fn resolve(text: &str) -> Result<Scenario, String> {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    Scenario::from_text("s", text)
        .resolve(&project, &machine, &With::default())
        .map_err(|e| e.to_string())
}

const HEAD: &str = "guest = 'gkernel'\narches = ['riscv64']\nend = 'shutdown'\n";

#[test]
fn values_of_the_machine_are_filled_in_as_plain_text() {
    let s = resolve(&format!(
        "{HEAD}[[step]]\nname = 'a'\npattern = '^at {{pflash}}$'"
    ))
    .unwrap();
    assert_eq!(s.story.steps()[0].pattern, "^at 0x22000000$");
    assert_eq!(s.guest, Some(GuestSource::Program("gkernel".into())));
}

#[test]
fn every_mistake_is_refused_with_its_line() {
    let step = "[[step]]\nname = 'a'\npattern = 'x'\n";
    for (text, expected) in [
        (HEAD.to_owned(), "s.toml:1: asks for nothing on riscv64"),
        (
            format!("{HEAD}{step}optional = true"),
            "s.toml:1: asks for nothing on riscv64",
        ),
        (
            format!("{HEAD}{step}before = 'b'"),
            "s.toml:7: key `before`: no such step comes before this one; there are: none",
        ),
        (
            format!("{HEAD}{step}after = ['b']"),
            "s.toml:7: key `after`: there is no strand `b`",
        ),
        (
            format!("{HEAD}{step}[[forbid]]\npattern = 'y'\nuntil = 'aa'"),
            "s.toml:9: key `until`: there is no such step; did you mean `a`",
        ),
        (
            format!("{HEAD}{step}[[forbid]]\npattern = 'y'\nexcept = '('"),
            "s.toml:9: key `except`: regex parse",
        ),
        (
            format!("{HEAD}[[strand]]\nname = 'w'\npattern = 'w'\nsequence = '0..=2'"),
            "s.toml:6: key `pattern`: has 0 capture groups",
        ),
        (
            format!("{HEAD}[[strand]]\nname = 'w'\npattern = 'w(.)'\nsequence = '2..2'"),
            "s.toml:7: key `sequence`: is not a range",
        ),
        (
            format!("{HEAD}{step}[[strand]]\nname = 'a'\npattern = 'w(.)'\nsequence = '0..2'"),
            "s.toml:1: step 2 has no name of its own",
        ),
        (
            format!(
                "{HEAD}[[strand]]\nname = 'w'\npattern = 'w(.)'\nsequence = '0..2'\noverlaps = ['v']"
            ),
            "s.toml:8: key `overlaps`: there is no strand above this one `v`",
        ),
        (
            format!(
                "{HEAD}[[strand]]\nname = 'w'\npattern = 'w'\n[[strand.step]]\nname = 'a'\npattern = 'x'"
            ),
            "s.toml:6: a strand has either",
        ),
        (
            format!(
                "{HEAD}[[strand]]\nname = 'w'\n[[strand.step]]\nname = 'a'\npattern = 'x'\noptional = true"
            ),
            "s.toml:1: strand `w` has no step that must happen",
        ),
        (
            format!("{HEAD}values-from = 'no.toml'\n{step}"),
            "s.toml:4: key `values-from`: there is no such file",
        ),
        (
            format!("{HEAD}extends = 'gkernle'\n{step}"),
            "s.toml:4: key `extends`: there is no such scenario; did you mean `gkernel`",
        ),
        (
            format!("{HEAD}{step}patern = 'y'"),
            "s.toml:7: key `patern`: unknown field",
        ),
        (
            format!("{HEAD}{step}{step}"),
            "s.toml:8: key `name`: every step needs a name",
        ),
        (
            format!("{HEAD}{step}count = 0"),
            "s.toml:7: key `count`: a step that happens 0",
        ),
        (
            format!("{HEAD}{step}within = '0s'"),
            "s.toml:7: key `within`: a time of zero",
        ),
        (
            format!("{HEAD}[[step]]\nname = 'a'\npattern = '('"),
            "s.toml:6: key `pattern`: regex parse",
        ),
        (
            format!("{HEAD}[[step]]\nname = 'a'\npattern = 'y*'"),
            "s.toml:6: key `pattern`: matches an empty",
        ),
        (
            format!("{HEAD}[[step]]\nname = 'a'\npattern = '{{no}}'"),
            "s.toml:6: key `pattern`: {no} has no value",
        ),
        (
            format!("{HEAD}{step}[[forbid]]\npattern = ''"),
            "s.toml:8: key `pattern`: matches an empty",
        ),
        (
            format!("end = 'sleep'\n{step}"),
            "s.toml:1: key `end`: unknown variant `sleep`",
        ),
        (
            format!("{HEAD}guest = 'b'\n{step}"),
            "s.toml:4: key `guest`: duplicate key",
        ),
        (
            HEAD.replace("gkernel", "g k") + step,
            "s.toml:1: key `guest`: is neither",
        ),
        (
            HEAD.replace("riscv64", "aarch64") + step,
            "scenario `s` is not for riscv64; it is for aarch64",
        ),
    ] {
        let error = resolve(&text).expect_err(&text);
        assert!(error.starts_with(expected), "{text}\n-- gave --\n{error}");
    }
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let text = "[[step]]\nname = 'a'\n\n[[step]]\npattern = 'x'\n\n[[forbid]]\nby = 'guest'\n\n\
                [[strand]]\npattern = 'w(.)'\n";
    let error = resolve(text).unwrap_err();
    let said: Vec<_> = error.lines().collect();
    assert!(
        said[0].starts_with("s.toml:1: 6 things are missing: has no `end`"),
        "{error}"
    );
    let rest = [
        "  s.toml:1: this [[step]] has no `pattern`",
        "  s.toml:4: this [[step]] has no `name`",
        "  s.toml:10: this [[strand]] has no `name`",
        "  s.toml:10: this [[strand]] has no `sequence`",
        "  s.toml:7: this [[forbid]] has no `pattern`",
    ];
    assert_eq!(said[1..6], rest, "{error}");
    let one = resolve("end = 'reset'\n[[step]]\nname = 'a'\n").unwrap_err();
    assert!(
        one.starts_with("s.toml:2: this [[step]] has no `pattern`"),
        "{one}"
    );
}

/// A folder of scenarios, and one of them resolved.
fn resolve_in(files: &[(&str, &str)], name: &str) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let path = folder.path().join(name);
    let scenario = Scenario::load(&project, path.to_str().unwrap(), &machine);
    scenario.map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

const BASE: (&str, &str) = (
    "base/b.toml",
    "end = 'shutdown'\narches = ['riscv64']\nguest = './g.elf'\nvalues-from = 'v.toml'\n\
     params = { arg = '1', runs = '2' }\n\
     [values]\nword = 'base'\n\
     [[step]]\nname = 'first'\npattern = '^first {word} {here}$'\n\
     [[step]]\nname = 'ok'\npattern = '^ok$'\nlast = true\n\
     [[forbid]]\npattern = 'panicked'\n",
);
const VALUES: (&str, &str) = (
    "base/v.toml",
    "[riscv64]\nhere = 'r'\n[aarch64]\nhere = 'a'\n",
);

#[test]
fn an_extending_scenario_adds_and_overrides() {
    let own = "extends = 'base/b.toml'\nparams = { arg = '9' }\n[values]\nword = 'own'\n\
               [[step]]\nname = 'second'\npattern = '^second$'\n\
               [[step]]\nname = 'zeroth'\npattern = '^zeroth$'\nbefore = 'first'\n\
               [[forbid]]\npattern = 'oops'\n";
    let further = "extends = 'own'\n[[step]]\nname = 'third'\npattern = '^third$'\n";
    let files = [BASE, VALUES, ("own.toml", own), ("further.toml", further)];
    let s = resolve_in(&files, "further.toml").unwrap();
    let names: Vec<_> = s.story.steps().iter().map(|step| &*step.name).collect();
    assert_eq!(names, ["zeroth", "first", "second", "third", "ok"]);
    assert_eq!(s.story.steps()[1].pattern, "^first own r$");
    let rules: Vec<_> = s.story.forbidden().iter().map(|f| &*f.pattern).collect();
    assert_eq!(rules, ["panicked", "oops"]);
    let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(s.params, [word("arg", "9"), word("runs", "2")]);
    let Some(GuestSource::File(guest)) = &s.guest else {
        panic!("{:?}", s.guest)
    };
    assert!(
        guest.ends_with("base/./g.elf"),
        "as seen from its own file: {guest:?}"
    );
}

#[test]
fn a_mistake_is_shown_in_the_file_that_it_is_in() {
    let bad = (
        "bad.toml",
        "extends = 'base/b'\n[values]\nhere = 'x'\n[[step]]\nname = 'first'\npattern = 'y'\n",
    );
    let error = resolve_in(&[BASE, VALUES, bad], "bad.toml").unwrap_err();
    assert!(
        error.starts_with("bad.toml:5: key `name`: every step needs"),
        "{error}"
    );
    let base = (
        BASE.0,
        "end = 'shutdown'\n[[step]]\nname = 'a'\npattern = '{no}'\n",
    );
    let own = ("own.toml", "extends = 'base/b'\n");
    let error = resolve_in(&[base, own], "own.toml").unwrap_err();
    assert!(
        error.starts_with("base/b.toml:4: key `pattern`: {no} has no value on riscv64"),
        "{error}"
    );
    let a = ("a.toml", "extends = 'b'\n");
    let b = ("b.toml", "extends = './a'\n");
    let error = resolve_in(&[a, b], "a.toml").unwrap_err();
    assert!(
        error.starts_with("b.toml:1: key `extends`: goes in a circle"),
        "{error}"
    );
}

#[test]
fn without_arches_it_is_for_all_and_a_machine_can_be_named() {
    let text = "end = 'shutdown'\nmachine = 'mine.toml'\n[[step]]\nname = 'a'\npattern = 'x'\n";
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    for arch in Arch::ALL {
        let machine = Machine::load(&project, arch).unwrap();
        let scenario = Scenario::from_text("s", text);
        assert!(
            scenario
                .resolve(&project, &machine, &With::default())
                .is_ok(),
            "{arch}"
        );
    }
    let own = ("sub/own.toml", text);
    let machine = resolve_in(&[own], "sub/own.toml").unwrap().machine.unwrap();
    assert!(machine.ends_with("/sub/mine.toml"), "{machine}");
    assert_eq!(
        resolve(&text.replace("mine.toml", "mine"))
            .unwrap()
            .machine
            .as_deref(),
        Some("mine")
    );
}

#[test]
fn strands_are_resolved() {
    let s = resolve(&format!(
        "{HEAD}[[strand]]\nname = 'one'\npattern = '^one (\\d+)$'\nsequence = '0..=256'\n\
         [[strand]]\nname = 'two'\nby = 'guest'\noverlaps = ['one']\n\
         [[strand.step]]\nname = 'x'\npattern = '^x$'\ncount = 2\n\
         [[strand.step]]\nname = 'not here'\npattern = '^y$'\narches = ['aarch64']\n\
         [[step]]\nname = 'end'\npattern = '^end$'\nafter = ['one', 'two']\n"
    ));
    let s = s.unwrap();
    let [one, two] = s.story.strands() else {
        panic!()
    };
    let Course::Sequence { first, last, .. } = one.course else {
        panic!()
    };
    assert_eq!((first, last), (0, 256));
    let Course::Steps(steps) = &two.course else {
        panic!()
    };
    assert_eq!((steps.len(), steps[0].count), (1, 2));
    assert_eq!(
        (two.by, &*two.overlaps),
        (Some(By::Guest), &["one".to_owned()][..])
    );
    assert_eq!(s.story.steps()[0].after, ["one", "two"]);
}

#[test]
fn what_is_built_in_code_is_what_a_file_would_say() {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let resolved = |scenario: Definition| {
        let scenario = scenario
            .resolve(&project, &machine, &With::default())
            .unwrap();
        (
            serde_json::to_value(scenario.story.spec()).unwrap(),
            scenario.params,
            scenario.guest,
        )
    };
    let built = Scenario::builder("s")
        .guest("gkernel")
        .param("arg", "1")
        .value("v", "a\"\u{7f}\\")
        .step_with(
            StepBuilder::new("a", "^{v}\t'$")
                .near("^a")
                .by(By::Hypervisor)
                .unique()
                .optional()
                .count(3)
                .within(std::time::Duration::from_millis(1500))
                .after("w"),
        )
        .sequence("w", r"^w (\d+)$", 1..=9)
        .forbid("panicked")
        .tables("[witness]\nnpf = 0")
        .define();
    let text = Scenario::from_text(
        "s",
        "end = 'shutdown'\nguest = 'gkernel'\nparams = { arg = 1 }\n\
        values = { v = \"a\\\"\\u007f\\\\\" }\n\
        [[step]]\nname = 'a'\npattern = \"^{v}\\t'$\"\nnear = '^a'\nby = 'hypervisor'\nunique = true\n\
        optional = true\ncount = 3\nwithin = '1500ms'\nafter = ['w']\n\
        [[strand]]\nname = 'w'\npattern = '^w (\\d+)$'\nsequence = '1..=9'\n\
        [[forbid]]\npattern = 'panicked'\n[witness]\nnpf = 0\n",
    );
    assert_eq!(resolved(built), resolved(text));
    let bad = Scenario::builder("s").step("a", "(").define();
    let error = bad
        .resolve(&project, &machine, &With::default())
        .unwrap_err();
    assert!(
        error.to_string().contains("key `pattern`: regex parse"),
        "{error}"
    );
}

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
        if example.contains("extends")
            || example.contains("values-from")
            || example.contains("before")
        {
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

#[test]
fn values_that_are_not_there_are_told_with_where_they_were_looked_for() {
    let step = "[[step]]\nname = 'a'\npattern = 'x'\n";
    let error = resolve(&format!("{HEAD}values-from = 'none.toml'\n{step}")).unwrap_err();
    for text in [
        "s.toml:4: key `values-from`: there is no such file in the current folder, nor in ",
        "tests/scenarios",
    ] {
        assert!(error.contains(text), "{text:?} is not in {error}");
    }
}
