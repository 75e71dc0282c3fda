use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::condition::{
    AppStatus, AvailableUpdate, LastUpdate, OpenTarget, Progress, Reason, ReasonCode, ServiceStatus,
};
use hearth_model::desired::DesiredApp;
use hearth_model::event::Event;
use hearth_model::package::{DefaultLogin, Package, PublishedPort, Scheme};
use hearth_model::plan::AppPlan;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppSpec, AppState, Generation};
use hearth_reconciler::{CurrentGeneration, Turn};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::db;
use crate::hearth::{Hearth, Published};
use crate::reconcile::LastTurn;
use crate::reconcile::evidence::Evidence;
use crate::resolve::{self, Subject};

/// Publishes the state of every app after each turn. A turn that ends while an earlier one is still being published takes
/// the place of those between.
pub(super) async fn publish_turns(hearth: Hearth, mut turns: watch::Receiver<LastTurn>) {
    let mut evidence = Evidence::default();
    while turns.changed().await.is_ok() {
        let last = turns.borrow_and_update().clone();
        if let Some(turn) = last {
            publish(&hearth, &mut evidence, &turn).await;
        }
    }
}

/// Publishes the state of every app, and tells listeners what changed.
async fn publish(hearth: &Hearth, evidence: &mut Evidence, turn: &Turn) {
    let Turn { current, plan, .. } = turn;
    let last = Arc::clone(&hearth.published.borrow().apps);
    let mut apps = BTreeMap::new();
    for (app, app_plan) in &plan.apps {
        let status = match current.desired.apps.get(app) {
            Some(wanted) => installed(hearth, evidence, turn, app, wanted, app_plan).await,
            None => removing(last.get(app), current.generation, app, app_plan),
        };
        if let Some(status) = status {
            apps.insert(app.clone(), status);
        }
    }
    // An app whose last steps still run is there until they have ended, whatever the engine says already.
    for app in &turn.running {
        if let Some(status) = last.get(app) {
            apps.entry(app.clone()).or_insert_with(|| status.clone());
        }
    }
    let apps = Arc::new(apps);
    // Replaced first: who subscribes and then asks for the states has a change from one of the two.
    hearth.published.send_replace(Published { generation: current.generation, apps: Arc::clone(&apps) });
    for (app, status) in apps.iter() {
        if last.get(app) != Some(status) {
            hearth.tell(Event::App { app: Box::new(status.clone()) });
        }
    }
    for app in last.keys().filter(|app| !apps.contains_key(*app)) {
        evidence.forget(app);
        hearth.tell(Event::AppRemoved { id: app.clone() });
    }
}

async fn installed(
    hearth: &Hearth,
    evidence: &mut Evidence,
    turn: &Turn,
    app: &AppId,
    wanted: &DesiredApp,
    plan: &AppPlan,
) -> Option<AppStatus> {
    let Turn { current, specs, observed, .. } = turn;
    let package = hearth.kept_package(&wanted.digest).await.ok().flatten();
    let spec = specs.get(app).and_then(|spec| spec.as_ref().ok());
    let door = hearth.doors.trouble(app).filter(|_| plan.state == AppState::Running);
    let trouble =
        hearth.specs.problem(app).filter(|trouble| spec.is_none() || trouble.code != ReasonCode::Waiting);
    let state_now = match plan.state {
        _ if door.is_some() => AppState::Unhealthy,
        // What it is made of is being worked out.
        AppState::Unknown if trouble.is_some() => match current.updates.get(app) {
            Some(update) if !update.phase.is_over() => AppState::Updating,
            Some(_) | None => AppState::Starting,
        },
        state => state,
    };
    let mut reason = plan.reason.clone().or(door).or(trouble).or_else(|| hearth.scripts.trouble(app));
    if let Some(reason) = &mut reason {
        evidence.add(hearth, app, reason, observed).await;
    }
    let update = current.updates.get(app);
    Some(AppStatus {
        id: app.clone(),
        name: package.as_ref().map_or_else(|| app.to_string(), |package| package.manifest.name.clone()),
        tagline: package.as_ref().map(|package| package.manifest.tagline.clone()).unwrap_or_default(),
        icon: hearth.app_icon_path(wanted).await.unwrap_or_default(),
        store: wanted.store.clone(),
        package: wanted.package.clone(),
        version: wanted.version.clone(),
        update: available_update(hearth, wanted, update),
        state: state_now,
        reason,
        progress: progress(hearth, app, plan),
        services: spec.map(|spec| services(hearth, spec, turn, plan)).unwrap_or_default(),
        open: spec.and_then(open_target),
        onion: spec.and_then(|spec| spec.onion.clone()),
        ports: spec.map(other_ports).unwrap_or_default(),
        default_login: default_login(hearth, current, app, wanted, package.as_deref()).await,
        last_update: update.and_then(last_update),
        generation: current.generation,
    })
}

