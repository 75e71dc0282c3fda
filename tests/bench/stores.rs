use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearth_model::api::store::{PackageSummary, StoreSummary};
use hearth_tests::client::Client;
use hearth_tests::hearth::HearthSetup;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::store::{StoreFolder, TestPackage};

use crate::report::{Report, median};

/// Packages of each store: as many as the largest public one.
const PACKAGES: usize = 400;
/// Stores that are searched together: 2,000 packages.
const STORES: usize = 5;
const TIMES: usize = 11;

/// Services of each package, with a health check, a limit and answers of the owner, as packages have them.
const COMPOSE: &str = "\
services:
  web:
    image: docker.io/library/example:1.2.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    environment:
      DATABASE_URL: postgres://app:${HEARTH_APP:-app}@db:5432/app
      LOG_LEVEL: info
      PUBLIC_URL: http://localhost:8080
    volumes: ['./data:/data', './config:/config']
    depends_on: { db: { condition: service_healthy } }
    healthcheck: { test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1/'], interval: 30s, timeout: 5s, retries: 3 }
    mem_limit: 512m
  db:
    image: docker.io/library/postgres:17@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    environment: { POSTGRES_USER: app, POSTGRES_DB: app, POSTGRES_PASSWORD: app }
    volumes: ['db:/var/lib/postgresql/data']
    healthcheck: { test: [CMD, pg_isready, -U, app], interval: 10s, timeout: 5s, retries: 5 }
volumes: { db: {} }
";

/// Measures how long a store of 400 packages takes to be read, checked and indexed, and a search among 2,000.
///
/// Both are asked for over HTTP, so the time of the request is in them.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    on_a_machine(|machine| {
        let folders = (1..=STORES).map(|number| offer(machine, number)).collect::<Result<Vec<_>>>()?;
        let mut setup = HearthSetup::released(machine, machine.path("no-engine.sock"), folders[0].path())?;
        setup.stores = folders.iter().map(|folder| folder.path().to_owned()).collect();
        let hearth = setup.start()?;
        let client = hearth.client();
        client.set_up()?;

        let read = timed(|| {
            let store: StoreSummary = client.send("POST", "stores/store-1/refresh", &())?;
            ensure!(store.packages == PACKAGES, "{} packages were read: {:?}", store.packages, store.refused);
            Ok(())
        })?;
        report.with_goal("a store of 400 packages, read and checked", milliseconds(read), "ms", 1000.0);
        for (what, words, found) in [
            ("search 2,000 packages, all match", "keeps", PACKAGES * STORES),
            ("search 2,000 packages, five match", "app-399 keeps", STORES),
        ] {
            let search = timed(|| expect(&client, words, found))?;
            report.with_goal(what, milliseconds(search), "ms", 10.0);
        }
        Ok(())
    })
}

fn offer(machine: &Machine, number: usize) -> Result<StoreFolder> {
    let store = StoreFolder::new(machine, &format!("store-{number}"))?;
    for package in 0..PACKAGES {
        let id = format!("app-{package}");
        let host_port = u16::try_from(10_000 + package)?;
        store.write(&TestPackage {
            id: &id,
            version: "1.2.3",
            web: Some(("web", 80, host_port)),
            compose: COMPOSE,
        })?;
        let manifest = store.path().join("apps").join(&id).join("app.yml");
        let text = std::fs::read_to_string(&manifest)?;
        let long = "Keeps what you give it, shows it everywhere, and tells nobody. ".repeat(20);
        std::fs::write(manifest, text.replace("Made for a test.", &format!("Keeps things. {long}")))?;
    }
    Ok(store)
}

fn expect(client: &Client, words: &str, count: usize) -> Result<()> {
    let words = words.replace(' ', "%20");
    let found: Vec<PackageSummary> = client.get(&format!("store/packages?q={words}"))?;
    ensure!(found.len() == count, "{} packages were found, not {count}", found.len());
    Ok(())
}

fn timed(mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    // The first time warms the caches of files up.
    work()?;
    let mut taken = Vec::new();
    for _ in 0..TIMES {
        let started = Instant::now();
        work()?;
        taken.push(started.elapsed());
    }
    Ok(median(taken))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
