use std::collections::BTreeMap;

use super::{Links, Subject};

/// Returns the variables of the Compose file: the box's, the package's settings in their order, those of its store's
/// system, and what it and the apps that it talks to export.
pub(crate) fn of(subject: Subject<'_>, links: &Links) -> Result<BTreeMap<String, String>, String> {
    let Subject { app, desired, package, secrets, around } = subject;
    let mut variables = BTreeMap::from([
        ("APPS_DIR".to_owned(), around.apps_dir.clone()),
        ("LIBRARY_DIR".to_owned(), around.library_dir()),
        ("DEVICE_IP".to_owned(), around.address.clone()),
        ("APP_ID".to_owned(), app.to_string()),
        ("APP_DATA_DIR".to_owned(), around.app_dir(app)),
        ("APP_VERSION".to_owned(), desired.version.clone()),
        ("DEVICE_HOSTNAME".to_owned(), around.hostname.clone()),
        ("TZ".to_owned(), around.time_zone.name.clone()),
    ]);
    variables.extend(links.tor.variables(subject));
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
    let secret = |message: &str| around.seeds.of_package(app, app, message);
    hearth_adapters::variables::fill(&package.conventions.variables, &secret, &mut variables)
        .map_err(|problem| format!("a variable of the package: {problem}"))?;
    for (name, value) in &links.exported {
        variables.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Ok(variables)
}

/// Fills `${…}` of a text of the manifest, such as its first sign-in.
pub(crate) fn fill(text: &str, subject: Subject<'_>) -> String {
    of(subject, &Links::default())
        .ok()
        .and_then(|variables| hearth_compose::interpolate(text, &variables).ok())
        .unwrap_or_else(|| text.to_owned())
}
