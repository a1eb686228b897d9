//! Mouse, keys, fingers, and the command.

use super::browser::Browser;
use super::{PHONE, desk, is_content, made, page};
use serde_json::json;
use std::fs;

#[test]
fn the_timeline_zooms_and_moves_by_wheel_keys_and_fingers() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[0], &folder.path().join("run"));
    let page = page(&run);
    let mut browser = desk();
    browser.open(&page, "");
    let view = |browser: &mut Browser| -> [f64; 2] {
        let view = browser.eval("document.getElementById('timeline').view()");
        [view[0].as_f64().unwrap(), view[1].as_f64().unwrap()]
    };
    let length = |view: [f64; 2]| view[1] - view[0];
    let whole = view(&mut browser);
    browser.eval("document.querySelector('#timeline svg').focus()");
    browser.key("+");
    let closer = view(&mut browser);
    assert!(length(closer) < 0.7 * length(whole), "{closer:?}");
    browser.key("ArrowRight");
    let right = view(&mut browser);
    assert!(right[0] > closer[0] && (length(right) - length(closer)).abs() < 2.0);
    let [x, y] = browser.middle("#timeline svg");
    let wheel = |browser: &mut Browser, x: f64, y: f64, by: f64| {
        let turn = json!({"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": by});
        browser.call("Input.dispatchMouseEvent", turn);
        browser.drawn();
    };
    wheel(&mut browser, x, y, -200.0);
    let wheeled = view(&mut browser);
    assert!(length(wheeled) < length(right), "{wheeled:?}");
    browser.key("0");
    assert_eq!(view(&mut browser), whole);
    // A page that is only scrolled past it is left alone.
    browser.eval("document.activeElement.blur()");
    wheel(&mut browser, x, y, 60.0);
    assert_eq!(view(&mut browser), whole);
    // A mouse drags it.
    browser.key("+"); // has no focus: nothing
    assert_eq!(view(&mut browser), whole);
    browser.click("#timeline button[aria-label='Zoom in']");
    let before = view(&mut browser);
    let [x, y] = browser.middle("#timeline svg");
    for (kind, by) in [
        ("mousePressed", 0.0),
        ("mouseMoved", -60.0),
        ("mouseMoved", -120.0),
        ("mouseReleased", -120.0),
    ] {
        let drag =
            json!({"type": kind, "x": x + by, "y": y + 60.0, "button": "left", "buttons": 1});
        browser.call("Input.dispatchMouseEvent", drag);
    }
    assert!(view(&mut browser)[0] > before[0]);
    // Two fingers.
    browser.resize(PHONE.0, PHONE.1);
    browser.open(&page, "");
    let before = view(&mut browser);
    let [x, y] = browser.middle("#timeline svg");
    let fingers =
        |apart: f64| json!([{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]);
    for (kind, points) in [
        ("touchStart", fingers(20.0)),
        ("touchMove", fingers(60.0)),
        ("touchMove", fingers(100.0)),
        ("touchEnd", json!([])),
    ] {
        browser.call(
            "Input.dispatchTouchEvent",
            json!({"type": kind, "touchPoints": points}),
        );
    }
    browser.until("document.getElementById('timeline').view()[1] > 0");
    assert!(length(view(&mut browser)) < 0.7 * length(before));
    is_content(&mut browser);
}

