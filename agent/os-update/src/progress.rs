use std::time::{Duration, Instant};

use hearth_model::api::os::OsProgress;

use crate::OsUpdates;

/// How often listeners hear how far a step is.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How far the present step is, with the moment listeners heard of it last.
#[derive(Debug, Default)]
pub(crate) struct ShownProgress {
    pub(crate) progress: Option<OsProgress>,
    published: Option<Instant>,
}

impl ShownProgress {
    /// Forgets the step: another one comes.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl OsUpdates {
    /// Shows how far the present step is.
    pub(crate) fn show_progress(&self, progress: OsProgress) {
        let mut shown = self.shown();
        shown.progress = Some(progress);
        if shown.published.is_none_or(|published| published.elapsed() >= PUBLISH_EVERY) {
            shown.published = Some(Instant::now());
            self.publish();
        }
    }
}
