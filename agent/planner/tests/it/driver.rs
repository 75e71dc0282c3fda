use std::collections::BTreeMap;
use std::fmt::Write as _;

use hearth_model::desired::Run;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppSpec, AppState, Desired, Digest, Plan, Reason};
use hearth_planner::sim::Sim;
use hearth_planner::{Failure, Input, Timing, app_update, checks, retry};
use jiff::{SignedDuration, Timestamp};

use crate::fixture::{digest, entry, everywhere};

/// A box with the agent on it.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) sim: Sim,
    // What survives a kill.
    pub(crate) desired: Desired,
    pub(crate) updates: BTreeMap<AppId, AppUpdate>,
    packages: BTreeMap<Digest, AppSpec>,
    pub(crate) broken: BTreeMap<AppId, Reason>,
    // What does not.
    pub(crate) failures: BTreeMap<AppId, Failure>,
    wanted_since: BTreeMap<AppId, Timestamp>,
    /// Actions until the agent is killed.
    pub(crate) kill_after: Option<usize>,
    /// Phases that followed one another.
    pub(crate) transitions: Vec<(UpdatePhase, UpdatePhase)>,
}

/// The agent was killed.
pub(crate) struct Killed;

impl Agent {
    pub(crate) fn new() -> Self {
        Self {
            sim: Sim::new(),
            desired: Desired::default(),
            updates: BTreeMap::new(),
            packages: BTreeMap::new(),
            broken: BTreeMap::new(),
            failures: BTreeMap::new(),
            wanted_since: BTreeMap::new(),
            kill_after: None,
            transitions: Vec::new(),
        }
    }

    /// The owner wants this, instead of what was there.
    pub(crate) fn want(&mut self, spec: &AppSpec) {
        let mut wanted = entry(spec);
        if let Some(known) = self.desired.apps.get(&spec.app) {
            (wanted.run, wanted.restarts) = (known.run, known.restarts);
        }
        self.keep(spec);
        self.desired.deleted_data.remove(&spec.app);
        self.desired.apps.insert(spec.app.clone(), wanted);
        self.wanted_since.insert(spec.app.clone(), self.sim.now);
    }

    fn keep(&mut self, spec: &AppSpec) {
        let mut package = spec.clone();
        package.package_digest = digest(spec);
        self.packages.insert(package.package_digest.clone(), package);
    }

    pub(crate) fn update(&mut self, to: &AppSpec) {
        let from = self.desired.apps[&to.app].clone();
        let snapshot = format!("{}-{}", digest(to).short(), self.sim.now.as_second());
        self.want(to);
        let update = AppUpdate { from, to: digest(to), snapshot, phase: UpdatePhase::Fetching };
        self.updates.insert(to.app.clone(), update);
    }

    pub(crate) fn set_run(&mut self, app: &AppId, run: Run) {
        self.desired.apps.get_mut(app).expect("an app that is wanted").run = run;
        self.wanted_since.insert(app.clone(), self.sim.now);
    }

    pub(crate) fn restart(&mut self, app: &AppId) {
        self.desired.apps.get_mut(app).expect("an app that is wanted").restarts += 1;
        self.wanted_since.insert(app.clone(), self.sim.now);
    }

    pub(crate) fn remove(&mut self, app: &AppId, delete_data: bool) {
        self.desired.apps.remove(app);
        self.updates.remove(app);
        if delete_data {
            self.desired.deleted_data.insert(app.clone());
        }
    }

    /// The agent starts, with what survived.
    pub(crate) fn start(&mut self) {
        self.kill_after = None;
        self.sim.doors.clear();
        self.failures.clear();
        self.wanted_since = self.desired.apps.keys().map(|app| (app.clone(), self.sim.now)).collect();
    }

