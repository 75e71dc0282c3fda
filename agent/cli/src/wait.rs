use hearth_model::api::apps::Changed;
use hearth_model::condition::{Progress, Reason};
use hearth_model::event::Event;
use hearth_model::{AppId, AppState, AppStatus, Bytes, Generation};

use super::client::Client;
use super::error::{CliError, Exit};
use super::output::Ticker;

/// Where an app is on its way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Running,
    /// Running a new version: one that was taken back is a failure.
    Updated,
    Stopped,
    Gone,
}

/// Waits until an app has come to rest after a change, telling how far it is on standard error.
///
/// # Errors
/// When it comes to rest anywhere but at its goal; the message is the reason that the service gives, with the last
/// lines of the log.
pub(super) async fn until(client: &Client, app: &AppId, change: Changed, goal: Goal) -> Result<(), CliError> {
    // The stream begins with everything as it is, so nothing is missed by opening it after the change.
    let mut events = client.events("/events").await?;
    let mut ticker = Ticker::default();
    let mut state = None;
    let result = loop {
        let Some(event) = events.next().await? else {
            break Err(CliError::new(
                Exit::Unreachable,
                format!(
                    "the service stopped while {app} was on its way; it goes on when the service runs again"
                ),
            ));
        };
        match serde_json::from_str(&event) {
            Ok(Event::App { app: status }) if status.id == *app => {
                if let Some(result) = judge(&status, change.generation, goal) {
                    break result;
                }
                ticker.show(&describe(&status, status.progress.as_ref()));
                state = Some(status);
            }
            Ok(Event::Progress { id, progress }) if id == *app => {
                if let Some(state) = &state {
                    ticker.show(&describe(state, Some(&progress)));
                }
            }
            Ok(Event::AppRemoved { id }) if id == *app && goal == Goal::Gone => break Ok(()),
            // The stream's beginning ends with the generation: an app that was not in it may be gone already.
            Ok(Event::Generation { .. })
                if goal == Goal::Gone && state.is_none() && gone(client, app).await? =>
            {
                break Ok(());
            }
            // The listener was too slow: whatever was missed is in a new stream's beginning.
            Ok(Event::Reload) => events = client.events("/events").await?,
            _ => {}
        }
    };
    ticker.finish();
    result
}

async fn gone(client: &Client, app: &AppId) -> Result<bool, CliError> {
    match client.get::<AppStatus>(&format!("/apps/{app}")).await {
        Ok(_) => Ok(false),
        Err(error) if error.is("no-such-app") => Ok(true),
        Err(error) => Err(error),
    }
}

/// Tells whether an app came to rest, and whether that is its goal.
fn judge(status: &AppStatus, generation: Generation, goal: Goal) -> Option<Result<(), CliError>> {
    if status.generation < generation {
        return None;
    }
    let failed = |reason: Option<&Reason>| Some(Err(CliError::failed(explain(status, reason))));
    match (status.state, goal) {
        (state, _) if state.is_busy() || state == AppState::Unknown => None,
        (AppState::Running, Goal::Updated) => {
            match status.last_update.as_ref().and_then(|update| update.reverted.as_ref()) {
                Some(reason) => failed(Some(reason)),
                None => Some(Ok(())),
            }
        }
        (AppState::Running, Goal::Running) | (AppState::Stopped, Goal::Stopped) => Some(Ok(())),
        (AppState::Failed | AppState::Unhealthy | AppState::EngineUnreachable, _) => {
            failed(status.reason.as_ref())
        }
        // It rests on a later change, which wants something else: nothing leads to this goal any more.
        _ if status.generation > generation => {
            let is = state_word(status.state);
            let name = &status.name;
            Some(Err(CliError::failed(format!("{name} is {is}: something else was asked of it meanwhile"))))
        }
        _ => None,
    }
}

/// Writes why an app is where it is, with what its log shows.
pub(super) fn explain(status: &AppStatus, reason: Option<&Reason>) -> String {
    let mut text = format!("{}: {}", status.name, state_word(status.state));
    if let Some(reason) = reason {
        text.push_str(". ");
        text.push_str(&reason.message);
        for line in &reason.log {
            text.push_str("\n  | ");
            text.push_str(line);
        }
    }
    text
}

