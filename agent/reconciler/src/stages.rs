use futures_util::future::join_all;
use hearth_model::{AppId, Reason, Step};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Does stages one after another, the steps of each at once. Stops after a stage once the token is cancelled.
///
/// # Errors
/// Why a step failed; later stages were not begun. The others of its stage that failed are in the log.
pub async fn stages_of<W: World>(
    world: &W,
    app: &AppId,
    stages: Vec<Vec<Step>>,
    cancel: &CancellationToken,
) -> Result<(), Reason> {
    for stage in stages {
        if cancel.is_cancelled() {
            return Ok(());
        }
        world.stage_begins(app, &stage);
        let results = join_all(stage.iter().map(|step| world.execute(app, step, cancel))).await;
        let mut failures = results.into_iter().filter_map(Result::err);
        if let Some(first) = failures.next() {
            for other in failures {
                tracing::warn!(app.id = %app, "another step of the same stage failed: {}", other.message);
            }
            return Err(first);
        }
    }
    Ok(())
}
