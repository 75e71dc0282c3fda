use std::time::Duration;

use hearth_model::Timestamp;
use leptos::prelude::*;

use crate::task::Lifetime;
use crate::{browser, format};

/// How often what is said of the past is said anew.
const EVERY: Duration = Duration::from_secs(10);

/// Tells a page that stands open that time passes.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Trigger);

impl Clock {
    pub(crate) fn start() -> Self {
        let passes = Trigger::new();
        tick(Lifetime::current(), passes);
        Self(passes)
    }
}

fn tick(lifetime: Lifetime, passes: Trigger) {
    lifetime.after(EVERY, move || {
        passes.notify();
        tick(lifetime, passes);
    });
}

/// How long ago a moment was: "3 minutes ago". Inside a closure of a view it is told anew as time passes.
pub(crate) fn ago(at: &Timestamp) -> String {
    if let Some(Clock(passes)) = use_context() {
        passes.track();
    }
    format::ago(at, browser::now_ms())
}
