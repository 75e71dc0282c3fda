use std::collections::BTreeMap;

use hearth_model::condition::ReasonCode;
use hearth_model::observed::{ContainerState, Health, ObservedContainer};
use hearth_model::{AppId, Observed, Reason};

use crate::hearth::Hearth;

/// Lines of a log that go with a reason.
const LINES: u32 = 20;

/// Logs that were fetched for reasons, kept until the container or the reason changes.
#[derive(Default)]
pub(super) struct Evidence {
    by_app: BTreeMap<AppId, (Key, Vec<String>)>,
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    container: String,
    code: ReasonCode,
    restarts: u64,
}

impl Evidence {
    /// Adds the last lines of the log to a reason that a log explains.
    pub(super) async fn add(
        &mut self,
        hearth: &Hearth,
        app: &AppId,
        reason: &mut Reason,
        observed: &Observed,
    ) {
        if !reason.log.is_empty() || !is_shown_by_a_log(reason.code) {
            return;
        }
        let Some((name, container)) = culprit(app, reason.service.as_deref(), observed) else { return };
        let key =
            Key { container: container.id.clone(), code: reason.code, restarts: container.restart_count };
        if let Some((known, lines)) = self.by_app.get(app)
            && *known == key
        {
            reason.log.clone_from(lines);
            return;
        }
        reason.log = hearth.engine.last_lines(name, LINES).await;
        self.by_app.insert(app.clone(), (key, reason.log.clone()));
    }

    /// Forgets what was fetched for an app.
    pub(super) fn forget(&mut self, app: &AppId) {
        self.by_app.remove(app);
    }
}

/// Returns the last lines of a service's container, or of the one of the app that does worst.
pub(super) async fn of_app(
    hearth: &Hearth,
    app: &AppId,
    service: Option<&str>,
    observed: &Observed,
) -> Vec<String> {
    match culprit(app, service, observed) {
        Some((name, _)) => hearth.engine.last_lines(name, LINES).await,
        None => Vec::new(),
    }
}

fn is_shown_by_a_log(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::ContainerExited
            | ReasonCode::OutOfMemory
            | ReasonCode::CrashLoop
            | ReasonCode::Unhealthy
            | ReasonCode::DependencyFailed
    )
}

/// Returns the container of a service, or the one of the app that does worst.
fn culprit<'a>(
    app: &AppId,
    service: Option<&str>,
    observed: &'a Observed,
) -> Option<(&'a str, &'a ObservedContainer)> {
    observed
        .containers
        .iter()
        .filter(|(_, container)| &container.app == app)
        .filter(|(_, container)| service.is_none_or(|service| container.service.as_str() == service))
        .max_by_key(|(_, container)| badness(container))
        .map(|(name, container)| (name.as_str(), container))
}

fn badness(container: &ObservedContainer) -> u64 {
    let state = match &container.state {
        ContainerState::Restarting { .. } | ContainerState::Dead => 300,
        ContainerState::Exited { exit_code, .. } if *exit_code != 0 => 200,
        _ => 0,
    };
    let health = match container.health {
        Some(Health::Unhealthy { .. }) => 100,
        Some(Health::Starting) => 10,
        Some(Health::Healthy) | None => 0,
    };
    state + health + container.restart_count.min(50)
}
