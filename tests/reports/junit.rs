//! JUnit's XML, held against the rules of Jenkins's schema.

use crate::fabricated::{self, case, failed, matrix, one_of_each, passed, read, set_up, texts};
use harness::reports::junit::junit;
use roxmltree::{Document, Node};

/// What an element may have: attributes, those that it must have after a `!`, and children.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// `junit-10.xsd` of Jenkins's xUnit plugin, as far as elements and attributes go; `skipped` of `testsuites` is not
/// in it, and common.
const RULES: &[Rule] = &[
    (
        "testsuites",
        &["name", "time", "tests", "failures", "errors", "skipped"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &[
            "!name",
            "!tests",
            "!failures",
            "!errors",
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
        &[
            "testsuite",
            "properties",
            "testcase",
            "system-out",
            "system-err",
        ],
    ),
    ("properties", &[], &["property"]),
    ("property", &["!name", "!value"], &[]),
    (
        "testcase",
        &["!name", "time", "classname", "group"],
        &[
            "skipped",
            "error",
            "failure",
            "rerunFailure",
            "rerunError",
            "flakyFailure",
            "flakyError",
            "system-out",
            "system-err",
        ],
    ),
    ("skipped", &["type", "message"], &[]),
    ("error", &["type", "message"], &[]),
    ("failure", &["type", "message"], &[]),
    ("rerunFailure", &["message", "!type"], OF_RERUN),
    ("rerunError", &["message", "!type"], OF_RERUN),
    ("flakyFailure", &["message", "!type"], OF_RERUN),
    ("flakyError", &["message", "!type"], OF_RERUN),
    ("stackTrace", &[], &[]),
    ("system-out", &[], &[]),
    ("system-err", &[], &[]),
];

/// In this order, each at most once.
const OF_RERUN: &[&str] = &["stackTrace", "system-out", "system-err"];

/// The elements that hold text.
const OF_TEXT: &[&str] = &[
    "skipped",
    "error",
    "failure",
    "rerunFailure",
    "rerunError",
    "flakyFailure",
    "flakyError",
    "stackTrace",
    "system-out",
    "system-err",
];

/// What breaks the schema.
fn breaches(document: &Document<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let root = document.root_element().tag_name().name();
    if root != "testsuites" {
        found.push(format!("the root is {root}"));
    }
    for element in document.descendants().filter(Node::is_element) {
        of_element(element, &mut found);
    }
    found
}

fn of_element(element: Node<'_, '_>, found: &mut Vec<String>) {
    let name = element.tag_name().name();
    let Some((_, attributes, children)) = RULES.iter().find(|rule| rule.0 == name) else {
        found.push(format!("there is no element {name}"));
        return;
    };
    for attribute in element.attributes() {
        let known = attributes
            .iter()
            .any(|a| a.trim_start_matches('!') == attribute.name());
        if !known {
            found.push(format!("{name} has no attribute {}", attribute.name()));
        }
    }
    let must = attributes.iter().filter_map(|a| a.strip_prefix('!'));
    found.extend(
        must.filter(|must| !element.has_attribute(*must))
            .map(|must| format!("{name} is without {must}")),
    );
    let inner: Vec<_> = element.children().filter(Node::is_element).collect();
    for child in &inner {
        if !children.contains(&child.tag_name().name()) {
            found.push(format!("{name} holds {}", child.tag_name().name()));
        }
    }
    if name.starts_with("rerun") || name.starts_with("flaky") {
        let order = inner
            .iter()
            .map(|c| OF_RERUN.iter().position(|o| *o == c.tag_name().name()));
        if !order.is_sorted_by(|a, b| a < b) {
            found.push(format!("the parts of {name} are out of order"));
        }
    }
    let texts = element.children().filter(Node::is_text);
    let has_text = texts
        .filter_map(|text| text.text())
        .any(|text| !text.trim().is_empty());
    if has_text && !OF_TEXT.contains(&name) {
        found.push(format!("{name} holds text"));
    }
    if let Some(time) = element.attribute("time")
        && time.parse::<f64>().is_err()
    {
        found.push(format!("{name} takes {time}"));
    }
}

/// The counts of a suite, or of all, are those of the test cases in it.
fn counts_are_right(element: Node<'_, '_>) {
    let cases: Vec<_> = named(element, "testcase").collect();
    let with = |child: &str| {
        let has = |case: &&Node<'_, '_>| case.children().any(|c| c.has_tag_name(child));
        cases.iter().filter(has).count()
    };
    let counted = [
        ("tests", cases.len()),
        ("failures", with("failure")),
        ("errors", with("error")),
        ("skipped", with("skipped")),
    ];
    for (attribute, count) in counted {
        assert_eq!(
            element.attribute(attribute),
            Some(count.to_string().as_str()),
            "{attribute}"
        );
    }
}

fn named<'n>(within: Node<'n, 'n>, name: &'n str) -> impl Iterator<Item = Node<'n, 'n>> {
    within
        .descendants()
        .filter(move |node| node.has_tag_name(name))
}

/// The test case of a name, and the elements in it.
fn found<'d>(document: &'d Document<'d>, name: &str) -> (Node<'d, 'd>, Vec<&'d str>) {
    let mut cases = named(document.root_element(), "testcase");
    let case = cases.find(|case| case.attribute("name") == Some(name));
    let case = case.unwrap_or_else(|| panic!("there is no {name}"));
    let elements = case.children().filter(Node::is_element);
    (case, elements.map(|e| e.tag_name().name()).collect())
}

