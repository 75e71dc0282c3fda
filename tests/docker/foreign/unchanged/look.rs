use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use hearth_model::AppState;
use hearth_tests::client::Client;
use hearth_tests::wait::{Answer, wait_for};

use super::source::{self, Source, expand, fixed_address, is_on_host};
use super::stand_in::WORDS;
use crate::apps::{PATIENCE, Site};

/// How long a script after the start may take to fail: some wait half a minute for files of the real software.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(45);

/// Looks at an app that runs: its addresses, its page, who may see it, and what its scripts said.
pub(super) fn at(site: &Site, client: &Client, app: &str, trial: &[Source]) -> Result<String> {
    let Some(source) = trial.last() else { return Ok(String::new()) };
    let variables = &source::variables(trial);
    let exported = &trial.iter().flat_map(Source::exports).collect();
    let mut seen = vec!["runs".to_owned()];
    seen.extend(networks(site, app, source, variables)?);
    seen.extend(exports(site, app, source, exported)?);
    seen.extend(pages(client, app, source)?);
    let failed = || -> Result<Option<String>> {
        let status = client.app(app)?;
        ensure!(status.state == AppState::Running, "it does not run any more: {:?}", status.reason);
        Ok(status.reason.map(|reason| format!("{} {}", reason.message, reason.log.join(" / "))))
    };
    let told = if source.hooks().iter().any(|hook| hook.starts_with("post-")) {
        wait_for("a script to fail", SCRIPT_PATIENCE, || Ok(Answer::some(failed()?, "none has"))).ok()
    } else {
        failed()?
    };
    match told {
        Some(told) => seen.push(format!("told: {told}")),
        None if source.hooks().is_empty() => {}
        None => seen.push("no hook failed".to_owned()),
    }
    Ok(seen.join("; "))
}

/// Checks that containers have the addresses, or the network of the host, that the package gives them.
fn networks(
    site: &Site,
    app: &str,
    source: &Source,
    variables: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    let format = "{{.HostConfig.NetworkMode}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}";
    let mut fixed = Vec::new();
    for (name, service) in source.services() {
        let expected = match fixed_address(service) {
            Some(address) => expand(&address, variables),
            None if is_on_host(service) => "host".to_owned(),
            None => continue,
        };
        let id = container(site, app, &name)?;
        let found = site.engine.docker(&["inspect", "--format", format, &id])?;
        ensure!(
            found.split_whitespace().any(|word| word == expected),
            "service `{name}` has {} and not {expected}",
            found.trim()
        );
        fixed.push(format!("{name} at {expected}"));
    }
    Ok((!fixed.is_empty()).then(|| fixed.join(", ")))
}

fn container(site: &Site, app: &str, service: &str) -> Result<String> {
    let filter = |label: &str, value: &str| format!("label=sh.hearth.{label}={value}");
    let ids = site.engine.docker(&[
        "ps",
        "--quiet",
        "--filter",
        &filter("app", app),
        "--filter",
        &filter("service", service),
    ])?;
    let id = ids.trim().to_owned();
    ensure!(!id.is_empty(), "service `{service}` has no container that runs");
    Ok(id)
}

/// Checks that containers have what scripts export, where a package's variable is nothing but such words and others.
fn exports(
    site: &Site,
    app: &str,
    source: &Source,
    exported: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    let mut right = 0;
    for (name, service) in source.services() {
        let expected: Vec<String> = source::environment(service)
            .iter()
            .filter(|(_, value)| source::uses_only(value, exported))
            .map(|(name, value)| format!("{name}={}", expand(value, exported)))
            .collect();
        if expected.is_empty() {
            continue;
        }
        let id = container(site, app, &name)?;
        let found =
            site.engine.docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", &id])?;
        for line in &expected {
            ensure!(found.lines().any(|found| found == line), "service `{name}` lacks {line}: {found}");
        }
        right += expected.len();
    }
    Ok((right > 0).then(|| format!("{right} variables have what scripts export")))
}

/// Asks for the page as the owner and, where there is a door, as a stranger.
fn pages(client: &Client, app: &str, source: &Source) -> Result<Vec<String>> {
    let Some(open) = client.app(app)?.open else { return Ok(vec!["has no page".to_owned()]) };
    let address = |path: &str| format!("{}://127.0.0.1:{}{path}", open.scheme, open.port);
    let page = wait_for("the page", PATIENCE, || {
        let (status, page) = ask(&address(&open.path), &client.cookie())?;
        let is = status == 200 && page.contains(WORDS);
        Ok(if is { Answer::Is(page) } else { Answer::NotYet(format!("{status}: {page}")) })
    })?;
    let mut seen = vec![format!("the owner reads {page:?} at port {}", open.port)];
    if source.proxy("APP_PORT").is_none() {
        return Ok(seen);
    }
    let whitelist = source.proxy("PROXY_AUTH_WHITELIST").unwrap_or_default();
    let everybody = source.proxy("PROXY_AUTH_ADD").is_some_and(|add| add != "true");
    let (status, _) = ask(&address("/"), "")?;
    let passes = everybody || whitelist.split(',').any(|open| matches!(open.trim(), "*" | "/*" | "/"));
    ensure!((status == 200) == passes, "a stranger is answered {status} at /");
    seen.push(format!("a stranger gets {status} at /"));
    for open in whitelist.split(',').map(str::trim).filter(|open| !open.is_empty()) {
        let path = open.replace('*', "x");
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        let (status, page) = ask(&address(&path), "")?;
        ensure!(status == 200 && page.contains(WORDS), "a stranger is answered {status} at {path}: {page}");
        seen.push(format!("{status} at {path}"));
    }
    Ok(seen)
}

/// Asks for a page with a cookie, and follows no redirection.
fn ask(address: &str, cookie: &str) -> Result<(u16, String)> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(20)));
    let agent: ureq::Agent = config.build().into();
    let asked = agent.get(address).header("Accept", "text/html").header("Cookie", cookie).call();
    // Nobody listens yet: as good as no page.
    let Ok(mut answer) = asked else { return Ok((0, format!("{asked:?}"))) };
    let status = answer.status().as_u16();
    Ok((status, answer.body_mut().read_to_string().unwrap_or_default()))
}
