//! What is refused, and in which words.

use super::*;

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
            "s.toml:7: key `after`: there is no strand, and no step that comes before this one, `b`",
        ),
        (
            format!("{HEAD}{step}[[step]]\nname = 'b'\npattern = 'y'\nbefore = 'a'\nafter = ['a']"),
            "s.toml:10: key `before`: a step has one place",
        ),
        (
            HEAD.replace("gkernel", "./{no}.elf") + step,
            "s.toml:1: key `guest`: {no} has no value on riscv64",
        ),
        (
            format!("{HEAD}flash = '{{no}}'\n{step}"),
            "s.toml:4: key `flash`: {no} has no value",
        ),
        (
            format!("{HEAD}{step}[[disk.file]]\npath = '/a'\nfrom = '{{no}}'"),
            "s.toml:9: key `from`: {no} has no value",
        ),
        (
            format!("{HEAD}{step}[disk]\nimage = '{{guest}}-{{no}}'"),
            "s.toml:8: key `image`: {no} has no value",
        ),
        (
            format!("{HEAD}{step}[[forbid]]\npattern = 'y'\nuntil = 'aa'"),
            "s.toml:9: key `until`: there is no such step; did you mean `a`",
        ),
        (
            format!("{HEAD}{step}[[send]]\nafter = 'aa'\ntext = 'y'"),
            "s.toml:8: key `after`: there is no such step; did you mean `a`",
        ),
        (
            format!("{HEAD}{step}[[send]]\nafter = 'a'\ntext = ''"),
            "s.toml:9: key `text`: types nothing",
        ),
        (
            format!("{HEAD}{step}[[send]]\nafter = 'a'\ntext = '{{no}}'"),
            "s.toml:9: key `text`: {no} has no value",
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
            format!("{HEAD}{step}[[result]]\nname = 'a'"),
            "s.toml:8: key `name`: every result needs a name of its own",
        ),
        (
            format!("{HEAD}{step}[[result]]\nname = 'b'\npattern = '^PASS'"),
            "s.toml:7: this [[result]] has no `failed`",
        ),
        (
            format!("{HEAD}{step}[[result]]\nname = 'b'\nfailed = '^FAIL'\npattern = 'x*'"),
            "s.toml:10: key `pattern`: matches an empty line",
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
                [[strand]]\npattern = 'w(.)'\n\n\
                [[disk.file]]\nas = 'flat'\n\n[[disk.file]]\npath = '/a'\n";
    let error = resolve(text).unwrap_err();
    let said: Vec<_> = error.lines().collect();
    assert!(
        said[0].starts_with("s.toml:1: 9 things are missing: has no `end`"),
        "{error}"
    );
    let rest = [
        "  s.toml:1: this [[step]] has no `pattern`",
        "  s.toml:4: this [[step]] has no `name`",
        "  s.toml:10: this [[strand]] has no `name`",
        "  s.toml:10: this [[strand]] has no `sequence`",
        "  s.toml:7: this [[forbid]] has no `pattern`",
        "  s.toml:13: this [[disk.file]] has no `path`",
        "  s.toml:13: this [[disk.file]] has no `from`",
        "  s.toml:16: this [[disk.file]] has no `from`",
    ];
    assert_eq!(said[1..9], rest, "{error}");
    let one = resolve("end = 'reset'\n[[step]]\nname = 'a'\n").unwrap_err();
    assert!(
        one.starts_with("s.toml:2: this [[step]] has no `pattern`"),
        "{one}"
    );
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