fn describe(status: &AppStatus, progress: Option<&Progress>) -> String {
    let mut text = format!("{}: {}", status.name, state_word(status.state));
    let Some(progress) = progress else { return text };
    if !progress.text.is_empty() {
        text.push_str(", ");
        text.push_str(&progress.text);
    }
    if !progress.images.is_empty() {
        let complete = progress.images.values().filter(|image| image.complete).count();
        let done = progress.images.values().map(|image| image.done_bytes).sum();
        let total = progress.images.values().map(|image| image.total_bytes).sum();
        text.push_str(&format!(" ({complete} of {} done", progress.images.len()));
        // An image that was there already has no bytes to fetch.
        if total > 0 {
            text.push_str(&format!(", {} of {}", Bytes(done), Bytes(total)));
        }
        text.push(')');
    }
    text
}

/// Writes a state as people say it.
pub(super) fn state_word(state: AppState) -> &'static str {
    match state {
        AppState::Unknown => "not looked at yet",
        AppState::Installing => "installing",
        AppState::Starting => "starting",
        AppState::Running => "running",
        AppState::Unhealthy => "unhealthy",
        AppState::Stopping => "stopping",
        AppState::Stopped => "stopped",
        AppState::Updating => "updating",
        AppState::Reverting => "going back to the version before",
        AppState::Removing => "being removed",
        AppState::Failed => "failed",
        AppState::EngineUnreachable => "unknown, because Docker does not answer",
    }
}

#[cfg(test)]
mod tests {
    use hearth_model::condition::{LastUpdate, ReasonCode};

    use super::*;

    fn status(state: AppState, generation: u64) -> AppStatus {
        AppStatus {
            id: "blog".parse().unwrap(),
            name: "Blog".into(),
            tagline: String::new(),
            icon: String::new(),
            store: "hearth".parse().unwrap(),
            package: "blog".into(),
            version: "1".into(),
            update: None,
            state,
            reason: Some(Reason {
                log: vec!["no space left".into()],
                ..Reason::new(ReasonCode::DiskFull, "The disk is full.")
            }),
            progress: None,
            services: Vec::new(),
            open: None,
            ports: Vec::new(),
            onion: None,
            default_login: None,
            last_update: None,
            generation: Generation(generation),
        }
    }

    #[test]
    fn an_app_is_judged_once_it_rests_on_the_change() {
        let verdict = |state, generation, goal| {
            judge(&status(state, generation), Generation(5), goal).map(|r| r.is_ok())
        };
        assert_eq!(verdict(AppState::Running, 4, Goal::Running), None, "that is the state before the change");
        assert_eq!(verdict(AppState::Installing, 5, Goal::Running), None);
        assert_eq!(verdict(AppState::Running, 5, Goal::Running), Some(true));
        assert_eq!(verdict(AppState::Running, 5, Goal::Stopped), None, "it has not begun to stop");
        assert_eq!(verdict(AppState::Stopped, 6, Goal::Stopped), Some(true));
        assert_eq!(verdict(AppState::Failed, 5, Goal::Running), Some(false));
        assert_eq!(verdict(AppState::EngineUnreachable, 5, Goal::Gone), Some(false));
    }

    #[test]
    fn who_waits_hears_of_a_later_change_that_wants_something_else() {
        let error = |state, goal| judge(&status(state, 6), Generation(5), goal).unwrap().unwrap_err().message;
        assert_eq!(
            error(AppState::Stopped, Goal::Running),
            "Blog is stopped: something else was asked of it meanwhile"
        );
        error(AppState::Running, Goal::Stopped);
        error(AppState::Running, Goal::Gone);
    }

    #[test]
    fn an_update_that_was_taken_back_failed() {
        let mut status = status(AppState::Running, 6);
        status.last_update = Some(LastUpdate {
            from_version: "1".into(),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            reverted: status.reason.clone(),
            can_go_back: false,
        });
        let error = judge(&status, Generation(5), Goal::Updated).unwrap().unwrap_err();
        assert_eq!(error.message, "Blog: running. The disk is full.\n  | no space left");
    }
}
