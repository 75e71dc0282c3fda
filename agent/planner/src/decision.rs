use hearth_model::plan::AppPlan;
use hearth_model::{AppState, Reason};
use jiff::Timestamp;

/// What is decided for one app.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    pub(crate) plan: AppPlan,
    pub(crate) look_again_at: Option<Timestamp>,
    /// Whether every service is up, whatever its page says and however short it has been up.
    pub(crate) all_up: bool,
}

impl Decision {
    pub(crate) fn of_state(state: AppState, reason: Option<Reason>) -> Self {
        Self { plan: AppPlan { state, reason, ..AppPlan::default() }, look_again_at: None, all_up: false }
    }

    pub(crate) fn failed(reason: Reason) -> Self {
        Self::of_state(AppState::Failed, Some(reason))
    }
}
