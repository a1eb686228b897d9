//! The pages of runs and matrices, in a browser.
//!
//! Pictures of what is seen are kept in `target/harness/screenshots`. With `HARNESS_PICTURE=1` those of the README
//! are made anew.

mod browser;
mod cases;
mod drawn;
mod looks;
mod made;
mod size;
mod usage;

use browser::Browser;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

const DESK: (u32, u32) = (1440, 1000);
const PHONE: (u32, u32) = (390, 844);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Makes the page of a folder.
fn page(dir: &Path) -> PathBuf {
    harness::page::write(dir, "./x").unwrap()
}

fn keep(browser: &mut Browser, name: &str) {
    browser.screenshot(&root().join(format!("target/harness/screenshots/{name}.png")));
}

#[track_caller]
fn is_content(browser: &mut Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn desk() -> Browser {
    Browser::start(DESK.0, DESK.1)
}

/// "One broken scenario among many is found from the page in three clicks."
#[test]
fn three_clicks_lead_from_a_matrix_to_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&made::matrix(folder.path()));
    let mut browser = desk();
    browser.open(&page, "");
    assert_eq!(browser.count("a.chip"), 32);
    assert_eq!(browser.text("h1"), "1 failed, 1 timed out, 1 not run");
    for (case, why) in [
        ("f", "HCR_EL2 is 0x"),
        ("t", "the whole run's clock ran out"),
    ] {
        let told = browser.text(&format!("a.failure.{case} .why"));
        assert!(told.starts_with(why), "{told}");
    }
    browser.click("#failures");
    assert_eq!(
        (browser.count("a.chip"), browser.text("#shown")),
        (2, "2 of 33".into())
    );
    browser.click("a.chip.f");
    assert_eq!(browser.text(".stamp"), "isolation-broken");
    let cause = browser.text(".cause code");
    assert!(
        cause.contains("HCR_EL2") && cause.contains("TID5"),
        "{cause}"
    );
    browser.click(".cause a");
    let line = browser.text(".line.target");
    assert!(line.contains("BREACH") && line.contains("TID5"), "{line}");
    assert_eq!(browser.count(".line.target"), 1);
    is_content(&mut browser);
}

#[test]
fn a_run_shows_what_ran_what_was_mapped_and_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let mut browser = desk();
    browser.open(&page(&run), "");
    assert_eq!(browser.text(".stamp"), "pass");
    for (what, count) in [(".phase.hypervisor", 2), (".phase.guest", 1)] {
        assert_eq!(browser.count(what), count, "{what}");
    }
    assert!(browser.count("#timeline .step") > 5);
    // Two faults that both logs tell of, and what came after them.
    assert!(browser.count("#timeline rect.exits") >= 3);
    assert!(browser.count("#timeline path.audit") >= 3);
    // The flash is read only, the RAM is not; both are drawn.
    browser.click("[role=tab]:last-child");
    assert!(browser.count("g.band.r") >= 1 && browser.count("g.band.rwx") >= 1);
    assert!(browser.count("g.part.image") == 1 && browser.count("g.part.gap") >= 1);
    assert!(browser.text("#memory").contains("the hypervisor's image"));
    // A source is left out and comes back.
    let lines = browser.count(".line");
    let report = browser.count(".line.h");
    assert!(report >= 5, "{report}");
    browser.click(".source.h");
    assert_eq!(
        (browser.count(".line.h"), browser.count(".line")),
        (0, lines - report)
    );
    browser.click(".source.h");
    assert_eq!(browser.count(".line"), lines);
    browser.click("#log-filter");
    browser.type_text("pflash magic");
    assert_eq!(browser.count(".line"), 1);
    is_content(&mut browser);
    keep(&mut browser, "log");
}

