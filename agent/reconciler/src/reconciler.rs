use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hearth_model::condition::ReasonCode;
use hearth_model::desired::DesiredApp;
use hearth_model::observed::{DataState, EngineState};
use hearth_model::update::UpdatePhase;
use hearth_model::{AppId, AppSpec, Chain, Digest, Observed, Plan, Reason};
use hearth_planner::{Failure, Input, Timing};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::specs::{Job, Purpose, SpecCache};
use crate::stages::stages_of;
use crate::tasks::Tasks;
use crate::wake::{Pending, Wakeups};
use crate::world::{CurrentGeneration, Specs, World};

/// The box is observed at least so often, in case an event was lost.
const RESYNC_INTERVAL: Duration = Duration::from_secs(60);
/// How often an engine that does not answer is asked again.
const ENGINE_AGAIN: Duration = Duration::from_secs(3);
/// The engine's events come in bursts; one turn answers those that come within this time.
const SETTLE: Duration = Duration::from_millis(15);
/// The same while steps are under way: each of them makes events, and turns would only hold the engine up.
const SETTLE_IN_STEPS: Duration = Duration::from_millis(200);

/// How long a shutdown waits for steps to come to their end.
const STEP_END: Duration = Duration::from_secs(5);

/// Apps whose scripts run at the same time. Each has a time limit, so that more than this many that hang hold the others up
/// for no longer than that.
const SCRIPTS_AT_ONCE: usize = 8;

/// The result of one turn: what it observed and what it planned.
#[derive(Debug, Clone)]
pub struct Turn {
    /// When it was decided.
    pub at: Timestamp,
    /// What was wanted.
    pub current: CurrentGeneration,
    /// What each app is made of.
    pub specs: Arc<Specs>,
    /// What was seen.
    pub observed: Observed,
    /// What was decided.
    pub plan: Plan,
    /// What failed last, by app.
    pub failures: BTreeMap<AppId, Failure>,
    /// Since when each app is wanted as it is.
    pub wanted_since: BTreeMap<AppId, Timestamp>,
    /// Apps whose steps are under way.
    pub running: BTreeSet<AppId>,
}

impl Turn {
    /// Returns what the turn's plan was made from.
    pub fn input(&self, timing: Timing) -> Input<'_> {
        Input {
            desired: &self.current.desired,
            specs: &self.specs,
            observed: &self.observed,
            updates: &self.current.updates,
            failures: &self.failures,
            wanted_since: &self.wanted_since,
            timing,
            now: self.at,
        }
    }
}

/// What the steps of an app were planned for: when it changes, they are cancelled and what failed is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RunKey {
    wanted: Option<DesiredApp>,
    is_reverting: bool,
}

impl RunKey {
    fn of(app: &AppId, current: &CurrentGeneration) -> Self {
        let update = current.updates.get(app);
        let is_reverting = update.is_some_and(|update| matches!(update.phase, UpdatePhase::Reverting { .. }));
        Self { wanted: current.desired.apps.get(app).cloned(), is_reverting }
    }
}

/// Steps of an app that are under way.
#[derive(Debug)]
struct Running {
    key: RunKey,
    cancel: CancellationToken,
}

/// The steps of an app that a task does.
#[derive(Debug)]
struct Attempt {
    app: AppId,
    /// What is attempted: [`hearth_planner::retry::attempt`].
    spec: Digest,
}

/// The loop, and what it remembers between two turns.
#[derive(Debug)]
pub struct Reconciler<W: World> {
    pub(crate) world: W,
    current: watch::Receiver<CurrentGeneration>,
    wake: Arc<Wakeups>,
    specs: Arc<SpecCache<W::Input>>,
    timing: Timing,
    running: BTreeMap<AppId, Running>,
    steps: Tasks<Attempt, Result<(), Reason>>,
    resolving: Tasks<Job<W::Input>, Result<AppSpec, Reason>>,
    script_permits: Arc<Semaphore>,
    failures: BTreeMap<AppId, Failure>,
    wanted_since: BTreeMap<AppId, Timestamp>,
    last_keys: BTreeMap<AppId, RunKey>,
    engine_ready: bool,
}

impl<W: World> Reconciler<W> {
    /// Returns a loop that has seen nothing yet. `current` is what the owner wants, and `wake` and `specs` are shared with
    /// whoever wakes the loop and answers questions.
    pub fn new(
        world: W,
        current: watch::Receiver<CurrentGeneration>,
        wake: Arc<Wakeups>,
        specs: Arc<SpecCache<W::Input>>,
        timing: Timing,
    ) -> Self {
        Self {
            world,
            current,
            wake,
            specs,
            timing,
            running: BTreeMap::new(),
            steps: Tasks::default(),
            resolving: Tasks::default(),
            script_permits: Arc::new(Semaphore::new(SCRIPTS_AT_ONCE)),
            failures: BTreeMap::new(),
            wanted_since: BTreeMap::new(),
            last_keys: BTreeMap::new(),
            engine_ready: false,
        }
    }

