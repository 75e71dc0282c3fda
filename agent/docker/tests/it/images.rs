use std::sync::Mutex;
use std::time::{Duration, Instant};

use hearth_docker::{Error, ImageProblem, PullProgress, RegistryAuth, RegistryCredentials};
use hearth_model::condition::ReasonCode;
use hearth_model::container::{ContainerSpec, NetworkMode, PullPolicy};
use hearth_model::observed::ContainerState;
use hearth_model::plan::EngineStep;
use hearth_model::{Digest, ImageRef};

use crate::registry::Registry;
use crate::support::{Cleanup, Fixture, docker, docker_may_fail};

fn pull(image: &str, policy: PullPolicy) -> EngineStep {
    EngineStep::PullImage { image: image.parse().expect("valid"), policy, platform: None }
}

fn problem(error: &Error) -> Option<ImageProblem> {
    match error {
        Error::Image { problem, .. } => Some(*problem),
        _ => None,
    }
}

#[tokio::test]
async fn a_pull_tells_how_far_it_is() {
    let (fixture, registry) = (Fixture::new("progress"), Registry::open());
    let pushed = registry.push("big:1", 24 << 20);
    let seen: Mutex<Vec<PullProgress>> = Mutex::default();
    let step = pull(&pushed.name, PullPolicy::Missing);
    let note = |progress| seen.lock().expect("no panic").push(progress);
    fixture.engine.execute(&step, &note).await.expect("pulled");
    assert!(pushed.is_on_engine());
    let seen = seen.into_inner().expect("no panic");
    let bytes: Vec<u64> = seen.iter().map(|seen| seen.progress.done_bytes).collect();
    assert!(bytes.is_sorted(), "{bytes:?}");
    let last = seen.last().expect("progress").progress;
    assert!(last.complete && last.done_bytes == last.total_bytes && last.total_bytes > 20 << 20, "{last:?}");
    assert_eq!((last.layers_done, last.layers_total), (1, 1));
    assert!(seen.iter().any(|seen| (1..last.total_bytes).contains(&seen.progress.done_bytes)), "{bytes:?}");

    let container = ContainerSpec {
        image: pushed.name.parse().expect("valid"),
        command: Some(["/bin/busybox", "true"].map(str::to_owned).into()),
        network: NetworkMode::None,
        ..ContainerSpec::new(fixture.name("a"), pushed.name.parse().expect("valid"))
    };
    fixture.up(&container).await;
    let ended = fixture.wait_for_exit(&container).await;
    assert!(matches!(ended.state, ContainerState::Exited { exit_code: 0, .. }));
    fixture.do_it(&EngineStep::RemoveContainer { name: container.name.clone() }).await;
}

#[tokio::test]
async fn an_image_that_is_there_is_not_asked_of_its_registry() {
    let (fixture, mut registry) = (Fixture::new("local"), Registry::open());
    let pushed = registry.push("a:1", 1000);
    fixture.do_it(&pull(&pushed.name, PullPolicy::Missing)).await;
    registry.stop();
    for policy in [PullPolicy::Missing, PullPolicy::Never] {
        fixture.do_it(&pull(&pushed.name, policy)).await;
    }
    let error = fixture.try_do(&pull(&pushed.name, PullPolicy::Always)).await.expect_err("nobody answers");
    assert_eq!(error.reason().code, ReasonCode::RegistryUnreachable, "{error}");
    assert!(error.is_transient());
    registry.start();
    fixture.do_it(&pull(&pushed.name, PullPolicy::Always)).await;
}

