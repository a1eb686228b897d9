//! Scenarios that extend others.

use super::*;

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

/// The names of the steps of `own.toml`, which extends the base.
fn steps_of(own: &str, further: &str) -> Result<Vec<String>, String> {
    let own = format!("extends = 'base/b.toml'\n{own}");
    let further = format!("extends = 'own'\n{further}");
    let files = [
        BASE,
        VALUES,
        ("own.toml", &*own),
        ("further.toml", &*further),
    ];
    let steps = resolve_in(&files, "further.toml")?;
    let steps = steps.story.steps().iter();
    Ok(steps.map(|step| step.name.clone()).collect())
}

fn step(name: &str, more: &str) -> String {
    format!("[[step]]\nname = '{name}'\npattern = '^{name}$'\n{more}\n")
}

#[test]
fn a_step_has_its_place_behind_the_one_that_it_names() {
    // Behind one in the middle, and in the order in which they are written.
    let own = step("a", "after = ['first']") + &step("b", "after = ['first']") + &step("c", "");
    let further = step("d", "after = ['a']") + &step("e", "after = ['first']");
    let steps = steps_of(&own, &further).unwrap();
    assert_eq!(steps, ["first", "e", "a", "d", "b", "c", "ok"]);
    // Behind one that stays last, it stays last too: what is added later comes in front of both.
    let own = step("a", "after = ['ok']") + &step("b", "");
    let steps = steps_of(&own, &step("c", "")).unwrap();
    assert_eq!(steps, ["first", "b", "c", "ok", "a"]);
    // Of several, behind the later one.
    let own = step("a", "") + &step("b", "after = ['a', 'first']") + &step("c", "");
    assert_eq!(steps_of(&own, "").unwrap(), ["first", "a", "b", "c", "ok"]);
}

/// `after` names steps and strands alike: a strand is complete before the step, which keeps its place.
#[test]
fn a_step_may_come_behind_a_step_and_a_strand() {
    let strand = "[[strand]]\nname = 'w'\npattern = '^w (\\d)$'\nsequence = '0..=1'\n";
    let own = step("a", "after = ['w', 'first']") + strand;
    let own = format!("extends = 'base/b.toml'\n{own}");
    let s = resolve_in(&[BASE, VALUES, ("own.toml", &*own)], "own.toml").unwrap();
    let steps = s.story.steps();
    assert_eq!(
        (&*steps[1].name, &*steps[1].after),
        ("a", &["w".to_owned()][..])
    );
    let error = steps_of(&step("a", "after = ['frist']"), "").unwrap_err();
    assert!(
        error.starts_with("own.toml:5: key `after`: there is no strand, and no step"),
        "{error}"
    );
    assert!(error.contains("did you mean `first`?"), "{error}");
}

#[test]
fn a_step_that_is_built_in_code_may_name_its_place() {
    let project = Project::new("/no/workspace");
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let built = Scenario::builder("s")
        .step("a", "^a$")
        .step("c", "^c$")
        .sequence("w", r"^w (\d)$", 0..=1)
        .step_with(StepBuilder::new("b", "^b$").after("a").after("w"))
        .step_with(StepBuilder::new("first", "^first$").before("a"))
        .define();
    let s = built.resolve(&project, &machine, &With::default()).unwrap();
    let names: Vec<_> = s.story.steps().iter().map(|step| &*step.name).collect();
    assert_eq!(names, ["first", "a", "b", "c"]);
    assert_eq!(s.story.steps()[2].after, ["w"]);
}
