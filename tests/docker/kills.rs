use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use hearth_model::{AppState, Desired};
use hearth_tests::client::{Client, Refused};
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, Site, container_ids};

/// At least this many kills, two thirds of them while an app is installed and the rest while it is removed.
const KILLS: usize = 100;
/// No single act takes longer than this on two cores; kills fall anywhere within.
const LONGEST_ACT: Duration = Duration::from_millis(2500);

/// Three services: one that runs once before the others, and counts its runs.
const COMPOSE: &str = "services:
  prepare:
    image: IMAGE
    command: [sh, -c, 'echo ran >>/data/runs']
    volumes: ['./data:/data', 'kept:/kept']
  store:
    image: IMAGE
    init: true
    depends_on: { prepare: { condition: service_completed_successfully } }
    volumes: ['kept:/kept']
    healthcheck: { test: [CMD, test, -e, /], interval: 200ms }
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo it works >/data/index.html; exec httpd -f -p 80 -h /data']
    depends_on: [store]
    ports: ['8094:80']
    volumes: ['./data:/data']
    healthcheck: { test: [CMD, test, -e, /], interval: 200ms }
volumes:
  kept:
";

/// Kills Hearth again and again, at instants drawn from a seed that is printed (`HEARTH_TEST_SEED` sets it), and looks
/// after each act that nothing was lost and nothing is there twice.
#[test]
fn a_hundred_kills_at_random_instants_end_in_the_same_state() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("three", "1", 3_000_000)?.to_string();
        site.store.write(&TestPackage {
            id: "three",
            version: "1",
            web: None,
            compose: &COMPOSE.replace("IMAGE", &image),
        })?;
        site.offer_page("bystander", "1", 8095)?;
        let (hearth, client) = site.set_up()?;
        crate::apps::install(&client, "bystander")?;
        let bystander = container_ids(&site.engine, "bystander")?;
        hearth.kill()?;

        let seed = seed()?;
        let mut random = Random(seed);
        let mut kills = 1;
        let mut instants = Vec::new();
        while kills < KILLS {
            // Fetched anew each time, so that kills fall into pulls as well.
            let _absent = site.engine.docker(&["image", "rm", "--force", &image]);
            kills += act_under_kills(&site, &mut random, &mut instants, Act::Install)
                .with_context(|| format!("after {kills} kills, seed {seed}"))?;
            check_installed(&site).with_context(|| format!("after {kills} kills, seed {seed}"))?;
            kills += act_under_kills(&site, &mut random, &mut instants, Act::Remove)
                .with_context(|| format!("after {kills} kills, seed {seed}"))?;
            ensure!(
                container_ids(&site.engine, "bystander")? == bystander,
                "another app was touched, seed {seed}"
            );
        }
        instants.sort();
        let middle = instants[instants.len() / 2];
        eprintln!(
            "{kills} kills with seed {seed}; half of them within {} ms of the start of an act",
            middle.as_millis()
        );
        Ok(())
    })
}

/// What is done while Hearth is killed.
#[derive(Clone, Copy)]
enum Act {
    Install,
    Remove,
}

impl Act {
    fn ask(self, client: &Client) -> Result<()> {
        match self {
            Self::Install => client.install("store", "three"),
            Self::Remove => client.act("DELETE", "apps/three?data=delete"),
        }
    }

    /// Tells whether Hearth remembers that it was asked.
    fn is_wanted(self, client: &Client) -> Result<bool> {
        let desired: Desired = client.get("desired")?;
        let installed = desired.apps.keys().any(|app| app.as_str() == "three");
        Ok(match self {
            Self::Install => installed,
            Self::Remove => !installed,
        })
    }

    fn wait(self, site: &Site, client: &Client) -> Result<()> {
        match self {
            Self::Install => client.wait_for_state("three", AppState::Running, PATIENCE).map(drop),
            Self::Remove => wait_for("everything of the app to be gone", PATIENCE, || {
                Ok(match check_removed(site) {
                    Ok(()) => Answer::Is(()),
                    Err(left) => Answer::NotYet(left.to_string()),
                })
            }),
        }
    }
}

