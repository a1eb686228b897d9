//! The page itself: the data, and the script and the style that show it, in one file.
//!
//! Its policy allows this script and this style, by their hashes, and nothing else: no request goes out, and
//! what a record holds cannot run.

use super::data::Page;
use crate::shown;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

const SHELL: &str = include_str!("assets/page.html");

const STYLE: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/grid.css"),
    include_str!("assets/run.css"),
    include_str!("assets/figures.css"),
    include_str!("assets/log.css"),
);

const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("assets/base.js"),
    include_str!("assets/cases.js"),
    include_str!("assets/grid.js"),
    include_str!("assets/history.js"),
    include_str!("assets/run.js"),
    include_str!("assets/timeline.js"),
    include_str!("assets/map.js"),
    include_str!("assets/audits.js"),
    include_str!("assets/log.js"),
    include_str!("assets/keys.js"),
    "})();\n",
);

/// The page as one file.
pub fn html(page: &Page) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let data = data(page);
    let fillings = [&policy, STYLE, &data, SCRIPT];
    let mut html =
        String::with_capacity(SHELL.len() + STYLE.len() + SCRIPT.len() + data.len() + 512);
    // The shell has a mark for each of them, in this order.
    for (nth, part) in SHELL.split("<!-- here -->").enumerate() {
        if nth > 0 {
            html.push_str(fillings[nth - 1]);
        }
        html.push_str(part);
    }
    html
}

/// The data as JSON that can stand in a page: without a character that could end the element, or that an editor
/// acts on.
fn data(page: &Page) -> String {
    let json = shown::json(page);
    let json = json.replace('&', r"\u0026");
    json.replace('<', r"\u003c").replace('>', r"\u003e")
}

/// As a policy names what it allows (CSP Level 3, 2.3.1).
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> String {
        let mut page = Page::new("harness", std::path::Path::new("."));
        page.texts.push(text.into());
        html(&page)
    }

    #[test]
    fn no_text_can_end_the_data() {
        let empty = with("").matches('<').count();
        for text in [
            "</script><script>alert(1)</script>",
            "<!-- <script> -->",
            "<!-- here -->",
            "]]>&lt;/script>",
        ] {
            let page = with(text);
            assert_eq!(page.matches('<').count(), empty, "{text}");
            let (_, rest) = page.split_once("id=\"data\">").unwrap();
            let (json, _) = rest.split_once("</script>").unwrap();
            let data: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(data["texts"][0], text);
        }
    }

    #[test]
    fn a_page_names_nothing_outside_itself() {
        let page = with("");
        let page = page.replace("url(#", ""); // a pattern of its own
        for outside in [
            "src=",
            "href=\"http",
            "@import",
            "url(",
            "fetch(",
            "import(",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(SHELL.matches("<!-- here -->").count(), 4);
    }

    /// A script inside an attribute, or text that is taken for markup, would need a weaker policy, or a mistake.
    #[test]
    fn the_script_only_ever_sets_text() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "DOMParser",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
    }
}