#[tokio::test]
async fn an_image_by_digest_gets_its_name_too() {
    let (fixture, mut registry) = (Fixture::new("digest"), Registry::open());
    let (one, two) = (registry.push("a:1", 1000), registry.push("a:2", 2000));
    let _by_digest = [&one, &two].map(|pushed| {
        let name = format!("{}@{}", registry.name("a"), pushed.digest);
        Cleanup(vec!["rmi".to_owned(), "-f".to_owned(), name])
    });
    let image: ImageRef = format!("{}@{}", one.name, one.digest).parse().expect("valid");
    let step = EngineStep::PullImage { image: image.clone(), policy: PullPolicy::Always, platform: None };
    fixture.do_it(&step).await;
    assert!(one.is_on_engine(), "the tag is missing");
    let elsewhere: ImageRef = format!("{}@{}", two.name, one.digest).parse().expect("valid");
    let wanted = [image.clone(), elsewhere.clone(), two.name.parse().expect("valid")].into();
    let view = fixture.engine.observe(&wanted).await.expect("a look");
    assert_eq!(view.images, [image.clone(), elsewhere].into());

    // The tag went to another image: the digest is what counts, and no registry is needed for it.
    registry.stop();
    docker(["tag", "hearthit-busybox:1", &one.name]);
    fixture.do_it(&step).await;
    let tagged = docker(["image", "inspect", "-f", "{{join .RepoDigests \" \"}}", &one.name]);
    assert!(tagged.contains(&one.digest), "{tagged}");
    let spec = ContainerSpec { image, ..fixture.shell("a", "exit 0") };
    fixture.up(&spec).await;
    fixture.wait_for_exit(&spec).await;
    fixture.do_it(&EngineStep::RemoveContainer { name: spec.name.clone() }).await;
}

#[tokio::test]
async fn each_failure_of_a_registry_is_told_apart() {
    let (fixture, mut registry) = (Fixture::new("failures"), Registry::open());
    let pushed = registry.push("a:1", 1000);
    let no_tag =
        fixture.try_do(&pull(&registry.name("a:2"), PullPolicy::Missing)).await.expect_err("no such tag");
    assert_eq!(no_tag.reason().code, ReasonCode::ImageNotFound, "{no_tag}");
    let no_name =
        fixture.try_do(&pull(&registry.name("b:1"), PullPolicy::Missing)).await.expect_err("no such name");
    assert_eq!(no_name.reason().code, ReasonCode::ImageNotFound, "{no_name}");
    let digest = format!("{}@{}", registry.name("a:1"), Digest::of(b"other"));
    let no_digest = fixture.try_do(&pull(&digest, PullPolicy::Missing)).await.expect_err("no such digest");
    assert_eq!(no_digest.reason().code, ReasonCode::ImageNotFound, "{no_digest}");
    assert!(!no_digest.is_transient());
    let never = fixture.try_do(&pull(&pushed.name, PullPolicy::Never)).await.expect_err("not there");
    assert_eq!(problem(&never), Some(ImageProblem::NotThere), "{never}");
    registry.stop();
    let gone = fixture.try_do(&pull(&pushed.name, PullPolicy::Missing)).await.expect_err("nobody answers");
    assert_eq!(gone.reason().code, ReasonCode::RegistryUnreachable, "{gone}");
    assert!(gone.reason().message.contains("127.0.0.1"), "{:?}", gone.reason());
}

#[tokio::test]
async fn a_private_registry_wants_credentials_and_gets_them() {
    // `htpasswd -nbB me 'ab?~>pass'`: signs that bollard's alphabet would lose.
    const USERS: &str = "me:$2b$12$kVvz0eA10zctc2bOTrvKMeQEl2S3OrsW2b0/8447H.k4cHbKtJXXi\n";
    const PASSWORD: &str = "ab?~>pass";
    let registry = Registry::with_password(USERS);
    let fixture = Fixture::new("denied");
    let error = fixture.try_do(&pull(&registry.name("a:1"), PullPolicy::Missing)).await.expect_err("denied");
    assert_eq!(error.reason().code, ReasonCode::RegistryDenied, "{error}");
    let signed_in = |password: &str| {
        let mut registries = RegistryAuth::default();
        let (username, password) = ("me".to_owned(), password.to_owned());
        let host = registry.address.to_string();
        registries.insert(&host, RegistryCredentials::Password { username, password });
        Fixture::with("signed-in", |options| options.registries = registries)
    };
    let error = signed_in("wrong")
        .try_do(&pull(&registry.name("a:1"), PullPolicy::Missing))
        .await
        .expect_err("denied");
    assert_eq!(error.reason().code, ReasonCode::RegistryDenied, "{error}");
    // Signed in, the registry says that it has no such image.
    let right = signed_in(PASSWORD);
    let error = right.try_do(&pull(&registry.name("a:1"), PullPolicy::Missing)).await.expect_err("empty");
    assert_eq!(error.reason().code, ReasonCode::ImageNotFound, "{error}");
}

