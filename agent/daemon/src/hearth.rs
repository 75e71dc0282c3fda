//! The core: what the API, the command line and the loop share. Every change of what the owner wants goes through here.

/// The address of the box.
mod address;
/// Answers to questions about apps, before and after their install.
pub(crate) mod apps;
/// Turns for questions about installs.
pub(crate) mod checks;
/// Consent that apps from before have.
mod consent;
/// Changes of what the owner wants.
pub(crate) mod edits;
/// Refreshes stores by itself.
mod fresh;
/// Generations, export, plan and apply.
mod history;
/// Pictures of packages.
mod icons;
/// Installs, and changes of settings.
mod install;
/// What apps have to do with each other.
mod links;
/// The owner's choice of ports.
mod ports;
/// Documents without their secrets.
mod secrets;
/// Answers to questions about the stores.
mod stores;
/// The box.
mod system;
/// The time zone that apps are told.
mod time_zone;
/// Updates, and the way back.
mod versions;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use hearth_docker::{DefaultLimits, Engine};
use hearth_fetch::Limits;
use hearth_gateway::Gateway;
use hearth_host::data::AppData;
use hearth_model::event::Event;
use hearth_model::observed::EngineState;
use hearth_model::package::Package;
use hearth_model::{AppId, AppStatus, Chain, Desired, Digest, Generation};
use hearth_os_update::OsUpdates;
use hearth_planner::Timing;
use hearth_reconciler::{CurrentGeneration, SpecCache, Wakeups};
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::db::{self, Db};
use crate::error::{Error, Result};
use crate::hearth::icons::IconKey;
use crate::import::Imports;
use crate::janitor::Janitor;
use crate::os::{DbStore, Probe};
use crate::reconcile;
use crate::reconcile::LastTurn;
use crate::reconcile::pages::Pages;
use crate::reconcile::run::Reported;
use crate::reconcile::specs::ResolvedFrom;
use crate::reconcile::start::Starts;
use crate::resolve::{Seeds, Surroundings};
use crate::scripts::Scripts;

/// Events that a slow listener may be behind before it is told to load everything again.
const EVENTS: usize = 1024;

/// Images fetched at once: more would only share the same line.
const PULLS: usize = 4;

/// Where things are, and how patient to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds everything of this box.
    pub state_dir: PathBuf,
    /// The engine's socket.
    pub docker_socket: PathBuf,
    /// Folders of packages that come with Hearth.
    pub stores: Vec<PathBuf>,
    /// How long to wait for what.
    pub timing: Timing,
    /// The root of the operating system, `/` but in tests.
    pub os_root: PathBuf,
}

/// What was published last: the state of every app, and the generation that it was planned from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    pub(crate) generation: Generation,
    pub(crate) apps: Arc<BTreeMap<AppId, AppStatus>>,
}

/// The handle of the core; clones share everything.
#[derive(Clone)]
pub struct Hearth(Arc<Inner>);

/// What every clone of [`Hearth`] shares.
pub struct Inner {
    pub(crate) options: Options,
    pub(crate) db: Db,
    pub(crate) engine: Engine,
    pub(crate) data: AppData,
    /// Deletes what was removed.
    pub(crate) janitor: Janitor,
    pub(crate) catalog: Arc<Catalog>,
    /// Told when stores may be due for a refresh.
    pub(crate) stores_changed: Notify,
    pub(crate) hostname: String,
    /// The box's address in its own network, as it was known last.
    address: RwLock<String>,
    /// The port of the dashboard, once the service listens.
    pub(crate) port: OnceLock<u16>,
    pub(crate) seeds: RwLock<Seeds>,
    icon_key: IconKey,
    /// Where the engine keeps images, once it was asked.
    pub(crate) engine_dir: OnceLock<PathBuf>,
    /// Held while what the owner wants is changed, so that changes come one after another.
    pub(crate) editing: tokio::sync::Mutex<()>,
    pub(crate) in_force: watch::Sender<CurrentGeneration>,
    pub(crate) published: watch::Sender<Published>,
    pub(crate) engine_state: watch::Sender<EngineState>,
    pub(crate) progress: Mutex<BTreeMap<AppId, Reported>>,
    /// What each app is made of; shared with the loop.
    pub(crate) specs: Arc<SpecCache<ResolvedFrom>>,
    pub(crate) turns: watch::Sender<LastTurn>,
    pub(crate) scripts: Scripts,
    pub(crate) imports: Imports,
    pub(crate) os: OsUpdates,
    pub(crate) doors: Gateway,
    /// Starts during which other containers are paused, one at a time.
    pub(crate) starts: Starts,
    /// Images fetched at once, of all apps together.
    pub(crate) pulls: Semaphore,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) checks: checks::Checks,
    pub(crate) pages: Pages,
    /// Wakes the loop.
    pub(crate) wake: Arc<Wakeups>,
    /// Whether the loop runs.
    is_running: AtomicBool,
    kept: Mutex<BTreeMap<Digest, Arc<Package>>>,
}

