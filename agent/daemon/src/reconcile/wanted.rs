use hearth_model::AppId;
use hearth_model::desired::DesiredApp;
use hearth_model::update::UpdatePhase;

use crate::hearth::InForce;

/// What the steps of an app depend on: its wish, and whether its update is on its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) app: Option<DesiredApp>,
    reverting: bool,
}

impl Wanted {
    pub(super) fn of(app: &AppId, now: &InForce) -> Self {
        let reverting =
            now.updates.get(app).is_some_and(|update| matches!(update.phase, UpdatePhase::Reverting { .. }));
        Self { app: now.desired.apps.get(app).cloned(), reverting }
    }
}