#[tokio::test]
async fn a_registry_that_says_nothing_more_ends_in_an_error() {
    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let image = format!("{}/a:1", silent.local_addr().expect("bound"));
    let fixture = Fixture::with("stalled", |options| options.pull_stall_timeout = Duration::from_secs(2));
    let start = Instant::now();
    let error = fixture.try_do(&pull(&image, PullPolicy::Missing)).await.expect_err("stalled");
    assert_eq!(problem(&error), Some(ImageProblem::Stalled), "{error}");
    assert_eq!(error.reason().code, ReasonCode::RegistryUnreachable);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_image_for_another_processor_is_refused() {
    let (fixture, registry) = (Fixture::new("processor"), Registry::open());
    let name = registry.name("arm:1");
    load_for("riscv64", &name);
    docker(["push", "-q", &name]);
    docker(["rmi", "-f", &name]);
    let _cleanup = Cleanup(vec!["rmi".to_owned(), "-f".to_owned(), name.clone()]);
    let error = fixture.try_do(&pull(&name, PullPolicy::Missing)).await.expect_err("not for this processor");
    assert_eq!(error.reason().code, ReasonCode::WrongArchitecture, "{error}");
}

#[tokio::test]
async fn a_pull_that_is_dropped_is_taken_up_again() {
    let (fixture, registry) = (Fixture::new("dropped"), Registry::open());
    let pushed = registry.push("big:1", 48 << 20);
    let step = pull(&pushed.name, PullPolicy::Missing);
    let (begun, has_begun) = std::sync::mpsc::channel();
    let note = move |_| {
        let _ = begun.send(());
    };
    {
        let begun = std::sync::Mutex::new(note);
        let report = |progress| (begun.lock().expect("no panic"))(progress);
        let pulling = fixture.engine.execute(&step, &report);
        let stop = tokio::time::timeout(Duration::from_millis(150), pulling);
        let _ = stop.await;
    }
    drop(has_begun);
    fixture.do_it(&step).await;
    assert!(pushed.is_on_engine());
    assert!(docker_may_fail(["image", "inspect", "-f", "{{.Id}}", &registry.name("other:1")]).is_empty());
}

/// Makes an image for a processor: `docker import` knows no other than the engine's own.
fn load_for(architecture: &str, name: &str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write =
        |file: &str, content: String| std::fs::write(dir.path().join(file), content).expect("written");
    let tar = |target: &str, files: &[&str]| {
        let mut tar = std::process::Command::new("tar");
        tar.arg("-cf").arg(dir.path().join(target)).arg("-C").arg(dir.path());
        assert!(tar.args(files).status().expect("tar").success());
    };
    write("file", "x".to_owned());
    tar("layer.tar", &["file"]);
    let layer = Digest::of(&std::fs::read(dir.path().join("layer.tar")).expect("read"));
    let rootfs = serde_json::json!({"type": "layers", "diff_ids": [layer]});
    let config =
        serde_json::json!({"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs});
    write("config.json", config.to_string());
    let manifest =
        serde_json::json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    write("manifest.json", manifest.to_string());
    tar("image.tar", &["manifest.json", "config.json", "layer.tar"]);
    docker(["load", "-q", "-i", &dir.path().join("image.tar").to_string_lossy()]);
}
