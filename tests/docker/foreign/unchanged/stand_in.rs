use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::process::run;
use hearth_tests::registry::Registry;
use serde_json::Value;

use super::source::{Source, expand, is_on_host, text};

/// What every answer of a stand-in says, before its image's name.
pub(super) const WORDS: &str = "This stands in for ";
/// Program of a stand-in that answers one request.
const ANSWER: &str = "#!/bin/busybox sh
while read -r line && [ ${#line} -gt 1 ]; do :; done
body='WORDS'
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/html\\r\\nContent-Length: %s\\r\\nConnection: close\\r\\n\\r\\n%s' ${#body} \"$body\"
";
/// Program of a stand-in that listens, and lasts until it is told to end.
const SERVE: &str = "#!/bin/busybox sh
CALLED
trap 'exit 0' TERM INT
for port in PORTS; do /bin/busybox nc -ll -p $port -e /stand-in/answer & done
/bin/busybox sleep infinity &
wait $!
";
/// What programs of health checks say; `redis-cli ping` must answer so.
const HEALTHY: &str = "#!/bin/busybox sh\necho PONG\n";
/// A program that a hook runs in a service: it reads what it is given, and says what one can take for a variable.
const CALLED: &str =
    "#!/bin/busybox sh\n/bin/busybox cat >/dev/null\necho 'CALLED=\"Client ID of a stand-in\"'\n";

/// What an image is needed for, by all of a package's services that have it.
#[derive(Default)]
struct Need {
    ports: BTreeSet<u16>,
    entrypoints: BTreeSet<String>,
    checks: BTreeSet<String>,
    called: BTreeSet<String>,
    /// Those of them that run in a container of their own, in place of what serves.
    alone: BTreeSet<String>,
    ends: bool,
}

/// Copies a package into the store `copy`, with images of `registry` in place of its own and otherwise unchanged.
pub(super) fn copy(
    source: &Source,
    copy: &Path,
    variables: &BTreeMap<String, String>,
    registry: &mut Registry,
) -> Result<()> {
    let target = copy.join(&source.place);
    if target.exists() {
        return Ok(());
    }
    let parent = target.parent().context("a package stands in a store")?;
    fs::create_dir_all(parent)?;
    run("cp", &["--archive", &source.folder.to_string_lossy(), &parent.to_string_lossy()])?;
    let mut images = BTreeMap::new();
    for (image, need) in needs(source, variables) {
        let stand_in = push(registry, &image, &need).with_context(|| format!("image `{image}`"))?;
        images.insert(image, stand_in);
    }
    let lines: Vec<String> = source.text.lines().map(|line| exchange(line, &images)).collect();
    fs::write(target.join(source.compose), lines.join("\n") + "\n")?;
    Ok(())
}

/// Returns a line of a Compose file, with another image if it names one.
fn exchange(line: &str, images: &BTreeMap<String, String>) -> String {
    let start = line.trim_start().trim_start_matches("- ");
    let value = ["image:", "\"image\":"].iter().find_map(|key| start.strip_prefix(key));
    let value = value.map(|value| value.split(" #").next().unwrap_or_default().trim().trim_end_matches(','));
    let image = value.map(|value| value.trim_matches(['"', '\'']));
    match image.and_then(|image| images.get_key_value(image)) {
        Some((image, stand_in)) => line.replace(image, stand_in),
        None => line.to_owned(),
    }
}

/// Returns what each image of a package is needed for.
fn needs(source: &Source, variables: &BTreeMap<String, String>) -> BTreeMap<String, Need> {
    let services = source.services();
    let ending: BTreeSet<String> = services.iter().flat_map(|(_, service)| awaited_to_end(service)).collect();
    let only_host = services.iter().all(|(_, service)| is_on_host(service));
    let behind_proxy = source.proxy("APP_PORT").and_then(|port| number(&port, variables));
    let mut needs: BTreeMap<String, Need> = BTreeMap::new();
    let called = source.called();
    for (name, service) in &services {
        let Some(image) = text(service, "image") else { continue };
        let need = needs.entry(image).or_default();
        need.ends |= ending.contains(name);
        for call in called.iter().filter(|call| call.service == *name) {
            need.called.insert(call.program.clone());
            if call.alone && !programs(service.get("command")).contains(&call.program) {
                need.alone.insert(call.program.clone());
            }
        }
        need.ports.extend(published(service, variables));
        if !is_on_host(service) || only_host {
            need.ports.extend(behind_proxy);
        }
        if is_on_host(service) && behind_proxy.is_none() {
            need.ports.extend(source.port().and_then(|port| number(&port, variables)));
        }
        need.entrypoints.extend(programs(service.get("entrypoint")));
        for key in ["healthcheck", "healthCheck"] {
            need.checks.extend(programs(service.get(key).and_then(|check| check.get("test"))));
        }
    }
    needs
}

/// Returns the TCP ports in the container that a service publishes or says to answer at.
fn published(service: &Value, variables: &BTreeMap<String, String>) -> Vec<u16> {
    let about = service.get("x-runtipi").unwrap_or(service);
    let single = [(service, "internalPort"), (about, "internal_port")];
    let list = |key: &str| service.get(key).and_then(Value::as_array).into_iter().flatten();
    let long = |port: &Value| ["target", "containerPort"].iter().find_map(|key| text(port, key));
    let short = |port: &Value| port.as_str().map(str::to_owned);
    let mut written: Vec<String> = single.iter().filter_map(|(tree, key)| text(tree, key)).collect();
    written
        .extend(list("ports").chain(list("addPorts")).filter_map(|port| long(port).or_else(|| short(port))));
    written.iter().filter_map(|port| number(port, variables)).collect()
}

/// Returns the last port of `host:container`; `None` for UDP and for ranges.
fn number(port: &str, variables: &BTreeMap<String, String>) -> Option<u16> {
    let port = expand(port, variables);
    port.trim_end_matches("/tcp").rsplit(':').next()?.parse().ok()
}

/// Returns the services that a service starts after the end of.
fn awaited_to_end(service: &Value) -> Vec<String> {
    let awaited = ["depends_on", "dependsOn"].iter().filter_map(|key| service.get(key)?.as_object());
    let ends = |of: &Value| text(of, "condition").as_deref() == Some("service_completed_successfully");
    awaited.flatten().filter(|(_, of)| ends(of)).map(|(name, _)| name.clone()).collect()
}

/// Returns what may be a program in a command line: words without an option's dash or an address.
fn programs(command: Option<&Value>) -> Vec<String> {
    let line = match command {
        Some(Value::String(line)) => line.clone(),
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return Vec::new(),
    };
    let shell = ["sh", "bash", "exec", "exit", "test", "grep", "if", "then", "else", "fi", "sleep", "echo"];
    let is_program = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or_default();
        word.starts_with(|c: char| c.is_ascii_lowercase() || c == '/')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
            && !name.is_empty()
            && !shell.contains(&name)
    };
    line.split([' ', '"', '\'', ';', '|', '&', '(', ')', '\n'])
        .filter(is_program)
        .map(str::to_owned)
        .collect()
}

/// Pushes the stand-in of an image and returns its reference.
fn push(registry: &mut Registry, image: &str, need: &Need) -> Result<String> {
    ensure!(!image.contains('$'), "its name depends on a variable");
    let name = image.split('@').next().unwrap_or_default();
    let name = match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => name,
    };
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let ports: Vec<String> = need.ports.iter().map(u16::to_string).collect();
    let alone = need.alone.iter().map(|program| format!("[ \"$1\" != {program} ] || exec \"$@\""));
    let alone: Vec<String> = alone.collect();
    let serve = SERVE.replace("PORTS", &ports.join(" ")).replace("CALLED", &alone.join("\n"));
    let serve = if need.ends { "#!/bin/busybox sh\n".to_owned() } else { serve };
    let mut files = BTreeMap::new();
    let all = [(&need.called, CALLED), (&need.checks, HEALTHY), (&need.entrypoints, serve.as_str())];
    for (programs, text) in all {
        for program in programs {
            let is_path = program.starts_with(['/', '.']);
            let path = if is_path { program.replace("./", "/") } else { format!("bin/{program}") };
            files.insert(path, text.to_owned());
        }
    }
    files.insert("stand-in/answer".to_owned(), ANSWER.replace("WORDS", &format!("{WORDS}{name}")));
    files.insert("stand-in/serve".to_owned(), serve);
    Ok(registry.push_program(repository, tag, &files, &["/stand-in/serve"])?.to_string())
}
