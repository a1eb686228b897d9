use super::*;

fn resolve(text: &str) -> Result<Scenario, String> {
    let project = Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let machine = Machine::load(&project, Arch::Riscv64).unwrap();
    let source = Source::from_text("s.toml", text);
    Scenario::resolve("s".into(), &project, &source, &machine, None).map_err(|e| e.to_string())
}

const HEAD: &str = "guest = 'gkernel'\narches = ['riscv64']\nend = 'shutdown'\n";

#[test]
fn values_of_the_machine_are_filled_in_as_plain_text() {
    let s = resolve(&format!(
        "{HEAD}[[step]]\nname = 'a'\npattern = '^at {{pflash}}$'"
    ))
    .unwrap();
    assert_eq!(s.story.steps()[0].pattern, "^at 0x22000000$");
    assert_eq!(s.guest, Some(Guest::Program("gkernel".into())));
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
