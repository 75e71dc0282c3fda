use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearth_model::condition::ReasonCode;
use hearth_model::desired::DesiredApp;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppSpec, Desired, Digest, EngineStep, Observed, Reason, Step};
use hearth_planner::sim::Sim;
use hearth_planner::{Timing, checks};
use hearth_reconciler::{Change, CurrentGeneration, ResolveInput, Specs, Turn, Wakeups, World};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::driver::words;
use crate::fixture::everywhere;

/// How long the engine takes for a step.
const STEP: Duration = Duration::from_millis(1);

/// A simulated box, with what the agent on it has stored.
#[derive(Clone)]
pub(crate) struct SimWorld(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    pub(crate) current: watch::Sender<CurrentGeneration>,
    wake: Arc<Wakeups>,
    killed: Notify,
    began: Instant,
}

/// What the box is like, and what goes wrong on it besides the simulator's own faults.
pub(crate) struct State {
    pub(crate) sim: Sim,
    packages: BTreeMap<Digest, AppSpec>,
    /// Apps whose spec cannot be told.
    pub(crate) broken: BTreeMap<AppId, Reason>,
    /// Apps whose package has a script that works out its settings.
    pub(crate) scripts: BTreeMap<AppId, Script>,
    /// Steps that end in a panic: the begin of their description, and how often more.
    pub(crate) panics: Vec<(String, u32)>,
    /// Apps whose steps never come to an end by themselves.
    pub(crate) hanging: BTreeSet<AppId>,
    /// Whether the engine takes questions and never answers.
    pub(crate) is_engine_silent: bool,
    /// Actions until the agent is killed.
    pub(crate) kill_after: Option<usize>,
    is_dead: bool,
    /// Phases that followed one another.
    pub(crate) transitions: Vec<(UpdatePhase, UpdatePhase)>,
    /// Every turn since the agent started last.
    pub(crate) turns: Vec<Turn>,
}

/// A script that works out an app's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) secs: u64,
    pub(crate) fails: bool,
}

/// The simulator while a test looks at it or changes it.
pub(crate) struct SimGuard<'a>(MutexGuard<'a, State>);

impl Deref for SimGuard<'_> {
    type Target = Sim;
    fn deref(&self) -> &Sim {
        &self.0.sim
    }
}

impl DerefMut for SimGuard<'_> {
    fn deref_mut(&mut self) -> &mut Sim {
        &mut self.0.sim
    }
}

/// Nothing of the simulated box fails to be recorded.
#[derive(Debug)]
pub(crate) enum Never {}

impl std::fmt::Display for Never {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

impl SimWorld {
    /// Returns an empty box. It must be made within the runtime whose clock it follows.
    pub(crate) fn new() -> Self {
        let state = State {
            sim: Sim::new(),
            packages: BTreeMap::new(),
            broken: BTreeMap::new(),
            scripts: BTreeMap::new(),
            panics: Vec::new(),
            hanging: BTreeSet::new(),
            is_engine_silent: false,
            kill_after: None,
            is_dead: false,
            transitions: Vec::new(),
            turns: Vec::new(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            current: watch::Sender::new(CurrentGeneration::default()),
            wake: Arc::default(),
            killed: Notify::new(),
            began: Instant::now(),
        }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the simulator. Whatever is changed there, the engine tells of it.
    pub(crate) fn sim(&self) -> SimGuard<'_> {
        self.0.wake.engine_changed();
        SimGuard(self.state())
    }

    pub(crate) fn wake(&self) -> &Arc<Wakeups> {
        &self.0.wake
    }

    pub(crate) fn current(&self) -> CurrentGeneration {
        self.0.current.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<CurrentGeneration> {
        self.0.current.subscribe()
    }

    /// Changes what is wanted, as the agent's database does: one generation for each change.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Desired, &mut BTreeMap<AppId, AppUpdate>)) {
        self.0.current.send_modify(|current| {
            let (mut desired, mut updates) = ((*current.desired).clone(), (*current.updates).clone());
            change(&mut desired, &mut updates);
            let generation = current.generation.next();
            *current =
                CurrentGeneration { generation, desired: Arc::new(desired), updates: Arc::new(updates) };
        });
    }

    pub(crate) fn keep_package(&self, digest: Digest, spec: AppSpec) {
        self.state().packages.insert(digest, spec);
    }

    /// Returns what each desired app is made of, without any script.
    pub(crate) fn specs(&self) -> Specs {
        let current = self.current();
        let state = self.state();
        let spec = |app: &AppId, wanted: &DesiredApp| state.spec(app, wanted);
        current.desired.apps.iter().map(|(app, wanted)| (app.clone(), spec(app, wanted))).collect()
    }

    /// Waits until the agent is killed.
    pub(crate) async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// Brings the agent back to life, with what survived.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        (state.kill_after, state.is_dead) = (None, false);
        state.sim.doors.clear();
        state.turns.clear();
    }

    /// Brings the box to the present. The engine tells of what happened on the way.
    pub(crate) fn catch_up(&self) {
        let now = self.now();
        let mut state = self.state();
        if state.catch_up(now) {
            self.0.wake.engine_changed();
        }
    }

