//! From a package and the owner's answers to what Docker is asked for.

use std::collections::{BTreeMap, BTreeSet};

use hearth_compose::{Lowering, MemoryFiles, ProjectInput, SourceFile};
use hearth_model::condition::ReasonCode;
use hearth_model::desired::DesiredApp;
use hearth_model::form::{Field, SecretEncoding};
use hearth_model::package::{Access, Package};
use hearth_model::spec::FileSpec;
use hearth_model::{AppId, AppSpec, Reason, form};

/// What a package is told of the box that it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Absolute path of the folder that holds the apps' folders.
    pub(crate) apps_dir: String,
    /// The host's name.
    pub(crate) hostname: String,
    /// IANA time zone.
    pub(crate) time_zone: String,
    /// The box's address in its own network.
    pub(crate) address: String,
    /// What secrets that packages derive are made from; never changes.
    pub(crate) seed: String,
}

/// Resolves an installed app.
///
/// # Errors
/// The reason for the owner: a wrong answer, a package that does not resolve, a consent that is missing.
pub(crate) fn resolve(
    app: &AppId,
    desired: &DesiredApp,
    package: &Package,
    secrets: &BTreeMap<String, String>,
    around: &Surroundings,
) -> Result<AppSpec, Reason> {
    let errors = form::check_all(&package.manifest.settings, &desired.settings);
    if !errors.is_empty() {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(Reason::new(
            ReasonCode::SettingsInvalid,
            format!("Some settings are wrong: {}.", list.join("; ")),
        ));
    }
    let needs: Vec<&str> = package.conventions.needs.iter().map(|need| need.means()).collect();
    if !needs.is_empty() {
        return Err(Reason::new(
            ReasonCode::PackageInvalid,
            format!("{} needs what Hearth cannot give it yet: {}.", package.manifest.name, needs.join("; ")),
        ));
    }
    let spec = lower(app, desired, package, secrets, around)?;
    let missing: Vec<String> =
        missing_consent(&spec, &desired.granted).iter().map(hearth_compose::means).collect();
    if missing.is_empty() {
        Ok(spec)
    } else {
        Err(Reason::new(
            ReasonCode::ConsentNeeded,
            format!(
                "{} needs your consent before it may start: {}.",
                package.manifest.name,
                missing.join("; ")
            ),
        ))
    }
}

/// Resolves a package with made-up answers, to see whether it resolves at all and what it asks for.
pub(crate) fn rehearse(package: &Package) -> Result<AppSpec, Reason> {
    if !package.conventions.is_default() {
        return hearth_adapters::rehearse(package).map_err(|problems| {
            let name = &package.manifest.name;
            Reason::new(
                ReasonCode::PackageInvalid,
                format!("The package of {name} cannot be used: {problems}"),
            )
        });
    }
    let settings = package
        .manifest
        .settings
        .iter()
        .filter(|field| field.required && field.default.is_none() && field.generate.is_none())
        .map(|field| (field.name.clone(), "example".to_owned()))
        .collect();
    let desired = DesiredApp {
        store: package.store.clone(),
        package: package.manifest.id.to_string(),
        version: package.manifest.version.clone(),
        digest: package.digest(),
        run: hearth_model::desired::Run::Running,
        settings,
        ports: BTreeMap::new(),
        granted: BTreeSet::new(),
        restarts: 0,
    };
    let around = Surroundings {
        apps_dir: "/var/lib/hearth/apps".to_owned(),
        hostname: "hearth".to_owned(),
        time_zone: "Etc/UTC".to_owned(),
        address: "192.0.2.1".to_owned(),
        seed: String::new(),
    };
    let secrets = placeholders(&package.manifest.settings, &BTreeMap::new());
    lower(&package.manifest.id, &desired, package, &secrets, &around)
}

/// Resolves an app as if the owner had agreed to everything.
pub(crate) fn rehearse_with(
    app: &AppId,
    desired: &DesiredApp,
    package: &Package,
    secrets: &BTreeMap<String, String>,
    around: &Surroundings,
) -> Result<AppSpec, Reason> {
    lower(app, desired, package, secrets, around)
}

/// Returns what the spec may do that the owner has not agreed to.
pub(crate) fn missing_consent(spec: &AppSpec, granted: &BTreeSet<Access>) -> BTreeSet<Access> {
    spec.access.difference(granted).cloned().collect()
}

