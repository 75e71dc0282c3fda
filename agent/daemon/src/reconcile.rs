//! The loop: observe, plan, execute, publish. Level-triggered: whatever happened meanwhile, the next look sees it.

/// The way to apps' pages.
mod doors;
/// The last lines of logs that show why something failed.
mod evidence;
/// One look at everything a plan is made from.
pub(crate) mod look;
/// Whether apps' pages answer.
pub(crate) mod pages;
/// What the owner reads, from a plan and what was observed.
mod report;
/// Runs the steps of one app.
pub(crate) mod run;
/// What every app is made of.
pub(crate) mod specs;
/// Starts of containers.
pub(crate) mod start;
/// The tasks that run steps.
mod tasks;
/// The way of apps from one version to the next.
mod updates;
/// What makes the loop look again.
pub(crate) mod wake;
/// What steps depend on.
mod wanted;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use hearth_model::event::Event;
use hearth_model::observed::{DataState, EngineState};
use hearth_model::{AppId, Chain, Plan};
use hearth_planner::Failure;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::hearth::{Hearth, InForce};
use crate::reconcile::look::{Ports, View};
use crate::reconcile::tasks::{Outcome, Tasks};
use crate::reconcile::wake::Pending;
use crate::reconcile::wanted::Wanted;

/// A look at least so often, in case an event was lost.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often an engine that does not answer is asked again.
const ENGINE_AGAIN: Duration = Duration::from_secs(3);
/// The engine's events come in bursts; one look answers those that come within this time.
const SETTLE: Duration = Duration::from_millis(15);
/// The same while steps are under way: each of them makes events, and looks would only hold the engine up.
const SETTLE_IN_STEPS: Duration = Duration::from_millis(200);

/// How long a shutdown waits for steps to come to their end.
const STEP_END: Duration = Duration::from_secs(5);

/// Steps of an app that are under way.
struct Running {
    /// What they were planned for: when that changes they stop at the next step.
    wanted: Wanted,
    cancel: CancellationToken,
}

struct Loop {
    hearth: Hearth,
    running: BTreeMap<AppId, Running>,
    tasks: Tasks,
    failures: BTreeMap<AppId, Failure>,
    wanted_since: BTreeMap<AppId, Timestamp>,
    last_wanted: BTreeMap<AppId, Wanted>,
    evidence: evidence::Evidence,
    engine_ready: bool,
}

/// Runs the loop until the token is cancelled. Steps that are under way are left at a step's end; apps keep running.
pub(crate) async fn run(hearth: Hearth, shutdown: CancellationToken) {
    let events = tokio::spawn(forward_engine_events(hearth.clone(), shutdown.clone()));
    let mut state = Loop {
        hearth: hearth.clone(),
        running: BTreeMap::new(),
        tasks: Tasks::default(),
        failures: BTreeMap::new(),
        wanted_since: BTreeMap::new(),
        last_wanted: BTreeMap::new(),
        evidence: evidence::Evidence::default(),
        engine_ready: false,
    };
    loop {
        let look_again_at = tokio::select! {
            () = shutdown.cancelled() => break,
            look_again_at = state.turn() => look_again_at,
        };
        let pause = state.pause(look_again_at);
        // All arms are cancel-safe: what was not taken is still there, and a sleep has nothing to lose.
        tokio::select! {
            () = shutdown.cancelled() => break,
            pending = hearth.wake.next() => state.take_all(pending).await,
            (app, outcome) = state.tasks.next() => state.ended(app, outcome),
            () = tokio::time::sleep(pause) => {}
        }
    }
    for running in state.running.values() {
        running.cancel.cancel();
    }
    hearth.pages.clear();
    // A step that is still under way is as safe to leave as to be killed in: the next start goes on from there.
    let _ = tokio::time::timeout(STEP_END, state.all_ended()).await;
    events.abort();
}