impl std::ops::Deref for Hearth {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AsRef<Imports> for Hearth {
    fn as_ref(&self) -> &Imports {
        &self.imports
    }
}

impl Hearth {
    /// Opens the core on a database that is open; nothing is observed or changed before [`Hearth::run`].
    ///
    /// # Errors
    /// When the database or the state folder cannot be used.
    pub async fn open(mut options: Options, db: Db) -> Result<Self> {
        let box_id = db::identity::box_id(&db).await?;
        let seed = db::identity::seed(&db).await?;
        let icon_key = IconKey::of(&seed);
        let seeds = Seeds::new(seed, db::seeds::all(&db).await?);
        let address = match address::own() {
            Some(address) => {
                db::identity::set_address(&db, &address).await?;
                address
            }
            // Before the network is up the box most likely gets the address that it had.
            None => db::identity::address(&db).await?.unwrap_or_else(|| Ipv4Addr::LOCALHOST.to_string()),
        };
        let (generation, desired) = db::generations::current(&db).await?;
        let updates = db::updates::all(&db).await?;
        let data =
            AppData::new(&options.state_dir).map_err(|error| Error::Internal(Chain(&error).to_string()))?;
        // What runs of scripts left that were cut off.
        if let Err(error) = hearth_host::data::delete_tree(&data.state_dir().join("scripts"), &|| true) {
            tracing::warn!("{}", error.reason().message);
        }
        // Without links, as Docker and the app's folders have it.
        options.state_dir = std::fs::canonicalize(&options.state_dir).map_err(|error| {
            Error::Internal(format!("the folder {} cannot be found: {error}", options.state_dir.display()))
        })?;
        let memory_bytes = hearth_host::facts::observe(&options.state_dir, None).memory_total_bytes;
        let engine = hearth_docker::Options {
            limits: DefaultLimits::of_box(memory_bytes),
            routes: || hearth_host::network::routes(Path::new("/")),
            ..hearth_docker::Options::new(box_id, options.state_dir.join("apps"))
        };
        let engine = Engine::connect(&options.docker_socket, engine);
        let shelf = options.state_dir.join("stores");
        let catalog = Arc::new(Catalog::new(options.stores.clone(), shelf, Limits::default()));
        let events = broadcast::Sender::new(EVENTS);
        let os =
            OsUpdates::open(options.update_paths(), DbStore::shared(&options, &db), events.clone()).await?;
        let hearth = Self(Arc::new(Inner {
            db,
            engine,
            janitor: Janitor::new(data.clone()),
            data,
            catalog,
            stores_changed: Notify::new(),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            address: RwLock::new(address),
            port: OnceLock::new(),
            icon_key,
            seeds: RwLock::new(seeds),
            engine_dir: OnceLock::new(),
            editing: tokio::sync::Mutex::new(()),
            in_force: watch::Sender::new(CurrentGeneration {
                generation,
                desired: Arc::new(desired),
                updates: Arc::new(updates),
            }),
            published: watch::Sender::new(Published::default()),
            engine_state: watch::Sender::new(EngineState::Unknown),
            progress: Mutex::default(),
            specs: Arc::default(),
            turns: watch::Sender::new(None),
            scripts: Scripts::default(),
            imports: Imports::default(),
            os,
            doors: Gateway::default(),
            starts: Starts::default(),
            pulls: Semaphore::new(PULLS),
            events,
            checks: checks::Checks::default(),
            pages: Pages::default(),
            wake: Arc::default(),
            is_running: AtomicBool::new(false),
            kept: Mutex::default(),
            options,
        }));
        hearth.tidy_imports().await;
        hearth.load_stores().await;
        hearth.keep_earlier_access().await?;
        Ok(hearth)
    }

    /// Keeps the box equal to what its owner wants, until the token is cancelled. Apps keep running when it ends.
    ///
    /// # Errors
    /// When it runs already.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<()> {
        if self.is_running.swap(true, Ordering::Relaxed) {
            return Err(Error::Internal("the loop runs already".to_owned()));
        }
        let imports = async {
            shutdown.cancelled().await;
            self.imports.end_all().await;
        };
        tokio::join!(
            imports,
            reconcile::run(self.clone(), shutdown.clone()),
            fresh::keep_fresh(self.clone(), shutdown.clone()),
            self.janitor.run(shutdown.clone(), || self.tell(Event::Reload)),
            self.os.run(Arc::new(Probe::of(self.clone())), shutdown.clone())
        );
        Ok(())
    }

    /// Returns a stream of what the dashboard may hear.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Returns the state of the engine as it was seen last.
    pub fn engine_state(&self) -> EngineState {
        self.engine_state.borrow().clone()
    }

    /// Returns the number of the generation in force.
    pub fn generation(&self) -> Generation {
        self.in_force.borrow().generation
    }

    pub(crate) fn in_force(&self) -> CurrentGeneration {
        self.in_force.borrow().clone()
    }

    /// Tells listeners; that nobody listens is fine.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    pub(crate) fn apps_dir(&self) -> PathBuf {
        self.options.state_dir.join("apps")
    }

    /// Returns what packages are told of this box.
    pub(crate) fn surroundings(&self, desired: &Desired) -> Surroundings {
        Surroundings {
            apps_dir: self.apps_dir().display().to_string(),
            hostname: self.hostname.clone(),
            time_zone: time_zone::of_box(&self.options.os_root, desired.settings.time_zone.as_deref()),
            address: self.address.read().unwrap_or_else(PoisonError::into_inner).clone(),
            port: self.port.get().copied(),
            seeds: self.seeds.read().unwrap_or_else(PoisonError::into_inner).clone(),
            routes: hearth_host::network::routes(Path::new("/")),
        }
    }

    /// Returns a kept package, from memory where it was read before.
    pub(crate) async fn kept_package(&self, digest: &Digest) -> Result<Option<Arc<Package>>> {
        if let Some(package) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Some(Arc::clone(package)));
        }
        let Some(package) = db::packages::get(&self.db, digest).await? else { return Ok(None) };
        let package = Arc::new(package);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone(), Arc::clone(&package));
        Ok(Some(package))
    }

    /// Forgets packages in memory that no installed app uses.
    pub(crate) fn trim_kept(&self, desired: &Desired) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|digest, _| desired.apps.values().any(|app| &app.digest == digest));
    }
}
