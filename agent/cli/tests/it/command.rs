//! The command, as a person or a script runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::service::{Service, hearth};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn ended_with(output: &Output, code: i32, said: &str) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {stdout}\nstderr: {stderr}");
    assert!(stderr.contains(said), "{stderr:?} does not say {said:?}");
}

#[test]
fn exit_codes_tell_what_happened() {
    let service = Service::start(&[]);
    ended_with(&service.command(&["app", "list"]), 0, "");
    ended_with(&service.command(&["app", "list", "--jsn"]), 2, "unexpected argument");
    ended_with(&service.command(&["app", "show", "../etc"]), 2, "is not an app id");
    ended_with(&service.command(&["app", "show", "gone"]), 3, "no app `gone` is installed");
    ended_with(&service.command(&["app", "install", "gone"]), 3, "no store has a package `gone`");
    ended_with(&service.command(&["rollback"]), 3, "no generation before");
    ended_with(&service.command(&["store", "remove", "gone"]), 3, "there is no store `gone`");
    let nowhere = tempfile::tempdir().unwrap();
    ended_with(
        &hearth(nowhere.path()).arg("status").output().unwrap(),
        5,
        "no Hearth runs with the state folder",
    );
}

#[test]
fn the_document_goes_out_and_comes_back() {
    let service = Service::start(&[]);
    let document = service.command(&["export"]);
    ended_with(&document, 0, "");
    let file = service.folder.path().join("desired.yml");
    let edited = text(&document.stdout).replace("settings: {}", "settings:\n  box_name: Attic");
    std::fs::write(&file, edited).unwrap();
    let file = file.to_str().unwrap();

    assert!(text(&service.command(&["plan", file]).stdout).contains("Attic"));
    ended_with(&service.command(&["generations", "1"]), 3, "there is no generation 1");
    ended_with(&service.command(&["apply", file, "--why", "Give it a name"]), 0, "");
    ended_with(&service.command(&["apply", file, "--based-on", "0"]), 4, "generation 1 is in force");
    let all = service.command(&["generations", "--json"]);
    let all: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all[0]["why"], "Give it a name");
    assert_eq!(all[0]["by"]["kind"], "cli");
    assert!(text(&service.command(&["status"]).stdout).contains("on Attic, generation 1"));
}

#[test]
fn wrong_documents_change_nothing() {
    let service = Service::start(&[]);
    let file = service.folder.path().join("wrong.yml");
    let refused = |content: &[u8], code: i32, said: &str| {
        std::fs::write(&file, content).unwrap();
        for verb in ["plan", "apply"] {
            ended_with(&service.command(&[verb, file.to_str().unwrap()]), code, said);
        }
    };
    refused(b"", 1, "is empty");
    refused(b"apps: {}\n", 1, "does not begin with `hearth: 1`");
    refused(b"hearth: 2\n", 4, "reads documents with `hearth: 1`");
    refused(b"---\nhearth: 1\napps: {}\n", 1, "may have been cut off");
    refused(b"hearth: 1\napps: [", 1, "line 2");
    refused(b"hearth: 1\nappps: {}\n", 1, "appps");
    refused(b"hearth: 1\napps:\n  ../x: {}\n", 1, "is not an app id");
    refused(b"hearth: 1\n# \xff\n", 1, "not UTF-8 (line 2)");
    let bomb = "hearth: 1\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nsettings: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    refused(bomb.as_bytes(), 1, "is not a document");
    let large = std::fs::File::create(&file).unwrap();
    large.set_len(100 * 1024 * 1024).unwrap();
    ended_with(&service.command(&["apply", file.to_str().unwrap()]), 4, "larger than 4.2 MB");
    assert_eq!(text(&service.command(&["generations"]).stdout), "nothing was changed yet\n");
}

