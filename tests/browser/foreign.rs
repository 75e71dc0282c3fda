use std::fs;

use anyhow::{Result, ensure};
use hearth_tests::git::Repository;
use hearth_tests::machine::on_a_machine;
use hearth_tests::tarball::Tarball;
use hearth_tests::wait::{Answer, wait_for};
use hearth_tests::web::{Page, WebServer};
use serde_json::json;

use crate::person::{PATIENCE, Person, Site};

/// A command line that shows the environment as its page.
const SHOW: &str = "echo \"<pre>$(busybox env | sort; cat /data/* 2>/dev/null)</pre>\" >/tmp/index.html; exec httpd -f -p 80 -h /tmp";

const CASAOS: &str = "name: shelf
services:
  web:
    image: IMAGE
    init: true
    network_mode: bridge
    cap_add: [NET_ADMIN]
    command: [sh, -c, 'SHOW']
    deploy: { resources: { reservations: { memory: 128M } } }
    environment:
      READER: $DefaultUserName
      API_KEY: $SHELF_API_KEY
    ports: [{ target: 80, published: '8321', protocol: tcp }]
    volumes:
      - { type: bind, source: /DATA/AppData/$AppID/config, target: /data }
      - { type: bind, source: /DATA/Media/Books, target: /books }
    devices: [/dev/dri:/dev/dri]
    x-casaos:
      envs: [{ container: SHELF_API_KEY, description: { en_us: From your account at the library. } }]
x-casaos:
  main: web
  port_map: '8321'
  index: /
  category: Media
  architectures: [amd64, arm64]
  title: { de_de: Das Regal, en_us: Bookshelf }
  tagline: { en_us: Lends books to the whole house }
  description: { en_us: Keeps every book that you have and remembers who borrowed it. }
  tips:
    before_install:
      en_us: |
        The first account is there already. Change its **password** at once.

        | User | Password |
        | --- | --- |
        | `reader` | `library` |
";
const CONFIG: &str = r#"{
  "id": "notebook", "name": "Notebook", "available": true, "port": 8331, "version": "1", "uid": 1000, "gid": 1000,
  "short_desc": "Pages for the whole house", "categories": ["utilities"], "supported_architectures": ["amd64", "arm64"],
  "form_fields": [
    { "type": "random", "label": "Key", "env_variable": "F_RANDOM", "min": 24, "encoding": "hex" },
    { "type": "text", "label": "Greeting", "env_variable": "F_TEXT", "default": "costs 5$", "hint": "On every page." },
    { "type": "password", "label": "Password", "env_variable": "F_PASSWORD", "required": true, "min": 4 },
    { "type": "email", "label": "Mail", "env_variable": "F_EMAIL", "placeholder": "you@home.example" },
    { "type": "number", "label": "Readers", "env_variable": "F_NUMBER", "min": 1, "max": 9, "default": 3 },
    { "type": "boolean", "label": "Open to guests", "env_variable": "F_BOOLEAN", "default": true },
    { "type": "url", "label": "Start page", "env_variable": "F_URL" },
    { "type": "ip", "label": "Printer", "env_variable": "F_IP" },
    { "type": "fqdn", "label": "Domain", "env_variable": "F_FQDN" },
    { "type": "fqdnip", "label": "Mail server", "env_variable": "F_FQDNIP" },
    { "type": "text", "label": "Shelf mark", "env_variable": "F_CODE", "regex": "^[A-Z]{2}-\\d+$", "pattern_error": "Two capital letters and a number" },
    { "type": "text", "label": "Paper", "env_variable": "F_MODE", "options": [{ "label": "Ruled", "value": "ruled" }, { "label": "Squared", "value": "squared" }] }
  ] }"#;
const SERVICES: &str = r#"{ "schemaVersion": 2, "services": [
  { "name": "notebook", "image": "IMAGE", "isMain": true, "internalPort": 80, "command": ["sh", "-c", "SHOW"],
    "environment": [ENVIRONMENT],
    "volumes": [{ "hostPath": "${APP_DATA_DIR}/data", "containerPath": "/data" }] } ] }"#;