#[test]
fn the_keyboard_goes_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&made::matrix(folder.path()));
    let mut browser = desk();
    browser.open(&page, "");
    let focused = |browser: &mut Browser| {
        let label = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent";
        browser.eval(label).as_str().unwrap().to_owned()
    };
    // The list of failures, then the grid.
    browser.key("j");
    assert!(focused(&mut browser).contains("case-10"));
    browser.key("j");
    assert!(focused(&mut browser).contains("case-11"));
    browser.key("j");
    assert!(
        focused(&mut browser).starts_with("case-00::riscv64: passed"),
        "{}",
        focused(&mut browser)
    );
    browser.key("ArrowRight");
    browser.key("ArrowDown");
    assert!(
        focused(&mut browser).starts_with("case-01::aarch64"),
        "{}",
        focused(&mut browser)
    );
    browser.key("/");
    browser.type_text("case-1 aarch64");
    assert_eq!(browser.count("a.chip"), 1);
    // In a field a letter is a letter.
    browser.key("f");
    assert_eq!(
        browser.eval("document.getElementById('failures').checked"),
        false
    );
    browser.eval("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'))");
    browser.key("Escape");
    browser.key("f");
    assert_eq!(browser.count("a.chip"), 2);
    browser.eval("document.querySelector('a.chip.f').focus()");
    browser.key("Enter");
    browser.until("document.querySelector('.stamp')?.textContent === 'isolation-broken'");
    browser.key("j");
    browser.until("document.querySelector('.stamp')?.textContent === 'timeout'");
    browser.key("k");
    browser.until("document.querySelector('.stamp')?.textContent === 'isolation-broken'");
    browser.key("3");
    browser.until("location.hash.endsWith('/log')");
    browser.key("?");
    assert_eq!(browser.eval("document.getElementById('help').open"), true);
    browser.key("Escape");
    assert_eq!(browser.eval("document.getElementById('help').open"), false);
    assert_eq!(
        browser.text(".stamp"),
        "isolation-broken",
        "Escape closed the help alone"
    );
    browser.key("Escape");
    browser
        .until("document.querySelector('h1')?.textContent === '1 failed, 1 timed out, 1 not run'");
    assert!(
        focused(&mut browser).contains("case-10"),
        "one is where one came from"
    );
    browser.key("t");
    assert_eq!(
        browser.eval("document.documentElement.dataset.theme"),
        "light"
    );
    is_content(&mut browser);
}

#[test]
fn both_runs_of_a_flaky_case_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut matrix = made::Matrix::new(folder.path().join("20260101T000000Z-1"));
    matrix.case("flaky", made::PASSED[1]).again();
    let page = page(&matrix.finish("2026-01-01T00:00:00Z", 1.0));
    let mut browser = desk();
    browser.open(&page, "");
    assert_eq!(browser.text("h1"), "Everything passed, not at once");
    browser.click("a.chip.y");
    assert_eq!(browser.text(".crumbs b"), "Run 2");
    browser.click(".crumbs a:nth-child(2)");
    assert_eq!(browser.text(".crumbs b"), "Run 1");
    assert_eq!(browser.eval("location.hash"), "#flaky::x86_64");
    is_content(&mut browser);
}

#[test]
fn the_command_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::BROKEN, &folder.path().join("run"));
    let mut browser = desk();
    browser.open(&page(&run), "");
    browser.click(".commands .copy");
    browser.until("document.querySelector('.commands .copy').matches('.copied')");
    let copied = browser.eval("getSelection().toString()");
    assert_eq!(copied, "./x run --scenario gkernel --machine aarch64-mte");
    is_content(&mut browser);
}

/// What it takes if none is named is tested beside it (cli/page.rs).
#[test]
fn the_command_makes_the_page_and_says_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(
        made::PASSED[1],
        &folder.path().join("harness-runs/20260101T000000Z-x-1"),
    );
    let page = |arguments: &[&str]| {
        let mut harness = std::process::Command::new(env!("CARGO_BIN_EXE_harness"));
        let ran = harness
            .arg("page")
            .args(arguments)
            .current_dir(folder.path());
        let ran = ran.env_remove("HARNESS_ROOT").output().unwrap();
        (
            ran.status.code(),
            String::from_utf8(ran.stdout).unwrap(),
            String::from_utf8(ran.stderr).unwrap(),
        )
    };
    let (code, said, _) = page(&["harness-runs/20260101T000000Z-x-1"]);
    assert_eq!(
        (code, &*said),
        (Some(0), "harness-runs/20260101T000000Z-x-1/page.html\n")
    );
    assert!(
        fs::read_to_string(run.join("page.html"))
            .unwrap()
            .starts_with("<!doctype html>")
    );
    let (code, _, said) = page(&["."]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("neither the folder of a run (run.json) nor that of a matrix (matrix.json)"),
        "{said}"
    );
}
