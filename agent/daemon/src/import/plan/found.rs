use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use hearth_model::api::import::{ImportApp, ImportPlan};
use hearth_model::desired::{DesiredApp, Run};
use hearth_model::{AppId, AppSpec};

use crate::catalog::Entry;
use crate::import::source::Source;

/// An import that was looked at.
pub(in crate::import) struct Prepared {
    pub(in crate::import) source: Source,
    pub(in crate::import) apps: Vec<Found>,
    pub(in crate::import) plan: ImportPlan,
}

/// An app of the other box.
pub(in crate::import) struct Found {
    pub(in crate::import) about: ImportApp,
    /// What is needed to take it over; `None` when that cannot be done at all.
    pub(in crate::import) ready: Option<Ready>,
}

/// What an app is taken over with.
#[derive(Clone)]
pub(in crate::import) struct Ready {
    pub(in crate::import) app: AppId,
    pub(in crate::import) folder: PathBuf,
    pub(in crate::import) entry: Arc<Entry>,
    pub(in crate::import) wanted: DesiredApp,
    pub(super) spec: AppSpec,
}

impl Found {
    pub(super) fn new(id: &str) -> Self {
        let about = ImportApp {
            id: id.to_owned(),
            name: id.to_owned(),
            version: String::new(),
            store: None,
            size_bytes: 0,
            run: Run::Running,
            access: Vec::new(),
            missing_consent: BTreeSet::new(),
            blockers: Vec::new(),
            is_installed: false,
            notes: Vec::new(),
        };
        Self { about, ready: None }
    }

    /// Returns what it is taken over with, unless something stands in the way.
    pub(in crate::import) fn taken(&self) -> Option<&Ready> {
        self.ready.as_ref().filter(|_| self.about.blockers.is_empty())
    }

    pub(super) fn block(mut self, why: impl Into<String>) -> Self {
        self.about.blockers.push(why.into());
        self
    }
}
