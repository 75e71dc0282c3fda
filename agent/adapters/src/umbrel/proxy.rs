use std::collections::BTreeMap;

use hearth_model::AppId;
use hearth_model::conventions::Gate;
use hearth_model::package::{Scheme, WebPage};
use serde_json::Value;

use crate::document::{environment, map, port, scalar, text};
use crate::{PackageFiles, Refused};

/// The file of a package whose values are stronger than those of the service.
const OVERRIDES: &str = ".env.app_proxy";
/// The service that is configuration, not a container.
pub(super) const SERVICE: &str = "app_proxy";

/// What stands in front of an app.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) web: Option<WebPage>,
    pub(super) gate: Option<Gate>,
    pub(super) notes: Vec<String>,
}

/// Reads where the app's page is, from `app_proxy` where there is one.
///
/// # Errors
/// When the package's own `.env.app_proxy` cannot be read: it may be what asks for a sign-in.
pub(super) fn read(
    files: &PackageFiles,
    (about, compose): (&Value, &Value),
    id: &AppId,
    literals: &BTreeMap<&str, &str>,
) -> Result<Page, Refused> {
    let mut settings: BTreeMap<String, String> =
        compose.pointer("/services/app_proxy").map(environment).into_iter().flatten().collect();
    let overrides =
        hearth_compose::parse_env_file(files.text(OVERRIDES)?.unwrap_or_default(), OVERRIDES, &settings)
            .map_err(|problems| Refused::unresolved(OVERRIDES, &problems))?;
    settings.extend(overrides);
    Ok(page(about, compose, id, literals, &settings))
}

fn page(
    about: &Value,
    compose: &Value,
    id: &AppId,
    literals: &BTreeMap<&str, &str>,
    settings: &BTreeMap<String, String>,
) -> Page {
    let Some(host_port) = port(about, "port") else {
        return Page { notes: vec!["it names no `port`, so it has no page".to_owned()], ..Page::default() };
    };
    let path = text(about, "path")
        .map_or_else(|| "/".to_owned(), |path| format!("/{}", path.trim_start_matches('/')));
    if compose.pointer("/services/app_proxy").is_none() {
        let web = direct(compose, host_port).map(|(service, port)| WebPage {
            service,
            port,
            host_port,
            path,
            scheme: Scheme::Http,
        });
        return Page { web, ..Page::default() };
    }
    let gate = Some(Gate {
        sign_in: settings.get("PROXY_AUTH_ADD").is_none_or(|add| is_on(add)),
        open_paths: paths(settings.get("PROXY_AUTH_WHITELIST")),
        guarded_paths: paths(settings.get("PROXY_AUTH_BLACKLIST")),
        trust_upstream: settings.get("PROXY_TRUST_UPSTREAM").is_some_and(|trust| trust == "true"),
    });
    let host = settings.get("APP_HOST").map(String::as_str).unwrap_or_default();
    let written = settings.get("APP_PORT").map(String::as_str).unwrap_or_default();
    let (Some(service), Some(port)) = (service(compose, id, host), number(written, literals)) else {
        let note =
            format!("its page is at `{host}:{written}`, which only its scripts or other apps can tell");
        return Page { web: None, gate, notes: vec![note] };
    };
    let scheme = match settings.get("APP_PROTOCOL").map(String::as_str) {
        Some("https") => Scheme::Https,
        _ => Scheme::Http,
    };
    Page { web: Some(WebPage { service, port, host_port, path, scheme }), gate, notes: Vec::new() }
}

/// Returns the service that a host name of `app_proxy` means.
fn service(compose: &Value, id: &AppId, host: &str) -> Option<String> {
    let services = || map(compose, "services").filter(|(name, _)| *name != SERVICE);
    let named = host.strip_prefix(&format!("{id}_")).and_then(|rest| rest.strip_suffix("_1")).unwrap_or(host);
    let by_name = services().find(|(name, _)| *name == named);
    let by_container =
        || services().find(|(_, service)| text(service, "container_name").is_some_and(|name| name == host));
    let by_address = || {
        let bare = |text: &str| text.replace(['$', '{', '}'], "");
        services().find(|(_, service)| {
            let address = service.pointer("/networks/default/ipv4_address").and_then(scalar);
            address.is_some_and(|address| bare(&address) == bare(host))
        })
    };
    let by_host = || {
        let of_host = ["host.docker.internal", "10.21.0.1", "${GATEWAY_IP}", "$GATEWAY_IP"].contains(&host);
        services().find(|(_, service)| of_host && service["network_mode"] == "host")
    };
    by_name.or_else(by_container).or_else(by_address).or_else(by_host).map(|(name, _)| name.clone())
}

/// Returns the service and the port in it that answer at a port of the host without `app_proxy`.
fn direct(compose: &Value, host_port: u16) -> Option<(String, u16)> {
    let published = host_port.to_string();
    for (name, service) in map(compose, "services") {
        if service["network_mode"] == "host" {
            return Some((name.clone(), host_port));
        }
        for mapping in service["ports"].as_array().into_iter().flatten().filter_map(scalar) {
            let parts: Vec<&str> = mapping.split('/').next().unwrap_or_default().rsplitn(3, ':').collect();
            if let [target, host, ..] = parts[..]
                && host == published
                && let Ok(target) = target.parse()
            {
                return Some((name.clone(), target));
            }
        }
    }
    None
}

/// Returns a port, written out or as a variable whose value is known.
fn number(written: &str, literals: &BTreeMap<&str, &str>) -> Option<u16> {
    let name = written
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .or_else(|| written.strip_prefix('$'));
    let value = match name {
        Some(name) => literals.get(name).copied()?,
        None => written,
    };
    value.parse().ok().filter(|port| *port > 0)
}

/// Tells whether `PROXY_AUTH_ADD` asks for a sign-in: `true` and nothing else does on umbrelOS. What is not said, or only
/// known to a variable, asks as well.
fn is_on(add: &str) -> bool {
    let add = add.trim();
    add == "true" || add.is_empty() || add.contains('$')
}

fn paths(list: Option<&String>) -> Vec<String> {
    let parts = list.map(String::as_str).unwrap_or_default().split([',', ' ', '\n', '\t']);
    parts.filter(|path| !path.is_empty()).map(str::to_owned).collect()
}