    /// Runs the loop until the token is cancelled. Steps that are under way are left at a step's end; apps keep running.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let next_turn_at = tokio::select! {
                () = shutdown.cancelled() => break,
                next_turn_at = self.turn() => next_turn_at,
            };
            let pause = self.pause(next_turn_at);
            // All arms are cancel-safe: what was not taken is still there, and a sleep has nothing to lose.
            tokio::select! {
                () = shutdown.cancelled() => break,
                Ok(()) = self.current.changed() => {}
                pending = self.wake.next() => self.take_all(pending).await,
                (attempt, result) = self.steps.next() => self.steps_ended(&attempt, result),
                (job, result) = self.resolving.next() => self.resolved(job, result),
                () = tokio::time::sleep(pause) => {}
            }
        }
        for running in self.running.values() {
            running.cancel.cancel();
        }
        // A step that is still under way is as safe to leave as to be killed in: the next start goes on from there.
        let _ = tokio::time::timeout(STEP_END, self.all_ended()).await;
    }

    /// Takes what woke the loop and what comes with it. The engine's events may wait for more of them; nothing else does.
    async fn take_all(&mut self, first: Pending) {
        let settle = if self.running.is_empty() { SETTLE } else { SETTLE_IN_STEPS };
        let until = tokio::time::Instant::now() + settle;
        let mut all = first;
        while !all.is_urgent() {
            tokio::select! {
                more = self.wake.next() => all.add(more),
                Ok(()) = self.current.changed() => break,
                (attempt, result) = self.steps.next() => {
                    self.steps_ended(&attempt, result);
                    break;
                }
                (job, result) = self.resolving.next() => {
                    self.resolved(job, result);
                    break;
                }
                () = tokio::time::sleep_until(until) => break,
            }
        }
        for app in all.retry {
            self.specs.retry(&app);
            self.try_now(&app);
        }
        for app in all.reresolve {
            self.specs.forget(&app);
            self.try_now(&app);
        }
    }

    /// Makes an app that failed be tried at once.
    pub(crate) fn try_now(&mut self, app: &AppId) {
        self.failures.remove(app);
        self.wanted_since.insert(app.clone(), self.world.now());
    }

    /// Records that the steps of an app have ended, and what failed.
    fn steps_ended(&mut self, attempt: &Attempt, result: Result<Result<(), Reason>, JoinError>) {
        let Attempt { app, spec } = attempt;
        self.running.remove(app);
        self.world.steps_ended(app);
        let Err(reason) = result.unwrap_or_else(|error| Err(broke_off(app, &error))) else { return };
        tracing::warn!(app.id = %app, "a step failed: {}", reason.message);
        let last = self.failures.get(app).filter(|failure| failure.spec == *spec);
        let attempts = last.map_or(0, |failure| failure.attempts) + 1;
        let retry_at = hearth_planner::retry::after(attempts, self.world.now());
        self.failures.insert(app.clone(), Failure { reason, attempts, retry_at, spec: spec.clone() });
    }

    /// Records what an app is made of, or why that cannot be told.
    fn resolved(&mut self, job: Job<W::Input>, result: Result<Result<AppSpec, Reason>, JoinError>) {
        let spec = result.unwrap_or_else(|error| {
            let message = format!("Working out what the app is made of broke off: {error}.");
            Err(Reason::new(ReasonCode::ScriptFailed, message))
        });
        self.specs.ended(job, spec, self.world.now());
    }

    /// Observes, plans, starts steps, publishes. Returns when the next turn is due although nothing happens.
    async fn turn(&mut self) -> Option<Timestamp> {
        loop {
            let current = self.current.borrow_and_update().clone();
            self.note_changes(&current);
            let specs = self.resolve(&current).await;
            let observed = self.world.observe(&current, &specs).await;
            self.note_engine(&observed.engine, &current);
            self.forget_deleted(&current, &observed).await;
            if self.advance_updates(&current, &specs, &observed).await {
                continue;
            }
            let input = self.input(&current, &specs, &observed);
            let (plan, at) = (hearth_planner::plan(&input), input.now);
            self.forget_what_is_over(&plan);
            self.execute(&current, &specs, &plan).await;
            let next = [plan.look_again_at, self.specs.next_retry()].into_iter().flatten().min();
            self.world.publish(Turn {
                at,
                current,
                specs,
                observed,
                plan,
                failures: self.failures.clone(),
                wanted_since: self.wanted_since.clone(),
                running: self.running.keys().cloned().collect(),
            });
            return next;
        }
    }

    /// Puts together what the planner decides from.
    pub(crate) fn input<'a>(
        &'a self,
        current: &'a CurrentGeneration,
        specs: &'a Specs,
        observed: &'a Observed,
    ) -> Input<'a> {
        Input {
            desired: &current.desired,
            specs,
            observed,
            updates: &current.updates,
            failures: &self.failures,
            wanted_since: &self.wanted_since,
            timing: self.timing,
            now: self.world.now(),
        }
    }

    /// Records since when each app is wanted as it is, and cancels steps that were planned for something else.
    fn note_changes(&mut self, current: &CurrentGeneration) {
        let moment = self.world.now();
        let known = self.last_keys.keys().chain(self.running.keys());
        let apps: BTreeSet<AppId> = current.desired.apps.keys().chain(known).cloned().collect();
        for app in apps {
            let key = RunKey::of(&app, current);
            if let Some(running) = self.running.get(&app)
                && running.key != key
            {
                running.cancel.cancel();
            }
            if self.last_keys.get(&app) != Some(&key) {
                self.failures.remove(&app);
                self.wanted_since.insert(app.clone(), moment);
                self.last_keys.insert(app, key);
            }
        }
    }

    /// Resolves what is in force. Scripts run in tasks of their own, so that no app waits for those of another.
    async fn resolve(&mut self, current: &CurrentGeneration) -> Arc<Specs> {
        let resolved = self.specs.resolved(&self.world, current, Purpose::InForce).await;
        for job in resolved.due {
            self.specs.begun(&job);
            let (world, permits) = (self.world.clone(), Arc::clone(&self.script_permits));
            let (app, origin) = (job.app.clone(), job.origin.clone());
            self.resolving.spawn(job, async move {
                let _permit = permits.acquire().await;
                world.resolve(&app, &origin.wanted, &origin.input).await
            });
        }
        resolved.specs
    }

    /// Forgets data that was to be deleted and is not there: deleted just before a kill, or on a disk that is away.
    async fn forget_deleted(&self, current: &CurrentGeneration, observed: &Observed) {
        let gone = |app: &&AppId| observed.data.get(*app) == Some(&DataState::Missing);
        for app in current.desired.deleted_data.iter().filter(gone) {
            if let Err(error) = self.world.forget_data(app).await {
                tracing::error!(app.id = %app, "{}", Chain(&error));
            }
        }
    }

    /// Records that the engine came or went; when it comes, every app is wanted anew.
    fn note_engine(&mut self, engine: &EngineState, current: &CurrentGeneration) {
        let is_ready = matches!(engine, EngineState::Ready { .. });
        if is_ready && !self.engine_ready {
            let moment = self.world.now();
            self.wanted_since = current.desired.apps.keys().map(|app| (app.clone(), moment)).collect();
            self.failures.clear();
        }
        self.engine_ready = is_ready;
    }

    /// Forgets the failure of an app that got where it should be, and all of one that is gone.
    fn forget_what_is_over(&mut self, plan: &Plan) {
        use hearth_model::AppState::{Running, Stopped};
        self.failures
            .retain(|app, _| plan.apps.get(app).is_some_and(|plan| !matches!(plan.state, Running | Stopped)));
        self.last_keys.retain(|app, key| key.wanted.is_some() || plan.apps.contains_key(app));
        let known = &self.last_keys;
        self.wanted_since.retain(|app, _| known.contains_key(app));
    }

    /// Does the shared steps of a plan, and starts those of each app that has none under way.
    async fn execute(&mut self, current: &CurrentGeneration, specs: &Specs, plan: &Plan) {
        for step in &plan.shared {
            if let Err(reason) = self.world.execute_shared(step).await {
                tracing::warn!("failed to {}: {}", step.describe(), reason.message);
            }
        }
        for (app, app_plan) in &plan.apps {
            if app_plan.stages.is_empty() || self.running.contains_key(app) {
                continue;
            }
            if let Some(reason) = &app_plan.reason {
                tracing::info!(app.id = %app, "{}", reason.message);
            }
            let cancel = CancellationToken::new();
            let running = Running { key: RunKey::of(app, current), cancel: cancel.clone() };
            self.running.insert(app.clone(), running);
            let spec = hearth_planner::retry::attempt(&current.desired, specs, app);
            let (world, steps_of, stages) = (self.world.clone(), app.clone(), app_plan.stages.clone());
            self.steps.spawn(Attempt { app: app.clone(), spec }, async move {
                stages_of(&world, &steps_of, stages, &cancel).await
            });
        }
    }

    async fn all_ended(&mut self) {
        while !self.steps.is_empty() {
            let (attempt, result) = self.steps.next().await;
            self.steps_ended(&attempt, result);
        }
    }

    fn pause(&self, next_turn_at: Option<Timestamp>) -> Duration {
        let longest = if self.engine_ready { RESYNC_INTERVAL } else { ENGINE_AGAIN };
        next_turn_at.map_or(longest, |at| {
            let until = self.world.now().duration_until(at);
            Duration::try_from(until).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(50), longest)
        })
    }
}

/// Says that a step ended by a defect of Hearth. What it was about was printed by the panic hook.
fn broke_off(app: &AppId, error: &JoinError) -> Reason {
    tracing::error!(app.id = %app, "the steps of an app broke off: {error}");
    Reason::new(
        ReasonCode::Internal,
        "A step broke off because of a defect of Hearth; its log has the details. It is tried again by itself.",
    )
}
