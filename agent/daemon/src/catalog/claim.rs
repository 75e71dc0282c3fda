use std::sync::{Arc, PoisonError};

use hearth_fetch::Cancel;
use hearth_model::StoreId;
use hearth_model::api::store::{StorePhase, StoreProgress};

use crate::catalog::Catalog;
use crate::error::{Error, Result};

/// The right to refresh a store, which one refresh has at a time.
#[must_use]
pub(crate) struct Claim {
    catalog: Arc<Catalog>,
    id: StoreId,
}

impl Claim {
    pub(super) fn new(catalog: &Arc<Catalog>, id: &StoreId) -> Result<Self> {
        let mut going = catalog.going.lock().unwrap_or_else(PoisonError::into_inner);
        if going.contains_key(id) {
            return Err(Error::Conflict(format!("the store `{id}` is being refreshed already; wait for it")));
        }
        going.insert(id.clone(), StoreProgress { phase: StorePhase::Fetching, bytes: 0, total: None });
        Ok(Self { catalog: Arc::clone(catalog), id: id.clone() })
    }

    pub(super) fn tell(&self, progress: StoreProgress) {
        let mut going = self.catalog.going.lock().unwrap_or_else(PoisonError::into_inner);
        going.insert(self.id.clone(), progress);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.catalog.going.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Gives a fetch up that nobody waits for.
pub(super) struct CancelOnDrop(pub(super) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