async fn forward_engine_events(hearth: Hearth, shutdown: CancellationToken) {
    let mut events = std::pin::pin!(hearth.engine.events());
    while let Some(_event) = tokio::select! {
        () = shutdown.cancelled() => None,
        event = events.next() => event,
    } {
        hearth.wake.engine_changed();
    }
}

impl Loop {
    /// Takes what woke the loop and what comes with it. What the engine tells may wait for more of it; nothing else does.
    async fn take_all(&mut self, first: Pending) {
        let settle = if self.running.is_empty() { SETTLE } else { SETTLE_IN_STEPS };
        let until = tokio::time::Instant::now() + settle;
        let hearth = self.hearth.clone();
        let mut all = first;
        while !all.is_urgent() {
            tokio::select! {
                more = hearth.wake.next() => all.add(more),
                (app, outcome) = self.tasks.next() => {
                    self.ended(app, outcome);
                    break;
                }
                () = tokio::time::sleep_until(until) => break,
            }
        }
        for app in all.retry {
            self.hearth.scripts.prepare_again(&app);
            self.hearth.retry_spec(&app);
            self.try_now(app);
        }
        for app in all.reresolve {
            self.hearth.forget_spec(&app);
            self.try_now(app);
        }
    }

    /// Makes an app that failed be tried at once.
    fn try_now(&mut self, app: AppId) {
        self.failures.remove(&app);
        self.wanted_since.insert(app, Timestamp::now());
    }

    /// Notes that the steps of an app have ended.
    fn ended(&mut self, app: AppId, outcome: Outcome) {
        self.running.remove(&app);
        self.hearth.clear_progress(&app);
        match outcome {
            Outcome::Ended => {}
            Outcome::Failed { reason, attempt } => {
                tracing::warn!(app.id = %app, "a step failed: {}", reason.message);
                let last = self.failures.get(&app).filter(|failure| failure.spec == attempt);
                let attempts = last.map_or(0, |failure| failure.attempts) + 1;
                let retry_at = hearth_planner::retry::after(attempts, Timestamp::now());
                self.failures.insert(app, Failure { reason, attempts, retry_at, spec: attempt });
            }
        }
    }

    /// Looks, decides, sets going, publishes. Returns when the plan wants to be made anew although nothing happened.
    async fn turn(&mut self) -> Option<Timestamp> {
        loop {
            let now = self.hearth.in_force();
            self.note_wishes(&now);
            let mut view = look::everything(&self.hearth, &now, Ports::WhenNeeded).await;
            view.observed.pages = pages::observe(&self.hearth, &now, &view);
            self.hearth.scripts.forget_prepared(&view.observed.containers);
            self.note_engine(&view, &now);
            if self.engine_ready {
                start::resume_left_paused(&self.hearth).await;
            }
            self.forget_deleted(&now, &view).await;
            if updates::advance(self, &now, &view).await {
                continue;
            }
            let plan = look::plan(&self.hearth, &now, &view, &self.failures, &self.wanted_since);
            self.forget_what_is_over(&plan);
            doors::publish(self, &now, &view);
            self.execute(&now, &view, &plan).await;
            report::publish(self, &now, &view, &plan).await;
            return plan.look_again_at;
        }
    }

    /// Notes since when each app is wanted as it is.
    fn note_wishes(&mut self, now: &InForce) {
        let moment = Timestamp::now();
        let apps: Vec<AppId> = now
            .desired
            .apps
            .keys()
            .chain(self.last_wanted.keys())
            .chain(self.running.keys())
            .cloned()
            .collect();
        for app in apps {
            let wanted = Wanted::of(&app, now);
            if let Some(running) = self.running.get(&app)
                && running.wanted != wanted
            {
                running.cancel.cancel();
            }
            if self.last_wanted.get(&app) != Some(&wanted) {
                self.failures.remove(&app);
                self.wanted_since.insert(app.clone(), moment);
                self.last_wanted.insert(app, wanted);
            }
        }
    }

