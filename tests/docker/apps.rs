use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::client::Client;
use hearth_tests::engine::Engine;
use hearth_tests::hearth::{Hearth, HearthSetup};
use hearth_tests::machine::Machine;
use hearth_tests::registry::Registry;
use hearth_tests::store::{StoreFolder, TestPackage, web_service};

/// How long anything may take on a slow machine; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An engine, a registry, a store and how to start Hearth on them.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) registry: Registry,
    pub(crate) store: StoreFolder,
    pub(crate) setup: HearthSetup,
}

impl Site {
    /// Makes a site with an empty store named `store`.
    pub(crate) fn new(machine: &Machine) -> Result<Self> {
        let engine = Engine::start(machine)?;
        let registry = Registry::start(machine)?;
        let store = StoreFolder::new(machine, "store")?;
        let setup = HearthSetup::new(machine, engine.socket(), store.path())?;
        Ok(Self { engine, registry, store, setup })
    }

    /// Starts Hearth for the first time and makes the owner's account.
    pub(crate) fn set_up(&self) -> Result<(Hearth, Client)> {
        let hearth = self.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        Ok((hearth, client))
    }

    /// Starts Hearth again and signs in.
    pub(crate) fn start(&self) -> Result<(Hearth, Client)> {
        let hearth = self.setup.start()?;
        let client = hearth.client();
        client.sign_in()?;
        Ok((hearth, client))
    }

    /// Offers a web page of one healthy service on `host_port`; `tag` is both the package's version and the image's tag.
    pub(crate) fn offer_page(&mut self, id: &str, tag: &str, host_port: u16) -> Result<()> {
        let image = self.registry.push(id, tag, 0)?;
        let compose = format!("services:\n  web:\n{}", web_service(&image.to_string()));
        self.store.write(&TestPackage {
            id,
            version: tag,
            web: Some(("web", 80, host_port)),
            compose: &compose,
        })
    }
}

/// Returns a site on which the app `page` runs and answers at port 8090.
pub(crate) fn installed_page(machine: &Machine) -> Result<(Site, Hearth, Client)> {
    let mut site = Site::new(machine)?;
    site.offer_page("page", "1", 8090)?;
    let (hearth, client) = site.set_up()?;
    install(&client, "page")?;
    Ok((site, hearth, client))
}

/// Stops an app and waits until it is.
pub(crate) fn stop(client: &Client, app: &str) -> Result<()> {
    client.act("POST", &format!("apps/{app}/stop"))?;
    client.wait_for_state(app, AppState::Stopped, PATIENCE).map(drop)
}

/// Starts an app and waits until it runs.
pub(crate) fn start(client: &Client, app: &str) -> Result<()> {
    client.act("POST", &format!("apps/{app}/start"))?;
    client.wait_for_state(app, AppState::Running, PATIENCE).map(drop)
}

/// Installs `app` from the store named `store` and waits until it runs.
pub(crate) fn install(client: &Client, app: &str) -> Result<()> {
    client.install("store", app)?;
    client.wait_for_state(app, AppState::Running, PATIENCE)?;
    Ok(())
}

/// Returns the ids of an app's containers by name.
pub(crate) fn container_ids(engine: &Engine, app: &str) -> Result<Vec<(String, String)>> {
    let containers = engine.containers()?;
    Ok(containers
        .into_values()
        .filter(|container| container.labels.get("sh.hearth.app").is_some_and(|label| label == app))
        .map(|container| (container.name, container.id))
        .collect())
}

/// Fetches the page that an app serves on `port`.
pub(crate) fn page(port: u16) -> Result<String> {
    let mut answer =
        ureq::get(format!("http://127.0.0.1:{port}/")).call().context("the app's page does not answer")?;
    let text = answer.body_mut().read_to_string()?;
    ensure!(!text.is_empty(), "the app's page is empty");
    Ok(text)
}
