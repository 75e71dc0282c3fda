use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hearth_docker::{Engine, EngineView, Error, Options};
use hearth_model::container::{ContainerSpec, Endpoint, NetworkMode};
use hearth_model::observed::ObservedContainer;
use hearth_model::plan::EngineStep;
use hearth_model::spec::NetworkSpec;
use hearth_model::{AppId, Digest, ImageRef};

pub(crate) const SOCKET: &str = "/var/run/docker.sock";

/// Longest wait for anything; reached only when a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A Hearth of its own for one test.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) prefix: String,
    pub(crate) app: AppId,
    pub(crate) dir: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new(test: &str) -> Self {
        Self::with(test, |_| {})
    }

    pub(crate) fn with(test: &str, change: impl FnOnce(&mut Options)) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("hearthit-{}-{number}-{test}", std::process::id());
        let dir = tempfile::tempdir().expect("a temporary folder");
        // The app's folder, as a step on the host would make it.
        std::fs::create_dir(dir.path().join(&prefix)).expect("made");
        let mut options = Options::new(prefix.clone(), dir.path());
        change(&mut options);
        Self {
            engine: Engine::connect(Path::new(SOCKET), options),
            app: prefix.parse().expect("a valid app id"),
            prefix,
            dir,
        }
    }

    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// A container that runs `line` in a shell, in no network.
    pub(crate) fn shell(&self, name: &str, line: &str) -> ContainerSpec {
        ContainerSpec {
            command: Some(["/bin/busybox", "sh", "-c", line].map(str::to_owned).into()),
            network: NetworkMode::None,
            ..ContainerSpec::new(self.name(name), busybox())
        }
    }

    /// A container that stays until it is told to stop, and then stops at once.
    pub(crate) fn sleeper(&self, name: &str) -> ContainerSpec {
        self.shell(name, "trap 'exit 0' TERM; while :; do /bin/busybox sleep 1000 & wait $!; done")
    }

    pub(crate) fn creation(&self, spec: &ContainerSpec) -> EngineStep {
        EngineStep::CreateContainer {
            app: self.app.clone(),
            service: "web".parse().expect("valid"),
            package_digest: Digest::of(b"package"),
            restarts: 0,
            container: Box::new(spec.clone()),
        }
    }

    pub(crate) async fn try_do(&self, step: &EngineStep) -> Result<(), Error> {
        self.engine.execute(step, &|_| {}).await
    }

    pub(crate) async fn do_it(&self, step: &EngineStep) {
        self.try_do(step).await.unwrap_or_else(|error| panic!("{}: {error}", step.describe()));
    }

    pub(crate) async fn create(&self, spec: &ContainerSpec) {
        self.do_it(&self.creation(spec)).await;
    }

    pub(crate) async fn start(&self, spec: &ContainerSpec) {
        self.do_it(&EngineStep::StartContainer { name: spec.name.clone() }).await;
    }

    pub(crate) async fn up(&self, spec: &ContainerSpec) {
        self.create(spec).await;
        self.start(spec).await;
    }

    pub(crate) async fn network(&self, name: &str, network: NetworkSpec) {
        let name = self.name(name);
        self.do_it(&EngineStep::CreateNetwork { app: Some(self.app.clone()), name, network }).await;
    }

    pub(crate) async fn look(&self) -> EngineView {
        self.engine.observe(&BTreeSet::new()).await.expect("a look")
    }

    pub(crate) async fn see(&self, spec: &ContainerSpec) -> Option<ObservedContainer> {
        self.look().await.containers.remove(&spec.name)
    }

    /// Looks again and again until a container is as expected.
    pub(crate) async fn wait_for(
        &self,
        spec: &ContainerSpec,
        what: &str,
        is_so: impl Fn(&ObservedContainer) -> bool,
    ) -> ObservedContainer {
        let mut last = None;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(seen) = self.see(spec).await {
                if is_so(&seen) {
                    return seen;
                }
                last = Some(seen);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} never got {what}; last seen: {last:?}", spec.name);
    }

    pub(crate) async fn wait_for_exit(&self, spec: &ContainerSpec) -> ObservedContainer {
        use hearth_model::observed::ContainerState;
        self.wait_for(spec, "to its end", |seen| matches!(seen.state, ContainerState::Exited { .. })).await
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let label = format!("label=sh.hearth.box={}", self.prefix);
        for (kind, list, remove) in [
            ("container", &["ps", "-aq"][..], &["rm", "-fv"][..]),
            ("network", &["network", "ls", "-q"], &["network", "rm"]),
            ("volume", &["volume", "ls", "-q"], &["volume", "rm", "-f"]),
        ] {
            let ids = docker_may_fail(list.iter().copied().chain(["--filter", &label]));
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty()
                && docker_may_fail(remove.iter().copied().chain(ids.iter().copied())).is_empty()
            {
                eprintln!("a {kind} of {} may be left", self.prefix);
            }
        }
    }
}

/// The networks of a container with one alias in each.
pub(crate) fn networks(of: &[(&str, &str)]) -> NetworkMode {
    let endpoint =
        |alias: &str| Endpoint { aliases: BTreeSet::from([alias.to_owned()]), ..Endpoint::default() };
    NetworkMode::Networks(
        of.iter().map(|(name, alias)| ((*name).to_owned(), endpoint(alias))).collect::<BTreeMap<_, _>>(),
    )
}

/// An image with nothing but busybox, made once and kept for the next run.
pub(crate) fn busybox() -> ImageRef {
    static MADE: OnceLock<()> = OnceLock::new();
    const NAME: &str = "hearthit-busybox:1";
    MADE.get_or_init(|| {
        if docker_may_fail(["image", "inspect", "-f", "{{.Id}}", NAME]).is_empty() {
            import(NAME, &[]);
        }
    });
    NAME.parse().expect("valid")
}

/// Makes an image of busybox and further content: folders and files below `/seed`.
pub(crate) fn import(name: &str, content: &[(&str, &[u8])]) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path();
    for folder in ["bin", "seed", "tmp", "etc"] {
        std::fs::create_dir(root.join(folder)).expect("made");
    }
    std::fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).expect("linked");
    for (file, content) in content {
        std::fs::write(root.join("seed").join(file), content).expect("written");
    }
    let mut tar = Command::new("tar")
        .args(["-c", "-C"])
        .arg(root)
        .arg(".")
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar");
    let import = Command::new("docker")
        .args(["import", "-c", "CMD [\"/bin/busybox\", \"sh\"]", "-", name])
        .stdin(tar.stdout.take().expect("piped"))
        .output()
        .expect("the docker client is installed");
    assert!(tar.wait().expect("ended").success());
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
}

/// Runs Docker's own client, as a second opinion.
pub(crate) fn docker<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let args: Vec<&str> = args.into_iter().collect();
    let output = Command::new("docker").args(&args).output().expect("the docker client is installed");
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn docker_may_fail<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let output = Command::new("docker").args(args).output().expect("the docker client is installed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Something that is taken away when the test is over.
pub(crate) struct Cleanup(pub(crate) Vec<String>);

impl Drop for Cleanup {
    fn drop(&mut self) {
        docker_may_fail(self.0.iter().map(String::as_str));
    }
}