fn services(hearth: &Hearth, spec: &AppSpec, turn: &Turn, plan: &AppPlan) -> Vec<ServiceStatus> {
    let containers = &turn.observed.containers;
    hearth_planner::status::services(
        spec,
        containers,
        &plan.waiting,
        &hearth.options.timing,
        Timestamp::now(),
    )
}

fn removing(
    last: Option<&AppStatus>,
    generation: Generation,
    app: &AppId,
    plan: &AppPlan,
) -> Option<AppStatus> {
    let busy = !plan.stages.is_empty() || plan.state.is_busy() || plan.reason.is_some();
    let last = last.filter(|_| busy)?;
    Some(AppStatus {
        id: app.clone(),
        state: plan.state,
        reason: plan.reason.clone(),
        progress: None,
        open: None,
        update: None,
        generation,
        ..last.clone()
    })
}

/// Returns what is going on: the steps under way, or what is waited for.
fn progress(hearth: &Hearth, app: &AppId, plan: &AppPlan) -> Option<Progress> {
    if let Some(progress) = hearth.progress_of(app) {
        return Some(progress);
    }
    let waiting = plan.waiting.first().filter(|_| plan.state.is_busy())?;
    let text = format!("Waiting for {} {}", waiting.on, waiting.until);
    Some(Progress { text, images: BTreeMap::new() })
}

fn available_update(
    hearth: &Hearth,
    wanted: &DesiredApp,
    update: Option<&AppUpdate>,
) -> Option<AvailableUpdate> {
    let under_way = update.is_some_and(|update| !update.phase.is_over());
    let entry = hearth.catalog.entry(&wanted.store, &wanted.package).ok()?;
    (!under_way && entry.digest != wanted.digest).then(|| AvailableUpdate {
        version: entry.package.manifest.version.clone(),
        release_notes: entry.package.manifest.release_notes.clone(),
    })
}

fn open_target(spec: &AppSpec) -> Option<OpenTarget> {
    let web = spec.web.as_ref()?;
    let scheme = match web.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    Some(OpenTarget { scheme: scheme.to_owned(), port: web.host_port, path: web.path.clone() })
}

fn other_ports(spec: &AppSpec) -> Vec<PublishedPort> {
    let web = spec.web.as_ref().map(|web| web.host_port);
    spec.host_ports()
        .filter(|port| Some(port.socket.port) != web)
        .map(|port| PublishedPort {
            port: port.socket.port,
            protocol: port.socket.protocol,
            service: port.service.to_string(),
        })
        .collect()
}

async fn default_login(
    hearth: &Hearth,
    current: &CurrentGeneration,
    app: &AppId,
    wanted: &DesiredApp,
    package: Option<&Package>,
) -> Option<DefaultLogin> {
    let package = package?;
    let login = package.manifest.default_login.as_ref()?;
    let secrets = db::data::secrets(&hearth.db, app).await.unwrap_or_default();
    let around = hearth.surroundings(&current.desired);
    let subject = Subject { app, desired: wanted, package, secrets: &secrets, around: &around };
    let fill = |text: &str| resolve::fill(text, subject);
    Some(DefaultLogin { username: fill(&login.username), password: fill(&login.password) })
}

fn last_update(update: &AppUpdate) -> Option<LastUpdate> {
    let from_version = update.from.version.clone();
    match &update.phase {
        UpdatePhase::Done { at } => {
            Some(LastUpdate { from_version, at: *at, reverted: None, can_go_back: true })
        }
        UpdatePhase::Reverted { reason, log, at } => {
            let mut why = Reason::new(ReasonCode::UpdateReverted, reason.clone());
            why.log.clone_from(log);
            Some(LastUpdate { from_version, at: *at, reverted: Some(why), can_go_back: false })
        }
        UpdatePhase::Fetching
        | UpdatePhase::Switching
        | UpdatePhase::Probation { .. }
        | UpdatePhase::Reverting { .. } => None,
    }
}
