//! A matrix's page: what failed is what is listed, found, and gone through.

use super::browser::Browser;
use super::{desk, is_content, keep, made, page};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A matrix in a folder of several, by the day.
fn day(folder: &Path, day: u32) -> made::Matrix {
    made::Matrix::new(folder.join(format!("202601{day:02}T000000Z-1")))
}

fn texts(browser: &mut Browser, selector: &str) -> Vec<String> {
    let texts = browser.eval(&format!(
        "[...document.querySelectorAll({})].filter((e) => e.getClientRects().length > 0).map((e) => e.textContent.trim())",
        json!(selector)
    ));
    serde_json::from_value(texts).unwrap()
}

/// Whose run is not recorded has no link, and its reason.
#[test]
fn a_case_without_a_run_is_shown_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = day(folder.path(), 1);
    matrix.case("whole", made::PASSED[1]);
    matrix.without_a_run("lost", "riscv64", "riscv64", "set-up");
    let page = page(&matrix.finish("2026-01-01T00:00:00Z", 1.0));
    let mut browser = desk();
    browser.open(&page, "");
    assert_eq!(browser.text("h1"), "1 stopped by the set-up");
    assert!(
        browser
            .text(".failures .s")
            .contains("its run is not recorded")
    );
    assert_eq!(
        (browser.count("a.chip"), browser.count("span.chip.s")),
        (1, 1)
    );
    browser.click("a.chip");
    assert_eq!(browser.text(".stamp"), "pass");
    is_content(&mut browser);
}

/// Data that the script stumbles over takes one view, and not the page.
#[test]
fn what_cannot_be_drawn_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = day(folder.path(), 1);
    matrix
        .case("one", made::PASSED[1])
        .case("two", made::BROKEN);
    let page = page(&matrix.finish("2026-01-01T00:00:00Z", 1.0));
    let html = fs::read_to_string(&page).unwrap();
    fs::write(&page, html.replacen("\"sources\":", "\"sauces\":", 1)).unwrap();
    let mut browser = desk();
    browser.open(&page, "#one::x86_64");
    let told = browser.text("[role=alert]");
    assert!(told.contains("could not be drawn"), "{told}");
    browser.click("[role=alert] a");
    browser.click("a.chip.f");
    assert_eq!(browser.text(".stamp"), "isolation-broken");
    is_content(&mut browser);
    // Nor does it become blank where nothing can be read.
    fs::write(&page, html.replacen("\"rows\":", "\"rowz\":", 1)).unwrap();
    browser.open(&page, "");
    assert!(browser.text("[role=alert]").contains("could not be drawn"));
}

/// The headline, the list and the exit code speak of the same cases.
#[test]
fn what_fails_the_matrix_is_what_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = desk();
    for (fails, headline) in [(true, "1 flaky"), (false, "Everything passed, not at once")] {
        let mut matrix = day(folder.path(), 1);
        matrix.case("steady", made::PASSED[0]);
        matrix.case("wavering", made::PASSED[1]).again();
        matrix.flaky_fails = fails;
        let page = page(&matrix.finish("2026-01-01T00:00:00Z", 1.0));
        browser.open(&page, "");
        let facts = browser.text(".head > .muted");
        assert!(
            facts.contains(&format!("exit code {}", u8::from(fails))),
            "{facts}"
        );
        assert_eq!(browser.text("h1"), headline);
        let listed = texts(&mut browser, "a.failure");
        assert!(
            listed.len() == 1 && listed[0].contains("wavering"),
            "{listed:?}"
        );
        fs::remove_dir_all(folder.path().join("20260101T000000Z-1")).unwrap();
    }
    // What was not run is in no list of failures, and not passed over.
    day(folder.path(), 1)
        .case("broken", made::PASSED[2])
        .finish("2026-01-01T00:00:00Z", 1.0);
    let mut matrix = day(folder.path(), 2);
    matrix.case("broken", made::BROKEN);
    for nth in 0..9 {
        matrix.not_run(&format!("later-{nth}"), "riscv64", "riscv64");
    }
    let page = page(&matrix.finish("2026-01-02T00:00:00Z", 1.0));
    browser.open(&page, "");
    assert_eq!(browser.text("h1"), "1 failed, 9 not run");
    let told = browser.text(".not-run");
    for said in [
        "9 cases were not run: the matrix ended before its turn",
        "later-0::riscv64",
        "and 6 more",
    ] {
        assert!(told.contains(said), "{told}");
    }
    let row = texts(&mut browser, ".past .own .number");
    assert_eq!(row[..3], ["0", "1", "9"]);
    is_content(&mut browser);
}

