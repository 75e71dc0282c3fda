use std::sync::PoisonError;

use hearth_planner::os_update::Event;
use hearth_update::source::Source;
use hearth_update::trust::{Offer, Trust};
use tokio_util::sync::CancellationToken;

use crate::{OsUpdates, StoredState};

/// Asks the channel which release is the newest. `None` when it was stopped.
pub(crate) async fn check(os: &OsUpdates, stop: &CancellationToken) -> Option<Event> {
    let asking = tokio::task::spawn_blocking({
        let os = os.clone();
        move || ask(&os)
    });
    // A thread that waits for a server ends by itself; whoever asks next waits for it.
    let answer = stop.run_until_cancelled(asking).await?;
    Some(match answer {
        Ok(Ok(offer)) => {
            tracing::info!("the channel has release {}", offer.release.version);
            Event::Answered(offer.release)
        }
        Ok(Err(error)) if error.is_passing() => Event::Unreachable(format!("{error}.")),
        Ok(Err(error)) => Event::Distrusted(format!("{error}.")),
        Err(error) => Event::Unreachable(format!("The question broke off: {error}.")),
    })
}

/// Asks the channel; blocks.
///
/// # Errors
/// When it is not reached, or not to be trusted.
pub(crate) fn ask(os: &OsUpdates) -> hearth_update::Result<Offer> {
    let _asking = os.asking.lock().unwrap_or_else(PoisonError::into_inner);
    let paths = &os.paths;
    let StoredState { record, metadata } = os.stored();
    let unreachable = hearth_update::Error::Unreachable;
    let address = metadata.from.or_else(|| paths.address()).ok_or_else(|| {
        let text = "this image was built without an address for releases: name a folder with `hearth os check --from`";
        unreachable(text.to_owned())
    })?;
    let source = Source::parse(&address).map_err(unreachable)?;
    let untrusted = || hearth_update::Error::Untrusted { role: "root".to_owned() };
    let board = hearth_host::os::observe(&paths.root).board.unwrap_or_default();
    let root = paths.root_of_trust().ok_or_else(untrusted)?;
    let memory = paths.trust.clone();
    if let Some(parent) = memory.parent() {
        let failed = |source| hearth_update::Error::Disk { what: "written", path: parent.to_owned(), source };
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    Trust { root, memory, board, built_at: paths.built_at() }.ask(&source, record.channel)
}
