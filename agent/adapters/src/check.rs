use std::collections::BTreeSet;

use hearth_model::StoreId;
use hearth_model::conventions::Need;
use serde::Serialize;

use crate::{Format, PackageFiles, read};

/// What becomes of one package. Whether an engine could run it as well is the planner's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Its store does not offer it any more.
    Disabled,
    /// It is read and its containers resolve with stand-in answers.
    Resolves {
        /// What the box must be able to do for it; a box that cannot refuses the install.
        needs: BTreeSet<Need>,
        /// What was left out.
        notes: Vec<String>,
    },
    /// It is not taken.
    Refused {
        /// The file that it is about.
        file: String,
        /// What was expected and what was found.
        reason: String,
    },
}

/// Counts of a whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// All packages.
    pub total: usize,
    /// Those that their store does not offer any more.
    pub disabled: usize,
    /// Live ones that are read and resolve.
    pub resolves: usize,
    /// Those among [`Totals::resolves`] that need nothing but containers.
    pub needs_nothing: usize,
    /// Live ones that are not taken.
    pub refused: usize,
}

impl Totals {
    /// Counts one more package.
    pub fn add(&mut self, outcome: &Outcome) {
        self.total += 1;
        match outcome {
            Outcome::Disabled => self.disabled += 1,
            Outcome::Resolves { needs, notes: _ } => {
                self.resolves += 1;
                self.needs_nothing += usize::from(needs.is_empty());
            }
            Outcome::Refused { .. } => self.refused += 1,
        }
    }
}

/// Reads one package and says what becomes of it.
pub fn check(format: Format, files: &PackageFiles, store: &StoreId) -> Outcome {
    match read(format, files, store) {
        Ok(adapted) if adapted.disabled => Outcome::Disabled,
        Ok(adapted) => Outcome::Resolves { needs: adapted.package.conventions.needs, notes: adapted.notes },
        Err(refused) => Outcome::Refused { file: refused.file, reason: refused.reason },
    }
}
