use std::collections::BTreeMap;

use hearth_model::AppId;

/// What secrets that packages derive are made from: one seed for the box, and those that apps brought from another box,
/// whose data is locked with what was derived there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seeds {
    /// The box's own; never changes.
    pub(crate) own: String,
    /// Those of apps that came from another box.
    pub(crate) brought: BTreeMap<AppId, String>,
}

impl Seeds {
    /// Returns the seed of an app, installed or not.
    pub(crate) fn of(&self, app: &AppId) -> &str {
        self.brought.get(app).unwrap_or(&self.own)
    }
}