const VARIABLES: [&str; 12] = [
    "F_RANDOM",
    "F_TEXT",
    "F_PASSWORD",
    "F_EMAIL",
    "F_NUMBER",
    "F_BOOLEAN",
    "F_URL",
    "F_IP",
    "F_FQDN",
    "F_FQDNIP",
    "F_CODE",
    "F_MODE",
];

/// Each text field with an answer that it refuses, a part of what it then says, and one that it takes.
const ANSWERS: [(&str, &str, &str, &str); 7] = [
    ("Password", "no", "at least 4", "long enough"),
    ("Mail", "nobody", "address", "ada@home.example"),
    ("Readers", "12", "9", "7"),
    ("Start page", "home", "http", "https://home.example/"),
    ("Printer", "192.0.2.700", "IP", "192.0.2.7"),
    ("Domain", "not a name", "name", "home.example"),
    ("Mail server", "neither nor", "name", "192.0.2.8"),
];

#[test]
fn packages_of_casaos_and_runtipi_go_from_their_stores_to_answering() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("foreign", "1", 0)?.to_string();
        let filled = |text: &str| text.replace("IMAGE", &image).replace("SHOW", SHOW);
        let server = WebServer::start()?;
        let archive = Tarball::default()
            .file("shelves-main/Apps/Shelf/docker-compose.yml", filled(CASAOS).as_bytes())
            .finish();
        server.serve("/shelves.tar", Page::file(archive));
        let repository = Repository::new(machine.path("git/papers"))?;
        let folder = repository.folder().join("apps/notebook");
        fs::create_dir_all(&folder)?;
        let environment: Vec<String> = VARIABLES
            .iter()
            .map(|name| format!("{{ \"key\": \"{name}\", \"value\": \"${{{name}}}\" }}"))
            .collect();
        let quoted = json!(SHOW).to_string();
        let services = SERVICES
            .replace("IMAGE", &image)
            .replace("\"SHOW\"", &quoted)
            .replace("ENVIRONMENT", &environment.join(", "));
        fs::write(folder.join("docker-compose.json"), services)?;
        fs::write(folder.join("config.json"), CONFIG)?;
        repository.commit("the first page")?;
        server.serve("/git/", Page::Git(machine.path("git")));

        let (_hearth, person) = site.person(machine, "foreign")?;
        let addresses = [server.url("/shelves.tar"), server.url("/git/papers/.git#main")];
        for (address, name) in addresses.iter().zip(["Shelves", "Papers"]) {
            person.add_store(address, name)?;
        }
        person.browser.screenshots("01-stores")?;
        person.browser.press("link", "=Store")?;
        person.browser.fill("Search apps", "whole house")?;
        person.browser.wait_for_text("Bookshelf", PATIENCE)?;
        person.browser.wait_for_text("Notebook", PATIENCE)?;
        person.browser.screenshots("02-search")?;

        bookshelf(&person)?;
        notebook(&person)?;
        person.expect_no_script_errors()
    })
}

/// The package of CasaOS: what it may do, what its tips say, what it asks.
fn bookshelf(person: &Person) -> Result<()> {
    let browser = &person.browser;
    browser.press("link", "Bookshelf")?;
    let page = browser.wait_for_text("Before you install", PATIENCE)?;
    for expected in [
        "Keeps every book",
        "Change its password at once",
        "library/Media/Books",
        "graphics processor of this box, if it has one",
        "may change its network settings",
        "128\u{a0}MB",
        "x86-64",
    ] {
        ensure!(page.contains(expected), "`{expected}` is not on the page: {page}");
    }
    browser.screenshots("03-package-of-casaos")?;
    browser.press("button", "=Install")?;
    browser.find("dialog", "Install Bookshelf")?;
    browser.wait_for_text("From your account at the library", PATIENCE)?;
    browser.fill("SHELF_API_KEY", "of the owner")?;
    browser.press("checkbox", "")?;
    browser.wait_for_text("Ready to install", PATIENCE)?;
    browser.screenshots("04-install-of-casaos")?;
    browser.press("button", "=Install")?;
    person.wait_for_app_page()?;
    person.wait_for_state("Running")?;
    let shown = page_of(person, "05-page-of-casaos", "API_KEY=")?;
    for expected in ["API_KEY=of the owner", "READER=admin"] {
        ensure!(shown.contains(expected), "`{expected}` is not in {shown}");
    }
    Ok(())
}

