//! A Compose file of a stranger: it is refused with findings, or becomes containers; nothing else.

use std::collections::BTreeMap;

use hearth_compose::{Lowering, MemoryFiles, ProjectInput, SourceFile, TimeZone, load, lower};
use hearth_model::Digest;

pub fn read(data: &[u8]) {
    let Ok(file) = SourceFile::from_bytes("compose.yml", data.to_vec()) else { return };
    let app: hearth_model::AppId = "wiki".parse().expect("an app id");
    let files = BTreeMap::from([("web.env".to_owned(), "A=${ANSWER}\n".to_owned())]);
    let input = ProjectInput {
        name: Some(app.to_string()),
        files: vec![file],
        environment: BTreeMap::from([("ANSWER".to_owned(), "a $b".to_owned())]),
        working_dir: "/var/lib/hearth/apps/wiki".to_owned(),
        profiles: Vec::new(),
        reader: &MemoryFiles(&files),
    };
    let Ok(project) = load(&input) else { return };
    let _ = hearth_compose::config_json(&project);
    let _ = lower(
        &project,
        &Lowering {
            app,
            app_dir: "/var/lib/hearth/apps/wiki",
            package_digest: Digest::of(data),
            version: "1".to_owned(),
            web: None,
            gate: None,
            ports: &BTreeMap::new(),
            requires: Default::default(),
            naming: Default::default(),
            time_zone: &TimeZone::utc(),
        },
    );
}
