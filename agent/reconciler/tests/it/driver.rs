use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hearth_model::desired::Run;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppSpec, AppState, Desired, Observed, Plan, Reason};
use hearth_planner::{Input, Timing, checks};
use hearth_reconciler::{CurrentGeneration, Reconciler, SpecCache, Turn};
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{digest, entry};
use crate::world::{SimGuard, SimWorld, State};

/// The shipped loop on a simulated box. Time stands still but for what a test lets pass.
pub(crate) struct Agent {
    runtime: Runtime,
    pub(crate) world: SimWorld,
    running: Option<JoinHandle<()>>,
}

/// The agent was killed.
#[derive(Debug)]
pub(crate) struct Killed;

impl Agent {
    pub(crate) fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let world = {
            let _within = runtime.enter();
            SimWorld::new()
        };
        Self { runtime, world, running: None }
    }

    pub(crate) fn sim(&self) -> SimGuard<'_> {
        self.world.sim()
    }

    /// Returns what the engine has.
    pub(crate) fn observed(&self) -> Observed {
        self.world.state().sim.observe([])
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.state().sim.now
    }

    pub(crate) fn state_of_box(&self) -> std::sync::MutexGuard<'_, State> {
        self.world.state()
    }

    pub(crate) fn current(&self) -> CurrentGeneration {
        self.world.current()
    }

    pub(crate) fn desired(&self) -> Arc<Desired> {
        self.current().desired
    }

    pub(crate) fn update_of(&self, app: &AppId) -> AppUpdate {
        self.current().updates[app].clone()
    }

    pub(crate) fn transitions(&self) -> Vec<(UpdatePhase, UpdatePhase)> {
        self.world.state().transitions.clone()
    }

    /// The owner wants this, instead of what was there.
    pub(crate) fn want(&mut self, spec: &AppSpec) {
        self.keep(spec);
        self.world.edit(|desired, _| {
            let mut wanted = entry(spec);
            if let Some(known) = desired.apps.get(&spec.app) {
                (wanted.run, wanted.restarts) = (known.run, known.restarts);
            }
            desired.deleted_data.remove(&spec.app);
            desired.apps.insert(spec.app.clone(), wanted);
        });
    }

    fn keep(&self, spec: &AppSpec) {
        let mut package = spec.clone();
        package.package_digest = digest(spec);
        self.world.keep_package(package.package_digest.clone(), package);
    }

    pub(crate) fn update(&mut self, to: &AppSpec) {
        self.keep(to);
        let snapshot = format!("{}-{}", digest(to).short(), self.sim().now.as_second());
        self.world.edit(|desired, updates| {
            let from = desired.apps[&to.app].clone();
            let mut wanted = entry(to);
            (wanted.run, wanted.restarts) = (from.run, from.restarts);
            desired.apps.insert(to.app.clone(), wanted);
            let update = AppUpdate { from, to: digest(to), snapshot, phase: UpdatePhase::Fetching };
            updates.insert(to.app.clone(), update);
        });
    }

    /// The owner takes an app back to the version before its last update.
    pub(crate) fn go_back(&mut self, app: &AppId) {
        self.world.edit(|desired, updates| {
            let update = updates.get_mut(app).expect("an update");
            update.phase = UpdatePhase::Reverting { reason: "You went back.".to_owned(), log: Vec::new() };
            desired.apps.insert(app.clone(), update.from.clone());
        });
    }

    /// The owner starts or stops an app. Where that changes nothing it is tried again now.
    pub(crate) fn set_run(&mut self, app: &AppId, run: Run) {
        self.world.edit(|desired, _| desired.apps.get_mut(app).expect("an app that is wanted").run = run);
        self.world.wake().retry(app);
    }

    pub(crate) fn restart(&mut self, app: &AppId) {
        self.world.edit(|desired, _| desired.apps.get_mut(app).expect("an app that is wanted").restarts += 1);
    }

    pub(crate) fn remove(&mut self, app: &AppId, delete_data: bool) {
        self.world.edit(|desired, updates| {
            desired.apps.remove(app);
            updates.remove(app);
            if delete_data {
                desired.deleted_data.insert(app.clone());
            }
        });
    }

    /// Makes it impossible to tell what an app is made of.
    pub(crate) fn break_spec(&mut self, app: &AppId, reason: Reason) {
        self.world.state().broken.insert(app.clone(), reason);
        self.world.wake().changed();
    }

    /// The owner asks for every app to be tried now.
    pub(crate) fn retry_all(&mut self) {
        for app in self.desired().apps.keys() {
            self.world.wake().retry(app);
        }
    }

    /// The agent starts, with what survived. One that still ran is killed before.
    pub(crate) fn start(&mut self) {
        self.stop();
        self.world.revive();
        let reconciler = Reconciler::new(
            self.world.clone(),
            self.world.subscribe(),
            Arc::clone(self.world.wake()),
            Arc::new(SpecCache::default()),
            Timing::default(),
        );
        self.running = Some(self.runtime.spawn(reconciler.run(CancellationToken::new())));
    }

    /// The agent is killed, and not started again for now.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            // How it ended is not asked: it was cut off.
            let _ = self.runtime.block_on(running);
        }
    }

    /// Lets seconds pass, in which the agent does what it does.
    ///
    /// # Errors
    /// When it was killed on the way.
    pub(crate) fn run(&mut self, secs: i64) -> Result<(), Killed> {
        if self.running.is_none() {
            self.start();
        }
        let (world, running) = (self.world.clone(), self.running.as_mut().expect("just started"));
        let ended = self.runtime.block_on(async {
            for _ in 0..secs {
                tokio::select! {
                    () = world.killed() => return Err(None),
                    ended = &mut *running => return Err(Some(ended.expect_err("nobody told it to end"))),
                    () = tokio::time::sleep(Duration::from_secs(1)) => world.catch_up(),
                }
            }
            Ok(())
        });
        match ended {
            Ok(()) => Ok(()),
            Err(None) => Err(Killed),
            Err(Some(broken)) => std::panic::resume_unwind(broken.into_panic()),
        }
    }

    /// Runs something on the box's clock.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Lets time pass on a box whose agent does not run.
    pub(crate) fn pass_without_agent(&mut self, duration: Duration) {
        self.stop();
        self.runtime.block_on(async { tokio::time::sleep(duration).await });
        let _within = self.runtime.enter();
        self.world.catch_up();
    }

    /// Returns what the last turn saw and decided.
    pub(crate) fn last_turn(&self) -> Option<Turn> {
        self.world.state().turns.last().cloned()
    }

    /// Lets seconds pass, and returns the turns in them.
    pub(crate) fn watch(&mut self, secs: i64) -> Vec<Turn> {
        let before = self.world.state().turns.len();
        self.pass(secs);
        self.world.state().turns[before..].to_vec()
    }

    /// Lets seconds pass in which nobody kills the agent.
    pub(crate) fn pass(&mut self, secs: i64) {
        self.run(secs).expect("nobody kills it");
    }

    pub(crate) fn with_input<T>(&self, use_it: impl FnOnce(&Input<'_>) -> T) -> T {
        let (current, specs, last) = (self.current(), self.world.specs(), self.last_turn());
        let (observed, now) = {
            let state = self.world.state();
            let apps = current.desired.apps.keys().chain(&current.desired.deleted_data);
            let mut observed = state.sim.observe(apps);
            observed.pages = state.sim.pages(specs.values().filter_map(|spec| spec.as_ref().ok()));
            (observed, state.sim.now)
        };
        let (failures, wanted_since) =
            last.map_or_else(Default::default, |last| (last.failures, last.wanted_since));
        use_it(&Input {
            desired: &current.desired,
            specs: &specs,
            observed: &observed,
            updates: &current.updates,
            failures: &failures,
            wanted_since: &wanted_since,
            timing: Timing::default(),
            now,
        })
    }

    /// Plans without doing anything, and holds the plan to every rule.
    pub(crate) fn plan(&self) -> Plan {
        self.with_input(|input| {
            let plan = hearth_planner::plan(input);
            let problems = checks::problems(&plan, input);
            assert!(problems.is_empty(), "{problems:#?}\nin the plan\n{}", words(&plan));
            plan
        })
    }

    /// Lets time pass until nothing is left to do and no app is on its way; returns the last plan. An agent that is killed
    /// meanwhile is started again.
    pub(crate) fn settle(&mut self) -> Plan {
        for _ in 0..5000 {
            if self.run(1).is_err() {
                self.start();
                continue;
            }
            if let Some(turn) = self.last_turn()
                && is_at_rest(&turn, &self.current())
            {
                return turn.plan;
            }
        }
        panic!("it does not settle\n{}\n{:#?}", words(&self.plan()), self.current().updates);
    }

    pub(crate) fn state(&self, app: &AppId) -> (AppState, String) {
        let plan = self.plan();
        let app = &plan.apps[app];
        (app.state, app.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default())
    }

    /// Lets time pass until nothing is left to do, and writes down every plan that differs from the one before.
    pub(crate) fn story(&mut self) -> String {
        let mut story = String::new();
        let mut last = String::new();
        for _ in 0..1000 {
            let seen = self.world.state().turns.len();
            let is_killed = self.run(1).is_err();
            let turns = self.world.state().turns[seen..].to_vec();
            for turn in &turns {
                let text = words(&turn.plan);
                if text != last {
                    let at = turn.at.as_second();
                    write!(story, "at {at} s\n{text}").expect("writing to a string cannot fail");
                    last = text;
                }
            }
            let is_over =
                |turn: Turn| is_at_rest(&turn, &self.current()) && turn.plan.look_again_at.is_none();
            if is_killed || self.last_turn().is_some_and(is_over) {
                break;
            }
        }
        story
    }
}

