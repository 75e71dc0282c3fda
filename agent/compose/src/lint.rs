/// What of `app.yml` names a service.
mod services;

use std::collections::{BTreeMap, BTreeSet};

use hearth_model::form::{Field, FieldKind};
use hearth_model::package::Manifest;
use hearth_model::{AppSpec, Digest};

use crate::diagnostics::Diagnostics;
use crate::interpolate;
use crate::load::{ProjectInput, SourceFile, load};
use crate::lower::{ContainerNaming, Lowering, TimeZone, lower};
use crate::manifest::{parse_manifest, place_of};
use crate::means::means;
use crate::pattern;
use crate::reader::Reader;
use crate::source::{At, Problems, Sources};

/// Variables that every package gets, besides those of its settings.
pub const GIVEN_VARIABLES: [&str; 7] =
    ["APP_ID", "APP_DATA_DIR", "APP_ONION", "APP_VERSION", "APP_WEB_PORT", "DEVICE_HOSTNAME", "TZ"];

/// Longest line under an app's name that the store shows whole, in characters.
const MAX_TAGLINE: usize = 80;

/// A package as it stands in a store's folder.
#[derive(Clone, Copy)]
pub struct Lint<'a> {
    /// Name of its folder.
    pub folder: &'a str,
    /// Text of `app.yml`.
    pub manifest: &'a str,
    /// Text of `compose.yml`.
    pub compose: &'a str,
    /// Its further files.
    pub reader: &'a dyn Reader,
}

/// Checks a package: both files read and resolve, fit together, and say what the store needs to show.
///
/// Empty when nothing was found.
pub fn lint(package: &Lint<'_>) -> Diagnostics {
    let manifest = match parse_manifest(package.manifest, "app.yml") {
        Ok(manifest) => manifest,
        Err(found) => return found,
    };
    let mut page = Page::new(package.manifest);
    check_manifest(&manifest, package.folder, &mut page);
    check_settings(&manifest.settings, &mut page);
    let (spec, found) = resolve(package, &manifest);
    if let Some(spec) = spec {
        check_access(&manifest, &spec, &mut page);
        services::check_tor(&manifest, &spec, &mut page);
        services::check_widgets(&manifest, &spec, &mut page);
        check_images(&manifest, &spec, &mut page);
    }
    page.finish().and(found)
}

/// Findings about `app.yml`, each at the line of a key at its top.
struct Page<'a> {
    text: &'a str,
    sources: Sources,
    file: u32,
    problems: Problems,
}

impl<'a> Page<'a> {
    fn new(text: &'a str) -> Self {
        let mut sources = Sources::default();
        let file = sources.add("app.yml", text);
        Self { text, sources, file, problems: Problems::default() }
    }

    fn at(&self, key: &str) -> At {
        let line = place_of(self.text, key);
        At { file: self.file, line, column: u32::from(line > 0) }
    }

    fn error(&mut self, key: &str, message: impl Into<String>) {
        self.problems.error(self.at(key), message);
    }

    fn warning(&mut self, key: &str, message: impl Into<String>) {
        self.problems.warning(self.at(key), message);
    }

    fn finish(self) -> Diagnostics {
        self.problems.into_diagnostics(&self.sources)
    }
}

fn check_manifest(manifest: &Manifest, folder: &str, page: &mut Page<'_>) {
    if manifest.id.as_str() != folder {
        page.error(
            "id",
            format!("`id` is `{}` and the folder is `{folder}`; they must be equal", manifest.id),
        );
    }
    for (key, text) in
        [("name", &manifest.name), ("tagline", &manifest.tagline), ("version", &manifest.version)]
    {
        if text.trim().is_empty() {
            page.error(key, format!("`{key}` is empty"));
        }
    }
    if manifest.tagline.chars().count() > MAX_TAGLINE {
        page.warning(
            "tagline",
            format!("`tagline` is longer than {MAX_TAGLINE} characters; the store cuts it"),
        );
    }
    if manifest.description.trim().is_empty() {
        page.warning("description", "`description` is missing; the store shows it on the app's page");
    }
    if manifest.architectures.is_empty() {
        page.warning("architectures", "`architectures` is missing; say which processors the images run on");
    }
    if manifest.license.is_none() {
        page.warning("license", "`license` is missing; write the software's SPDX expression");
    }
    for (key, link) in
        [("website", &manifest.website), ("source", &manifest.source), ("support", &manifest.support)]
    {
        if let Some(link) =
            link.as_ref().filter(|link| !link.starts_with("https://") && !link.starts_with("http://"))
        {
            page.error(key, format!("`{key}` is `{link}`; expected a link with `https://`"));
        }
    }
    if let Some(web) = &manifest.web {
        if web.port == 0 || web.host_port == 0 {
            page.error("web", "`port` and `host_port` of `web` are 1 to 65535");
        }
        if !web.path.starts_with('/') {
            page.error("web", format!("`path` of `web` is `{}`; it begins with `/`", web.path));
        }
    }
    if manifest.gate.is_some() && manifest.web.is_none() {
        page.error("gate", "`gate` stands in front of `web`, which is missing");
    }
    for permission in manifest.permissions.iter().filter(|permission| permission.reason.trim().is_empty()) {
        page.error(
            "permissions",
            format!("the permission {:?} gives no reason for the owner", permission.kind),
        );
    }
}

