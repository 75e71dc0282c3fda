use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearth_model::api::generations::{PlanPreview, Proposal};
use hearth_model::{AppState, Desired};
use hearth_tests::client::Client;
use hearth_tests::engine::Engine;
use hearth_tests::hearth::{Hearth, HearthSetup};
use hearth_tests::machine::Machine;
use hearth_tests::registry::Registry;
use hearth_tests::store::{StoreFolder, TestPackage};

/// How long apps may take to come up; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// An engine that has the one tiny image of all apps, a store, and Hearth in release.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) store: StoreFolder,
    pub(crate) image: String,
    setup: HearthSetup,
    _registry: Registry,
}

impl Site {
    pub(crate) fn new(machine: &Machine) -> Result<Self> {
        let engine = Engine::start(machine)?;
        let mut registry = Registry::start(machine)?;
        let image = registry.push("tiny", "1", 0)?.to_string();
        engine.docker(&["pull", "--quiet", &image])?;
        let store = StoreFolder::new(machine, "store")?;
        let setup = HearthSetup::released(machine, engine.socket(), store.path())?;
        Ok(Self { engine, store, image, setup, _registry: registry })
    }

    /// Offers an app of `services` services that do nothing.
    pub(crate) fn offer(&self, id: &str, services: usize) -> Result<()> {
        let compose = compose_file(&self.image, services);
        self.store.write(&TestPackage { id, version: "1", web: None, compose: &compose })
    }

    /// Offers an app of one service that serves a page, which Hearth stands in front of.
    pub(crate) fn offer_behind_a_door(&self, id: &str, port: u16) -> Result<()> {
        let compose =
            compose_file(&self.image, 1).replace(" }", ", command: [httpd, -f, -p, '80', -h, /tmp] }");
        let web = Some(("s1", 80, port));
        self.store.write(&TestPackage { id, version: "1", web, compose: &compose })?;
        let manifest = self.store.path().join("apps").join(id).join("app.yml");
        let text = fs::read_to_string(&manifest)? + "gate: { sign_in: true }\n";
        Ok(fs::write(manifest, text)?)
    }

    /// Starts Hearth with the owner's account made.
    pub(crate) fn start(&self) -> Result<(Hearth, Client)> {
        let hearth = self.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        Ok((hearth, client))
    }
}

/// Returns a Compose file of `services` services that do nothing.
pub(crate) fn compose_file(image: &str, services: usize) -> String {
    let mut text = "services:\n".to_owned();
    for number in 1..=services {
        writeln!(text, "  s{number}: {{ image: \"{image}\", init: true }}").expect("writing to a string");
    }
    text
}

/// Installs apps one after the other and waits until all run.
pub(crate) fn install_all(client: &Client, apps: &[String]) -> Result<()> {
    for app in apps {
        client.install("store", app)?;
    }
    for app in apps {
        client.wait_for_state(app, AppState::Running, PATIENCE)?;
    }
    Ok(())
}

/// Returns the median time of a look: Hearth observes everything, plans, and finds nothing to do. The time of the request
/// that asks for it is in it.
pub(crate) fn look(client: &Client, times: usize) -> Result<Duration> {
    let desired: Desired = client.get("desired")?;
    let proposal = Proposal { desired, based_on: None, why: None, allow_removal: false };
    let mut taken = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        let preview: PlanPreview = client.send("POST", "plan", &proposal)?;
        taken.push(started.elapsed());
        let steps: Vec<&String> = preview.apps.iter().flat_map(|app| &app.steps).collect();
        ensure!(steps.is_empty(), "there is something to do: {steps:?}");
    }
    Ok(crate::report::median(taken))
}
