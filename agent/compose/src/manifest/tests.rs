use proptest::prelude::*;

use super::parse_manifest;

const GOOD: &str = "manifest: 1\nid: demo\nname: Demo\ntagline: Shows it\nversion: 1.10\ncategory: notes\nweb: {service: app, port: 80, host_port: 8080}\nsettings:\n  - {name: USER, label: User, default: admin}\n  - {name: PASSWORD, label: Password, type: secret, generate: 24}\n";

fn refused(text: &str) -> String {
    parse_manifest(text, "app.yml").expect_err("refused").to_string()
}

#[test]
fn a_manifest_is_read() {
    let manifest = parse_manifest(GOOD, "app.yml").expect("valid");
    assert_eq!(manifest.version, "1.10");
    assert_eq!(manifest.web.expect("given").path, "/");
    assert_eq!(manifest.settings.len(), 2);
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    insta::assert_snapshot!(
        [
            GOOD.replace("tagline", "tag_line"),
            GOOD.replace("category: notes", "category: stuff"),
            GOOD.replace("id: demo", "id: ../demo"),
            GOOD.replace("port: 80,", "port: 80000,"),
            GOOD.replace("manifest: 1", "manifest: 2"),
            GOOD.replace("name: Demo\n", ""),
            "x: [".to_owned(),
            String::new(),
        ]
        .map(|text| refused(&text))
        .join("----\n")
    );
}

proptest! {
    #[test]
    fn parse_no_panic(text in "(\\PC|[\\n:\\-\\[\\]{}&*!|>'\"#, ]|manifest: 1\\n|id: a\\n|settings:\\n  - ){0,60}") {
        let _ = parse_manifest(&text, "app.yml");
    }
}
