use std::fs;
use std::path::Path;

use super::*;

const APP: &str = "\
manifest: 1
id: notes
name: Notes
tagline: Write things down
version: '1.0'
category: notes
web: { service: web, port: 80, host_port: 8090 }
";
const COMPOSE: &str = "\
services:
  web:
    image: docker.io/library/nginx:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    volumes: ['./data:/data']
";

fn write(folder: &Path, app: &str, manifest: &str, compose: &str) {
    let path = folder.join("apps").join(app);
    fs::create_dir_all(&path).expect("a folder");
    fs::write(path.join("app.yml"), manifest).expect("app.yml");
    fs::write(path.join("compose.yml"), compose).expect("compose.yml");
}

async fn catalog_of(folder: &Path) -> Arc<Catalog> {
    let shelf = folder.join("shelf-of-the-test");
    let catalog = Arc::new(Catalog::new(vec![folder.to_owned()], shelf, Limits::default()));
    catalog.load(BTreeMap::new).await.expect("readable");
    catalog
}

fn names(found: &[Arc<Entry>]) -> Vec<&str> {
    found.iter().map(|entry| entry.package.manifest.name.as_str()).collect()
}

#[tokio::test]
async fn a_broken_package_is_refused_by_name_and_stops_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "notes", APP, COMPOSE);
    write(folder.path(), "other", APP, COMPOSE);
    write(folder.path(), "broken", &APP.replace("id: notes", "id: broken"), "services: {web: {image: [}}");
    let store = catalog_of(folder.path()).await.stores().remove(0);
    assert_eq!(store.packages.keys().collect::<Vec<_>>(), ["notes"]);
    let refused: Vec<&str> = store.refused.iter().map(|refused| refused.package.as_str()).collect();
    assert_eq!(refused, ["broken", "other"]);
    assert!(store.refused[0].reason.contains("compose.yml:1"), "{}", store.refused[0].reason);
    assert!(store.refused[1].reason.contains("`id: notes`"), "{}", store.refused[1].reason);
}

#[tokio::test]
async fn a_package_that_asks_for_more_than_it_declares_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "notes", APP, &format!("{COMPOSE}    privileged: true\n"));
    let store = catalog_of(folder.path()).await.stores().remove(0);
    assert!(store.packages.is_empty());
    assert!(store.refused[0].reason.contains("permissions"), "{}", store.refused[0].reason);
}

#[tokio::test]
async fn a_search_finds_names_before_descriptions() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = |id: &str, name: &str, description: &str| {
        let renamed =
            APP.replace("id: notes", &format!("id: {id}")).replace("name: Notes", &format!("name: {name}"));
        format!("{renamed}description: {description}\n")
    };
    write(folder.path(), "alpha", &manifest("alpha", "Alpha", "keeps photos"), COMPOSE);
    write(folder.path(), "photos", &manifest("photos", "Photos", "an album"), COMPOSE);
    let catalog = catalog_of(folder.path()).await;
    let find =
        |text: &str| catalog.search(&PackageQuery { text: Some(text.to_owned()), ..PackageQuery::default() });
    assert_eq!(names(&find("photos")), ["Photos", "Alpha"]);
    assert_eq!(names(&find("ALBUM photos")), ["Photos"]);
    assert!(find("video").is_empty());
}

#[test]
fn every_package_of_our_own_store_reads_and_resolves() {
    let appstore = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../appstore");
    let store = folder::read(&appstore, &folder::default_id(&appstore), None).expect("readable");
    let refused: Vec<String> =
        store.refused.iter().map(|refused| format!("{}: {}", refused.package, refused.reason)).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(store.packages.len() >= 30, "only {} packages", store.packages.len());
}