/// Tells whether nothing is left to do in what is wanted now, and nothing is on its way.
fn is_at_rest(turn: &Turn, current: &CurrentGeneration) -> bool {
    turn.current.generation == current.generation
        && turn.current.updates == current.updates
        && turn.specs.len() == current.desired.apps.len()
        && turn.running.is_empty()
        && turn.plan.is_empty()
        && !turn.plan.apps.values().any(|app| app.state.is_busy())
        && !turn.failures.values().any(|failure| failure.attempts < 4)
}

/// Returns a plan in words.
pub(crate) fn words(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.shared {
        writeln!(text, "  shared: {}", step.describe()).expect("writing to a string cannot fail");
    }
    for (app, plan) in &plan.apps {
        let reason = plan.reason.as_ref().map(|reason| format!(": {} [{:?}]", reason.message, reason.code));
        writeln!(text, "  {app} {:?}{}", plan.state, reason.unwrap_or_default())
            .expect("writing to a string cannot fail");
        for stage in &plan.stages {
            let steps: Vec<String> = stage.iter().map(hearth_model::Step::describe).collect();
            writeln!(text, "    {}", steps.join(" | ")).expect("writing to a string cannot fail");
        }
        for waiting in &plan.waiting {
            writeln!(text, "    {} waits for {} {}", waiting.service, waiting.on, waiting.until)
                .expect("writing to a string cannot fail");
        }
    }
    text
}
