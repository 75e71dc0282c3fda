use hearth_model::api::system::SystemInfo;

use crate::hearth::Hearth;
use crate::janitor;

impl Hearth {
    /// Returns what there is to say about the box.
    pub async fn system(&self) -> SystemInfo {
        let now = self.in_force();
        let engine = self.engine_state();
        let mut warnings = Vec::new();
        let trash = self.janitor.trash().await;
        warnings.extend(trash.iter().filter_map(janitor::warning));
        if let Some(problem) = engine.problem() {
            warnings.push(format!("Apps cannot be installed or changed. {problem}"));
        }
        SystemInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.hostname.clone(),
            engine,
            host: crate::reconcile::look::host(self).await,
            settings: now.desired.settings.clone(),
            generation: now.generation,
            warnings,
            trash,
            os_managed: self.os.is_managed().await,
        }
    }
}