#[tokio::test]
async fn a_store_of_another_system_is_read_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = folder.path().join("apps/wiki");
    fs::create_dir_all(&package).expect("a folder");
    let about = r#"{"id":"wiki","name":"Wiki","available":true,"port":8093,"version":"2","tipi_version":1,
        "short_desc":"Pages","author":"us","source":"https://wiki.example","categories":["utilities"],
        "form_fields":[{"type":"random","label":"Key","env_variable":"WIKI_KEY","min":16}]}"#;
    let services = r#"{"services":[{"name":"wiki","image":"wiki:2","isMain":true,"internalPort":80,
        "environment":{"KEY":"${WIKI_KEY}"},"volumes":[{"hostPath":"${APP_DATA_DIR}/data","containerPath":"/data"}]}]}"#;
    fs::write(package.join("config.json"), about).expect("config.json");
    fs::write(package.join("docker-compose.json"), services).expect("docker-compose.json");
    let catalog = catalog_of(folder.path()).await;
    let store = catalog.stores().remove(0);
    assert!(store.refused.is_empty(), "{:?}", store.refused);
    let entry = &store.packages["wiki"];
    assert_eq!(entry.package.manifest.settings[0].name, "WIKI_KEY");
    let spec = crate::resolve::rehearse(&entry.package).expect("it resolves");
    assert_eq!(spec.web.expect("a page").host_port, 8093);
}

#[tokio::test]
async fn a_link_out_of_the_store_is_refused_and_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::NamedTempFile::new().expect("a file");
    fs::write(outside.path(), "secret: of another program\n").expect("its text");
    for file in ["app.yml", "compose.yml", "icon.svg"] {
        let id = file.replace('.', "-");
        write(folder.path(), &id, &APP.replace("id: notes", &format!("id: {id}")), COMPOSE);
        let link = folder.path().join("apps").join(&id).join(file);
        let _absent = fs::remove_file(&link);
        std::os::unix::fs::symlink(outside.path(), link).expect("a link");
    }
    std::os::unix::fs::symlink(folder.path().join("apps/app-yml"), folder.path().join("apps/linked"))
        .expect("a link");
    let store = catalog_of(folder.path()).await.stores().remove(0);
    let refused: Vec<&str> = store.refused.iter().map(|refused| refused.package.as_str()).collect();
    assert_eq!(refused, ["app-yml", "compose-yml", "icon-svg"]);
    for refused in &store.refused {
        assert!(refused.reason.contains("symbolic link"), "{}", refused.reason);
    }
    assert!(store.packages.is_empty());
}

#[tokio::test]
async fn a_refresh_that_ends_while_the_stores_are_read_is_not_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "notes", APP, COMPOSE);
    let catalog = catalog_of(folder.path()).await;
    let before = catalog.stores.read().expect("not poisoned").clone();
    let id = before.keys().next().expect("a store").clone();
    // What a load has read by the time that the refresh below ends.
    let read = before.clone();

    write(folder.path(), "notes", &APP.replace("'1.0'", "'2.0'"), COMPOSE);
    catalog.refresh_built_in(&id).await.expect("readable");
    let now = catalog.stores.read().expect("not poisoned").clone();
    let merged = merged(&before, read, &now);
    assert_eq!(merged[&id].packages["notes"].package.manifest.version, "2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_loads_at_the_same_time_the_last_wish_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "notes", APP, COMPOSE);
    let catalog = catalog_of(folder.path()).await;
    let wanted = Arc::new(Mutex::new(BTreeMap::new()));
    let mut loads = tokio::task::JoinSet::new();
    for number in 0..20 {
        let name = format!("store-{number}");
        let location = folder.path().display().to_string();
        wanted
            .lock()
            .expect("not poisoned")
            .insert(name.parse().expect("an id"), DesiredStore { name, location });
        let (catalog, wanted) = (Arc::clone(&catalog), Arc::clone(&wanted));
        loads.spawn(async move { catalog.load(|| wanted.lock().expect("not poisoned").clone()).await });
    }
    loads.join_all().await.into_iter().for_each(|load| load.expect("readable"));
    assert_eq!(catalog.stores().len(), 21);
}