/// The package of Runtipi: every kind of field refuses what it cannot be, and the app gets what was answered.
fn notebook(person: &Person) -> Result<()> {
    let browser = &person.browser;
    person.ask_to_install("Notebook")?;
    let greeting = browser.find("textbox", "Greeting")?;
    let typed = browser.run("return arguments[0].value", &json!([greeting.reference()]))?;
    ensure!(typed == "costs 5$", "the package's own answer stands there: {typed}");
    ensure!(!browser.has("textbox", "Key")?, "a generated secret is not asked for");
    for (field, wrong, _, _) in ANSWERS {
        browser.fill(field, wrong)?;
    }
    // A field says what is wrong once it was left.
    browser.run("document.activeElement.blur()", &json!([]))?;
    let text = browser.wait_for_text("neither a host name", PATIENCE)?;
    browser.screenshots("06-refused-answers")?;
    for (field, _, said, _) in ANSWERS {
        let problem = problem_of(person, field)?;
        ensure!(problem.contains(said), "`{said}` is not what {field} says, but `{problem}`: {text}");
    }
    for (field, _, _, good) in ANSWERS {
        browser.fill(field, good)?;
    }
    // A pattern is checked by the box, when it is asked to install.
    browser.fill("Shelf mark", "ab-1")?;
    browser.press("button", "=Install")?;
    wait_for("the box's word beside the field", PATIENCE, || {
        let said = problem_of(person, "Shelf mark")?;
        Ok(if said.contains("Two capital letters") { Answer::Is(()) } else { Answer::NotYet(said) })
    })?;
    browser.fill("Shelf mark", "AB-1")?;
    browser.press("checkbox", "Open to guests")?;
    let paper = browser.find("combobox", "Paper")?;
    let choose =
        "arguments[0].value = 'squared'; arguments[0].dispatchEvent(new Event('change', { bubbles: true }))";
    browser.run(choose, &json!([paper.reference()]))?;
    browser.wait_for_text("Ready to install", PATIENCE)?;
    browser.screenshots("07-answers")?;
    browser.press("button", "=Install")?;
    person.wait_for_app_page()?;
    person.wait_for_state("Running")?;
    let shown = page_of(person, "08-page-of-runtipi", "F_TEXT=")?;
    let expected = "F_BOOLEAN=false F_CODE=AB-1 F_EMAIL=ada@home.example F_FQDN=home.example F_FQDNIP=192.0.2.8 F_IP=192.0.2.7 \
                    F_MODE=squared F_NUMBER=7 F_URL=https://home.example/";
    for line in expected.split(' ').chain(["F_PASSWORD=long enough", "F_TEXT=costs 5$"]) {
        ensure!(shown.lines().any(|shown| shown.trim() == line), "`{line}` is not in {shown}");
    }
    let key = shown.lines().find_map(|line| line.trim().strip_prefix("F_RANDOM=")).unwrap_or_default();
    ensure!(key.len() == 24 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{shown}");
    Ok(())
}

/// Returns what is said beside a field.
fn problem_of(person: &Person, field: &str) -> Result<String> {
    let input = person.browser.find("textbox", field)?;
    let script = "return arguments[0].closest('.field').querySelector('.field-error')?.innerText || ''";
    let said = person.browser.run(script, &json!([input.reference()]))?;
    Ok(said.as_str().unwrap_or_default().to_owned())
}

/// Opens the app's page as its "Open" does, returns what it shows, and comes back.
fn page_of(person: &Person, picture: &str, wanted: &str) -> Result<String> {
    let browser = &person.browser;
    let dashboard = browser.address()?;
    person.open_app(wanted, picture)?;
    let shown = browser.text()?;
    browser.open(&dashboard)?;
    browser.find("link", "=Logs")?;
    Ok(shown)
}
