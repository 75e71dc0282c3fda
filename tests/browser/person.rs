use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::browser::Browser;
use hearth_tests::client::{PASSWORD, USERNAME};
use hearth_tests::engine::Engine;
use hearth_tests::hearth::{Hearth, HearthSetup};
use hearth_tests::machine::Machine;
use hearth_tests::paths;
use hearth_tests::registry::Registry;
use hearth_tests::store::{StoreFolder, TestPackage, web_service};
use hearth_tests::wait::{Answer, wait_for};
use serde_json::json;

/// How long an app may take to get where it goes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A person at the dashboard, who knows what is on the page and nothing else.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    address: String,
}

impl Person {
    /// Opens the dashboard.
    pub(crate) fn at(machine: &Machine, hearth: &Hearth, journey: &str) -> Result<Self> {
        let browser = Browser::start(machine, journey)?;
        let address = format!("http://{}", hearth.address());
        // As it is printed: an address with the set-up code, as long as there is no owner.
        match hearth.setup_code() {
            Ok(code) => browser.open(&format!("{address}/#setup={code}"))?,
            Err(_owned) => browser.open(&address)?,
        }
        Ok(Self { browser, address })
    }

    /// Makes the owner's account.
    pub(crate) fn sign_up(&self) -> Result<()> {
        self.browser.fill("Name", USERNAME)?;
        self.browser.fill("Password", PASSWORD)?;
        self.browser.press("button", "Make this box mine")?;
        self.browser.find("link", "=Store")?;
        Ok(())
    }

    /// Goes to a page by its address.
    pub(crate) fn go(&self, path: &str) -> Result<()> {
        self.browser.open(&format!("{}{path}", self.address))
    }

    /// Adds a store by its address, in the settings.
    pub(crate) fn add_store(&self, address: &str, name: &str) -> Result<()> {
        self.go("/settings")?;
        self.browser.press("button", "=Add a store")?;
        self.browser.fill("Location", address)?;
        self.browser.fill("Name", name)?;
        self.browser.press("button", "=Add a store")?;
        self.browser.wait_for_text(&format!("{name} is added"), PATIENCE).map(drop)
    }

    /// Opens the page of the app whose page in the dashboard is open, as "Open" does, and returns its address.
    pub(crate) fn open_app(&self, wanted: &str, picture: &str) -> Result<String> {
        let open = self.browser.find("link", "=Open")?;
        let address = self.browser.attribute(&open, "href")?.context("the link leads somewhere")?;
        self.browser.open(&address)?;
        self.browser.wait_for_text(wanted, PATIENCE)?;
        self.browser.screenshot(picture)?;
        Ok(address)
    }

    /// Opens a package's install dialog from the store.
    pub(crate) fn ask_to_install(&self, name: &str) -> Result<()> {
        self.browser.press("link", "=Store")?;
        self.browser.press("link", name)?;
        self.browser.press("button", "=Install")?;
        self.browser.find("dialog", &format!("Install {name}"))?;
        Ok(())
    }

    /// Installs a package from the store; the app's page is open then.
    pub(crate) fn install(&self, name: &str) -> Result<()> {
        self.ask_to_install(name)?;
        self.browser.press("button", "=Install")?;
        self.wait_for_app_page()
    }

    /// Waits until the page of an installed app is open.
    pub(crate) fn wait_for_app_page(&self) -> Result<()> {
        self.browser.find("link", "=Logs")?;
        Ok(())
    }

    /// Waits until the open app page shows this state, word for word.
    pub(crate) fn wait_for_state(&self, state: &str) -> Result<()> {
        let shown = || -> Result<String> {
            let value = self
                .browser
                .run("return document.querySelector('.hero-meta')?.innerText || ''", &json!([]))?;
            Ok(value.as_str().unwrap_or_default().to_owned())
        };
        let waited = wait_for(&format!("the state {state:?}"), PATIENCE, || {
            let shown = shown()?;
            Ok(Answer::when(shown.contains(state), shown))
        });
        if waited.is_err() {
            self.browser.screenshot("failed-state")?;
            eprintln!("--- the page shows\n{}", self.browser.text()?);
        }
        waited
    }

    /// Checks that no script of the page failed. Answers such as 404, which the console has too, are what pages deal with.
    pub(crate) fn expect_no_script_errors(&self) -> Result<()> {
        let mut errors = self.browser.console_errors()?;
        errors.retain(|error| !error.contains("Failed to load resource") && !error.contains("net::ERR_"));
        ensure!(errors.is_empty(), "scripts failed: {errors:#?}");
        Ok(())
    }
}

/// An engine, an empty registry, a store and Hearth with its dashboard.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) registry: Registry,
    pub(crate) store: StoreFolder,
    pub(crate) setup: HearthSetup,
}

impl Site {
    pub(crate) fn new(machine: &Machine) -> Result<Self> {
        let engine = Engine::start(machine)?;
        let registry = Registry::start(machine)?;
        let store = StoreFolder::new(machine, "store")?;
        let setup = with_dashboard(machine, &engine, store.path())?;
        Ok(Self { engine, registry, store, setup })
    }

    /// Offers a web page of one healthy service.
    pub(crate) fn offer_page(&mut self, id: &str, host_port: u16) -> Result<()> {
        let image = self.registry.push(id, "1", 0)?.to_string();
        let compose = format!("services:\n  web:\n{}", web_service(&image));
        self.store.write(&TestPackage {
            id,
            version: "1",
            web: Some(("web", 80, host_port)),
            compose: &compose,
        })
    }

    /// Offers an app of one service, whose Compose lines after its image are `lines`.
    pub(crate) fn offer(&mut self, id: &str, lines: &str) -> Result<()> {
        let image = self.registry.push(id, "1", 0)?.to_string();
        self.offer_image(id, &image, lines)
    }

    /// Like [`Self::offer`], with any image.
    pub(crate) fn offer_image(&self, id: &str, image: &str, lines: &str) -> Result<()> {
        let compose = format!("services:\n  main:\n    image: {image}\n    init: true\n{lines}");
        self.store.write(&TestPackage { id, version: "1", web: None, compose: &compose })
    }

    /// Starts Hearth, and a person signs up.
    pub(crate) fn person(&self, machine: &Machine, journey: &str) -> Result<(Hearth, Person)> {
        let hearth = self.setup.start()?;
        let person = Person::at(machine, &hearth, journey)?;
        person.sign_up()?;
        Ok((hearth, person))
    }
}

/// Returns how to start Hearth with its dashboard.
pub(crate) fn with_dashboard(machine: &Machine, engine: &Engine, store: &Path) -> Result<HearthSetup> {
    let mut setup = HearthSetup::new(machine, engine.socket(), store)?;
    setup.assets = Some(paths::dashboard()?);
    Ok(setup)
}
