use super::*;
use crate::matrix::plan::testing::case;
use proptest::prelude::*;

fn cases() -> Vec<Case> {
    [
        ("gkernel", "aarch64"),
        ("gkernel", "riscv64"),
        ("gkernel", "x86_64"),
        ("gkernel", "x86_64-seabios"),
        ("npf-many", "riscv64"),
        ("timer-hog", "x86_64"),
        ("timer-past", "riscv64"),
    ]
    .map(|(scenario, machine)| case(scenario, machine))
    .into()
}

fn choose(text: &str) -> Result<Vec<String>, String> {
    let failed = BTreeSet::from(["npf-many::riscv64".to_owned()]);
    let filter: Filter = text.parse().map_err(|error: Error| error.to_string())?;
    let chosen = filter.choose(&cases(), Some(&failed));
    chosen
        .map(|chosen| chosen.into_iter().collect())
        .map_err(|error| error.to_string())
}

#[test]
fn expressions_choose_what_they_say() {
    for (text, expected) in [
        ("npf-*", "npf-many::riscv64"),
        ("gkernel::x86_64", "gkernel::x86_64"),
        (
            "case(gkernel::x86*)",
            "gkernel::x86_64 gkernel::x86_64-seabios",
        ),
        (
            "machine(x86_64) | npf-many",
            "gkernel::x86_64 npf-many::riscv64 timer-hog::x86_64",
        ),
        (
            "arch(x86_64) & !timer-*",
            "gkernel::x86_64 gkernel::x86_64-seabios",
        ),
        ("!gkernel & !arch( riscv64 )", "timer-hog::x86_64"),
        ("!(gkernel|timer-*)", "npf-many::riscv64"),
        ("failed()", "npf-many::riscv64"),
        (
            "!!failed() || timer-pas?",
            "npf-many::riscv64 timer-past::riscv64",
        ),
        // `&` binds before `|`.
        (
            "timer-past | timer-hog & arch(riscv64)",
            "timer-past::riscv64",
        ),
        (
            "(timer-past | timer-hog) && arch(x86_64)",
            "timer-hog::x86_64",
        ),
        ("scenario(t*t)", "timer-past::riscv64"),
        ("timer-hog & arch(riscv64)", ""),
    ] {
        let chosen = choose(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(chosen.join(" "), expected, "{text}");
    }
}

#[test]
fn a_mistake_is_shown_where_it_is_with_what_was_probably_meant() {
    for (text, message, column) in [
        (
            "gkernle",
            "no scenario matches `gkernle`; did you mean `gkernel`?",
            0,
        ),
        (
            "gkernel & !timre-*",
            "no scenario matches `timre-*`; did you mean",
            11,
        ),
        (
            "arch(x86)",
            "no arch matches `x86`; did you mean `x86_64`? there are: aarch64, riscv64, x86_64",
            5,
        ),
        (
            "archs(x86_64)",
            "there is no `archs(…)`; did you mean `arch`?",
            0,
        ),
        (
            "gkernel::x86_46",
            "no case matches `gkernel::x86_46`; did you mean `gkernel::x86_64`?",
            0,
        ),
        (
            "gkernel npf-many",
            "expected `&` or `|` between two patterns",
            8,
        ),
        ("", "expected a pattern", 0),
        ("gkernel &", "expected a pattern", 9),
        ("arch()", "expected a pattern", 5),
        ("(gkernel | npf-*", "this `(` is not closed", 0),
        ("arch(x86_64", "this `(` is not closed", 4),
        ("gkernel)", "expected no `)`", 7),
        ("failed(x)", "expected `&`, `|` or `)`", 7),
        (
            "zzz",
            "no scenario matches `zzz` (harness matrix --list shows all)",
            0,
        ),
    ] {
        let error = choose(text).unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
        let caret = format!("\n  | {}^", " ".repeat(column));
        assert!(error.ends_with(&caret), "{text}: {error}");
    }
}

#[test]
fn what_failed_is_known_only_after_a_matrix() {
    for (text, asks) in [("gkernel", false), ("!(a | b & failed())", true)] {
        assert_eq!(text.parse::<Filter>().unwrap().asks_what_failed(), asks);
    }
    let filter: Filter = "gkernel & failed()".parse().unwrap();
    let error = filter.choose(&cases(), None).unwrap_err().to_string();
    assert!(error.contains("there is no earlier matrix"), "{error}");
    assert!(error.ends_with("\n  |           ^"), "{error}");
}

#[test]
fn no_expression_is_too_deep_or_too_long() {
    for text in ["(".repeat(60_000), "!".repeat(60_000), "x|".repeat(30_000)] {
        assert!(choose(&text).is_err());
    }
    assert!(choose(&format!("{}gkernel", "!".repeat(60_000))).is_ok());
    assert!(choose(&"(".repeat(100)).unwrap_err().contains("at most 50"));
    assert!(
        choose(&"x".repeat(1 << 20))
            .unwrap_err()
            .contains("longer than 64 KiB")
    );
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_a_mistake(text in r"[()&|! a-z*?:\PC]{0,40}") {
        let _ = choose(&text);
    }

    #[test]
    fn a_pattern_matches_as_a_regular_expression_would(glob in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let pattern = glob.replace('*', ".*").replace('?', ".");
        let regex = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        prop_assert_eq!(matches(&glob, &text), regex.is_match(&text));
    }

    #[test]
    fn not_chooses_the_others(text in r"(gkernel|npf-\*|arch\(riscv64\))( [&|] (timer-\*|machine\(x\*\)|failed\(\))){0,3}") {
        let chosen = choose(&text).unwrap();
        let others = choose(&format!("!({text})")).unwrap();
        let mut all: Vec<_> = chosen.into_iter().chain(others).collect();
        all.sort();
        let expected: Vec<_> = cases().into_iter().map(|case| case.name).collect();
        prop_assert_eq!(all, expected);
    }
}
