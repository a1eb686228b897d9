//! A browser that a test drives: Chromium without a window, over its DevTools protocol.
//!
//! It talks over two pipes (`--remote-debugging-pipe`: descriptors 3 and 4, messages end with a zero byte), so there
//! is no port, and it ends with whoever started it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The names that it has, in the systems that have it.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// How long it may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    last: u64,
    session: Option<String>,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one with an empty page of that size in CSS pixels.
    pub fn start(width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let program = program();
        let mut shell = Command::new("sh");
        // The shell moves the pipes to where it wants them.
        shell.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#]);
        shell.arg(&program).args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
        ]);
        shell.arg(format!("--user-data-dir={}", profile.path().display()));
        if rustix::process::getuid().is_root() {
            shell.arg("--no-sandbox"); // which Chromium refuses to do without for root
        }
        let spawned = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = spawned.unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from: messages(out),
            last: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.resize(width, height);
        browser
    }

    /// Gives the page another size. Below 500 pixels it is a phone's, with a finger.
    pub fn resize(&mut self, width: u32, height: u32) {
        let phone = width < 500;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.call(
            "Emulation.setTouchEmulationEnabled",
            json!({"enabled": phone}),
        );
    }

    /// What the system says of the page's surroundings, such as `prefers-color-scheme` and `dark`.
    pub fn prefers(&mut self, features: &[(&str, &str)]) {
        let features = features.iter();
        let features: Vec<_> = features
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Opens a file, perhaps at a place in it (`#…`), and waits until it is loaded and drawn.
    pub fn open(&mut self, file: &Path, place: &str) {
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.await_event("Page.loadEventFired");
        let url = format!("file://{}{place}", file.display());
        let answer = self.call("Page.navigate", json!({"url": url}));
        assert!(answer["errorText"].is_null(), "{answer}");
        self.await_event("Page.loadEventFired");
        self.drawn();
    }

    /// The value of an expression, of which a promise is waited for.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let answer = self.call("Runtime.evaluate", ask);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer:#}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until something is so; looks whenever the page is drawn.
    #[track_caller]
    pub fn until(&mut self, condition: &str) {
        let wait = format!(
            "new Promise((done) => {{ const end = performance.now() + 20000; (function look() {{
               if ({condition}) done(true); else if (performance.now() > end) done(false); else requestAnimationFrame(look);
             }})(); }})"
        );
        assert_eq!(self.eval(&wait), true, "it never came true: {condition}");
    }

    /// Waits until what was asked for is on the screen.
    pub fn drawn(&mut self) {
        self.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
        );
    }

    /// The text of an element.
    #[track_caller]
    pub fn text(&mut self, selector: &str) -> String {
        let found = self.eval(&format!(
            "document.querySelector({})?.textContent",
            json!(selector)
        ));
        found
            .as_str()
            .unwrap_or_else(|| panic!("there is no {selector}"))
            .to_owned()
    }

    /// How many elements there are that one can see.
    #[track_caller]
    pub fn count(&mut self, selector: &str) -> u64 {
        let count = format!(
            "[...document.querySelectorAll({})].filter((e) => e.getClientRects().length > 0).length",
            json!(selector)
        );
        self.eval(&count).as_u64().unwrap()
    }

    /// Clicks into the middle of an element.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let [x, y] = self.middle(selector);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let click = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", click);
        }
        self.drawn();
    }

    /// Where the middle of an element is, once it has been scrolled to.
    #[track_caller]
    pub fn middle(&mut self, selector: &str) -> [f64; 2] {
        let place = self.eval(&format!(
            "(() => {{ const e = document.querySelector({}); if (!e) return null;
               e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const box = e.getBoundingClientRect();
               return [box.left + box.width / 2, box.top + box.height / 2]; }})()",
            json!(selector)
        ));
        let at = |nth: usize| {
            place[nth]
                .as_f64()
                .unwrap_or_else(|| panic!("there is no {selector}"))
        };
        [at(0), at(1)]
    }

    /// Presses and lets go of a key, by its name.
    pub fn key(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            key if key.chars().count() == 1 => key,
            _ => "",
        };
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut press = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                press["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", press);
        }
        self.drawn();
    }

    /// Types a text.
    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
        self.drawn();
    }

    /// Keeps a picture of what is to be seen.
    pub fn screenshot(&mut self, path: &Path) {
        self.drawn();
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let bytes = BASE64_STANDARD
            .decode(picture["data"].as_str().unwrap())
            .unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// What went wrong in the page: exceptions, errors and warnings on its console, requests to anywhere.
    pub fn complaints(&mut self) -> Vec<String> {
        self.drawn();
        let complaint = |event: &Value| {
            let said = &event["params"];
            let is_one = match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => true,
                "Log.entryAdded" => said["entry"]["level"] != "info",
                "Runtime.consoleAPICalled" => said["type"] == "error" || said["type"] == "warning",
                "Network.requestWillBeSent" => said["type"] != "Document",
                _ => false,
            };
            is_one.then(|| event.to_string())
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// Calls a method of the protocol; its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to
            .write_all(format!("{message}\0").as_bytes())
            .unwrap();
        loop {
            let message = self.next(method);
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn await_event(&mut self, method: &str) {
        let is_it = |event: &Value| event["method"] == method;
        if let Some(at) = self.events.iter().position(is_it) {
            self.events.remove(at);
            return;
        }
        loop {
            let message = self.next(method);
            if is_it(&message) {
                return;
            }
            self.events.push(message);
        }
    }

    fn next(&self, awaited: &str) -> Value {
        let message = self.from.recv_timeout(PATIENCE);
        message
            .unwrap_or_else(|e| panic!("the browser said nothing, and {awaited} was awaited: {e}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill(); // the others of its processes end with it
        let _ = self.child.wait();
    }
}

/// Its messages, read on a thread of their own.
fn messages(out: impl Read + Send + 'static) -> Receiver<Value> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(out).split(0) {
            let Ok(message) = message else { return };
            let message = serde_json::from_slice(&message).expect("the protocol is JSON");
            if send.send(message).is_err() {
                return;
            }
        }
    });
    receive
}

/// The browser. A test that is left out would pass, so its absence is a failure.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let named = PROGRAMS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = named.into_iter().find(|program| program.is_file());
    found.expect(
        "there is no Chromium, in which the pages are tried: run `./x setup`, or\n  \
         sudo apt-get install --no-install-recommends chromium",
    )
}
