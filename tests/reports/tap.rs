//! TAP 14, read by a parser that follows its specification.

use crate::fabricated::{case, failed, matrix, one_of_each, passed, read, texts};
use harness::reports::tap::tap;
use serde_json::Value;

/// A document, or a subtest.
#[derive(Debug, Default)]
struct Document {
    points: Vec<Point>,
    bail_out: Option<String>,
}

/// A test point.
#[derive(Debug)]
struct Point {
    ok: bool,
    description: String,
    /// The reason of a `SKIP`.
    skip: Option<String>,
    facts: Value,
    subtest: Option<Document>,
}

type Lines<'t> = std::iter::Peekable<std::str::Lines<'t>>;

/// Reads a whole document.
fn parse(text: &str) -> Result<Document, String> {
    let mut lines = text.lines().peekable();
    if lines.next() != Some("TAP version 14") {
        return Err("the version is missing".into());
    }
    let document = document(&mut lines, "")?;
    match lines.next() {
        Some(line) => Err(format!("nothing may follow: {line:?}")),
        None => Ok(document),
    }
}

/// Reads a plan and its test points, each line after an indent.
fn document(lines: &mut Lines<'_>, indent: &str) -> Result<Document, String> {
    let mut document = Document::default();
    let plan = next(lines, indent).ok_or("there is no plan")?;
    let count = plan
        .strip_prefix("1..")
        .and_then(|count| count.parse::<usize>().ok());
    let count = count.ok_or_else(|| format!("{plan:?} is no plan"))?;
    let mut subtest = None;
    while let Some(line) = next(lines, indent) {
        if let Some(name) = line.strip_prefix("# Subtest: ") {
            let inner = format!("{indent}    ");
            subtest = Some((unescaped(name)?.0, self::document(lines, &inner)?));
            continue;
        }
        if let Some(why) = line.strip_prefix("Bail out!") {
            document.bail_out = Some(why.trim().to_owned());
            break;
        }
        let mut point = point(line, document.points.len() + 1)?;
        if let Some((name, of)) = subtest.take() {
            if name != point.description {
                return Err(format!("the subtest {name:?} belongs to {point:?}"));
            }
            point.subtest = Some(of);
        }
        point.facts = facts(lines, indent)?;
        document.points.push(point);
    }
    if document.points.len() != count {
        return Err(format!("{count} were planned: {document:?}"));
    }
    Ok(document)
}

/// The next line at an indent. What is indented further belongs to something else.
fn next<'t>(lines: &mut Lines<'t>, indent: &str) -> Option<&'t str> {
    let line = lines.peek()?.strip_prefix(indent)?;
    if line.starts_with(' ') {
        return None;
    }
    lines.next();
    Some(line)
}

fn point(line: &str, nth: usize) -> Result<Point, String> {
    let wrong = || format!("{line:?} is no test point {nth}");
    let (ok, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ").ok_or_else(wrong)?),
    };
    let rest = rest.strip_prefix(&nth.to_string()).ok_or_else(wrong)?;
    let rest = rest.strip_prefix(" - ").ok_or_else(wrong)?;
    let (description, directive) = unescaped(rest)?;
    let skip = match directive {
        None => None,
        Some(directive) => Some(
            directive
                .strip_prefix("SKIP ")
                .ok_or_else(wrong)?
                .to_owned(),
        ),
    };
    Ok(Point {
        ok,
        description,
        skip,
        facts: Value::Null,
        subtest: None,
    })
}

/// A description without its escapes, and the directive after the first ` # ` that is not escaped.
fn unescaped(text: &str) -> Result<(String, Option<&str>), String> {
    let (mut out, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, escaped @ ('\\' | '#'))) => out.push(escaped),
                other => return Err(format!("{other:?} is escaped in {text:?}")),
            },
            '#' => return Ok((out.trim_end().to_owned(), Some(text[at + 1..].trim()))),
            c => out.push(c),
        }
    }
    Ok((out.trim_end().to_owned(), None))
}