#[test]
fn a_store_is_added_searched_and_removed() {
    let service = Service::start(&[]);
    let store = service.folder.path().join("my-store");
    package(&store, "clock", "");
    package(&store, "broken", "unknown: key\n");
    ended_with(&service.command(&["store", "add", store.to_str().unwrap()]), 0, "");
    let found = text(&service.command(&["store", "search", "tells", "time"]).stdout);
    assert!(found.contains("clock") && found.contains("my-store"), "{found}");
    let stores = text(&service.command(&["store", "stores"]).stdout);
    assert!(stores.contains("my-store/broken is left out"), "{stores}");
    let shown = text(&service.command(&["store", "show", "clock"]).stdout);
    assert!(shown.contains("hearth app install clock"), "{shown}");
    // There is no engine, and that is said before anything is wanted.
    ended_with(&service.command(&["app", "install", "clock"]), 4, "Docker does not answer");
    ended_with(&service.command(&["store", "remove", "my-store"]), 0, "");
    ended_with(&service.command(&["store", "show", "clock"]), 3, "no store has a package");
}

#[test]
fn packages_are_linted_without_a_service() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "clock", "");
    let command = |path: &Path| hearth(folder.path()).args(["store", "lint"]).arg(path).output().unwrap();
    ended_with(&command(&folder.path().join("apps/clock")), 0, "");
    package(folder.path(), "broken", "unknown: key\n");
    let output = command(folder.path());
    ended_with(&output, 1, "1 of 2 packages need attention");
    assert!(text(&output.stdout).contains("unknown"), "{}", text(&output.stdout));
    ended_with(&command(&folder.path().join("gone")), 3, "cannot be read");
    let schema = hearth(folder.path()).args(["store", "schema"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(schema["title"], "Manifest");
}

#[test]
fn a_compose_file_is_resolved_without_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yml");
    std::fs::write(&file, "services:\n  web:\n    image: nginx:${TAG:?needs a tag}\n").unwrap();
    let config = |arguments: &[&str]| {
        hearth(folder.path()).args(["compose", "config", "-f"]).arg(&file).args(arguments).output().unwrap()
    };
    ended_with(&config(&[]), 1, "needs a tag");
    assert_eq!(text(&config(&[]).stderr).matches("error: ").count(), 1);
    std::fs::write(folder.path().join(".env"), "TAG=1.27\n").unwrap();
    let project: serde_json::Value =
        serde_json::from_slice(&config(&["--project-name", "site"]).stdout).unwrap();
    assert_eq!(project["name"], "site");
    assert_eq!(project["services"]["web"]["image"], "nginx:1.27");
    let other = folder.path().join("other.env");
    std::fs::write(&other, "TAG='2'\n").unwrap();
    let project = config(&["--env-file", other.to_str().unwrap(), "--format", "json"]);
    assert!(text(&project.stdout).contains("nginx:2"));
    ended_with(&config(&["--env-file", "/nowhere/.env"]), 3, "cannot be read");
}

#[test]
fn completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = hearth(folder.path()).args(["completions", shell]).output().unwrap();
        assert!(text(&script.stdout).contains("go-back"), "{shell}");
    }
}