fn undeclared(package: &Package, spec: &AppSpec) -> BTreeSet<Access> {
    let declared: BTreeSet<_> =
        package.manifest.permissions.iter().map(|permission| permission.kind).collect();
    spec.access.iter().filter(|access| !declared.contains(&access.kind)).cloned().collect()
}

fn lower(
    app: &AppId,
    desired: &DesiredApp,
    package: &Package,
    secrets: &BTreeMap<String, String>,
    around: &Surroundings,
) -> Result<AppSpec, Reason> {
    let name = &package.manifest.name;
    let invalid = |problem: String| {
        Reason::new(ReasonCode::PackageInvalid, format!("The package of {name} cannot be used: {problem}"))
    };
    let app_dir = format!("{}/{app}", around.apps_dir);
    let environment = variables(app, &app_dir, desired, package, secrets, around).map_err(invalid)?;
    let input = ProjectInput {
        name: Some(app.to_string()),
        files: sources(package),
        environment,
        working_dir: app_dir.clone(),
        profiles: Vec::new(),
        reader: &MemoryFiles(&package.files),
    };
    let project = hearth_compose::load(&input).map_err(|problems| invalid(problems.to_string()))?;
    let lowering = Lowering {
        app: app.clone(),
        app_dir: &app_dir,
        package_digest: desired.digest.clone(),
        version: desired.version.clone(),
        web: package.manifest.web.clone(),
        ports: &desired.ports,
        requires: package.manifest.requires,
        naming: package.conventions.naming,
    };
    let mut spec =
        hearth_compose::lower(&project, &lowering).map_err(|problems| invalid(problems.to_string()))?;
    let undeclared = undeclared(package, &spec);
    if !undeclared.is_empty() {
        let list: Vec<String> = undeclared.iter().map(hearth_compose::means).collect();
        return Err(invalid(format!(
            "its containers ask for things that its `permissions` do not name: {}",
            list.join("; ")
        )));
    }
    for (path, text) in &package.files {
        let file =
            FileSpec { content: text.clone().into_bytes(), mode: 0o644, uid: None, gid: None, seed: true };
        spec.files.entry(format!("{app_dir}/{path}")).or_insert(file);
    }
    if let Some(owner) = package.conventions.data_owner {
        let files = spec.files.values_mut().map(|file| (&mut file.uid, &mut file.gid));
        let folders = spec.folders.values_mut().map(|folder| (&mut folder.uid, &mut folder.gid));
        for (uid, gid) in files.chain(folders) {
            uid.get_or_insert(owner.uid);
            gid.get_or_insert(owner.gid);
        }
    }
    Ok(spec)
}

/// Returns the package's Compose file, and what its adapter lays over it.
fn sources(package: &Package) -> Vec<SourceFile> {
    let own = SourceFile { path: "compose.yml".to_owned(), text: package.compose.clone() };
    let overlay = package.conventions.overlay.iter();
    std::iter::once(own)
        .chain(overlay.map(|text| SourceFile { path: "overlay.yml".to_owned(), text: text.clone() }))
        .collect()
}

/// Returns the variables of the Compose file: the box's, then the package's settings in their order.
fn variables(
    app: &AppId,
    app_dir: &str,
    desired: &DesiredApp,
    package: &Package,
    secrets: &BTreeMap<String, String>,
    around: &Surroundings,
) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::from([
        ("APPS_DIR".to_owned(), around.apps_dir.clone()),
        ("LIBRARY_DIR".to_owned(), format!("{}/library", around.apps_dir.trim_end_matches("/apps"))),
        ("DEVICE_IP".to_owned(), around.address.clone()),
        ("APP_ID".to_owned(), app.to_string()),
        ("APP_DATA_DIR".to_owned(), app_dir.to_owned()),
        ("APP_VERSION".to_owned(), desired.version.clone()),
        ("DEVICE_HOSTNAME".to_owned(), around.hostname.clone()),
        ("TZ".to_owned(), around.time_zone.clone()),
    ]);
    if let Some(web) = &package.manifest.web {
        let port = desired.ports.get(&format!("{}/tcp", web.host_port)).unwrap_or(&web.host_port);
        variables.insert("APP_WEB_PORT".to_owned(), port.to_string());
    }
    for field in &package.manifest.settings {
        let answer = desired.settings.get(&field.name).filter(|answer| !answer.is_empty());
        let value = match (answer, secrets.get(&field.name), &field.default) {
            (Some(answer), _, _) => answer.clone(),
            (None, Some(secret), _) => secret.clone(),
            (None, None, Some(default)) => hearth_compose::interpolate(default, &variables)
                .map_err(|problem| format!("the default of the setting `{}`: {problem}", field.name))?,
            (None, None, None) => String::new(),
        };
        variables.insert(field.name.clone(), value);
    }
    hearth_adapters::variables::fill(&package.conventions.variables, &around.seed, &mut variables)
        .map_err(|problem| format!("a variable of the package: {problem}"))?;
    Ok(variables)
}

