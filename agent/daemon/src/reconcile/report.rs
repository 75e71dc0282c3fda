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
use hearth_model::{AppId, AppSpec, AppState, Generation, Plan};
use jiff::Timestamp;

use crate::db;
use crate::hearth::{Hearth, InForce, Published};
use crate::reconcile::Loop;
use crate::reconcile::look::View;
use crate::resolve::{self, Subject};

/// Publishes the state of every app, and tells listeners what changed.
pub(super) async fn publish(state: &mut Loop, now: &InForce, view: &View, plan: &Plan) {
    let last = Arc::clone(&state.hearth.published.borrow().apps);
    let mut apps = BTreeMap::new();
    for (app, app_plan) in &plan.apps {
        let status = match now.desired.apps.get(app) {
            Some(wanted) => installed(state, now, view, app, wanted, app_plan).await,
            None => removing(last.get(app), now.generation, app, app_plan),
        };
        if let Some(status) = status {
            apps.insert(app.clone(), status);
        }
    }
    // An app whose last steps still run is there until they have ended, whatever the engine says already.
    for app in state.running.keys() {
        if let Some(status) = last.get(app) {
            apps.entry(app.clone()).or_insert_with(|| status.clone());
        }
    }
    let apps = Arc::new(apps);
    // Replaced first: who subscribes and then asks for the states has a change from one of the two.
    state.hearth.published.send_replace(Published { generation: now.generation, apps: Arc::clone(&apps) });
    for (app, status) in apps.iter() {
        if last.get(app) != Some(status) {
            state.hearth.tell(Event::App { app: Box::new(status.clone()) });
        }
    }
    for app in last.keys().filter(|app| !apps.contains_key(*app)) {
        state.evidence.forget(app);
        state.hearth.tell(Event::AppRemoved { id: app.clone() });
    }
}

async fn installed(
    state: &mut Loop,
    now: &InForce,
    view: &View,
    app: &AppId,
    wanted: &DesiredApp,
    plan: &AppPlan,
) -> Option<AppStatus> {
    let hearth = state.hearth.clone();
    let package = hearth.kept_package(&wanted.digest).await.ok().flatten();
    let spec = view.specs.get(app).and_then(|spec| spec.as_ref().ok());
    let door = hearth.doors.trouble(app).filter(|_| plan.state == AppState::Running);
    let trouble =
        hearth.spec_trouble(app).filter(|trouble| spec.is_none() || trouble.code != ReasonCode::Waiting);
    let state_now = match plan.state {
        _ if door.is_some() => AppState::Unhealthy,
        // What it is made of is being worked out.
        AppState::Unknown if trouble.is_some() => match now.updates.get(app) {
            Some(update) if !update.phase.is_over() => AppState::Updating,
            Some(_) | None => AppState::Starting,
        },
        state => state,
    };
    let mut reason = plan.reason.clone().or(door).or(trouble).or_else(|| hearth.scripts.trouble(app));
    if let Some(reason) = &mut reason {
        state.evidence.add(&hearth, app, reason, &view.observed).await;
    }
    let update = now.updates.get(app);
    Some(AppStatus {
        id: app.clone(),
        name: package.as_ref().map_or_else(|| app.to_string(), |package| package.manifest.name.clone()),
        tagline: package.as_ref().map(|package| package.manifest.tagline.clone()).unwrap_or_default(),
        icon: hearth.app_icon_path(wanted).await.unwrap_or_default(),
        store: wanted.store.clone(),
        package: wanted.package.clone(),
        version: wanted.version.clone(),
        update: available_update(&hearth, wanted, update),
        state: state_now,
        reason,
        progress: progress(&hearth, app, plan),
        services: spec.map(|spec| services(&hearth, spec, view, plan)).unwrap_or_default(),
        open: spec.and_then(open_target),
        onion: spec.and_then(|spec| spec.onion.clone()),
        ports: spec.map(other_ports).unwrap_or_default(),
        default_login: default_login(&hearth, now, app, wanted, package.as_deref()).await,
        last_update: update.and_then(last_update),
        generation: now.generation,
    })
}

fn services(hearth: &Hearth, spec: &AppSpec, view: &View, plan: &AppPlan) -> Vec<ServiceStatus> {
    let containers = &view.observed.containers;
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
    now: &InForce,
    app: &AppId,
    wanted: &DesiredApp,
    package: Option<&Package>,
) -> Option<DefaultLogin> {
    let package = package?;
    let login = package.manifest.default_login.as_ref()?;
    let secrets = db::data::secrets(&hearth.db, app).await.unwrap_or_default();
    let around = hearth.surroundings(&now.desired);
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
