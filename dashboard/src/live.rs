use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use hearth_model::api::os::OsStatus;
use hearth_model::api::store::StoreProgress;
use hearth_model::api::system::SystemInfo;
use hearth_model::condition::Progress;
use hearth_model::event::Event;
use hearth_model::observed::EngineState;
use hearth_model::{AppId, AppStatus, Generation, StoreId};
use leptos::prelude::*;

use crate::client;
use crate::event;
use crate::letters::lower;
use crate::stream::{Stream, Word};
use crate::task::{self, Lifetime};

/// How long the connection may be away before the owner is told: a moment is not worth a banner.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// An installed app.
#[derive(Clone)]
pub(crate) struct LiveApp {
    /// Which.
    pub(crate) id: AppId,
    /// All of it but its progress, which is `None` here.
    pub(crate) status: ArcRwSignal<AppStatus>,
    /// What is going on; apart, because it changes many times a second and hardly anything shows it.
    pub(crate) progress: ArcRwSignal<Option<Progress>>,
}

/// Everything that the box tells by itself: apps, engine, settings. One stream of events keeps it true; nothing polls.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    apps: RwSignal<Vec<LiveApp>>,
    loaded: RwSignal<bool>,
    failed: RwSignal<Option<client::Error>>,
    system: RwSignal<Option<SystemInfo>>,
    connected: RwSignal<bool>,
    lost: RwSignal<bool>,
    generation: StoredValue<Option<Generation>>,
    /// Refreshes of stores that go on.
    pub(crate) store_progress: RwSignal<BTreeMap<StoreId, StoreProgress>>,
    /// Told whenever the stores offer something else.
    pub(crate) store_changed: Trigger,
    /// Told whenever there is a new generation.
    pub(crate) generation_changed: Trigger,
    os: RwSignal<Option<OsStatus>>,
    lifetime: Lifetime,
}

