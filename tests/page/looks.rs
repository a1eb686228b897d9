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