#[test]
fn every_outcome_is_what_the_schema_calls_so_whatever_a_guest_prints() {
    for text in texts() {
        let xml = junit(&read(&one_of_each(&text)));
        let document = Document::parse(&xml).unwrap_or_else(|e| panic!("{e} of {text:?} in {xml}"));
        assert_eq!(breaches(&document), [""; 0], "{text:?}");
        counts_are_right(document.root_element());
        named(document.root_element(), "testsuite").for_each(counts_are_right);
        let of = |name| found(&document, name).1;
        assert_eq!(of("good::riscv64"), ["system-out"]);
        assert_eq!(of("shaky::riscv64"), ["flakyError", "system-out"]);
        assert_eq!(
            of("broken::aarch64"),
            ["failure", "rerunError", "system-out"]
        );
        assert_eq!(of("lost::x86_64"), ["error", "rerunError", "system-out"]);
        assert_eq!(of("late::x86_64"), ["skipped"]);
        assert_eq!(of("broken::aarch64::well"), [""; 0]);
        assert_eq!(of("broken::aarch64::silent"), ["failure"]);
        let longest = xml.lines().map(str::len).max();
        assert!(longest < Some(32_000), "{longest:?}");
    }
}

#[test]
fn a_suite_is_an_architecture_and_a_class_a_scenario_on_a_machine() {
    let xml = junit(&read(&one_of_each("text")));
    let document = Document::parse(&xml).unwrap();
    let suites = named(document.root_element(), "testsuite");
    let names: Vec<_> = suites
        .map(|suite| suite.attribute("name").unwrap())
        .collect();
    assert_eq!(names, ["riscv64", "aarch64", "x86_64"]);
    let (case, _) = found(&document, "broken::aarch64");
    assert_eq!(case.attribute("classname"), Some("aarch64.broken"));
    assert_eq!(case.attribute("time"), Some("2.250"));
    let failure = case.first_element_child().unwrap();
    assert_eq!(failure.attribute("type"), Some("forbidden-output"));
    assert_eq!(failure.attribute("message"), Some("text"));
    let said = failure.text().unwrap();
    assert!(said.contains("FAIL text on aarch64"), "{said}");
    assert!(
        said.contains("./x run --scenario broken --machine aarch64"),
        "{said}"
    );
    let (within, _) = found(&document, "broken::aarch64::text");
    assert_eq!(within.attribute("classname"), case.attribute("classname"));
    let output = named(case, "system-out").next().unwrap().text();
    assert_eq!(output, Some("text\nthe last line"));
}

#[test]
fn a_flaky_case_is_an_error_where_flaky_cases_fail() {
    let mut results = one_of_each("text");
    results["flaky_fails"] = true.into();
    let xml = junit(&read(&results));
    let document = Document::parse(&xml).unwrap();
    assert_eq!(breaches(&document), [""; 0]);
    let (_, elements) = found(&document, "shaky::riscv64");
    assert_eq!(elements, ["error", "flakyError", "system-out"]);
}

#[test]
fn results_that_the_set_up_kept_from_being_judged_are_no_failures() {
    let lost = fabricated::with_results(set_up("no QEMU"), "other");
    let cases = vec![case(["a", "riscv64"], "riscv64", "set-up", &[lost])];
    let xml = junit(&read(&matrix(cases)));
    let document = Document::parse(&xml).unwrap();
    assert_eq!(found(&document, "a::riscv64::silent").1, ["skipped"]);
    // What it had said by then counts.
    assert_eq!(found(&document, "a::riscv64::other").1, ["failure"]);
}

#[test]
fn a_case_without_its_run_is_an_error_and_a_matrix_may_be_empty() {
    let cases = vec![case(["a", "riscv64"], "riscv64", "failed", &[])];
    let xml = junit(&read(&matrix(cases)));
    assert_eq!(
        found(&Document::parse(&xml).unwrap(), "a::riscv64").1,
        ["error"]
    );
    let xml = junit(&read(&matrix(Vec::new())));
    assert_eq!(breaches(&Document::parse(&xml).unwrap()), [""; 0]);
}

/// The reader that the tests above rest on sees what is wrong.
#[test]
fn what_breaks_the_schema_is_found() {
    let good = junit(&read(&matrix(vec![
        case(["a", "riscv64"], "riscv64", "failed", &[failed("x")]),
        case(
            ["b", "riscv64"],
            "riscv64",
            "flaky",
            &[set_up("x"), passed("x")],
        ),
    ])));
    for (from, to) in [
        ("classname=", "class="),
        ("<failure ", "<failure nested=\"\" "),
        ("</failure>", "<b/></failure>"),
        (" type=\"infrastructure\"", ""),
        ("</testcase>", "text</testcase>"),
        (" errors=", " mistakes="),
        ("time=\"", "time=\"about "),
        ("<stackTrace>", "<system-out/><stackTrace>"),
    ] {
        let bad = good.replace(from, to);
        let document = Document::parse(&bad).unwrap_or_else(|e| panic!("{e}: {from}"));
        assert!(!breaches(&document).is_empty(), "{from} -> {to}");
    }
}
