use super::*;
use proptest::prelude::*;

fn workspace() -> Project {
    Project::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

fn machine(arch: Arch) -> Machine {
    Machine::load(&workspace(), arch).unwrap()
}

fn drafted(console: &[u8]) -> Result<String, Error> {
    let machine = machine(Arch::Riscv64);
    draft(&workspace(), &machine, console, Path::new("console.log"))
}

#[test]
fn numbers_and_addresses_are_left_open_and_names_are_not() {
    for (line, expected) in [
        ("Loaded 21248 bytes", "^Loaded [0-9]+ bytes$"),
        ("at 0xFFC00000: pfld", "^at 0[xX][0-9A-Fa-f]+: pfld$"),
        (
            "arch = x86_64, worker1 [0]",
            r"^arch = x86_64, worker1 \[0\]$",
        ),
        ("[   0.060123] smp = 1", r"^\[ +[0-9.]+\] smp = 1$"),
        (
            "root ffffffc080200000 {guest}.",
            r"^root [0-9A-Fa-f]+ \{guest\}\.$",
        ),
        ("add 1.", r"^add 1\.$"),
    ] {
        assert_eq!(pattern(line), expected);
        assert!(Regex::new(&pattern(line)).unwrap().is_match(line));
    }
    let long = "word ".repeat(100);
    assert!(pattern(&long).len() < 200 && !pattern(&long).ends_with('$'));
}

/// Every good console of ours, as if it were somebody else's.
#[test]
fn a_draft_passes_on_the_console_it_came_from_and_not_on_half_of_it() {
    for arch in Arch::ALL {
        let log = workspace().at(format!("fixtures/consoles/{arch}/good.log"));
        let console = std::fs::read(&log).unwrap();
        let machine = machine(arch);
        let text = draft(&workspace(), &machine, &console, &log).unwrap();
        assert!(text.matches("[[step]]").count() > 5, "{text}");
        assert!(text.matches("[[step]]").count() <= STEPS, "{text}");
        assert!(
            !text.contains("OpenSBI") && !text.contains("@hv <"),
            "{text}"
        );
        let half = &console[..console.len() / 2];
        let verdict = tried(&workspace(), &machine, &text, half).unwrap();
        assert_eq!(verdict.kind(), "missing-marker", "{text}");
        let mut panicked = console.clone();
        panicked.extend(b"thread panicked at src/main.rs:1\n");
        let verdict = tried(&workspace(), &machine, &text, &panicked).unwrap();
        assert_eq!(verdict.kind(), "forbidden-output", "{text}");
    }
}

#[test]
fn what_a_console_has_is_not_forbidden() {
    let text = drafted(b"It's ready\nUnhandled trap: code 1\nbye bye\n").unwrap();
    assert!(text.contains("left out, since the console has it: Unhandled trap: code 1"));
    assert!(
        text.contains("# [[forbid]]") && text.contains(r#""^It's ready$""#),
        "{text}"
    );
    let warning = "# This console looks like one of a run that failed: Unhandled trap: code 1\n";
    assert!(
        text.contains(warning)
            && !drafted(b"It's ready\n")
                .unwrap()
                .contains("looks like one of")
    );
    // What the run failed of is nothing to ask for.
    assert!(!text.contains("'^Unhandled trap"), "{text}");
    let text = drafted(b"start here\nHypervisor error: it is broken\n").unwrap();
    assert!(text.contains("^Hypervisor error: it is broken$"), "{text}");
}

#[test]
fn a_console_that_says_nothing_is_refused() {
    let empty = drafted(b"\r\n").unwrap_err().to_string();
    assert!(empty.contains("console.log is empty"), "{empty}");
    for console in [
        &b"panicked at src/main.rs:7\n"[..],
        b"8888 88P\n\n1234 5678\n",
        b"same line\nsame line\n",
    ] {
        let error = drafted(console).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("console.log has no line"),
            "{error}"
        );
    }
    let twice = b"hello there\nHypervisor error: no\nHypervisor error: no\n";
    let error = drafted(twice).unwrap_err().to_string();
    assert!(
        error.contains("record the console of a run that went well"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a console holds: the draft passes on it, or there is none.
    #[test]
    fn a_draft_passes_or_is_refused(
        lines in proptest::collection::vec("[ -~\\t]{0,30}|[a-z]{4,9} [0-9]{1,3}|\\PC{0,20}", 0..40)
    ) {
        let console = lines.join("\n");
        if let Ok(text) = drafted(console.as_bytes()) {
            let verdict = tried(&workspace(), &machine(Arch::Riscv64), &text, console.as_bytes());
            prop_assert_eq!(verdict.unwrap(), Verdict::Pass);
        }
    }
}

/// Compared each with each, these lines would take hours.
#[test]
fn very_many_lines_take_no_longer_than_their_number() {
    let machine = machine(Arch::Riscv64);
    let word = |nth: u32| -> String {
        let letter = |place: u32| char::from(b'g' + ((nth >> (4 * place)) & 15) as u8);
        (0..5).map(letter).collect()
    };
    // No two have the same words; in the second console all have the same, but for what may vary.
    let different: Vec<_> = (0..100_000)
        .map(|nth| format!("line {}", word(nth)))
        .collect();
    assert_eq!(candidates(&machine, &different).len(), different.len());
    let of_hex = |nth: u32| {
        let digits = word(nth)
            .bytes()
            .map(|b| (b'a' + (b & 3)) as char)
            .collect::<String>();
        format!("we go {digits} {}", "a".repeat(nth as usize % 60))
    };
    let alike: Vec<_> = (0..100_000).map(of_hex).collect();
    assert!(candidates(&machine, &alike).len() <= alike.len());
    let errors: Vec<_> = (0..20_000)
        .map(|nth| format!("{KILLED} {}", word(nth)))
        .collect();
    let steps = chosen(candidates(&machine, &errors)).unwrap();
    let text = written(machine.arch, "x", &errors, &steps);
    assert_eq!(text.matches("[[step]]").count(), errors.len());
}

/// What is compared is what could be alike: all that a pattern matches is found.
#[test]
fn a_line_that_another_ones_pattern_matches_is_found() {
    let machine = machine(Arch::Riscv64);
    let long = "word ".repeat(30);
    for (one, two) in [
        ("exit 10 of all", "exit 5 of all"),
        ("took 1.25 of it", "took 17 of it"),
        ("at 0x1f there", "at 0XFFFF there"),
        ("root ffffffc080200000 here", "root 12345 here"),
        ("many   blanks", "many  blanks"),
        (&*format!("{long} one"), &*format!("{long} two")),
        (
            &*format!("n 12 {long} one"),
            &*format!("n 123456 {long} two"),
        ),
    ] {
        let lines = [one.to_owned(), two.to_owned()];
        let regex = Regex::new(&pattern(one)).unwrap();
        assert!(regex.is_match(two), "{one} {two}");
        let of_one = candidates(&machine, &lines)
            .into_iter()
            .filter(|c| c.line == one);
        assert_eq!(of_one.count(), 0, "{one}");
    }
}
