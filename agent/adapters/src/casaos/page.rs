use hearth_model::package::{Scheme, WebPage};
use serde_json::Value;

use crate::document::{map, scalar, text};

/// Returns the service that `main` names, the first where there is no such.
pub(super) fn main_service(about: &Value, compose: &Value) -> Option<String> {
    text(about, "main")
        .filter(|main| compose["services"].get(main).is_some())
        .or_else(|| map(compose, "services").next().map(|(name, _)| name.clone()))
}

/// Returns the page: `port_map` is the host's port, and the main service's ports say which of its own that is.
pub(super) fn web(about: &Value, compose: &Value) -> Option<WebPage> {
    let host_port: u16 = default_of(&text(about, "port_map")?).parse().ok().filter(|port| *port > 0)?;
    let main = main_service(about, compose)?;
    let service = &compose["services"][&main];
    let (service, port) = if service["network_mode"] == "host" {
        (main, host_port)
    } else {
        let others = map(compose, "services").filter(|(name, _)| **name != main);
        std::iter::once((&main, service))
            .chain(others)
            .find_map(|(name, service)| Some((name.clone(), target(service, host_port)?)))?
    };
    let index = text(about, "index").unwrap_or_default();
    Some(WebPage {
        service,
        port,
        host_port,
        path: format!("/{}", index.trim_start_matches('/')),
        scheme: if text(about, "scheme").as_deref() == Some("https") { Scheme::Https } else { Scheme::Http },
    })
}

/// Returns the container's port that is published at a host port.
fn target(service: &Value, host_port: u16) -> Option<u16> {
    let ports = service.get("ports")?.as_array()?;
    ports.iter().find_map(|port| match port {
        Value::Object(_) => {
            let published = default_of(&text(port, "published")?).parse::<u16>().ok()?;
            (published == host_port).then(|| text(port, "target")?.parse().ok()).flatten()
        }
        short => {
            let short = scalar(short)?;
            let (published, target) = short.split('/').next()?.rsplit_once(':')?;
            let published = default_of(published);
            let published = published.rsplit(':').next()?.parse::<u16>().ok()?;
            (published == host_port).then(|| target.parse().ok()).flatten()
        }
    })
}

/// Returns the default of `${NAME:-default}`, or the text itself.
fn default_of(text: &str) -> String {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.and_then(|inner| inner.split_once('-')).map_or(text, |(_, default)| default).to_owned()
}
