use std::time::Duration;

use futures_util::StreamExt;
use hearth_docker::{Attached, Exec, Written};
use hearth_model::container::{ContainerSpec, Endpoint, NetworkMode, RestartPolicy};
use hearth_model::{AppId, AppSpec, Reason, ServiceName, Step};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::up::{no_such_service, spec};
use super::wire::{self, Frame};
use super::words::Call;
use crate::hearth::Hearth;
use crate::reconcile::look::{self, Ports};
use crate::reconcile::{Wakeup, run};

/// Exit code of a program whose end was not waited for.
const CUT_OFF: u8 = 137;
/// How long it takes at most to remove the container of a program that was cut off.
const REMOVAL: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) hearth: Hearth,
    pub(super) app: AppId,
    /// Cancelled when the script has ended.
    pub(super) ended: CancellationToken,
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
            Call::Up { services, wait } => self.up(&services, wait).await.map(|()| 0),
            Call::Stop { services } => self.stop(&services).await.map(|()| 0),
            Call::Restart { services } => {
                self.stop(&services).await?;
                self.up(&services, None).await.map(|()| 0)
            }
            Call::Exec { service, exec } => {
                let spec = self.spec().await?;
                let container = &container_of(&spec, &service)?.name;
                let attached = self.hearth.engine.exec(container, &exec).await.map_err(said)?;
                self.hand_over(attached, Some(input), answer).await
            }
            Call::Run { service, exec, entrypoint, with_dependencies } => {
                // The script may have written what the app is made of.
                self.hearth.forget_spec(&self.app);
                let spec = self.spec().await?;
                let container = container_of(&spec, &service)?;
                if with_dependencies {
                    let on: Vec<ServiceName> = spec.services[&service].depends_on.keys().cloned().collect();
                    if !on.is_empty() {
                        self.up(&on, None).await?;
                    }
                }
                let container = one_off(container, exec, entrypoint)?;
                let ended = self.run(&spec, container.clone(), answer).await;
                let remove = Step::RemoveContainer { name: container.name };
                // What stays after all is removed by the next look: no service of the app has it.
                if tokio::time::timeout(REMOVAL, self.step(&remove)).await.is_err() {
                    tracing::warn!(app.id = %self.app, "a container of a script is still there");
                }
                ended
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
            self.step(&Step::StopContainer { name }).await?;
        }
        // What a script stopped did not end by itself: it is wanted again from now on.
        let _ended = self.hearth.wake.send(Wakeup::Reresolve(self.app.clone())).await;
        Ok(())
    }

    async fn spec(&self) -> Result<AppSpec, String> {
        let now = self.hearth.in_force();
        let view = look::everything(&self.hearth, &now, Ports::WhenNeeded).await;
        spec(&view, &self.app).cloned()
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
        self.step(&Step::PullImage { image, policy, platform: container.platform.clone() }).await?;
        let service = name.replace(|sign: char| !sign.is_ascii_alphanumeric(), "-");
        let create = Step::CreateContainer {
            app: self.app.clone(),
            service: service.parse().map_err(|_| format!("{service} is not a name"))?,
            package_digest: spec.package_digest.clone(),
            restarts: 0,
            container: Box::new(container),
        };
        self.step(&create).await?;
        let attached = self.hearth.engine.attach(&name).await.map_err(said)?;
        self.step(&Step::StartContainer { name }).await?;
        self.hand_over(attached, None::<tokio::io::Empty>, answer).await
    }

    async fn step(&self, step: &Step) -> Result<(), String> {
        let all_the_way = CancellationToken::new();
        run::one(&self.hearth, &self.app, step, &all_the_way).await.map_err(|reason| reason.message)
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
        let fed = match input {
            Some(mut input) => {
                wire::write(answer, &Frame::Input).await.map_err(gone)?;
                Some(tokio::spawn(async move {
                    // A program need not read to the end.
                    let _ = tokio::io::copy(&mut input, &mut to).await;
                    let _ = to.shutdown().await;
                }))
            }
            None => None,
        };
        let code = loop {
            let piece = tokio::select! {
                piece = written.next() => piece,
                () = self.ended.cancelled() => break Ok(CUT_OFF),
            };
            let frame = match piece {
                Some(Ok(Written::Output(bytes))) => Frame::Output(bytes.to_vec()),
                Some(Ok(Written::Errors(bytes))) => Frame::Errors(bytes.to_vec()),
                Some(Err(error)) => break Err(said(error)),
                None => break self.hearth.engine.exit_code(&program).await.map(exit_code).map_err(said),
            };
            wire::write(answer, &frame).await.map_err(gone)?;
        };
        if let Some(fed) = fed {
            fed.abort();
        }
        code
    }
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
        name: format!("{}_run_{}", of.name, hex::encode(number)),
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

fn said(error: hearth_docker::Error) -> String {
    let Reason { message, .. } = error.reason();
    message
}

/// A process's own code has eight bits.
fn exit_code(code: i64) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}
