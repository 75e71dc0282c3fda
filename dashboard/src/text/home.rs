use hearth_model::AppState;
use hearth_model::api::os::{OsStatus, UpdatePhase};

pub(crate) const ADD: &str = "Add an app";
pub(crate) const DISK: &str = "Disk";
pub(crate) const EMPTY: &str = "A warm place, and nobody home yet";
pub(crate) const EMPTY_WORDS: &str = "Pick your first app from the store: photos, notes, films, passwords. It runs on your box and stays there.";
pub(crate) const ENGINE: &str = "Docker";
pub(crate) const ENGINE_AWAY: &str = "Not reachable";
pub(crate) const ENGINE_NEEDED: &str = "Apps can be installed as soon as Docker is back.";
pub(crate) const ENGINE_SOON: &str = "Your box is nearly ready.";
pub(crate) const ENGINE_STARTS: &str = "Starting…";
pub(crate) const ENGINE_UNKNOWN: &str = "Checking…";
pub(crate) const HEALTH: &str = "Status of your box";
pub(crate) const MEMORY: &str = "Memory";
pub(crate) const SYSTEM_MORE: &str = "Show details";
pub(crate) const TO_STORE: &str = "Browse the store";
pub(crate) const UPDATE: &str = "Update available";

/// Says hello, by the hour of the day.
pub(crate) fn greeting(hour: u32, name: &str) -> String {
    let hello = match hour {
        5..=11 => "Good morning",
        12..=17 => "Good afternoon",
        18..=22 => "Good evening",
        _ => "Good night",
    };
    format!("{hello}, {name}")
}

/// How the apps are, in a sentence or two.
pub(crate) fn summary(states: &[AppState]) -> String {
    let count = |test: fn(&AppState) -> bool| states.iter().filter(|state| test(state)).count();
    let troubled = count(|state| matches!(state, AppState::Failed | AppState::Unhealthy));
    let busy = count(|state| state.is_busy());
    let running = count(|state| *state == AppState::Running);
    let mut sentences = Vec::new();
    match (states.len(), running) {
        (0, _) => return "Your box is ready.".to_owned(),
        _ if states.contains(&AppState::EngineUnreachable) => {
            return "Hearth cannot check your apps right now.".to_owned();
        }
        (1, 1) => sentences.push("Your app is running.".to_owned()),
        (all, running) if running == all => sentences.push(format!("All {all} apps are running.")),
        (_, 0) => {}
        (all, running) => sentences.push(format!("{running} of {all} apps are running.")),
    }
    match busy {
        0 => {}
        1 => sentences.push("One is changing.".to_owned()),
        busy => sentences.push(format!("{busy} are changing.")),
    }
    match troubled {
        0 => {}
        1 => sentences.push("One needs attention.".to_owned()),
        troubled => sentences.push(format!("{troubled} need attention.")),
    }
    if sentences.is_empty() { "Nothing is running.".to_owned() } else { sentences.join(" ") }
}

/// What there is to say about the operating system, and whether it is bad news.
pub(crate) fn system_news(os: &OsStatus) -> Option<(bool, String)> {
    let version = os.update.version?;
    Some(match os.update.state {
        UpdatePhase::Available => {
            (false, format!("Release {version} of the operating system can be installed."))
        }
        UpdatePhase::ReadyToReboot => {
            (false, format!("Release {version} of the operating system is ready: restart when it suits you."))
        }
        UpdatePhase::Trying | UpdatePhase::Failing => {
            (false, format!("Release {version} of the operating system is running on trial."))
        }
        UpdatePhase::WentBack => (
            true,
            format!(
                "Release {version} of the operating system failed its checks, and the box went back to the one before."
            ),
        ),
        _ => return None,
    })
}

/// A state with its share in percent.
pub(crate) fn state_share(state: AppState, share: u8) -> String {
    format!("{} {share}%", super::state(state))
}

/// The button that opens an app.
pub(crate) fn open(name: &str) -> String {
    format!("Open {name}")
}

/// The engine, when it answers.
pub(crate) fn engine_version(version: &str) -> String {
    format!("Running, {version}")
}

/// What is left of something.
pub(crate) fn free_of(free: &str, all: &str) -> String {
    format!("{free} free of {all}")
}

/// History.
pub(crate) mod history {
    use hearth_model::Generation;
    use hearth_model::desired::Actor;

    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const CURRENT: &str = "Now";
    pub(crate) const DATA_STAYS: &str = "What your apps have saved is not touched by this.";
    pub(crate) const EMPTY: &str = "Nothing has changed yet";
    pub(crate) const EMPTY_WORDS: &str =
        "Every install, setting and update will be listed here, with a way back.";
    pub(crate) const GO_BACK_TO: &str = "Go back to this";
    pub(crate) const LEAD: &str = "Every change to what your box should run, with a way back to each.";
    pub(crate) const MORE: &str = "Show older changes";
    pub(crate) const NO_CHANGES: &str = "This is the current state, so going back would change nothing.";
    pub(crate) const RESTORE: &str = "Go back";
    pub(crate) const TITLE: &str = "History";
    pub(crate) const UNDO: &str = "Undo";
    pub(crate) const WOULD_CHANGE: &str = "What would change";

    /// Who made a change.
    pub(crate) fn by(actor: &Actor) -> String {
        match actor {
            Actor::User(name) => name.clone(),
            Actor::Cli(name) => format!("{name}, on the command line"),
            Actor::Hearth => "Hearth, by itself".to_owned(),
        }
    }

    /// The number of a change.
    pub(crate) fn number(generation: Generation) -> String {
        format!("change {generation}")
    }

    /// The dialog's title.
    pub(crate) fn restore_title(generation: Generation) -> String {
        format!("Go back to change {generation}?")
    }

    /// What a change was.
    pub(crate) fn made(at: &str, why: &str, actor: &Actor) -> String {
        format!("{at}, {}: {why}", by(actor))
    }

    /// It is done.
    pub(crate) fn restored(generation: Generation) -> String {
        format!("Your box is on its way back to change {generation}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_matters() {
        use AppState::{EngineUnreachable, Failed, Installing, Running, Stopped};
        for (states, expected) in [
            (&[][..], "Your box is ready."),
            (&[Running], "Your app is running."),
            (&[Running, Running], "All 2 apps are running."),
            (&[Stopped], "Nothing is running."),
            (&[EngineUnreachable], "Hearth cannot check your apps right now."),
            (
                &[Running, Installing, Failed],
                "1 of 3 apps are running. One is changing. One needs attention.",
            ),
        ] {
            assert_eq!(summary(states), expected);
        }
    }

    #[test]
    fn the_greeting_follows_the_hour() {
        assert_eq!(greeting(5, "anna"), "Good morning, anna");
        assert_eq!(greeting(17, "anna"), "Good afternoon, anna");
        assert_eq!(greeting(22, "anna"), "Good evening, anna");
        assert_eq!(greeting(3, "anna"), "Good night, anna");
    }
}
