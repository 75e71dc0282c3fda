use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use hearth_docker::{Attached, Exec, Written};
use hearth_model::container::{ContainerSpec, Endpoint, Mount, NetworkMode, RestartPolicy, one_off_name};
use hearth_model::{AppId, AppSpec, DataStep, EngineStep, Hook, Observed, Reason, ServiceName, Step};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::up::{LOOK_EVERY, no_such_service, spec};
use super::wire::{self, Frame};
use super::words::Call;
use crate::hearth::Hearth;
use crate::reconcile::look::{self, Ports};
use crate::reconcile::run;

/// Exit code of a program whose end was not waited for.
const CUT_OFF: u8 = 137;
/// How long it takes at most to remove the container of a program that was cut off.
const REMOVAL: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) hearth: Hearth,
    pub(super) app: AppId,
    /// The script.
    pub(super) hook: Hook,
    /// Cancelled when the script has ended.
    pub(super) ended: CancellationToken,
    /// Cancelled when its time is over.
    pub(super) cut_off: CancellationToken,
    /// Calls that make, start and stop containers do so one after the other.
    pub(super) turn: Arc<Mutex<()>>,
}

impl Caller {
    /// Does what a script asks for and returns the exit code of it.
    ///
    /// # Errors
    /// Why it could not be done, for the script's output.
    pub(super) async fn carry_out(
        &self,
        call: Call,
        input: impl AsyncRead + Unpin + Send + 'static,
        answer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u8, String> {
        match call {
            Call::Up { services, wait } => {
                self.may_start()?;
                let _turn = self.turn.lock().await;
                self.up(&services, wait).await.map(|()| 0)
            }
            Call::Stop { services } => {
                let _turn = self.turn.lock().await;
                self.stop(&services).await.map(|()| 0)
            }
            Call::Restart { services } => {
                self.may_start()?;
                let _turn = self.turn.lock().await;
                self.stop(&services).await?;
                self.up(&services, None).await.map(|()| 0)
            }
            Call::Exec { service, exec } => {
                let spec = self.spec().await?;
                let container = &container_of(&spec, &service)?.name;
                let attached =
                    self.hearth.engine.exec(container, &exec).await.map_err(|error| said(&error))?;
                self.hand_over(attached, Some(input), answer).await
            }
            Call::Run { service, exec, entrypoint, with_dependencies } => {
                self.may_start()?;
                // The script may have written what the app is made of.
                self.hearth.specs.forget(&self.app);
                let spec = self.spec().await?;
                let container = container_of(&spec, &service)?;
                if with_dependencies {
                    let on: Vec<ServiceName> = spec.services[&service].depends_on.keys().cloned().collect();
                    if !on.is_empty() {
                        let _turn = self.turn.lock().await;
                        self.up(&on, None).await?;
                    }
                }
                let container = one_off(container, exec, entrypoint)?;
                let ended = self.run(&spec, container.clone(), answer).await;
                let remove = Step::Engine(EngineStep::RemoveContainer { name: container.name });
                // What stays after all is removed by the next look: no service of the app has it.
                let removed = tokio::time::timeout(REMOVAL, self.step(&remove)).await;
                let problem = removed.unwrap_or_else(|_| Err("the engine is slow".to_owned())).err();
                if let Some(problem) = problem {
                    tracing::warn!(app.id = %self.app, "a container of a script is still there: {problem}");
                }
                ended
            }
        }
    }

    /// Refuses to start anything from scripts that run while the app is on its way to standing still, and its data to being
    /// copied.
    fn may_start(&self) -> Result<(), String> {
        match self.hook {
            Hook::PreStop | Hook::PostStop | Hook::PreUpdate => {
                Err(format!("{} runs while the app is being stopped, so nothing of it is started", self.hook))
            }
            Hook::PreInstall | Hook::PreStart | Hook::PostStart | Hook::PostInstall | Hook::PostUpdate => {
                Ok(())
            }
        }
    }

    /// Stops services, those that depend on others first; all when none are named.
    async fn stop(&self, services: &[ServiceName]) -> Result<(), String> {
        let spec = self.spec().await?;
        let order = hearth_planner::order::of(&spec)
            .map_err(|_| "the services of the app depend on one another in a circle".to_owned())?;
        if let Some(unknown) = services.iter().find(|service| !spec.services.contains_key(*service)) {
            return Err(no_such_service(&spec, unknown));
        }
        let meant = order.services.iter().rev().filter(|one| services.is_empty() || services.contains(**one));
        for service in meant {
            let name = spec.services[*service].container.name.clone();
            self.step(&Step::Engine(EngineStep::StopContainer { name })).await?;
        }
        // What a script stopped did not end by itself: it is wanted again from now on.
        self.hearth.wake.reresolve(&self.app);
        Ok(())
    }

    async fn spec(&self) -> Result<AppSpec, String> {
        let now = self.hearth.in_force();
        loop {
            let view = look::everything(&self.hearth, &now, Ports::WhenNeeded).await;
            if self.is_being_resolved(&view) {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let spec = spec(&view, &self.app)?;
            own(spec, &view.observed)?;
            return Ok(spec.clone());
        }
    }

    /// Runs a container to its end.
    async fn run(
        &self,
        spec: &AppSpec,
        container: ContainerSpec,
        answer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u8, String> {
        let name = container.name.clone();
        let (image, policy) = (container.image.clone(), container.pull_policy);
        self.step(&Step::Engine(EngineStep::PullImage {
            image,
            policy,
            platform: container.platform.clone(),
        }))
        .await?;
        let service = name.replace(|sign: char| !sign.is_ascii_alphanumeric(), "-");
        self.step(&mounted_folders(&self.app, spec, &container)).await?;
        let create = Step::Engine(EngineStep::CreateContainer {
            app: self.app.clone(),
            service: service.parse().map_err(|_| format!("{service} is not a name"))?,
            package_digest: spec.package_digest.clone(),
            restarts: 0,
            container: Box::new(container.clone()),
        });
        self.step(&create).await?;
        let attached = self.hearth.engine.attach(&name).await.map_err(|error| said(&error))?;
        // The script itself may have put a link where a mount was.
        let mounts = run::check_mounts(&self.hearth, &self.app, &container).await;
        mounts.map_err(|reason| reason.message)?;
        if self.ended.is_cancelled() {
            return Err("the script has ended".to_owned());
        }
        self.step(&Step::Engine(EngineStep::StartContainer { name })).await?;
        self.hand_over(attached, None::<tokio::io::Empty>, answer).await
    }

    async fn step(&self, step: &Step) -> Result<(), String> {
        run::one(&self.hearth, &self.app, step, &self.cut_off).await.map_err(|reason| reason.message)
    }

    /// Hands over what a program writes, and what it reads, until it ended or the script did.
    async fn hand_over(
        &self,
        attached: Attached,
        input: Option<impl AsyncRead + Unpin + Send + 'static>,
        answer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u8, String> {
        let gone = |_| "the script does not listen any more".to_owned();
        let Attached { mut written, input: mut to, program } = attached;
        let to_its_end = async {
            let mut fed = None;
            if let Some(mut input) = input {
                wire::write(answer, &Frame::Input).await.map_err(gone)?;
                fed = Some(AbortOnDropHandle::new(tokio::spawn(async move {
                    // A program need not read to the end.
                    let _ = tokio::io::copy(&mut input, &mut to).await;
                    let _ = to.shutdown().await;
                })));
            }
            while let Some(piece) = written.next().await {
                let frame = match piece.map_err(|error| said(&error))? {
                    Written::Output(bytes) => Frame::Output(bytes.to_vec()),
                    Written::Errors(bytes) => Frame::Errors(bytes.to_vec()),
                };
                wire::write(answer, &frame).await.map_err(gone)?;
            }
            let code = self.hearth.engine.exit_code(&program).await.map_err(|error| said(&error))?;
            drop(fed);
            Ok(exit_code(code))
        };
        tokio::select! {
            code = to_its_end => code,
            () = self.ended.cancelled() => Ok(CUT_OFF),
        }
    }
}

/// Refuses an app one of whose names is another app's: what is done by that name would be done to the other.
fn own(spec: &AppSpec, observed: &Observed) -> Result<(), String> {
    let containers = spec.services.values().map(|service| service.container.name.as_str());
    let holders = containers
        .filter_map(|name| observed.containers.get(name).map(|seen| (name, &seen.app)))
        .chain(
            spec.networks
                .keys()
                .filter_map(|name| Some((name.as_str(), observed.networks.get(name)?.app.as_ref()?))),
        )
        .chain(
            spec.volumes
                .keys()
                .filter_map(|name| Some((name.as_str(), observed.volumes.get(name)?.app.as_ref()?))),
        );
    match { holders }.find(|(_, holder)| **holder != spec.app) {
        Some((name, holder)) => Err(format!("{name} belongs to {holder}")),
        None => Ok(()),
    }
}

/// Returns the step that makes the folders which a container mounts: before an app's first script they are not there yet.
fn mounted_folders(app: &AppId, spec: &AppSpec, container: &ContainerSpec) -> Step {
    let is_mounted = |path: &String| {
        container.mounts.iter().any(|mount| matches!(mount, Mount::Bind { source, .. } if source == path))
    };
    let folders = spec.folders.iter().filter(|(path, folder)| folder.mounted && is_mounted(path));
    Step::Data(DataStep::WriteFiles {
        app: app.clone(),
        folders: folders.map(|(path, folder)| (path.clone(), *folder)).collect(),
        files: BTreeMap::new(),
    })
}

fn container_of<'a>(spec: &'a AppSpec, service: &ServiceName) -> Result<&'a ContainerSpec, String> {
    let found = spec.services.get(service).ok_or_else(|| no_such_service(spec, service))?;
    Ok(&found.container)
}

/// Returns a container like that of a service for one run of a program: it publishes nothing, answers to no name, is not
/// started again ([Compose `run`](https://docs.docker.com/reference/cli/docker/compose/run/)).
fn one_off(of: &ContainerSpec, exec: Exec, entrypoint: Option<String>) -> Result<ContainerSpec, String> {
    let Exec { command, environment, user, working_dir } = exec;
    let mut number = [0; 4];
    getrandom::fill(&mut number).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let mut container = ContainerSpec {
        name: one_off_name(&of.name, number),
        ports: Vec::new(),
        restart: RestartPolicy::No,
        tty: false,
        stdin_open: false,
        ..of.clone()
    };
    if let NetworkMode::Networks(networks) = &mut container.network {
        for endpoint in networks.values_mut() {
            let Endpoint { driver_opts, priority, gw_priority, .. } = std::mem::take(endpoint);
            *endpoint = Endpoint { driver_opts, priority, gw_priority, ..Endpoint::default() };
        }
    }
    if !command.is_empty() {
        container.command = Some(command);
    }
    if let Some(entrypoint) = entrypoint {
        container.entrypoint = Some(vec![entrypoint]);
    }
    container.environment.extend(environment);
    container.user = user.or(container.user);
    container.working_dir = working_dir.or(container.working_dir);
    Ok(container)
}

fn said(error: &hearth_docker::Error) -> String {
    let Reason { message, .. } = error.reason();
    message
}

/// A process's own code has eight bits.
fn exit_code(code: i64) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use hearth_model::observed::ObservedNetwork;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_app_with_a_name_of_another_may_do_nothing() {
        let spec: AppSpec = serde_json::from_value(json!({
            "app": "wiki", "version": "1", "package_digest": format!("sha256:{}", "0".repeat(64)),
            "services": {}, "networks": { "wiki_pad_default": {} }, "volumes": {},
        }))
        .expect("a spec");
        let network = |app: &str| ObservedNetwork {
            id: "f00d".to_owned(),
            app: Some(app.parse().expect("valid")),
            ours: true,
            spec_hash: None,
            connected: std::collections::BTreeSet::new(),
        };
        let mut observed = Observed::default();
        assert_eq!(own(&spec, &observed), Ok(()));
        observed.networks.insert("wiki_pad_default".to_owned(), network("wiki"));
        assert_eq!(own(&spec, &observed), Ok(()));
        observed.networks.insert("wiki_pad_default".to_owned(), network("wiki_pad"));
        assert_eq!(own(&spec, &observed), Err("wiki_pad_default belongs to wiki_pad".to_owned()));
    }
}
