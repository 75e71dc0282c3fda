use std::collections::BTreeMap;

use hearth_model::ServiceName;
use hearth_model::spec::{Dependency, DependencyCondition};

use super::Lowerer;
use crate::project::Service;

const COMPLETED: &str = "service_completed_successfully";

impl Lowerer<'_> {
    /// Dependencies on services of inactive profiles, which are not required, are left out.
    pub(super) fn depends_on(&self, service: &Service) -> BTreeMap<ServiceName, Dependency> {
        let present = service.depends_on.iter().filter(|(name, _)| self.project.services.contains_key(*name));
        present
            .filter_map(|(name, dependency)| {
                let condition = match dependency.condition.as_str() {
                    "service_healthy" => DependencyCondition::ServiceHealthy,
                    COMPLETED => DependencyCondition::ServiceCompletedSuccessfully,
                    _ => DependencyCondition::ServiceStarted,
                };
                let lowered =
                    Dependency { condition, restart: dependency.restart, required: dependency.required };
                Some((name.parse().ok()?, lowered))
            })
            .collect()
    }

    /// A service ends by itself when another one waits for its end, or it says so by `x-hearth: {one_shot: true}`.
    pub(super) fn is_one_shot(&self, name: &str, service: &Service) -> bool {
        let awaited = self.project.services.values().filter_map(|other| other.depends_on.get(name));
        service.one_shot || awaited.into_iter().any(|dependency| dependency.condition == COMPLETED)
    }
}
