use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearth_model::desired::DesiredApp;
use hearth_model::{AppId, AppSpec, ContainerSpec, Reason};
use jiff::Timestamp;

use crate::specs::scripts::{Scripts, State};
use crate::world::{CurrentGeneration, ResolveInput, Specs, World};

/// Apps for which scripts of packages run, and those for which they failed.
mod scripts;

/// What apps are resolved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For what is in force. No script is waited for: until it has ended, the app is as it was resolved last if the owner
    /// wants the same, and missing otherwise.
    InForce,
    /// For a question about what could be: everything is resolved at once, scripts included, and nothing is kept.
    Question,
}

/// Resolved apps.
#[derive(Debug)]
pub struct Resolved<I> {
    /// What each app is made of.
    pub specs: Arc<Specs>,
    /// Apps whose scripts have to run now; the loop sees to it.
    pub(crate) due: Vec<Job<I>>,
}

impl<I> Resolved<I> {
    /// Tells whether scripts have to run, so that the loop should be woken.
    pub fn is_due(&self) -> bool {
        !self.due.is_empty()
    }
}

/// Everything that an app was resolved from: when any of it changes, it is resolved anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin<I> {
    pub(crate) wanted: DesiredApp,
    pub(crate) input: I,
}

/// One app to resolve beside the turn.
#[derive(Debug)]
pub(crate) struct Job<I> {
    pub(crate) app: AppId,
    pub(crate) origin: Origin<I>,
    /// How often the app had been forgotten when the job began.
    forgotten: u64,
}

/// Resolved apps, kept from turn to turn. The loop and whoever answers questions share it.
#[derive(Debug)]
pub struct SpecCache<I>(Mutex<Cache<I>>);

#[derive(Debug)]
struct Cache<I> {
    origins: BTreeMap<AppId, Origin<I>>,
    specs: Arc<Specs>,
    /// How often each was to be forgotten: one that was while it was being resolved is resolved once more.
    forgotten: BTreeMap<AppId, u64>,
    scripts: Scripts<I>,
}

impl<I> Default for SpecCache<I> {
    fn default() -> Self {
        Self(Mutex::new(Cache {
            origins: BTreeMap::new(),
            specs: Arc::default(),
            forgotten: BTreeMap::new(),
            scripts: Scripts::default(),
        }))
    }
}

impl<I: Clone + PartialEq> SpecCache<I> {
    /// Returns what a container of an app is created from, as it was resolved last.
    pub fn container(&self, app: &AppId, name: &str) -> Option<ContainerSpec> {
        let spec = self.spec(app)?;
        let mut containers = spec.services.into_values().map(|service| service.container);
        containers.find(|container| container.name == name)
    }

    /// Returns what an app is made of, as it was resolved last.
    pub fn spec(&self, app: &AppId) -> Option<AppSpec> {
        self.lock().specs.get(app)?.as_ref().ok().cloned()
    }

    /// Makes the next turn resolve an app anew.
    pub fn forget(&self, app: &AppId) {
        let mut cache = self.lock();
        cache.origins.remove(app);
        cache.scripts.retry(app);
        *cache.forgotten.entry(app.clone()).or_default() += 1;
    }

    /// Makes the next turn run an app's scripts again, however short ago they failed.
    pub fn retry(&self, app: &AppId) {
        self.lock().scripts.retry(app);
    }

    /// Returns what keeps an app from being resolved as it is wanted now: a script that runs, or failed.
    pub fn problem(&self, app: &AppId) -> Option<Reason> {
        self.lock().scripts.problem(app)
    }

