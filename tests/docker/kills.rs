use std::collections::{BTreeMap, BTreeSet};
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
use serde_json::{Value, json};

use crate::apps::{PATIENCE, Site, container_ids};

/// At least this many kills, about as many during each of the four acts; `HEARTH_KILLS` asks for more.
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
    command: [sh, -c, 'echo version VERSION works >/data/index.html; exec httpd -f -p 80 -h /data']
    depends_on: [store]
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
        let mut images = BTreeMap::new();
        for version in ["1", "2"] {
            images.insert(version, site.registry.push("three", version, 3_000_000)?.to_string());
        }
        site.offer_page("bystander", "1", 8095)?;
        let (hearth, client) = site.set_up()?;
        crate::apps::install(&client, "bystander")?;
        let bystander = container_ids(&site.engine, "bystander")?;
        hearth.kill()?;

        let wanted = wanted_kills()?;
        let mut trial = Trial { site, images, random: Random(seed()?), kills: BTreeMap::new(), value: 0 };
        let seed = trial.random.0;
        while trial.total() < wanted {
            for act in [Act::Install, Act::Update, Act::GoBack, Act::Remove] {
                trial
                    .run(act)
                    .with_context(|| format!("{act:?} after {:?} kills, seed {seed}", trial.kills))?;
                ensure!(
                    container_ids(&trial.site.engine, "bystander")? == bystander,
                    "another app was touched, seed {seed}"
                );
            }
        }
        eprintln!("{} kills with seed {seed}, 0 lost, 0 stuck: {:?}", trial.total(), trial.kills);
        Ok(())
    })
}

/// What is done while Hearth is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Install,
    Update,
    GoBack,
    Remove,
}

impl Act {
    /// The version that the store has while this is done.
    fn offered(self) -> &'static str {
        match self {
            Self::Install => "1",
            Self::Update | Self::GoBack | Self::Remove => "2",
        }
    }

    /// The version that is there afterwards, and how often the service that runs once has then left a line.
    fn expected(self) -> Option<(&'static str, usize)> {
        match self {
            Self::Install => Some(("1", 1)),
            Self::Update => Some(("2", 2)),
            // Its line of version 2 went with the data.
            Self::GoBack => Some(("1", 2)),
            Self::Remove => None,
        }
    }

    fn ask(self, client: &Client) -> Result<()> {
        match self {
            Self::Install => client.install("store", "three"),
            Self::Update => client.send_nothing_back("POST", "apps/three/update", &json!({})),
            Self::GoBack => client.act("POST", "apps/three/go-back"),
            Self::Remove => client.act("DELETE", "apps/three?data=delete"),
        }
    }

    /// Tells whether Hearth remembers that it was asked.
    fn is_wanted(self, client: &Client) -> Result<bool> {
        let desired: Desired = client.get("desired")?;
        let three = desired.apps.iter().find(|(app, _)| app.as_str() == "three");
        Ok(three.map(|(_, app)| app.version.as_str()) == self.expected().map(|(version, _)| version))
    }

    fn wait(self, site: &Site, client: &Client) -> Result<()> {
        let Some((version, _)) = self.expected() else {
            return wait_for("everything of the app to be gone", PATIENCE, || {
                Ok(match check_removed(site) {
                    Ok(()) => Answer::Is(()),
                    Err(left) => Answer::NotYet(left.to_string()),
                })
            });
        };
        let what = format!("version {version}, running and settled");
        client
            .wait_for_app("three", &what, PATIENCE, |app| {
                let is_settled = self != Self::Update
                    || app
                        .last_update
                        .as_ref()
                        .is_some_and(|last| last.reverted.is_none() && last.can_go_back);
                app.version == version && app.state == AppState::Running && is_settled
            })
            .map(drop)
    }
}

struct Trial {
    site: Site,
    /// Images by version.
    images: BTreeMap<&'static str, String>,
    random: Random,
    /// How often Hearth was killed during each act.
    kills: BTreeMap<Act, usize>,
    /// What the app has written, to be found again.
    value: usize,
}

impl Trial {
    fn total(&self) -> usize {
        self.kills.values().sum()
    }

