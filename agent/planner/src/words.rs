use hearth_model::condition::ReasonCode;
use hearth_model::plan::Waiting;
use hearth_model::{AppSpec, Reason, ServiceName};

use crate::health::ServiceHealth;
use crate::order::OrderError;

/// Says what is wrong with a service; `None` when nothing is.
pub(crate) fn of_health(service: &ServiceName, health: &ServiceHealth) -> Option<Reason> {
    let (code, message) = match health {
        ServiceHealth::Missing
        | ServiceHealth::NotStarted(None)
        | ServiceHealth::Starting
        | ServiceHealth::Running
        | ServiceHealth::Healthy
        | ServiceHealth::Done
        | ServiceHealth::Unclear => return None,
        ServiceHealth::NotStarted(Some(error)) => (
            ReasonCode::EngineRefused,
            format!(
                "{service} could not be started: {}. Change what it names, then try again.",
                error.trim_end_matches('.')
            ),
        ),
        ServiceHealth::Unhealthy(output) => (
            ReasonCode::Unhealthy,
            match first_line(output) {
                "" => format!("{service} runs, but its health check fails. Its log may say why."),
                line => format!("{service} runs, but its health check fails: {line}. Its log may say more."),
            },
        ),
        ServiceHealth::Restarting(code) => (
            ReasonCode::ContainerExited,
            format!(
                "{service} {} and is being started again. If it goes on, its log says why.",
                ended(*code)
            ),
        ),
        ServiceHealth::CrashLoop(times) => (
            ReasonCode::CrashLoop,
            format!(
                "{service} ends soon after each start and was started again {times} times. Its log says why; check the app's settings."
            ),
        ),
        ServiceHealth::Ended { out_of_memory: true, .. } => (
            ReasonCode::OutOfMemory,
            format!(
                "{service} was stopped because it needed more memory than there was. Stop other apps or raise its limit, then start it again."
            ),
        ),
        ServiceHealth::Ended { exit_code, .. } => (
            ReasonCode::ContainerExited,
            format!(
                "{service} {}. Its log says why; start the app again when that is mended.",
                ended(*exit_code)
            ),
        ),
        ServiceHealth::Paused => (
            ReasonCode::EngineRefused,
            format!("{service} was paused by somebody outside Hearth. Restart the app to continue it."),
        ),
    };
    Some(Reason::of_service(code, service.as_str(), message))
}

/// Says how a process ended, after its exit code; codes above 128 are signals
/// ([Bash, exit status](https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html)).
pub(crate) fn ended(exit_code: i64) -> String {
    let meaning = match exit_code {
        0 => return "ended by itself without an error".to_owned(),
        126 => " (its command may not be run)",
        127 => " (its command was not found)",
        134 => " (it gave up)",
        137 => " (it was killed)",
        139 => " (it crashed)",
        143 => " (it was asked to stop)",
        _ => "",
    };
    format!("ended with exit code {exit_code}{meaning}")
}

/// Says why services have no order.
pub(crate) fn of_order(spec: &AppSpec, error: &OrderError) -> Reason {
    let message = match error {
        OrderError::Cycle(services) => {
            let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
            format!(
                "The services {} of this package wait for one another in a circle, so none can start first. Version {} of the package has to be mended by its author.",
                names.join(", "),
                spec.version
            )
        }
        OrderError::Missing { service, on } => format!(
            "The service {service} waits for {on}, which the package does not have. Version {} of the package has to be mended by its author.",
            spec.version
        ),
    };
    Reason::new(ReasonCode::PackageInvalid, message)
}

/// Says that a dependency is not as it should be.
pub(crate) fn dependency_failed(service: &ServiceName, on: &ServiceName, what: &str) -> Reason {
    Reason::of_service(
        ReasonCode::DependencyFailed,
        on.as_str(),
        format!("{service} cannot start because {on} {what}. The log of {on} may say why."),
    )
}

/// Says that a new version was not healthy when its time was over.
pub(crate) fn not_healthy_in_time(service: &ServiceName) -> Reason {
    let message = format!("{service} did not get healthy in time.");
    Reason::of_service(ReasonCode::Unhealthy, service.as_str(), message)
}

/// Says that an app waits for its page to answer.
pub(crate) fn waits_for_page(service: &ServiceName, port: u16, problem: Option<&str>) -> Reason {
    let seen = problem.map_or_else(String::new, |problem| format!(" ({problem})"));
    let message = format!("{service} runs, and its page at port {port} does not answer yet{seen}.");
    Reason::of_service(ReasonCode::Waiting, service.as_str(), message)
}

/// Says that a page does not answer although it had the time to.
pub(crate) fn page_is_silent(service: &ServiceName, port: u16, problem: &str) -> Reason {
    let message = format!(
        "{service} runs, but its page at port {port} does not answer ({problem}). If it still prepares itself, wait for it; else its log may say what is wrong."
    );
    Reason::of_service(ReasonCode::Unhealthy, service.as_str(), message)
}

/// Says that a service is started again because another, in whose network or processes it lives, was.
pub(crate) fn restarted_with(service: &ServiceName, host: &ServiceName) -> Reason {
    let message = format!(
        "{service} uses the network or processes of {host}, which was started again meanwhile. {service} is started again too, because it is cut off until then."
    );
    Reason::of_service(ReasonCode::Waiting, service.as_str(), message)
}

/// Says that the version before an update could not be brought back, and what the owner can do.
pub(crate) fn cannot_go_back(why: &str, failure: &Reason) -> Reason {
    let message = format!(
        "The new version was not kept: {why} The version before cannot be brought back either: {} Remove what stands in the way, then restart the app: its data of before the update is kept aside until then.",
        failure.message
    );
    Reason { message, ..failure.clone() }
}

pub(crate) fn data_missing() -> Reason {
    Reason::new(
        ReasonCode::DataMissing,
        "The app's data is not where it was. Perhaps a disk is not connected: connect it, and the app starts by itself. To begin again without the old data, choose to start fresh.",
    )
}

/// Returns the first line of a check's output that says something, without its full stop.
pub(crate) fn first_line(output: &str) -> &str {
    output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").trim_end_matches('.')
}

/// Says who waits for whom.
pub(crate) fn waiting(waiting: &Waiting) -> Reason {
    let message = format!("{} waits for {} {}.", waiting.service, waiting.on, waiting.until);
    Reason::of_service(ReasonCode::Waiting, waiting.service.as_str(), message)
}