    /// Resolves every desired app, those that changed anew.
    pub async fn resolved<W: World<Input = I>>(
        &self,
        world: &W,
        current: &CurrentGeneration,
        purpose: Purpose,
    ) -> Resolved<I> {
        let inputs = world.inputs(current).await;
        let (known, changed) = {
            let mut cache = self.lock();
            if purpose == Purpose::InForce {
                cache.retain(current);
            }
            let changed: Vec<(AppId, Origin<I>, bool)> = inputs
                .into_iter()
                .filter_map(|(app, ResolveInput { input, runs_scripts })| {
                    let wanted = current.desired.apps.get(&app)?.clone();
                    Some((app, Origin { wanted, input }, runs_scripts))
                })
                .filter(|(app, origin, _)| cache.is_stale(app, origin))
                .collect();
            (Arc::clone(&cache.specs), changed)
        };
        if changed.is_empty() && known.len() == current.desired.apps.len() {
            return Resolved { specs: known, due: Vec::new() };
        }
        let wanted = |app: &AppId| current.desired.apps.contains_key(app);
        let mut specs: Specs = known
            .iter()
            .filter(|(app, _)| wanted(app))
            .map(|(app, spec)| (app.clone(), spec.clone()))
            .collect();
        let mut due = Vec::new();
        for (app, origin, runs_scripts) in changed {
            let spec = match purpose {
                Purpose::InForce if runs_scripts => {
                    let (meanwhile, job) = self.lock().meanwhile(&app, origin, world.now());
                    due.extend(job);
                    meanwhile
                }
                Purpose::InForce => {
                    let forgotten = self.lock().forgotten(&app);
                    let spec = world.resolve(&app, &origin.wanted, &origin.input).await;
                    self.lock().keep(&app, origin, spec.clone(), forgotten);
                    Some(spec)
                }
                Purpose::Question => Some(world.resolve(&app, &origin.wanted, &origin.input).await),
            };
            match spec {
                Some(spec) => drop(specs.insert(app, spec)),
                None => drop(specs.remove(&app)),
            }
        }
        Resolved { specs: Arc::new(specs), due }
    }

    /// Records that an app is being resolved.
    pub(crate) fn begun(&self, job: &Job<I>) {
        self.lock().scripts.begun(&job.app);
    }

    /// Records what came of resolving an app. One whose script failed is resolved again after a pause.
    pub(crate) fn ended(&self, job: Job<I>, spec: Result<AppSpec, Reason>, now: Timestamp) {
        let Job { app, origin, forgotten } = job;
        let mut cache = self.lock();
        if let Some(spec) = cache.scripts.ended(&app, &origin, spec, now) {
            // The app may have been removed meanwhile; the next turn then forgets what is kept here.
            cache.keep(&app, origin, spec, forgotten);
        }
    }

    /// Returns when the first of the scripts that failed has to run again.
    pub(crate) fn next_retry(&self) -> Option<Timestamp> {
        self.lock().scripts.next_retry()
    }

    fn lock(&self) -> MutexGuard<'_, Cache<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Clone + PartialEq> Cache<I> {
    /// Forgets apps that are not wanted any more.
    fn retain(&mut self, current: &CurrentGeneration) {
        let wanted = |app: &AppId| current.desired.apps.contains_key(app);
        self.origins.retain(|app, _| wanted(app));
        self.forgotten.retain(|app, _| wanted(app));
        self.scripts.retain(wanted);
        if self.specs.keys().any(|app| !wanted(app)) {
            Arc::make_mut(&mut self.specs).retain(|app, _| wanted(app));
        }
    }

    fn is_stale(&self, app: &AppId, origin: &Origin<I>) -> bool {
        self.origins.get(app) != Some(origin) || !self.specs.contains_key(app)
    }

    fn forgotten(&self, app: &AppId) -> u64 {
        self.forgotten.get(app).copied().unwrap_or_default()
    }

    /// Keeps what an app was resolved to, unless it was to be forgotten since `forgotten` was counted.
    fn keep(&mut self, app: &AppId, origin: Origin<I>, spec: Result<AppSpec, Reason>, forgotten: u64) {
        if self.forgotten(app) == forgotten {
            self.origins.insert(app.clone(), origin);
        }
        Arc::make_mut(&mut self.specs).insert(app.clone(), spec);
    }

    /// Returns what an app is until its scripts have ended, and the job to run them if that is due: the same as before if the
    /// owner wants the same, the reason if its script failed, else nothing.
    fn meanwhile(
        &self,
        app: &AppId,
        origin: Origin<I>,
        now: Timestamp,
    ) -> (Option<Result<AppSpec, Reason>>, Option<Job<I>>) {
        let wants_the_same = self.origins.get(app).is_some_and(|known| known.wanted == origin.wanted);
        let last = self.specs.get(app).filter(|spec| wants_the_same && spec.is_ok()).cloned();
        match self.scripts.state(app, &origin, now) {
            State::Running => (last, None),
            State::Failed(reason) => (last.or(Some(Err(reason))), None),
            State::Due => (last, Some(Job { app: app.clone(), origin, forgotten: self.forgotten(app) })),
        }
    }
}
