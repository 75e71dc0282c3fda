use std::collections::BTreeSet;

use hearth_model::package::{Manifest, TorDaemon};
use hearth_model::{AppSpec, ServiceName};

use super::Page;

pub(super) fn check_tor(manifest: &Manifest, spec: &AppSpec, page: &mut Page<'_>) {
    let Some(TorDaemon { service }) = &manifest.tor else { return };
    if !is_there(service, spec) {
        page.error("tor", format!("`tor.service` is `{service}`; the services are `{}`", names(spec)));
    }
}

pub(super) fn check_widgets(manifest: &Manifest, spec: &AppSpec, page: &mut Page<'_>) {
    let mut known = BTreeSet::new();
    for widget in &manifest.widgets {
        let id = &widget.id;
        if !known.insert(id) {
            page.warning("widgets", format!("the widget `{id}` stands twice"));
        }
        if widget.port == 0 || !widget.path.starts_with('/') {
            let message =
                format!("the widget `{id}` needs a `port` of 1 to 65535 and a `path` that begins with `/`");
            page.warning("widgets", message);
        }
        if !is_there(&widget.service, spec) {
            let message = format!(
                "`service` of the widget `{id}` is `{}`; the services are `{}`",
                widget.service,
                names(spec)
            );
            page.warning("widgets", message);
        }
    }
}

fn is_there(service: &str, spec: &AppSpec) -> bool {
    spec.services.keys().any(|name| name.as_str() == service)
}

fn names(spec: &AppSpec) -> String {
    spec.services.keys().map(ServiceName::as_str).collect::<Vec<_>>().join("`, `")
}
