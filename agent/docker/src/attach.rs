//! Programs that run beside a service, and what they read and write.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::{AttachContainerOptions, WaitContainerOptions};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::io::AsyncWrite;

use crate::engine::Engine;
use crate::error::Error;

/// How often it is asked whether a program beside others has ended whose outputs are closed: the engine lets nobody wait
/// for one, as it does for a container.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A program for a container that runs
/// ([Compose `exec`](https://docs.docker.com/reference/cli/docker/compose/exec/)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// The program with its arguments.
    pub command: Vec<String>,
    /// Variables beside the container's own.
    pub environment: BTreeMap<String, String>,
    /// `user[:group]`, the container's own when `None`.
    pub user: Option<String>,
    /// Working directory, the container's own when `None`.
    pub working_dir: Option<String>,
}

/// What a program wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// To its output.
    Output(Bytes),
    /// To its error output.
    Errors(Bytes),
}

/// A program that runs in a container. Dropping it leaves the program running.
pub struct Attached {
    /// What it writes; ends when both of its outputs are closed.
    pub written: BoxStream<'static, Result<Written, Error>>,
    /// What it reads. Shutting it down is the end of the program's input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// Which it is.
    pub program: Program,
}

/// A program that was started, to be asked how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Of);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    /// Beside the others of a container.
    Exec(String),
    /// A container's own.
    Container(String),
}

impl Engine {
    /// Starts a program in a container of ours that runs.
    ///
    /// Fails when there is no such container, when it does not run, and when the program cannot be had.
    pub async fn exec(&self, container: &str, exec: &Exec) -> Result<Attached, Error> {
        let doing = format!("run a program in {container}");
        let id = self.id_of(container, &doing).await?;
        let environment = exec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(environment),
            cmd: Some(exec.command.clone()),
            user: exec.user.clone(),
            working_dir: exec.working_dir.clone(),
            ..CreateExecOptions::default()
        };
        let docker = &self.inner.docker;
        let made = docker.create_exec(&id, options).await.map_err(|error| self.error(error, &*doing))?;
        match docker.start_exec(&made.id, None).await.map_err(|error| self.error(error, &*doing))? {
            StartExecResults::Attached { output, input } => Ok(Attached {
                written: self.written(output, doing),
                input,
                program: Program(Of::Exec(made.id)),
            }),
            StartExecResults::Detached => Err(Error::Unreadable {
                doing,
                detail: "the engine did not attach to the program".to_owned(),
            }),
        }
    }

    /// Attaches to the outputs of a container of ours, before it is started.
    ///
    /// Fails when there is no such container.
    pub async fn attach(&self, container: &str) -> Result<Attached, Error> {
        let doing = format!("read what {container} writes");
        let id = self.id_of(container, &doing).await?;
        let options =
            AttachContainerOptions { stream: true, stdout: true, stderr: true, ..Default::default() };
        let attached = self.inner.docker.attach_container(&id, Some(options)).await;
        let AttachContainerResults { output, input } =
            attached.map_err(|error| self.error(error, &*doing))?;
        Ok(Attached { written: self.written(output, doing), input, program: Program(Of::Container(id)) })
    }

    /// Returns how a program ended, once it has: 0 is well.
    ///
    /// Fails when the engine does not say, as when the container was removed.
    pub async fn exit_code(&self, program: &Program) -> Result<i64, Error> {
        match &program.0 {
            Of::Exec(id) => loop {
                let seen = self.inner.docker.inspect_exec(id).await;
                let seen = seen.map_err(|error| self.error(error, "ask how a program ended"))?;
                match seen.exit_code {
                    Some(code) if !seen.running.unwrap_or_default() => return Ok(code),
                    _ => tokio::time::sleep(ASK_EVERY).await,
                }
            },
            Of::Container(id) => {
                let doing = "ask how a container ended";
                match self.inner.docker.wait_container(id, None::<WaitContainerOptions>).next().await {
                    Some(Ok(ended)) => Ok(ended.status_code),
                    Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
                    Some(Err(error)) => Err(self.error(error, doing)),
                    None => Err(Error::Unreadable {
                        doing: doing.to_owned(),
                        detail: "the engine said nothing".to_owned(),
                    }),
                }
            }
        }
    }

    async fn id_of(&self, container: &str, doing: &str) -> Result<String, Error> {
        match self.ours(container, doing).await? {
            Some(found) => Ok(found.id),
            None => Err(Error::Refused {
                doing: doing.to_owned(),
                answer: format!("there is no container {container}"),
            }),
        }
    }

    fn written(
        &self,
        output: impl futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send + 'static,
        doing: String,
    ) -> BoxStream<'static, Result<Written, Error>> {
        let engine = self.clone();
        let pieces = output.map(move |piece| match piece {
            Ok(LogOutput::StdErr { message }) => Ok(Written::Errors(message)),
            Ok(
                LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message },
            ) => Ok(Written::Output(message)),
            Err(error) => Err(engine.error(error, &*doing)),
        });
        pieces.boxed()
    }
}