    /// Does `act` under kills, and checks what there is afterwards.
    fn run(&mut self, act: Act) -> Result<()> {
        if let Some((version, _)) = act.expected() {
            // Fetched anew each time, so that kills fall into pulls as well; one that is in use stays.
            let _in_use = self.site.engine.docker(&["image", "rm", "--force", &self.images[version]]);
        }
        let value = self.site.setup.state.join("apps/three/data/value");
        if act == Act::Update {
            self.value += 1;
            fs::write(&value, format!("before update {}", self.value))?;
        }
        self.act_under_kills(act)?;
        let Some((version, runs)) = act.expected() else { return Ok(()) };
        check_installed(&self.site, version, runs)?;
        if act != Act::Install {
            let found = fs::read_to_string(&value)?;
            ensure!(found == format!("before update {}", self.value), "the app's data is: {found}");
            fs::write(&value, "after the update")?;
        }
        Ok(())
    }

    /// Starts `act` and kills Hearth at a random instant, starts it and kills it again up to four times, and at last lets
    /// it come to rest.
    fn act_under_kills(&mut self, act: Act) -> Result<()> {
        let (hearth, client) = self.site.start()?;
        self.offer(&client, act.offered())?;
        let answered = act_and_kill(hearth, &client, act, self.random.below(LONGEST_ACT))?;
        let further = usize::try_from(self.random.next() % 5)?;
        for _ in 0..further {
            let (hearth, _) = self.site.start()?;
            thread::sleep(self.random.below(LONGEST_ACT));
            hearth.kill()?;
        }
        *self.kills.entry(act).or_default() += 1 + further;
        let (hearth, client) = self.site.start()?;
        let wanted = act.is_wanted(&client)?;
        ensure!(wanted || !answered, "what was answered is forgotten");
        // Killed before it could answer: the owner asks again.
        if !wanted {
            act.ask(&client)?;
        }
        act.wait(&self.site, &client)?;
        hearth.stop()?;
        Ok(())
    }

    /// Has the store offer a version, unless it does.
    fn offer(&self, client: &Client, version: &str) -> Result<()> {
        let offered = || -> Result<Option<String>> {
            let packages: Vec<Value> = client.get("store/packages")?;
            let three = packages.iter().find(|package| package["package"] == "three");
            Ok(three.and_then(|package| Some(package["version"].as_str()?.to_owned())))
        };
        if offered()?.as_deref() == Some(version) {
            return Ok(());
        }
        self.site.store.write(&TestPackage {
            id: "three",
            version,
            web: Some(("web", 80, 8094)),
            compose: &COMPOSE.replace("IMAGE", &self.images[version]).replace("VERSION", version),
        })?;
        client.act("POST", "stores/store/refresh")?;
        wait_for(&format!("version {version} in the store"), PATIENCE, || {
            let now = offered()?;
            Ok(if now.as_deref() == Some(version) {
                Answer::Is(())
            } else {
                Answer::NotYet(format!("{now:?}"))
            })
        })
    }
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

fn check_installed(site: &Site, version: &str, runs: usize) -> Result<()> {
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
    let ran = fs::read_to_string(site.setup.state.join("apps/three/data/runs"))?.lines().count();
    ensure!(ran == runs, "the service that runs once ran {ran} times in version {version}, not {runs}");
    let page = crate::apps::page(8094)?;
    ensure!(page.contains(&format!("version {version} works")), "the page says {page}");
    Ok(())
}

fn check_removed(site: &Site) -> Result<()> {
    let containers = site.engine.containers()?;
    ensure!(containers.len() == 1, "containers were left behind: {:?}", containers.keys());
    ensure!(
        !site.engine.names("network")?.contains(&"three_default".to_owned()),
        "the network was left behind"
    );
    for folder in ["apps/three", "snapshots/three"] {
        ensure!(!site.setup.state.join(folder).exists(), "{folder} was left behind");
    }
    ensure!(site.engine.names("volume")?.is_empty(), "a volume was left behind");
    Ok(())
}

fn wanted_kills() -> Result<usize> {
    match std::env::var("HEARTH_KILLS") {
        Ok(kills) => kills.parse().context("HEARTH_KILLS is a number"),
        Err(_) => Ok(KILLS),
    }
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
