use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::paths;
use crate::process::Process;
use crate::wait::{Answer, wait_for};

/// Key that holds an element's reference: <https://www.w3.org/TR/webdriver2/#elements>.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long a page may take to show what it is asked for.
const PATIENCE: Duration = Duration::from_secs(15);
const DRIVER: &str = "http://127.0.0.1:9515";
const FIND: &str = include_str!("browser/find.js");

/// A size and look of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A laptop's window, light.
    Desktop,
    /// A laptop's window, dark.
    DesktopDark,
    /// A phone, light.
    Phone,
    /// A phone, dark.
    PhoneDark,
}

/// Chromium, driven as a person would: by what is visible, and its role and name.
#[derive(Debug)]
pub struct Browser {
    session: String,
    http: ureq::Agent,
    screenshots: PathBuf,
    // Ends last, and Chromium with it.
    _driver: Process,
}

/// An element of the page.
#[derive(Debug, Clone)]
pub struct Element(Value);

impl Browser {
    /// Starts Chromium with an empty profile. Screenshots go to `target/screenshots/<journey>/`.
    ///
    /// # Errors
    /// When Chromium or its driver is not installed.
    pub fn start(machine: &Machine, journey: &str) -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=9515").env("HOME", machine.folder());
        let driver = Process::start(command, &machine.path("chromedriver.log"))?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)));
        let http: ureq::Agent = config.build().into();
        wait_for("chromedriver to answer", Duration::from_secs(20), || {
            Ok(Answer::when(http.get(format!("{DRIVER}/status")).call().is_ok(), "no answer"))
        })?;
        let screenshots = paths::target().join("screenshots").join(journey);
        fs::create_dir_all(&screenshots)?;
        let mut browser = Self { session: DRIVER.to_owned(), http, screenshots, _driver: driver };
        let profile = format!("--user-data-dir={}", machine.path("chromium").display());
        let answer = browser.call("POST", "session", &json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", profile,
            ] },
        } } }))?;
        let id =
            answer.pointer("/sessionId").and_then(Value::as_str).context("the driver made no session")?;
        browser.session = format!("{DRIVER}/session/{id}");
        browser.look(Look::Desktop)?;
        Ok(browser)
    }

    /// Changes the size and look of the page.
    ///
    /// # Errors
    /// When Chromium ended.
    pub fn look(&self, look: Look) -> Result<()> {
        let (width, height, mobile, scheme) = match look {
            Look::Desktop => (1280, 800, false, "light"),
            Look::DesktopDark => (1280, 800, false, "dark"),
            Look::Phone => (390, 844, true, "light"),
            Look::PhoneDark => (390, 844, true, "dark"),
        };
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": if mobile { 2 } else { 1 }, "mobile": mobile }),
        )?;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }))?;
        Ok(())
    }

    /// Opens an address and waits until the page has loaded.
    ///
    /// # Errors
    /// When nothing answers there.
    pub fn open(&self, address: &str) -> Result<()> {
        self.call("POST", "url", &json!({ "url": address }))?;
        Ok(())
    }

    /// Returns the page's address.
    ///
    /// # Errors
    /// When Chromium ended.
    pub fn address(&self) -> Result<String> {
        let value = self.call("GET", "url", &Value::Null)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for a visible element by its role and a part of its accessible name (all of it when it begins with `=`).
    ///
    /// # Errors
    /// When none appears; has the page's text.
    pub fn find(&self, role: &str, name: &str) -> Result<Element> {
        self.find_within(role, name, PATIENCE)
    }

    /// Like [`Self::find`], with another patience.
    ///
    /// # Errors
    /// When none appears; has the page's text.
    pub fn find_within(&self, role: &str, name: &str, patience: Duration) -> Result<Element> {
        self.wait(&format!("a {role} named {name:?}"), patience, || self.find_now(role, name))
    }

    /// Tells whether there is such an element now.
    ///
    /// # Errors
    /// When Chromium ended.
    pub fn has(&self, role: &str, name: &str) -> Result<bool> {
        Ok(self.find_now(role, name)?.is_some())
    }

    fn find_now(&self, role: &str, name: &str) -> Result<Option<Element>> {
        let value = self.run(FIND, &json!([role, name]))?;
        Ok((!value.is_null()).then_some(Element(value)))
    }

    /// Waits for an element by CSS selector, for pages that are not ours.
    ///
    /// # Errors
    /// When none appears; has the page's text.
    pub fn select(&self, selector: &str) -> Result<Element> {
        self.wait(&format!("an element {selector:?}"), Duration::from_secs(60), || {
            let value = self.run("return document.querySelector(arguments[0])", &json!([selector]))?;
            Ok((!value.is_null()).then_some(Element(value)))
        })
    }

    /// Waits until the page's visible text has `text`, and returns all of it. Case does not count.
    ///
    /// # Errors
    /// When it does not within `patience`; has the page's text.
    pub fn wait_for_text(&self, text: &str, patience: Duration) -> Result<String> {
        let wanted = text.to_lowercase();
        self.wait(&format!("the text {text:?}"), patience, || {
            let page = self.text()?;
            Ok(page.to_lowercase().contains(&wanted).then_some(page))
        })
    }

    /// Returns the page's visible text.
    ///
    /// # Errors
    /// When Chromium ended.
    pub fn text(&self) -> Result<String> {
        let value = self.run("return document.body ? document.body.innerText : ''", &json!([]))?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Presses what has this role and name.
    ///
    /// # Errors
    /// When it does not appear, is switched off, or something lies over it.
    pub fn press(&self, role: &str, name: &str) -> Result<()> {
        self.wait(&format!("a {role} named {name:?} that can be pressed"), PATIENCE, || {
            let Some(element) = self.find_now(role, name)? else { return Ok(None) };
            // A page that has just been drawn again has another element in its place.
            Ok(self.click(&element).ok())
        })
    }

    /// Presses an element.
    ///
    /// # Errors
    /// When it is gone, switched off, or something lies over it.
    pub fn click(&self, element: &Element) -> Result<()> {
        let enabled = self.call("GET", &format!("{}/enabled", element.path()?), &Value::Null)?;
        ensure!(enabled == Value::Bool(true), "the element is switched off");
        self.call("POST", &format!("{}/click", element.path()?), &json!({}))?;
        Ok(())
    }

    /// Types into the text field with this name, in place of what is there.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn fill(&self, name: &str, text: &str) -> Result<()> {
        self.type_into(&self.find("textbox", name)?, text)
    }

    /// Types into an element, in place of what is there.
    ///
    /// # Errors
    /// When it is no field.
    pub fn type_into(&self, element: &Element, text: &str) -> Result<()> {
        self.call("POST", &format!("{}/clear", element.path()?), &json!({}))?;
        // The driver clears without the event that a page listens to, and the page may put its own value back.
        let clear = "const e = arguments[0]; if (e.value) { e.value = ''; e.dispatchEvent(new Event('input', { bubbles: true })) }";
        self.run(clear, &json!([element.reference()]))?;
        self.call("POST", &format!("{}/value", element.path()?), &json!({ "text": text }))?;
        Ok(())
    }

    /// Returns an attribute of an element.
    ///
    /// # Errors
    /// When the element is gone.
    pub fn attribute(&self, element: &Element, name: &str) -> Result<Option<String>> {
        let value = self.call("GET", &format!("{}/attribute/{name}", element.path()?), &Value::Null)?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Runs a function body in the page and returns what it returned.
    ///
    /// # Errors
    /// When it throws.
    pub fn run(&self, script: &str, arguments: &Value) -> Result<Value> {
        self.call("POST", "execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Saves a picture of the whole page under `name`.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn screenshot(&self, name: &str) -> Result<()> {
        let answer = self.devtools(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": false }),
        )?;
        let data = answer.pointer("/data").and_then(Value::as_str).context("Chromium made no picture")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data)?;
        Ok(fs::write(self.screenshots.join(format!("{name}.png")), bytes)?)
    }

    /// Saves a picture in every [`Look`], and comes back to the desktop.
    ///
    /// # Errors
    /// When a page is wider than a phone.
    pub fn screenshots(&self, name: &str) -> Result<()> {
        for (look, suffix) in [
            (Look::DesktopDark, "-dark"),
            (Look::PhoneDark, "-phone-dark"),
            (Look::Phone, "-phone"),
            (Look::Desktop, ""),
        ] {
            self.look(look)?;
            let script =
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]";
            let widths = self.run(script, &json!([]))?;
            self.screenshot(&format!("{name}{suffix}"))?;
            let width = |index: usize| widths.get(index).and_then(Value::as_f64).unwrap_or_default();
            ensure!(width(0) <= width(1), "page {name:?} scrolls sideways on {look:?}: {widths}");
        }
        Ok(())
    }

    /// Returns what the page wrote to its console as errors since the last call.
    ///
    /// # Errors
    /// When Chromium ended.
    pub fn console_errors(&self) -> Result<Vec<String>> {
        let entries = self.call("POST", "se/log", &json!({ "type": "browser" }))?;
        let entries = entries.as_array().context("the log is a list")?;
        let text =
            |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(entries
            .iter()
            .filter(|entry| text(entry, "level") == "SEVERE")
            .map(|entry| text(entry, "message"))
            .collect())
    }

    /// Calls the DevTools protocol: <https://chromedevtools.github.io/devtools-protocol/>.
    ///
    /// # Errors
    /// When it refuses.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.call("POST", "goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        mut question: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let started = Instant::now();
        let found = wait_for(what, patience, || Ok(Answer::some(question()?, "it is not there")));
        found.or_else(|error| {
            // The page is what tells why.
            let _unsaved = self.screenshot(&format!("failed-{}", started.elapsed().as_secs()));
            bail!("{error:#}\n--- {} shows\n{}", self.address()?, self.text()?);
        })
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let address = format!("{}/{path}", self.session);
        let mut answer = if method == "GET" {
            self.http.get(&address).call()
        } else {
            self.http.post(&address).content_type("application/json").send(&serde_json::to_vec(body)?[..])
        }
        .with_context(|| format!("chromedriver does not answer to {path}"))?;
        let status = answer.status();
        // Pictures are larger than the client's own limit for bodies.
        let text = answer.body_mut().with_config().limit(100 * 1024 * 1024).read_to_vec()?;
        let mut value: Value = serde_json::from_slice(&text)
            .with_context(|| format!("chromedriver answered {status} to {path}"))?;
        if !status.is_success() {
            bail!("{path}: {}", value.pointer("/value/message").and_then(Value::as_str).unwrap_or("refused"));
        }
        Ok(value["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session; without this it would outlive its driver.
        let _ended = self.http.delete(&self.session).call();
    }
}

impl Element {
    /// Returns what stands for it among the arguments of [`Browser::run`].
    pub fn reference(&self) -> &Value {
        &self.0
    }

    fn path(&self) -> Result<String> {
        let id = self.0.get(ELEMENT).and_then(Value::as_str).context("the script returned no element")?;
        Ok(format!("element/{id}"))
    }
}