/// The grid, its count and the keys go by the same cases.
#[test]
fn a_filter_picks_cases_and_not_rows() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&made::matrix(folder.path()));
    let mut browser = desk();
    browser.open(&page, "");
    let filter = |browser: &mut Browser, words: &str| {
        browser.eval(&format!(
            "(() => {{ const field = document.getElementById('filter'); field.value = {}; field.dispatchEvent(new Event('input')); }})()",
            json!(words)
        ));
        browser.text("#shown")
    };
    assert_eq!(filter(&mut browser, "riscv64"), "12 of 33");
    assert_eq!(browser.count("a.chip, span.chip"), 12);
    assert_eq!(browser.count("a.chip:not([href*=riscv64])"), 0);
    assert_eq!(filter(&mut browser, "aarch64-mte"), "1 of 33");
    assert_eq!(filter(&mut browser, "case-03 riscv64"), "1 of 33");
    assert_eq!(filter(&mut browser, "riscv64"), "12 of 33");
    browser.eval("document.querySelector('a.chip').click()");
    browser.until("location.hash === '#case-00::riscv64'");
    browser.key("j");
    browser.until("location.hash === '#case-01::riscv64'");
    browser.key("Escape");
    browser.until("document.getElementById('filter') !== null");
    assert_eq!(filter(&mut browser, ""), "33 of 33");
    browser.click("#failures");
    assert_eq!(
        (browser.text("#shown"), browser.count("a.chip")),
        ("2 of 33".into(), 2)
    );
    is_content(&mut browser);
}

/// One verdict, once, with all its cases; and what broke since the last time in front.
#[test]
fn failures_are_grouped_by_what_was_found_and_the_newly_broken_come_first() {
    let folder = tempfile::tempdir().unwrap();
    for nth in 1..=2 {
        let mut before = day(folder.path(), nth);
        for name in ["a-known", "b-known", "c-known"] {
            before.case(name, made::BROKEN);
        }
        before
            .case("stuck", made::PASSED[0])
            .finish("2026-01-01T00:00:00Z", 1.0);
    }
    let mut matrix = day(folder.path(), 3);
    for name in ["a-known", "b-known", "c-known"] {
        matrix.case(name, made::BROKEN);
    }
    matrix.case("stuck", made::TIMEOUT);
    let page = page(&matrix.finish("2026-01-03T00:00:00Z", 1.0));
    let mut browser = desk();
    browser.open(&page, "");
    assert_eq!(browser.count(".failures > li"), 2);
    let first = browser.text(".failures > li:first-child");
    assert!(
        first.contains("stuck") && first.contains("passed the last time"),
        "{first}"
    );
    let second = browser.text(".failures > li:last-child");
    assert_eq!(
        second.matches("failed the last 2 times, too").count(),
        3,
        "{second}"
    );
    assert_eq!(second.matches("they differ in TID5").count(), 1);
    assert!(
        second.contains("isolation-broken") && second.contains("look at the hypervisor"),
        "{second}"
    );
    // What all such verdicts begin with would only push the rest out of sight.
    assert!(!second.contains("the guest is not confined"), "{second}");
    let lines = browser.eval(
        "[...document.querySelectorAll('.why')].map((e) => getComputedStyle(e).webkitLineClamp)",
    );
    assert_eq!(lines, json!(["2", "2"]));
    // From one failure to the next, in the order of the list; and back to where one was.
    for name in ["stuck", "a-known", "b-known"] {
        browser.key("n");
        let focused = browser.eval("document.activeElement.textContent");
        assert!(focused.as_str().unwrap().contains(name), "{focused}");
    }
    browser.key("Enter");
    browser.until("location.hash.startsWith('#b-known::')");
    assert!(browser.text(".crumbs").contains("failure 3 of 4"));
    browser.key("n");
    browser.until("location.hash.startsWith('#c-known::')");
    browser.key("p");
    browser.until("location.hash.startsWith('#b-known::')");
    browser.key("Escape");
    browser.until("document.activeElement.matches('a.failure')");
    let focused = browser.eval("document.activeElement.textContent");
    assert!(focused.as_str().unwrap().contains("b-known"), "{focused}");
    is_content(&mut browser);
    keep(&mut browser, "failures");
}

