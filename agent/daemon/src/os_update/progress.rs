use std::time::{Duration, Instant};

use hearth_model::api::os::OsProgress;
use hearth_model::event::Event;

use crate::hearth::Hearth;

/// How often listeners hear how far a step is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How far the present step is, with the moment listeners heard of it last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) progress: Option<OsProgress>,
    told: Option<Instant>,
}

impl Shown {
    /// Forgets the step: another one comes.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Hearth {
    /// Shows how far the present step is.
    pub(super) fn os_progress(&self, progress: OsProgress) {
        let mut shown = self.os.shown();
        shown.progress = Some(progress);
        if shown.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            shown.told = Some(Instant::now());
            self.tell(Event::Os);
        }
    }
}
