use std::collections::BTreeMap;

use super::{ProjectInput, SourceFile, load};
use crate::config::config_json;
use crate::reader::MemoryFiles;

fn input<'a>(text: &str, reader: &'a MemoryFiles<'a>) -> ProjectInput<'a> {
    ProjectInput {
        name: Some("demo".to_owned()),
        files: vec![SourceFile { path: "compose.yml".to_owned(), text: text.to_owned() }],
        environment: BTreeMap::from([("TAG".to_owned(), "7".to_owned())]),
        working_dir: "/srv/demo".to_owned(),
        profiles: Vec::new(),
        reader,
    }
}

#[test]
fn a_small_project_is_written_out() {
    let files = BTreeMap::new();
    let reader = MemoryFiles(&files);
    let text = "services:\n  web:\n    image: redis:${TAG}\n    ports: [\"8080:80\"]\n    volumes: [\"./data:/data\", \"db:/db:ro\"]\n    command: a \"b c\"\nvolumes:\n  db:\n";
    let project = load(&input(text, &reader)).expect("valid");
    insta::assert_json_snapshot!(config_json(&project));
}
