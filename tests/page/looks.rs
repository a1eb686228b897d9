//! How a page looks, to the eye, to a reader of screens, and on paper.

use super::browser::Browser;
use super::{DESK, PHONE, desk, is_content, keep, made, page, root};
use serde_json::{Value, json};
use std::fs;

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
                assert_eq!(browser.eval(CUT), json!([]), "{name} at {width}");
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

#[test]
fn no_name_is_cut_by_the_edge_of_the_timeline_wherever_one_looks() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let mut browser = Browser::start(PHONE.0, PHONE.1);
    browser.open(&page(&run), "");
    let cut = browser.eval(&format!(
        "(() => {{ const picture = document.querySelector('#timeline svg'); const cut = new Set();
           const press = (key) => picture.dispatchEvent(new KeyboardEvent('keydown', {{key, bubbles: true}}));
           for (let closer = 0; closer < 4; closer += 1) {{
             press('+'); press('Home');
             for (let step = 0; step < 400; step += 1) {{
               {CUT}.forEach((text) => cut.add(text));
               picture.dispatchEvent(new WheelEvent('wheel', {{deltaX: 12, bubbles: true, cancelable: true}}));
             }}
           }} return [...cut]; }})()"
    ));
    assert_eq!(cut, json!([]));
    is_content(&mut browser);
}

/// Texts of a drawing that its edge cuts.
const CUT: &str = "[...document.querySelectorAll('.canvas svg text')].filter((text) => { \
    const [own, all] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()]; \
    return own.width > 0 && (own.left < all.left - 1 || own.right > all.right + 1); }).map((text) => text.textContent)";

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

/// The pictures in the README are these tests': they are made when it is asked for, and they are pages of today.
fn readmes_picture(browser: &mut Browser, name: &str) {
    let picture = root().join(format!("target/harness/screenshots/{name}"));
    browser.screenshot(&picture);
    is_content(browser);
    let kept = root().join("docs").join(name);
    if std::env::var_os("HARNESS_PICTURE").is_some() {
        fs::copy(&picture, &kept).unwrap();
    }
    let size = fs::metadata(&kept).unwrap().len();
    assert!(
        (10_000..200_000).contains(&size),
        "docs/{name} has {size} bytes"
    );
}

#[test]
fn the_readmes_picture() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::copy(made::PASSED[1], &folder.path().join("run"));
    let mut browser = Browser::start(1180, 1500);
    browser.prefers(&[("prefers-color-scheme", "light")]);
    browser.open(&page(&run), "");
    browser.click("[role=tab]:last-child");
    browser.eval("document.activeElement.blur(); scrollTo(0, 0)");
    readmes_picture(&mut browser, "page.png");
}

/// The names are those of the suite, and the runs are recordings; the failures are made up of broken ones.
#[test]
fn the_readmes_picture_of_a_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = fs::read_dir(root().join("tests/scenarios")).unwrap();
    let names = scenarios.map(|entry| entry.unwrap().path());
    let names = names.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let mut names: Vec<_> = names
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names.truncate(54);
    let broken = |name: &str| ["guest-own-fault", "id-registers"].contains(&name);
    let stuck = "irq-state-reloaded";
    for day in 1..=5 {
        let mut before = made::Matrix::new(folder.path().join(format!("202601{day:02}T120000Z-1")));
        for name in &names {
            let is_stuck = name == stuck && [2, 3].contains(&day);
            before.case(
                name,
                if is_stuck {
                    made::TIMEOUT
                } else {
                    made::PASSED[0]
                },
            );
        }
        before.finish(
            &format!("2026-01-{day:02}T12:00:00Z"),
            60.0 + f64::from(day),
        );
    }
    let mut matrix = made::Matrix::new(folder.path().join("20260106T120000Z-1"));
    for name in &names {
        matrix.case(
            name,
            if name == stuck {
                made::TIMEOUT
            } else {
                made::PASSED[0]
            },
        );
        matrix.case(
            name,
            if broken(name) {
                made::BROKEN
            } else {
                made::PASSED[2]
            },
        );
        matrix.case(name, made::PASSED[1]);
    }
    let page = page(&matrix.finish("2026-01-06T12:00:00Z", 61.5));
    let mut browser = Browser::start(1180, 1150);
    browser.prefers(&[("prefers-color-scheme", "light")]);
    browser.open(&page, "");
    readmes_picture(&mut browser, "grid.png");
}