fn check_settings(settings: &[Field], page: &mut Page<'_>) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let given: BTreeMap<String, String> =
        GIVEN_VARIABLES.iter().map(|name| ((*name).to_owned(), String::new())).collect();
    let mut earlier = given.clone();
    for field in settings {
        let name = &field.name;
        if !interpolate::is_name(name) {
            page.error("settings", format!("`{name}` cannot be a variable; use letters, digits and `_`"));
        } else if given.contains_key(name) {
            page.error(
                "settings",
                format!("`{name}` is a variable that every package gets; choose another name"),
            );
        } else if !known.insert(name) {
            page.error("settings", format!("the setting `{name}` stands twice"));
        }
        if field.kind == FieldKind::Choice && field.options.is_empty() {
            page.error("settings", format!("the setting `{name}` is a choice and has no `options`"));
        }
        if field.hidden && field.default.is_none() && field.generate.is_none() {
            page.error(
                "settings",
                format!("the setting `{name}` is hidden and has neither `default` nor `generate`"),
            );
        }
        if let Some(Err(why)) = field.pattern.as_ref().map(|pattern| pattern::read(&pattern.regex)) {
            page.error("settings", format!("the pattern of `{name}` cannot be checked: {why}"));
        }
        match field.default.as_ref().map(|default| interpolate::replace(default, &earlier)) {
            Some(Ok(replaced)) => {
                for missing in replaced.missing {
                    let message =
                        format!("the default of `{name}` uses `{missing}`, which is not set before it");
                    page.error("settings", message);
                }
            }
            Some(Err(error)) => page.error("settings", format!("the default of `{name}`: {error}")),
            None => {}
        }
        earlier.insert(name.clone(), String::new());
    }
}

/// Resolves the package with stand-ins for the owner's answers.
fn resolve(package: &Lint<'_>, manifest: &Manifest) -> (Option<AppSpec>, Diagnostics) {
    let app_dir = format!("/apps/{}", manifest.id);
    let stand_in = |name: &str| match name {
        "APP_ID" => manifest.id.to_string(),
        "APP_DATA_DIR" => app_dir.clone(),
        "APP_WEB_PORT" => "8080".to_owned(),
        _ => "example".to_owned(),
    };
    let settings = manifest.settings.iter().map(|field| {
        let value = field.default.clone().filter(|default| !default.contains('$'));
        (field.name.clone(), value.unwrap_or_else(|| stand_in(&field.name)))
    });
    let given = GIVEN_VARIABLES.iter().map(|name| ((*name).to_owned(), stand_in(name)));
    let input = ProjectInput {
        name: Some(manifest.id.to_string()),
        files: vec![SourceFile { path: "compose.yml".to_owned(), text: package.compose.to_owned() }],
        environment: given.chain(settings).collect(),
        working_dir: app_dir.clone(),
        profiles: Vec::new(),
        reader: package.reader,
    };
    let project = match load(&input) {
        Ok(project) => project,
        Err(found) => return (None, found),
    };
    let lowering = Lowering {
        app: manifest.id.clone(),
        app_dir: &app_dir,
        package_digest: Digest::of(package.compose.as_bytes()),
        version: manifest.version.clone(),
        web: manifest.web.clone(),
        gate: manifest.gate.as_ref(),
        ports: &BTreeMap::new(),
        requires: manifest.requires,
        naming: ContainerNaming::Compose,
        time_zone: &TimeZone::utc(),
    };
    match lower(&project, &lowering) {
        Ok(spec) => (Some(spec), project.warnings),
        Err(found) => (None, project.warnings.and(found)),
    }
}

fn check_access(manifest: &Manifest, spec: &AppSpec, page: &mut Page<'_>) {
    let declared: BTreeSet<_> = manifest.permissions.iter().map(|permission| permission.kind).collect();
    for access in spec.access.iter().filter(|access| !declared.contains(&access.kind)) {
        let message = format!("{}; `permissions` must name {:?} with a reason", means(access), access.kind);
        page.error("permissions", message);
    }
    let used: BTreeSet<_> = spec.access.iter().map(|access| access.kind).collect();
    for kind in declared.difference(&used) {
        page.warning("permissions", format!("no service needs the permission {kind:?}; remove it"));
    }
}

fn check_images(manifest: &Manifest, spec: &AppSpec, page: &mut Page<'_>) {
    let named: BTreeSet<&str> = manifest.sources.iter().map(|source| source.image.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (service, image) in spec.services.iter().map(|(name, service)| (name, &service.container.image)) {
        if image.digest().is_none() {
            let message =
                format!("the image `{image}` of `{service}` has no digest; write `name:tag@sha256:…`");
            page.warning("sources", message);
        }
        if image.tag().is_none() || image.tag() == Some("latest") {
            page.warning(
                "sources",
                format!("the image `{image}` of `{service}` names no version; write a tag"),
            );
        }
        let familiar = image.familiar();
        let short = familiar
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .map_or(familiar.as_str(), |(name, _)| name);
        let repository = image.repository();
        if !named.contains(short) && !named.contains(repository.as_str()) && seen.insert(repository.clone()) {
            page.warning("sources", format!("`sources` does not say where the digest of `{short}` was read"));
        }
    }
}

#[cfg(test)]
mod tests;
