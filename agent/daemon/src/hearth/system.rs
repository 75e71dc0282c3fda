use hearth_model::api::system::SystemInfo;
use hearth_model::observed::EngineState;

use crate::hearth::Hearth;

impl Hearth {
    /// Returns what there is to say about the box.
    pub async fn system(&self) -> SystemInfo {
        let now = self.in_force();
        let engine = self.engine_state();
        let mut warnings = Vec::new();
        if let EngineState::Unreachable { reason } = &engine {
            warnings.push(format!("Docker does not answer: apps cannot be installed or changed. {reason}"));
        }
        SystemInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.hostname.clone(),
            engine,
            host: crate::reconcile::look::host(self).await,
            settings: now.desired.settings.clone(),
            generation: now.generation,
            warnings,
            os_managed: self.is_os_managed().await,
        }
    }
}