#[test]
fn a_box_gets_its_first_owner_once() {
    let service = Service::start(&[]);
    let set_up = |password: &[u8]| {
        let mut child = hearth(service.folder.path())
            .args(["setup", "--username", "ada"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password).unwrap();
        child.wait_with_output().unwrap()
    };
    ended_with(&set_up(b""), 2, "found nothing");
    ended_with(&set_up(b"short\n"), 4, "at least 10 characters");
    let made = set_up(b"correct horse battery\n");
    ended_with(&made, 0, "");
    assert_eq!(text(&made.stdout), "ada owns this box now\n");
    ended_with(&set_up(b"correct horse battery\n"), 4, "owner");
}

#[test]
fn an_address_becomes_a_code_that_fits_a_screen() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = hearth(folder.path()).args(["qr", "http://192.168.178.123"]).output().unwrap();
    ended_with(&drawn, 0, "");
    let drawn = text(&drawn.stdout);
    // The quiet zone around it is lit.
    assert!(drawn.starts_with("████"), "{drawn}");
    // Four lines of text stand below it on a screen of 25.
    assert!(drawn.lines().count() <= 20, "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() == drawn.lines().next().unwrap().chars().count()));
    let long = "x".repeat(3000);
    ended_with(&hearth(folder.path()).args(["qr", &long]).output().unwrap(), 2, "3000 bytes do not fit");
}

/// An engine that takes its time: before the first look is over nothing is known of any app, and a list that leaves them
/// out would say that all are gone.
#[test]
fn a_list_right_after_a_start_waits_for_the_first_look() {
    let service = Service::start(&[]);
    let folder = service.folder.path().to_owned();
    package(&folder.join("my-store"), "clock", "");
    ended_with(&service.command(&["store", "add", folder.join("my-store").to_str().unwrap()]), 0, "");
    let shown = service.command(&["store", "show", "clock", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let wanted = serde_json::json!({
        "store": "my-store",
        "package": "clock",
        "version": shown["manifest"]["version"],
        "digest": shown["digest"],
        "run": "running",
    });
    let mut document: serde_json::Value =
        serde_json::from_slice(&service.command(&["export", "--json"]).stdout).unwrap();
    document["apps"]["clock"] = wanted;
    let file = folder.join("wanted.json");
    std::fs::write(&file, document.to_string()).unwrap();
    ended_with(&service.command(&["apply", file.to_str().unwrap()]), 0, "");
    let without = folder.join("without.yml");
    std::fs::write(&without, "hearth: 1\n").unwrap();
    // Nobody can be asked here.
    let refused = service.command(&["apply", without.to_str().unwrap()]);
    ended_with(&refused, 4, "clock is not in the document and would be removed");
    document["apps"]["alarm"] = document["apps"]["clock"].take();
    document["apps"].as_object_mut().unwrap().remove("clock");
    std::fs::write(&without, document.to_string()).unwrap();
    let plan = text(&service.command(&["plan", without.to_str().unwrap()]).stdout);
    assert!(plan.contains("alarm begins with an empty folder: the data of clock"), "{plan}");
    let (_, folder) = service.stop();

    let engine = std::os::unix::net::UnixListener::bind(folder.path().join("no-docker.sock")).unwrap();
    std::thread::spawn(move || {
        for connection in engine.incoming() {
            std::thread::sleep(std::time::Duration::from_secs(1));
            drop(connection);
        }
    });
    let again = Service::start_in(folder, &[]);
    let listed = text(&again.command(&["app", "list"]).stdout);
    assert!(listed.contains("clock"), "{listed}");
    std::fs::write(&without, "hearth: 1\nstores: {}\n").unwrap();
    ended_with(&again.command(&["apply", "--allow-removal", without.to_str().unwrap()]), 0, "");
}

#[test]
fn a_store_that_cannot_be_read_is_shown_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("shelf");
    package(&store, "clock", "");
    std::fs::write(store.join("store.yml"), "id: shelf\nname: Shelf\nowner: me\n").unwrap();
    let service = Service::start(&["--store", store.to_str().unwrap()]);
    let stores = text(&service.command(&["store", "stores"]).stdout);
    assert!(stores.contains("shelf") && stores.contains("owner"), "{stores}");
    std::fs::write(store.join("store.yml"), "id: shelf\nname: Shelf\n").unwrap();
    ended_with(&service.command(&["store", "refresh", "shelf"]), 0, "");
    let stores = text(&service.command(&["store", "stores"]).stdout);
    assert!(stores.contains("Shelf") && !stores.contains("owner"), "{stores}");
}

#[test]
fn a_check_of_a_folder_without_packages_says_what_it_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    package(&folder.path().join("below"), "clock", "");
    let check = |path: &Path| hearth(folder.path()).args(["store", "check"]).arg(path).output().unwrap();
    ended_with(&check(folder.path()), 3, "looked for apps/NAME/app.yml");
    ended_with(&check(folder.path()), 3, "/below");
    ended_with(&check(&folder.path().join("below")), 0, "");
}

/// Writes a package into `<store>/apps/<id>`.
fn package(store: &Path, id: &str, more: &str) {
    let folder = store.join("apps").join(id);
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "manifest: 1\nid: {id}\nname: Clock\ntagline: It tells the time\ndescription: It shows a clock.\nversion: '1'\n\
         category: other\nwebsite: https://example.org\nsource: https://example.org/source\nlicense: MIT\n\
         architectures: [amd64]\nweb:\n  service: web\n  port: 80\n  host_port: 8090\n\
         sources:\n  - image: docker.io/library/nginx\n    from: https://example.org\n{more}"
    );
    std::fs::write(folder.join("app.yml"), manifest).unwrap();
    let digest = "0".repeat(64);
    let compose = format!("services:\n  web:\n    image: nginx:1@sha256:{digest}\n");
    std::fs::write(folder.join("compose.yml"), compose).unwrap();
}
