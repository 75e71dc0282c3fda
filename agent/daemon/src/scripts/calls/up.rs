use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hearth_model::condition::Reason;
use hearth_model::desired::Run;
use hearth_model::observed::EngineState;
use hearth_model::plan::AppPlan;
use hearth_model::{AppId, AppSpec, AppState, Observed, ServiceName};
use hearth_planner::Input;
use hearth_reconciler::stages_of;
use jiff::Timestamp;
use tokio::time::Instant;

use super::carry_out::Caller;
use crate::reconcile::ThisBox;
use crate::reconcile::look::{self, Ports, View};

/// More than a script has.
const DAY: Duration = Duration::from_hours(24);
/// How often it is looked whether what is waited for has come: the engine's events are the loop's, and while a script runs
/// that leaves the app alone.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Caller {
    /// Makes and starts services of the app, with all that they depend on, by the planner's own steps; all when none are
    /// named. Returns once they were started, or are healthy if that is to be waited for.
    ///
    /// # Errors
    /// What stands in the way, for the script's output.
    pub(super) async fn up(&self, services: &[ServiceName], wait: Option<Duration>) -> Result<(), String> {
        let (hearth, app) = (&self.hearth, &self.app);
        // The script may have written what the app is made of.
        hearth.specs.forget(app);
        let wanted_since = BTreeMap::from([(app.clone(), Timestamp::now())]);
        // A wait that never ends is none that ends early.
        let until = wait.map(|wait| Instant::now().checked_add(wait).unwrap_or_else(|| Instant::now() + DAY));
        loop {
            if self.cut_off.is_cancelled() {
                return Err("the time of the script is over".to_owned());
            }
            let now = hearth.in_force();
            match now.desired.apps.get(app).map(|wanted| wanted.run) {
                Some(Run::Running) => {}
                Some(Run::Stopped) => {
                    return Err(format!("{app} is to be stopped, so nothing of it is started"));
                }
                None => return Err(format!("{app} is not installed any more")),
            }
            let mut view = look::everything(hearth, &now, Ports::WhenNeeded).await;
            if !matches!(view.observed.engine, EngineState::Ready { .. }) {
                return Err(view
                    .observed
                    .engine
                    .problem()
                    .unwrap_or_else(|| "Docker does not answer".to_owned()));
            }
            if self.is_being_resolved(&view) {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let spec = part(spec(&view, app)?, services)?;
            leave(&mut view.observed, &spec);
            let specs = BTreeMap::from([(app.clone(), Ok(spec))]);
            let (failures, updates) = (BTreeMap::new(), BTreeMap::new());
            let input = look::input(hearth, &now, &view, &failures, &wanted_since);
            let input = Input { specs: &specs, updates: &updates, ..input };
            let plan = hearth_planner::plan(&input).apps.remove(app).unwrap_or_default();
            if self.is_done(&plan, until).await? {
                return Ok(());
            }
        }
    }

    /// Tells whether scripts of packages run whose values the app is made of. That has an end, as they have a time limit.
    pub(super) fn is_being_resolved(&self, view: &View) -> bool {
        let is_wanted = self.hearth.in_force().desired.apps.contains_key(&self.app);
        is_wanted && !view.specs.contains_key(&self.app) && !self.cut_off.is_cancelled()
    }

    /// Does the next steps of a plan, or waits a while where there are none. Returns whether nothing is left.
    async fn is_done(&self, plan: &AppPlan, until: Option<Instant>) -> Result<bool, String> {
        let words = |reason: &Reason| reason.message.clone();
        if !plan.stages.is_empty() {
            let done =
                stages_of(&ThisBox(self.hearth.clone()), &self.app, plan.stages.clone(), &self.cut_off).await;
            return done.map(|()| false).map_err(|reason| words(&reason));
        }
        let reason =
            || plan.reason.as_ref().map_or_else(|| format!("{} is {:?}", self.app, plan.state), words);
        match plan.state {
            AppState::Running => return Ok(true),
            AppState::Failed => return Err(reason()),
            // What runs was started, which is all that was asked for.
            _ if plan.waiting.is_empty() && until.is_none() => return Ok(true),
            _ => {}
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Err(format!("the time to wait is over: {}", reason()));
        }
        if self.ended.is_cancelled() {
            return Err("the script has ended".to_owned());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(false)
    }
}

/// Returns what an app is made of, as it was resolved for a look.
pub(super) fn spec<'a>(view: &'a View, app: &AppId) -> Result<&'a AppSpec, String> {
    match view.specs.get(app) {
        Some(Ok(spec)) => Ok(spec),
        Some(Err(reason)) => Err(reason.message.clone()),
        None => Err(format!("{app} is not installed any more")),
    }
}

/// Returns the part of an app that some services need, themselves among it; the whole for none. It has no scripts: they
/// run around the whole. It has no page either: nobody asks for that until the app itself is to run.
fn part(spec: &AppSpec, services: &[ServiceName]) -> Result<AppSpec, String> {
    let mut part = AppSpec { hooks: BTreeSet::new(), web: None, door: None, ..spec.clone() };
    if services.is_empty() {
        return Ok(part);
    }
    let order = hearth_planner::order::of(spec)
        .map_err(|_| "the services of the app depend on one another in a circle".to_owned())?;
    let mut needed = BTreeSet::new();
    let mut open: Vec<&ServiceName> = services.iter().collect();
    while let Some(service) = open.pop() {
        let on = order.dependencies.get(service).ok_or_else(|| no_such_service(spec, service))?;
        if needed.insert(service.clone()) {
            open.extend(on.keys().copied());
        }
    }
    part.services.retain(|name, _| needed.contains(name));
    Ok(part)
}

/// Leaves containers of the app out that are not of the part: they are as they are.
fn leave(observed: &mut Observed, part: &AppSpec) {
    let names: BTreeSet<&str> =
        part.services.values().map(|service| service.container.name.as_str()).collect();
    observed.containers.retain(|name, seen| seen.app != part.app || names.contains(name.as_str()));
}

/// Says that there is no such service, and which there are.
pub(super) fn no_such_service(spec: &AppSpec, service: &ServiceName) -> String {
    let known: Vec<&str> = spec.services.keys().map(ServiceName::as_str).collect();
    format!("there is no service {service}; {} has {}", spec.app, known.join(", "))
}