/// A large grid is short while something failed in it, and all of it is a click away.
#[test]
fn what_passed_everywhere_is_folded_in_a_large_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = day(folder.path(), 1);
    for nth in 0..42 {
        let kind = ["fast", "slow"][nth % 2];
        matrix.case(&format!("{kind}-{nth:02}"), made::PASSED[nth % 3]);
    }
    matrix
        .case("slow-broken", made::BROKEN)
        .case("lonely", made::PASSED[0]);
    let page = page(&matrix.finish("2026-01-01T00:00:00Z", 1.0));
    let mut browser = desk();
    browser.open(&page, "");
    assert_eq!(browser.count("a.chip"), 1, "the broken one");
    let folds = texts(&mut browser, ".fold");
    for said in ["fast-*", "21 scenarios", "all 21 cases passed"] {
        assert!(folds[0].contains(said), "{folds:?}");
    }
    assert!(folds[1].contains("the other 21"), "{folds:?}");
    assert!(folds[2].contains("1 other scenario"), "{folds:?}");
    browser.click(".fold");
    assert_eq!(browser.count("a.chip"), 22);
    // It is as one left it when one comes back, and a filter looks into what is folded.
    browser.click("a.chip.f");
    browser.key("Escape");
    browser.until("document.querySelectorAll('.fold').length > 0");
    assert_eq!(browser.count("a.chip"), 22);
    browser.key("/");
    browser.type_text("slow-1");
    assert_eq!((browser.count("a.chip"), browser.count(".fold")), (5, 0));
    // One who goes through the cases comes back to the one that was looked at last, folded or not.
    browser.eval("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'))");
    browser.eval("document.activeElement.blur(); location.hash = '#slow-03::riscv64'");
    browser.until("document.querySelector('.stamp') !== null");
    browser.key("Escape");
    browser.until("document.activeElement.getAttribute('href') === '#slow-03::riscv64'");
    // Columns are alike, and their heads stay in sight.
    let style = browser.eval(
        "(() => { const heads = [...document.querySelectorAll('.grid thead th')]; return { position: getComputedStyle(heads[0]).position,
           widths: heads.slice(1, 4).map((head) => Math.round(head.getBoundingClientRect().width)), row: document.querySelector('.grid tbody tr:not([hidden])').getBoundingClientRect().height }; })()",
    );
    assert_eq!(style["position"], "sticky");
    let widths: Vec<Value> = style["widths"].as_array().unwrap().clone();
    assert!(widths.iter().all(|width| *width == widths[0]), "{style}");
    assert!(style["row"].as_f64().unwrap() < 30.0, "{style}");
    is_content(&mut browser);
}

/// A link to where one is already changes no address.
#[test]
fn a_link_leads_there_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[0], &folder.path().join("run"));
    let mut browser = desk();
    browser.prefers(&[("prefers-reduced-motion", "reduce")]);
    browser.open(&page(&run), "");
    for link in [
        ".sections a[href$='/log']",
        ".sections a[href$='/memory']",
        "#audit-words a",
        ".line:nth-child(150) .number",
    ] {
        for time in 1..=2 {
            browser.eval("scrollTo(0, 0)");
            browser.eval(&format!("document.querySelector({}).click()", json!(link)));
            browser.drawn();
            let scrolled = browser.eval("scrollY").as_f64().unwrap();
            assert!(scrolled > 200.0, "{link}, time {time}: {scrolled}");
        }
    }
    // The same by a key.
    browser.key("3");
    browser.eval("scrollTo(0, 0)");
    browser.key("3");
    browser.until("scrollY > 200");
    is_content(&mut browser);
}