/// Starts `act` and kills Hearth at a random instant, starts it and kills it again once or twice, and at last lets it
/// come to rest. Returns how often it was killed.
fn act_under_kills(
    site: &Site,
    random: &mut Random,
    instants: &mut Vec<Duration>,
    act: Act,
) -> Result<usize> {
    let (hearth, client) = site.start()?;
    let instant = random.below(LONGEST_ACT);
    instants.push(instant);
    let answered = act_and_kill(hearth, &client, act, instant)?;
    let mut kills = 1;
    for _ in 0..random.next() % 3 {
        let instant = random.below(LONGEST_ACT);
        instants.push(instant);
        let (hearth, _) = site.start()?;
        thread::sleep(instant);
        hearth.kill()?;
        kills += 1;
    }
    let (hearth, client) = site.start()?;
    let wanted = act.is_wanted(&client)?;
    ensure!(wanted || !answered, "what was answered is forgotten");
    // Killed before it could answer: the owner asks again.
    if !wanted {
        act.ask(&client)?;
    }
    act.wait(site, &client)?;
    hearth.stop()?;
    Ok(kills)
}

/// Tells whether `act` was answered before Hearth was killed.
fn act_and_kill(hearth: Hearth, client: &Client, act: Act, instant: Duration) -> Result<bool> {
    let end = Instant::now() + instant;
    let killer = thread::spawn(move || {
        thread::sleep(end.saturating_duration_since(Instant::now()));
        hearth.kill()
    });
    let answered = act.ask(client);
    killer.join().expect("the thread only kills")?;
    match answered {
        Ok(()) => Ok(true),
        Err(error) if error.downcast_ref::<Refused>().is_some() => Err(error),
        Err(_) => Ok(false),
    }
}

fn check_installed(site: &Site) -> Result<()> {
    let containers = site.engine.containers()?;
    let found: BTreeSet<(&str, &str)> = containers
        .values()
        .filter(|container| container.name.starts_with("three"))
        .map(|container| (container.name.as_str(), container.state.as_str()))
        .collect();
    let expected = BTreeSet::from([
        ("three-prepare-1", "exited"),
        ("three-store-1", "running"),
        ("three-web-1", "running"),
    ]);
    ensure!(found == expected, "containers are {found:?}");
    ensure!(containers.len() == 4, "there are other containers: {:?}", containers.keys());
    let networks = site.engine.names("network")?;
    ensure!(
        networks == ["bridge", "bystander_default", "host", "none", "three_default"],
        "networks are {networks:?}"
    );
    let runs = fs::read_to_string(site.setup.state.join("apps/three/data/runs"))?;
    ensure!(runs == "ran\n", "the service that runs once ran {} times", runs.lines().count());
    ensure!(crate::apps::page(8094)?.contains("it works"));
    Ok(())
}

fn check_removed(site: &Site) -> Result<()> {
    let containers = site.engine.containers()?;
    ensure!(containers.len() == 1, "containers were left behind: {:?}", containers.keys());
    ensure!(
        !site.engine.names("network")?.contains(&"three_default".to_owned()),
        "the network was left behind"
    );
    ensure!(!site.setup.state.join("apps/three").exists(), "data was left behind");
    ensure!(site.engine.names("volume")?.is_empty(), "a volume was left behind");
    Ok(())
}

fn seed() -> Result<u64> {
    match std::env::var("HEARTH_TEST_SEED") {
        Ok(seed) => seed.parse().context("HEARTH_TEST_SEED is a number"),
        Err(_) => Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?),
    }
}

/// xorshift64 (<https://www.jstatsoft.org/article/view/v008i14>): enough to scatter kills, and equal for equal seeds.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: Duration) -> Duration {
        limit.mul_f64((self.next() % 10_000) as f64 / 10_000.0)
    }
}
