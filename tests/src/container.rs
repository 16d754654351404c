//! Running a container to its end over the API, as `docker run -i --rm` does.

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptionsBuilder,
};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

/// What a container left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status.
    pub status: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A container of the built-in image that runs `command`.
pub fn body(command: &[&str]) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some("busybox".into()),
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        ..Default::default()
    }
}

/// The same with bind mounts, each `SOURCE:TARGET[:ro]`.
pub fn body_with_binds(command: &[&str], binds: &[String]) -> ContainerCreateBody {
    let host = HostConfig { binds: Some(binds.to_vec()), ..Default::default() };
    ContainerCreateBody { host_config: Some(host), ..body(command) }
}

/// Creates, attaches, starts, feeds `input`, reads to the end, waits, removes.
pub async fn run(docker: &Docker, body: ContainerCreateBody, input: &[u8]) -> Result<Outcome> {
    let body = ContainerCreateBody {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        ..body
    };
    let id = docker.create_container(None::<CreateContainerOptions>, body).await?.id;
    let outcome = run_created(docker, &id, input).await;
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    docker.remove_container(&id, Some(options)).await?;
    outcome
}

async fn run_created(docker: &Docker, id: &str, input: &[u8]) -> Result<Outcome> {
    let options = AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).stderr(true).build();
    let mut attached = docker.attach_container(id, Some(options)).await?;
    docker.start_container(id, None::<StartContainerOptions>).await?;
    let input = input.to_owned();
    let feed = tokio::spawn(async move {
        // A container may end without reading its input.
        let _ = attached.input.write_all(&input).await;
        let _ = attached.input.shutdown().await;
    });
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(chunk) = attached.output.next().await {
        match chunk? {
            LogOutput::StdErr { message } => stderr.extend_from_slice(&message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => stdout.extend_from_slice(&message),
            LogOutput::StdIn { .. } => {}
        }
    }
    feed.await?;
    let condition = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let mut wait = docker.wait_container(id, Some(condition));
    let status = match wait.next().await.context("wait answers")? {
        Ok(answer) => answer.status_code,
        Err(bollard::errors::Error::DockerContainerWaitError { code, .. }) => code,
        Err(error) => return Err(error.into()),
    };
    Ok(Outcome {
        status,
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}