/// The block of YAML under a test point, if there is one.
fn facts(lines: &mut Lines<'_>, indent: &str) -> Result<Value, String> {
    let indent = format!("{indent}  ");
    if lines.peek().and_then(|line| line.strip_prefix(&indent)) != Some("---") {
        return Ok(Value::Null);
    }
    lines.next();
    let mut yaml = String::new();
    loop {
        let line = lines.next().ok_or("a block does not end")?;
        let line = line
            .strip_prefix(&indent)
            .ok_or_else(|| format!("{line:?} is in a block"))?;
        if line == "..." {
            break;
        }
        yaml += line;
        yaml.push('\n');
    }
    serde_yaml_ng::from_str(&yaml).map_err(|e| format!("{e}: {yaml}"))
}

fn points(text: &str) -> Document {
    parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn every_case_is_a_test_point_whatever_a_guest_prints() {
    for text in texts() {
        let document = points(&tap(&read(&one_of_each(&text))));
        let said: Vec<_> = document
            .points
            .iter()
            .take(5)
            .map(|p| (p.ok, p.skip.is_some()))
            .collect();
        let [good, shaky, broken, lost, late] = said[..] else {
            panic!("{said:?}");
        };
        assert_eq!([good, shaky], [(true, false); 2]);
        assert_eq!([broken, lost], [(false, false); 2]);
        assert_eq!(late, (true, true));
        assert_eq!(document.points.len(), 6);
        assert_eq!(document.bail_out.as_deref(), Some("1 cases were not run"));
        let within = document.points[2].subtest.as_ref().unwrap();
        let oks: Vec<_> = within.points.iter().map(|point| point.ok).collect();
        assert_eq!(oks, [true, false, false], "{text:?}");
        for point in &document.points {
            assert!(!point.facts.is_null() || point.skip.is_some(), "{point:?}");
        }
    }
}

#[test]
fn what_is_known_of_a_failure_is_in_its_yaml() {
    let document = points(&tap(&read(&one_of_each("a # \\ text"))));
    let facts = &document.points[2].facts;
    for (key, value) in [
        ("outcome", "failed"),
        ("severity", "fail"),
        ("verdict", "forbidden-output"),
        ("fault", "guest"),
        ("message", "a # \\ text"),
        ("again", "./x run --scenario broken --machine aarch64"),
    ] {
        assert_eq!(facts[key], value, "{facts:#}");
    }
    assert_eq!(facts["exit_code"], 1);
    assert_eq!(facts["earlier_runs"][0], "a # \\ text");
    assert!(
        facts["explanation"]
            .as_str()
            .unwrap()
            .contains("last lines seen:")
    );
    let within = document.points[2].subtest.as_ref().unwrap();
    assert_eq!(within.points[1].description, "a # \\ text");
    assert_eq!(within.points[2].facts["message"], "no line of its own came");
    assert_eq!(document.points[3].facts["severity"], "error");
    assert_eq!(document.points[1].facts["outcome"], "flaky");
}

#[test]
fn a_flaky_case_is_not_ok_where_flaky_cases_fail() {
    let mut results = one_of_each("text");
    assert!(points(&tap(&read(&results))).points[1].ok);
    results["flaky_fails"] = true.into();
    let document = points(&tap(&read(&results)));
    assert!(!document.points[1].ok);
    assert!(
        document.points[1].facts["message"]
            .as_str()
            .unwrap()
            .contains("flaky cases fail")
    );
}

#[test]
fn a_whole_matrix_has_no_bail_out() {
    let cases = vec![
        case(["a", "riscv64"], "riscv64", "passed", &[passed("x")]),
        case(["b", "riscv64"], "riscv64", "failed", &[failed("x")]),
    ];
    assert_eq!(points(&tap(&read(&matrix(cases)))).bail_out, None);
    assert_eq!(points(&tap(&read(&matrix(Vec::new())))).points.len(), 0);
}

/// The reader that the tests above rest on sees what is wrong.
#[test]
fn what_is_no_tap_is_found() {
    let good = tap(&read(&one_of_each("text")));
    for (from, to) in [
        ("TAP version 14", "TAP version 13"),
        ("1..6", "1..7"),
        ("\nok 2", "\nok 3"),
        ("  ---\n", "  --\n"),
        ("  ...\n", ""),
        ("# Subtest: broken", "# Subtest: other"),
        ("    1..3", "    1..2"),
        ("# SKIP", "# SKOP"),
        ("message: \"", "message: \"\""),
        ("ok 1 - good", "ok 1 - go\\od"),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(parse(&good.replace(from, to)).is_err(), "{from} -> {to}");
    }
}