/// A published hypervisor, whose guest reaches the tables that confine it.
#[test]
fn a_breach_is_drawn_in_red_and_has_its_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::LEAKY, &folder.path().join("run"));
    let mut browser = desk();
    browser.open(&page(&run), "#guestaspace-audit::riscv64/memory");
    assert_eq!(
        (browser.count("g.band.bad"), browser.count("g.part.bad")),
        (1, 2)
    );
    let said = browser.text(".breaches");
    assert!(
        said.contains("lets the guest reach what is the hypervisor's"),
        "{said}"
    );
    let red = browser.eval("getComputedStyle(document.querySelector('g.band.bad .fill')).fill");
    let fail = browser.eval("getComputedStyle(document.querySelector('.tabs .bad')).color");
    assert_eq!(red, fail);
    // What is drawn is told, too.
    let [x, y] = browser.middle("g.band.bad .plate");
    browser.call(
        "Input.dispatchMouseEvent",
        json!({"type": "mouseMoved", "x": x, "y": y}),
    );
    browser.until("!document.getElementById('tip').hidden");
    let told = browser.text("#tip");
    for said in [
        "GPA 0x80000000..0x80003000",
        "12 KiB, rwx",
        "the tables that confine the guest",
    ] {
        assert!(told.contains(said), "{told}");
    }
    is_content(&mut browser);
    keep(&mut browser, "breach");
}

#[test]
fn where_a_clock_ran_out_stands_with_function_source_line_and_registers() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::TIMEOUT, &folder.path().join("run"));
    let mut browser = desk();
    browser.open(&page(&run), "");
    assert_eq!(browser.text(".stamp"), "timeout");
    let card = browser.text("#verdict");
    for said in [
        "hypervisor/src/arch/riscv64/load.rs:88",
        "To look at: ",
        "hstatus",
        "./x run --scenario",
    ] {
        assert!(card.contains(said), "{said}: {card}");
    }
    assert!(browser.text("#timeline").contains("awaited: case"));
    is_content(&mut browser);
    keep(&mut browser, "timeout");
}

/// Whatever a console, a scenario or a report says, it is text.
#[test]
fn hostile_text_is_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = made::Matrix::new(folder.path().join("20260101T000000Z-1"));
    let run = made::hostile(&matrix.dir.join("runs/run"));
    matrix.case_of("</script><script>window.broken = 1</script>", &run);
    let matrix = page(&matrix.finish("</title><script>window.broken = 1</script>", 1.0));
    let mut browser = desk();
    for page in [page(&run), matrix] {
        let size = fs::metadata(&page).unwrap().len();
        assert!(size < 1_500_000, "{size}");
        browser.open(&page, "");
        if browser.count("a.chip") > 0 {
            browser.click("a.chip");
        }
        assert_eq!(browser.eval("typeof window.broken"), "undefined");
        assert_eq!(browser.eval("document.scripts.length"), 2);
        assert_eq!(browser.count("img, b > b, iframe"), 0);
        let log = browser.text("#log");
        assert!(
            log.contains("<script>window.broken = 1</script><img src=x"),
            "it is shown as it is"
        );
        assert!(
            log.contains("[... 65200 characters ...]"),
            "a long line says how long it was"
        );
        assert!(log.contains(r"\u{202e}evil\u{2028}") && !log.contains('\u{1b}'));
        assert!(browser.text("#log .notice").contains("lines left out here"));
        let wide = browser.eval("document.documentElement.scrollWidth - innerWidth");
        assert!(wide.as_i64().unwrap() <= 0, "{wide}");
        is_content(&mut browser);
    }
}

#[test]
fn a_hundred_runs_are_a_small_page_that_is_shown_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = made::Matrix::new(folder.path().join("20260101T000000Z-1"));
    for nth in 0..97 {
        matrix.case(&format!("scenario-{:02}", nth / 3), made::PASSED[nth % 3]);
    }
    for recording in [made::BROKEN, made::TIMEOUT, "riscv64-hypervisor-error"] {
        matrix.case(&format!("broken-{recording}"), recording);
    }
    let page = page(&matrix.finish("2026-01-01T00:00:00Z", 20.0));
    let size = fs::metadata(&page).unwrap().len();
    assert!(size < 2_000_000, "{size}");
    let mut browser = desk();
    browser.open(&page, "");
    assert_eq!(browser.count("a.chip"), 100);
    browser.until("performance.getEntriesByName('first-contentful-paint').length > 0");
    let paint = browser.eval("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    assert!(paint.as_f64().unwrap() < 2000.0, "{paint} ms");
    // Each run is there, with its log, its map and its timeline.
    let broken = browser.eval(
        "(async () => { const bad = []; for (const link of [...document.querySelectorAll('a.chip')].map((a) => a.getAttribute('href'))) {
           location.hash = link; await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
           if (document.querySelectorAll('.line').length < 5 || !document.querySelector('.stamp')) bad.push(link);
         } return bad; })()",
    );
    assert_eq!(broken, json!([]));
    is_content(&mut browser);
}
