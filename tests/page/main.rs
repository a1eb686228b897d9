//! The pages of runs and matrices, in a browser.
//!
//! Pictures of what is seen are kept in `target/harness/screenshots`. With `HARNESS_PICTURE=1` the README's is made
//! anew.

mod browser;
mod made;

use browser::Browser;
use serde_json::{Value, json};
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
    assert_eq!(browser.text("h1"), "2 cases did not pass");
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
    browser.until("document.querySelector('h1')?.textContent === '2 cases did not pass'");
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

/// Nothing is wider than the window, and every text can be read, on a desk and a phone, by day and by night.
#[test]
fn it_fits_a_desk_and_a_phone_by_day_and_by_night() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&made::matrix(folder.path()));
    let mut browser = desk();
    let places = [
        ("grid", ""),
        ("run", "#case-10::aarch64-mte"),
        ("memory", "#case-01::x86_64/memory"),
        ("timeline", "#case-00::riscv64/timeline"),
    ];
    for (size, (width, height)) in [("desk", DESK), ("phone", PHONE)] {
        browser.resize(width, height);
        for scheme in ["light", "dark"] {
            browser.prefers(&[
                ("prefers-color-scheme", scheme),
                ("prefers-reduced-motion", "reduce"),
            ]);
            for (name, place) in places {
                browser.open(&page, place);
                let over = browser.eval("document.documentElement.scrollWidth - innerWidth");
                assert!(
                    over.as_i64().unwrap() <= 0,
                    "{name} at {width}: {over} too wide"
                );
                let faint = browser.eval(FAINT);
                assert_eq!(faint, json!([]), "{name}, {scheme}");
                keep(&mut browser, &format!("{name}-{size}-{scheme}"));
            }
        }
    }
    is_content(&mut browser);
}

/// On paper it is light, has no controls, and nothing is folded away.
#[test]
fn it_can_be_printed() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let mut browser = desk();
    let dark = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
    browser.call(
        "Emulation.setEmulatedMedia",
        json!({"media": "print", "features": dark}),
    );
    browser.open(&page(&run), "");
    assert_eq!(
        browser.eval("getComputedStyle(document.body).backgroundColor"),
        "rgb(255, 255, 255)"
    );
    assert_eq!(browser.count(".bar, .copy, .tools button, input"), 0);
    assert_eq!(browser.eval(FAINT), json!([]));
    let folded = browser.eval(
        "[...document.querySelectorAll('details > :not(summary)')].filter((e) => e.getBoundingClientRect().height === 0).length",
    );
    assert_eq!(folded, 0);
    let pdf = browser.call("Page.printToPDF", json!({}));
    assert!(pdf["data"].as_str().unwrap().len() > 10_000);
    is_content(&mut browser);
}

/// Texts whose contrast to what is behind them is below 4.5 (WCAG 2.2, 1.4.3), but for the drawings'.
const FAINT: &str = r"(() => {
  const rgb = (words) => words.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const f = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const found = new Set();
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg, script, noscript, .unseen, [hidden], dialog') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.getClientRects().length === 0) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.add(`${e.className || e.tagName}: ${contrast.toFixed(2)}`);
  }
  return [...found]; })()";

/// Who cannot see the page has names for everything that can be used.
#[test]
fn everything_that_can_be_used_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&made::matrix(folder.path()));
    let mut browser = desk();
    browser.call("Accessibility.enable", json!({}));
    for place in ["", "#case-10::aarch64-mte", "#case-11::riscv64"] {
        browser.open(&page, place);
        let tree = browser.call("Accessibility.getFullAXTree", json!({}));
        let roles = [
            "button",
            "link",
            "searchbox",
            "checkbox",
            "tab",
            "tabpanel",
            "image",
            "dialog",
            "table",
            "application",
        ];
        let nodes = tree["nodes"].as_array().unwrap();
        let used = nodes.iter().filter(|node| node["ignored"] != true);
        let used: Vec<_> = used
            .filter(|node| roles.iter().any(|role| node["role"]["value"] == *role))
            .collect();
        assert!(used.len() > 20, "{}", used.len());
        let nameless = |node: &&&Value| {
            let needs = node["role"]["value"] != "table";
            needs
                && node["name"]["value"]
                    .as_str()
                    .unwrap_or_default()
                    .trim()
                    .is_empty()
        };
        let nameless: Vec<_> = used.iter().filter(nameless).collect();
        assert!(nameless.is_empty(), "{nameless:#?}");
        let lost = browser.eval(
            "[...document.querySelectorAll('[aria-labelledby], [aria-controls]')].flatMap((e) => [e.getAttribute('aria-labelledby'), e.getAttribute('aria-controls')]).filter((id) => id && !document.getElementById(id))",
        );
        assert_eq!(lost, json!([]));
    }
}

#[test]
fn the_command_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::BROKEN, &folder.path().join("run"));
    let mut browser = desk();
    browser.open(&page(&run), "");
    browser.click(".commands .copy");
    browser.until("document.querySelector('.commands .copy').textContent === 'Copied'");
    let copied = browser.eval("getSelection().toString()");
    assert_eq!(copied, "./x run --scenario gkernel --machine aarch64-mte");
    is_content(&mut browser);
}

/// The picture in the README is this test's: it is made when it is asked for, and it is a page of today.
#[test]
fn the_readmes_picture() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let mut browser = Browser::start(1180, 1690);
    browser.prefers(&[("prefers-color-scheme", "light")]);
    browser.open(&page(&run), "");
    browser.click("[role=tab]:last-child");
    browser.eval("document.activeElement.blur(); scrollTo(0, 0)");
    let picture = root().join("target/harness/screenshots/page.png");
    browser.screenshot(&picture);
    is_content(&mut browser);
    if std::env::var_os("HARNESS_PICTURE").is_some() {
        fs::copy(&picture, root().join("docs/page.png")).unwrap();
    }
    let size = fs::metadata(root().join("docs/page.png")).unwrap().len();
    assert!(
        (10_000..200_000).contains(&size),
        "docs/page.png has {size} bytes"
    );
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