thread_local! {
    // Dropping the stream closes it.
    static EVENTS: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

impl Live {
    /// Returns it empty; [`Live::open`] fills it.
    pub(crate) fn new() -> Self {
        Self {
            apps: RwSignal::default(),
            loaded: RwSignal::new(false),
            failed: RwSignal::new(None),
            system: RwSignal::new(None),
            connected: RwSignal::new(false),
            lost: RwSignal::new(false),
            generation: StoredValue::new(None),
            store_progress: RwSignal::default(),
            store_changed: Trigger::new(),
            generation_changed: Trigger::new(),
            os: RwSignal::new(None),
            lifetime: Lifetime::current(),
        }
    }

    /// Loads everything and listens. Called again, it starts anew.
    pub(crate) fn open(self) {
        self.load();
        let was_open = StoredValue::new(false);
        let stream = Stream::open(client::EVENT_STREAM.to_owned(), move |word| match word {
            Word::Open => {
                self.connected.set(true);
                self.lost.set(false);
                // What happened while nobody listened is not told again.
                if was_open.get_value() {
                    self.load();
                }
                was_open.set_value(true);
            }
            Word::Lost => {
                self.connected.set(false);
                self.lifetime.after(LOST_AFTER, move || self.look_why_lost());
            }
            Word::Message { name, data } => {
                if let Some(event) = event::read(&name, &data) {
                    self.hear(event);
                }
            }
        });
        EVENTS.set(Some(stream));
    }

    /// Stops listening and forgets everything, at sign-out.
    pub(crate) fn close(self) {
        EVENTS.set(None);
        self.apps.set(Vec::new());
        self.loaded.set(false);
        self.system.set(None);
        self.os.set(None);
        self.lost.set(false);
        self.generation.set_value(None);
    }

    /// Loads everything again.
    pub(crate) fn load(self) {
        task::spawn(async move {
            match client::apps().await {
                Ok(apps) => {
                    self.keep_only(&apps);
                    apps.into_iter().for_each(|app| self.put(app));
                    self.failed.set(None);
                    self.loaded.set(true);
                }
                Err(error) => self.failed.set(Some(error)),
            }
        });
        self.load_system();
        self.store_changed.notify();
        self.generation_changed.notify();
        self.load_os();
    }

    /// Loads the box's own facts again: disk and memory move without an event.
    pub(crate) fn load_system(self) {
        task::spawn(async move {
            if let Ok(system) = client::system().await {
                self.system.set(Some(system));
            }
        });
    }

    /// Loads again how far an update of the operating system is.
    pub(crate) fn load_os(self) {
        task::spawn(async move {
            let Ok(os) = client::os().await else { return };
            let runs = os.version;
            let before = self.os.try_update(|known| known.replace(os)).flatten();
            // Another release has another dashboard.
            if before.is_some_and(|before| before.version != runs) {
                let _ = window().location().reload();
            }
        });
    }

    /// A stream ends with the session too, and does not say so; the answer to a request does.
    fn look_why_lost(self) {
        let is_lost = !self.connected.get_untracked();
        self.lost.set(is_lost);
        if is_lost {
            self.load_system();
        }
    }

    fn hear(self, event: Event) {
        match event {
            Event::App { app } => self.put(*app),
            Event::AppRemoved { id } => {
                self.apps.update(|apps| apps.retain(|app| app.id != id));
                self.store_changed.notify();
            }
            Event::Progress { id, progress } => {
                if let Some(app) = self.known(&id) {
                    app.progress.set(Some(progress));
                }
            }
            // A stream begins with both as they are: what is known already is no news.
            Event::Generation { generation } => {
                let before = self.generation.try_update_value(|known| known.replace(generation)).flatten();
                if before.is_some_and(|before| before != generation) {
                    self.generation_changed.notify();
                    self.load_system();
                }
            }
            Event::Engine { engine } => {
                let known = self
                    .system
                    .with_untracked(|system| system.as_ref().map(|system| system.engine == engine));
                if known == Some(false) {
                    self.system
                        .update(|system| system.iter_mut().for_each(|system| system.engine = engine.clone()));
                    self.load_system();
                }
            }
            Event::Store => {
                // A refresh that goes on tells again soon.
                self.store_progress.update(BTreeMap::clear);
                self.store_changed.notify();
            }
            Event::StoreProgress { id, progress } => {
                self.store_progress.update(|all| _ = all.insert(id, progress));
            }
            Event::Os => self.load_os(),
            Event::Reload => self.load(),
        }
    }

    fn known(self, id: &AppId) -> Option<LiveApp> {
        self.apps.with_untracked(|apps| apps.iter().find(|app| app.id == *id).cloned())
    }

    /// Changes an app in place, so that only what shows it is drawn again.
    fn put(self, mut app: AppStatus) {
        let progress = app.progress.take();
        if let Some(known) = self.known(&app.id) {
            if known.status.with_untracked(|known| *known != app) {
                known.status.set(app);
            }
            if known.progress.with_untracked(|known| *known != progress) {
                known.progress.set(progress);
            }
            return;
        }
        let id = app.id.clone();
        let app = LiveApp { id, status: ArcRwSignal::new(app), progress: ArcRwSignal::new(progress) };
        self.apps.update(|apps| apps.push(app));
        // While everything is being loaded, apps come one after the other and are no news to the store.
        if self.loaded.get_untracked() {
            self.store_changed.notify();
        }
    }

    fn keep_only(self, apps: &[AppStatus]) {
        let gone = |known: &LiveApp| !apps.iter().any(|app| app.id == known.id);
        if self.apps.with_untracked(|known| known.iter().any(gone)) {
            self.apps.update(|known| known.retain(|app| !gone(app)));
        }
    }

    /// Every app, by the name that people know; hears of apps that come and go, not of their states.
    pub(crate) fn apps(self) -> Vec<LiveApp> {
        let mut apps = self.apps.get();
        apps.sort_by_cached_key(|app| app.status.with_untracked(|status| lower(&status.name)));
        apps
    }

    /// One app, by its id as an address has it.
    pub(crate) fn app(self, id: &str) -> Option<LiveApp> {
        self.apps.with(|apps| apps.iter().find(|app| app.id.as_str() == id).cloned())
    }

    /// Whether the apps are known.
    pub(crate) fn is_loaded(self) -> bool {
        self.loaded.get()
    }

    /// Why the apps could not be loaded.
    pub(crate) fn failure(self) -> Option<client::Error> {
        self.failed.get()
    }

    /// The operating system; the caller hears of changes.
    pub(crate) fn os(self) -> Option<OsStatus> {
        self.os.get()
    }

    /// The box.
    pub(crate) fn system(self) -> Option<SystemInfo> {
        self.system.get()
    }

    /// Why the engine cannot be reached, if so.
    pub(crate) fn engine_problem(self) -> Option<String> {
        self.system.with(|system| match system.as_ref().map(|system| &system.engine) {
            Some(EngineState::Unreachable { reason }) => Some(reason.clone()),
            Some(EngineState::Ready { .. } | EngineState::Starting | EngineState::Unknown) | None => None,
        })
    }

    /// Whether the box is starting the engine.
    pub(crate) fn is_engine_starting(self) -> bool {
        let starts = |system: &SystemInfo| system.engine == EngineState::Starting;
        self.system.with(|system| system.as_ref().is_some_and(starts))
    }

    /// Whether the box has been away for more than a moment.
    pub(crate) fn is_lost(self) -> bool {
        self.lost.get()
    }

    /// The name of the box: its owner's, else the host's.
    pub(crate) fn box_name(self) -> Option<String> {
        self.system.with(|system| {
            system
                .as_ref()
                .map(|system| system.settings.box_name.clone().unwrap_or_else(|| system.hostname.clone()))
        })
    }
}

/// Returns what the box tells.
pub(crate) fn use_live() -> Live {
    expect_context()
}