    fn act(&mut self) -> Result<(), Killed> {
        match &mut self.kill_after {
            Some(0) => Err(Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn specs(&self) -> BTreeMap<AppId, Result<AppSpec, Reason>> {
        let spec = |app: &AppId, digest: &Digest| match self.broken.get(app) {
            Some(reason) => Err(reason.clone()),
            None => Ok(self.packages[digest].clone()),
        };
        self.desired.apps.iter().map(|(app, entry)| (app.clone(), spec(app, &entry.digest))).collect()
    }

    pub(crate) fn with_input<T>(&self, use_it: impl FnOnce(&Input<'_>) -> T) -> T {
        let apps = self.desired.apps.keys().chain(&self.desired.deleted_data);
        let mut observed = self.sim.observe(apps);
        let specs = self.specs();
        observed.pages = self.sim.pages(specs.values().filter_map(|spec| spec.as_ref().ok()));
        use_it(&Input {
            desired: &self.desired,
            specs: &specs,
            observed: &observed,
            updates: &self.updates,
            failures: &self.failures,
            wanted_since: &self.wanted_since,
            timing: Timing::default(),
            now: self.sim.now,
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

    fn move_updates_on(&mut self) -> Result<(), Killed> {
        for app in self.updates.keys().cloned().collect::<Vec<_>>() {
            while let Some(phase) =
                self.with_input(|input| app_update::next(&app, &self.updates[&app], input))
            {
                self.act()?;
                let update = self.updates.get_mut(&app).expect("an update that is on its way");
                let before = std::mem::replace(&mut update.phase, phase.clone());
                if std::mem::discriminant(&before) != std::mem::discriminant(&phase) {
                    self.wanted_since.insert(app.clone(), self.sim.now);
                    self.failures.remove(&app);
                }
                self.transitions.push((before, phase));
                self.revert(&app)?;
            }
            self.revert(&app)?;
        }
        Ok(())
    }

    fn revert(&mut self, app: &AppId) -> Result<(), Killed> {
        let update = &self.updates[app];
        let (from, to) = (update.from.clone(), update.to.clone());
        let is_reverting = matches!(update.phase, UpdatePhase::Reverting { .. });
        if is_reverting && self.desired.apps.get(app).is_some_and(|entry| entry.digest == to) {
            self.act()?;
            let run = self.desired.apps[app].run;
            let entry = self.desired.apps.get_mut(app).expect("just looked at");
            *entry = from;
            entry.run = run;
            self.wanted_since.insert(app.clone(), self.sim.now);
        }
        Ok(())
    }

    /// One turn of the loop. Returns the plan that was executed.
    pub(crate) fn look(&mut self) -> Result<Plan, Killed> {
        self.move_updates_on()?;
        self.move_doors();
        let plan = self.plan();
        for step in &plan.shared {
            self.act()?;
            // What fails here is planned again by the next look; the apps' steps go ahead.
            let _ = self.sim.execute(&hearth_model::Step::Engine(step.clone()));
        }
        for (app, app_plan) in &plan.apps {
            let mut failed = None;
            'app: for stage in &app_plan.stages {
                for step in stage {
                    self.act()?;
                    if let Err(reason) = self.sim.execute(step) {
                        failed = Some(reason);
                        break 'app;
                    }
                }
            }
            match failed {
                Some(reason) => self.note_failure(app, reason),
                None if !app_plan.stages.is_empty() => {
                    self.failures.remove(app);
                }
                None => {}
            }
        }
        assert!(self.sim.violations.is_empty(), "{:?}", self.sim.violations);
        Ok(plan)
    }

    /// Listens where the agent should, as far as nobody else does.
    fn move_doors(&mut self) {
        let mut doors = self.with_input(hearth_planner::door::wanted);
        doors.retain(|port, _| !self.sim.foreign_ports.contains_key(&everywhere(*port)));
        self.sim.doors = doors;
    }

    fn note_failure(&mut self, app: &AppId, reason: Reason) {
        let attempts = self.failures.get(app).map_or(0, |failure| failure.attempts) + 1;
        let spec = retry::attempt(&self.desired, &self.specs(), app);
        let retry_at = retry::after(attempts, self.sim.now);
        self.failures.insert(app.clone(), Failure { reason, attempts, retry_at, spec });
    }

    /// Looks and lets time pass until nothing is left to do and no app is on its way; returns the last plan.
    pub(crate) fn settle(&mut self) -> Plan {
        for _ in 0..1000 {
            let Ok(plan) = self.look() else {
                self.start();
                continue;
            };
            let busy = plan.apps.values().any(|app| app.state.is_busy());
            let retries = self.failures.values().any(|failure| failure.attempts < 4);
            if plan.is_empty() && !busy && !retries {
                return plan;
            }
            self.pass(&plan);
        }
        panic!("it does not settle\n{}\n{:#?}", words(&self.plan()), self.updates);
    }

    /// Lets a second pass, or the time until the plan wants to be made again.
    pub(crate) fn pass(&mut self, plan: &Plan) {
        let busy = plan.apps.values().any(|app| app.state.is_busy());
        let until = plan.look_again_at.filter(|_| plan.is_empty() && !busy);
        let until = until.map(|at| at.duration_since(self.sim.now));
        let pause =
            until.unwrap_or_default().clamp(SignedDuration::from_secs(1), SignedDuration::from_secs(30));
        self.sim.tick(pause);
    }

    pub(crate) fn state(&self, app: &AppId) -> (AppState, String) {
        let plan = self.plan();
        let app = &plan.apps[app];
        (app.state, app.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default())
    }

    /// Looks until nothing is left to do, and writes down every plan that did something.
    pub(crate) fn story(&mut self) -> String {
        let mut story = String::new();
        let mut last = String::new();
        for _ in 0..1000 {
            let Ok(plan) = self.look() else { break };
            let text = words(&plan);
            if text != last {
                let at = self.sim.now.as_second();
                write!(story, "at {at} s\n{text}").expect("writing to a string cannot fail");
                last = text;
            }
            let busy = plan.apps.values().any(|app| app.state.is_busy());
            if plan.is_empty() && !busy && plan.look_again_at.is_none() {
                break;
            }
            self.pass(&plan);
        }
        story
    }
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