/// Fills `${…}` of a text of the manifest, such as its first sign-in.
pub(crate) fn fill(
    text: &str,
    app: &AppId,
    desired: &DesiredApp,
    package: &Package,
    secrets: &BTreeMap<String, String>,
    around: &Surroundings,
) -> String {
    let app_dir = format!("{}/{app}", around.apps_dir);
    variables(app, &app_dir, desired, package, secrets, around)
        .ok()
        .and_then(|variables| hearth_compose::interpolate(text, &variables).ok())
        .unwrap_or_else(|| text.to_owned())
}

/// Returns the fields whose answer Hearth makes: those that generate, and have neither an answer nor a secret yet.
pub(crate) fn to_generate<'a>(
    fields: &'a [Field],
    answers: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, String>,
) -> Vec<&'a Field> {
    let open = |field: &&Field| {
        field.generate.is_some()
            && !secrets.contains_key(&field.name)
            && answers.get(&field.name).is_none_or(String::is_empty)
    };
    fields.iter().filter(open).collect()
}

/// Makes one secret.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn generate(field: &Field) -> Result<String, getrandom::Error> {
    let length = usize::from(field.generate.unwrap_or(32));
    let mut bytes = vec![0_u8; length];
    getrandom::fill(&mut bytes)?;
    Ok(match field.encoding {
        SecretEncoding::Hex => hex::encode(&bytes)[..length].to_owned(),
        SecretEncoding::Base64 => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(&bytes)
        }
        SecretEncoding::Alphanumeric => alphanumeric(&mut bytes)?,
    })
}

/// Turns random bytes into letters and digits, each as likely as any other: bytes past the last full round are drawn anew.
fn alphanumeric(bytes: &mut [u8]) -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let full_rounds = 256 / ALPHABET.len() * ALPHABET.len();
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes.iter_mut() {
        while usize::from(*byte) >= full_rounds {
            getrandom::fill(std::slice::from_mut(byte))?;
        }
        text.push(char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    }
    Ok(text)
}

/// Returns stand-ins for secrets that are not made yet, for a look before an install.
pub(crate) fn placeholders(fields: &[Field], secrets: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = secrets.clone();
    for field in fields.iter().filter(|field| field.generate.is_some()) {
        all.entry(field.name.clone())
            .or_insert_with(|| "x".repeat(usize::from(field.generate.unwrap_or(32))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_model::form::FieldKind;

    fn field(name: &str, generate: Option<u16>, encoding: SecretEncoding) -> Field {
        Field {
            name: name.to_owned(),
            label: name.to_owned(),
            help: None,
            kind: FieldKind::Secret,
            default: None,
            required: true,
            hidden: true,
            generate,
            encoding,
            min: None,
            max: None,
            options: Vec::new(),
        }
    }

    #[test]
    fn secrets_have_their_length_and_alphabet() {
        let hex = generate(&field("A", Some(33), SecretEncoding::Hex)).expect("random");
        assert!(hex.len() == 33 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{hex}");
        let plain = generate(&field("A", Some(40), SecretEncoding::Alphanumeric)).expect("random");
        assert!(plain.len() == 40 && plain.bytes().all(|b| b.is_ascii_alphanumeric()), "{plain}");
        assert_ne!(plain, generate(&field("A", Some(40), SecretEncoding::Alphanumeric)).expect("random"));
    }

    #[test]
    fn a_secret_that_is_there_is_not_made_again() {
        let fields =
            [field("KEPT", Some(8), SecretEncoding::Hex), field("NEW", Some(8), SecretEncoding::Hex)];
        let secrets = BTreeMap::from([("KEPT".to_owned(), "x".to_owned())]);
        let open = to_generate(&fields, &BTreeMap::new(), &secrets);
        assert_eq!(open.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["NEW"]);
    }
}