    /// Does something that survives a kill, unless the agent is dead by then: then it is never done.
    async fn act<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        let now = self.now();
        let done = {
            let mut state = self.state();
            match state.kill_after {
                _ if state.is_dead => None,
                Some(0) => {
                    state.is_dead = true;
                    self.0.killed.notify_one();
                    None
                }
                left => {
                    state.kill_after = left.map(|left| left - 1);
                    state.catch_up(now);
                    Some(action(&mut state))
                }
            }
        };
        match done {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }
}

impl State {
    fn spec(&self, app: &AppId, wanted: &DesiredApp) -> Result<AppSpec, Reason> {
        self.broken
            .get(app)
            .map_or_else(|| Ok(self.packages[&wanted.digest].clone()), |reason| Err(reason.clone()))
    }

    fn catch_up(&mut self, now: Timestamp) -> bool {
        self.sim.tick(now.duration_since(self.sim.now))
    }

    fn panics(&mut self, step: &str) -> bool {
        let panic =
            self.panics.iter_mut().find(|(begin, times)| *times > 0 && step.starts_with(begin.as_str()));
        panic.map(|(_, times)| *times -= 1).is_some()
    }
}

impl World for SimWorld {
    /// Why the app's spec cannot be told.
    type Input = Option<Reason>;
    type Error = Never;

    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.began.elapsed()).expect("a short time");
        Timestamp::UNIX_EPOCH.checked_add(passed).expect("in range")
    }

    async fn inputs(&self, current: &CurrentGeneration) -> BTreeMap<AppId, ResolveInput<Self::Input>> {
        let state = self.state();
        let input = |app: &AppId| ResolveInput {
            input: state.broken.get(app).cloned(),
            runs_scripts: state.scripts.contains_key(app),
        };
        current.desired.apps.keys().map(|app| (app.clone(), input(app))).collect()
    }

    async fn resolve(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        input: &Self::Input,
    ) -> Result<AppSpec, Reason> {
        let script = self.state().scripts.get(app).copied();
        if let Some(Script { secs, fails }) = script {
            tokio::time::sleep(Duration::from_secs(secs)).await;
            if fails {
                return Err(Reason::new(ReasonCode::ScriptFailed, "The script failed."));
            }
        }
        match input {
            Some(reason) => Err(reason.clone()),
            None => self.state().spec(app, wanted),
        }
    }

    async fn observe(&self, current: &CurrentGeneration, specs: &Specs) -> Observed {
        tokio::task::yield_now().await;
        let is_silent = self.state().is_engine_silent;
        if is_silent {
            std::future::pending::<()>().await;
        }
        let now = self.now();
        let mut state = self.state();
        state.catch_up(now);
        let apps = current.desired.apps.keys().chain(&current.desired.deleted_data);
        let mut observed = state.sim.observe(apps);
        observed.pages = state.sim.pages(specs.values().filter_map(|spec| spec.as_ref().ok()));
        observed
    }

    async fn execute(&self, app: &AppId, step: &Step, cancel: &CancellationToken) -> Result<(), Reason> {
        tokio::time::sleep(STEP).await;
        let described = step.describe();
        let hangs = self.state().hanging.contains(app);
        if hangs {
            cancel.cancelled().await;
            return Ok(());
        }
        let is_panic = self.state().panics(&described);
        if is_panic {
            std::panic::resume_unwind(Box::new("of a test"));
        }
        let result = self.act(|state| state.sim.execute(step)).await;
        self.0.wake.engine_changed();
        result
    }

    async fn execute_shared(&self, step: &EngineStep) -> Result<(), Reason> {
        self.act(|state| state.sim.execute(&Step::Engine(step.clone()))).await
    }

    fn stage_begins(&self, _app: &AppId, _stage: &[Step]) {}

    fn steps_ended(&self, _app: &AppId) {}

    async fn last_lines(&self, _: &AppId, _: Option<&str>, _: &Observed) -> Vec<String> {
        Vec::new()
    }

    async fn set_update(&self, app: &AppId, update: AppUpdate) -> Result<(), Never> {
        self.act(|state| {
            self.0.current.send_modify(|current| {
                let mut updates = (*current.updates).clone();
                if let Some(before) = updates.insert(app.clone(), update.clone()) {
                    state.transitions.push((before.phase, update.phase));
                }
                current.updates = Arc::new(updates);
            });
        })
        .await;
        Ok(())
    }

    async fn take_update_back(
        &self,
        _app: &AppId,
        _reason: &str,
        change: impl FnOnce(&CurrentGeneration) -> Change + Send,
    ) -> Result<(), Never> {
        self.act(|state| {
            let Change { desired, updates } = change(&self.current());
            self.edit(|wanted, known| {
                *wanted = desired;
                for (app, update) in updates {
                    let Some(update) = update else { continue };
                    if let Some(before) = known.insert(app, update.clone()) {
                        state.transitions.push((before.phase, update.phase));
                    }
                }
            });
        })
        .await;
        Ok(())
    }

    async fn forget_data(&self, _app: &AppId) -> Result<(), Never> {
        Ok(())
    }

    /// Holds the plan to every rule, and listens where the agent should as far as nobody else does.
    fn publish(&self, turn: Turn) {
        let input = turn.input(Timing::default());
        let problems = checks::problems(&turn.plan, &input);
        assert!(problems.is_empty(), "{problems:#?}\nin the plan\n{}", words(&turn.plan));
        let is_known = input.observed.engine.problem().is_none();
        let mut doors = hearth_planner::door::wanted(&input);
        let mut state = self.state();
        assert!(state.sim.violations.is_empty(), "{:?}", state.sim.violations);
        doors.retain(|port, _| !state.sim.foreign_ports.contains_key(&everywhere(*port)));
        if is_known && !state.is_dead && state.sim.doors != doors {
            state.sim.doors = doors;
            self.0.wake.changed();
        }
        state.turns.push(turn);
    }
}