    /// Forgets data that was to be deleted and is not there: deleted just before a kill, or on a disk that is away.
    async fn forget_deleted(&self, now: &InForce, view: &View) {
        let gone = |app: &&AppId| view.observed.data.get(*app) == Some(&DataState::Missing);
        for app in now.desired.deleted_data.iter().filter(gone) {
            let _editing = self.hearth.editing.lock().await;
            // Installed again meanwhile: what is remembered belongs to the new install.
            if !self.hearth.in_force().desired.deleted_data.contains(app) {
                continue;
            }
            if let Err(error) = self.hearth.forget_data(app).await {
                tracing::error!(app.id = %app, "{}", Chain(&error));
            }
        }
    }

    /// Notes that the engine came or went; when it comes, every app is wanted anew.
    fn note_engine(&mut self, view: &View, now: &InForce) {
        let engine = &view.observed.engine;
        let ready = matches!(engine, EngineState::Ready { .. });
        if ready && !self.engine_ready {
            let moment = Timestamp::now();
            self.wanted_since = now.desired.apps.keys().map(|app| (app.clone(), moment)).collect();
            self.failures.clear();
        }
        self.engine_ready = ready;
        let changed = self.hearth.engine_state.send_if_modified(|last| {
            let changed = last != engine;
            last.clone_from(engine);
            changed
        });
        if changed {
            match engine {
                EngineState::Ready { version, api_version } => {
                    tracing::info!("Docker {version} answers (API {api_version})");
                }
                EngineState::Unreachable { reason } => tracing::warn!("Docker does not answer: {reason}"),
                EngineState::Starting => tracing::info!("Docker is starting"),
                EngineState::Unknown => {}
            }
            self.hearth.tell(Event::Engine { engine: engine.clone() });
        }
    }

    /// Forgets the failure of an app that got where it should be, and all of one that is gone.
    fn forget_what_is_over(&mut self, plan: &Plan) {
        use hearth_model::AppState::{Running, Stopped};
        self.failures
            .retain(|app, _| plan.apps.get(app).is_some_and(|plan| !matches!(plan.state, Running | Stopped)));
        self.last_wanted.retain(|app, wanted| wanted.app.is_some() || plan.apps.contains_key(app));
        self.hearth.scripts.retain(|app| plan.apps.contains_key(app));
        let known = &self.last_wanted;
        self.wanted_since.retain(|app, _| known.contains_key(app));
    }

    async fn execute(&mut self, now: &InForce, view: &View, plan: &Plan) {
        for step in &plan.shared {
            if let Err(error) = self.hearth.engine.execute(step, &|_| {}).await {
                tracing::warn!("failed to {}: {}", step.describe(), Chain(&error));
            }
        }
        for (app, app_plan) in &plan.apps {
            if app_plan.stages.is_empty() || self.running.contains_key(app) {
                continue;
            }
            let cancel = CancellationToken::new();
            let attempt = hearth_planner::retry::attempt(&now.desired, &view.specs, app);
            self.running
                .insert(app.clone(), Running { wanted: Wanted::of(app, now), cancel: cancel.clone() });
            if let Some(reason) = &app_plan.reason {
                tracing::info!(app.id = %app, "{}", reason.message);
            }
            let (hearth, steps_of, stages) = (self.hearth.clone(), app.clone(), app_plan.stages.clone());
            self.tasks.spawn(app.clone(), attempt, async move {
                run::stages_of(&hearth, &steps_of, stages, &cancel).await
            });
        }
    }

    async fn all_ended(&mut self) {
        while !self.tasks.is_empty() {
            let (app, outcome) = self.tasks.next().await;
            self.ended(app, outcome);
        }
    }

    fn pause(&self, look_again_at: Option<Timestamp>) -> Duration {
        let longest = if self.engine_ready { LOOK_EVERY } else { ENGINE_AGAIN };
        look_again_at.map_or(longest, |at| {
            let until = Timestamp::now().duration_until(at);
            Duration::try_from(until).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(50), longest)
        })
    }
}
