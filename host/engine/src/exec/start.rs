//! `POST /exec/{id}/start`, and the probes of health checks.

use std::sync::Arc;
use std::time::Duration;

use coracle_kernel::Size;

use super::{Exec, ExecConfig};
use crate::Engine;
use crate::container::{Container, Phase, Run, environment, lookup_user, start_failure, working_directory};
use crate::detach::DetachKeys;
use crate::driver::{ExecProcess, ProcessOrder, Stdio, StdioOrder};
use crate::error::{Error, Result};

/// Bytes of a probe's output that are kept.
const PROBE_OUTPUT: usize = 4096;

/// The body of start.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecStart {
    /// Do not attach.
    pub detach: bool,
    /// The client's idea; that of create counts.
    pub tty: bool,
    /// Rows and columns.
    pub console_size: Option<[u32; 2]>,
}

/// A process that has begun, for the client to attach to.
pub struct ExecStarted {
    engine: Arc<Engine>,
    exec: Arc<Exec>,
    process: Arc<dyn ExecProcess>,
    stdio: Stdio,
}

/// The streams of a process that has begun.
pub struct ExecStreams {
    /// Write here; drop to end.
    pub stdin: Option<Arc<coracle_kernel::OpenFile>>,
    /// Read here.
    pub stdout: Option<Arc<coracle_kernel::OpenFile>>,
    /// Read here.
    pub stderr: Option<Arc<coracle_kernel::OpenFile>>,
    /// In a terminal these keys leave.
    pub detach_keys: Option<DetachKeys>,
}

impl Engine {
    /// Whether an exec instance has a terminal.
    ///
    /// # Errors
    /// 404; 409 when its container does not run.
    pub fn exec_check(&self, id: &str) -> Result<bool> {
        let exec = self.execs.find(id)?;
        match exec.container.with_state(|state| state.phase) {
            Phase::Paused => {
                return Err(Error::Conflict(format!(
                    "Container {} is paused, unpause the container before exec",
                    exec.container.id
                )));
            }
            Phase::Running => {}
            _ => return Err(Error::NotRunning(exec.container.id.clone())),
        }
        Ok(exec.config.tty)
    }

    /// Starts the process of an exec instance.
    ///
    /// # Errors
    /// 409 when it has run before; 400 with runc's sentence when the program cannot be run.
    pub async fn exec_start(self: &Arc<Self>, id: &str, start: ExecStart) -> Result<ExecStarted> {
        let exec = self.execs.find(id)?;
        {
            let mut state = exec.state.lock();
            if state.exit_code.is_some() {
                return Err(Error::Conflict(format!("exec command {} has already run", exec.id)));
            }
            if state.started {
                return Err(Error::Conflict(format!("exec command {} is already running", exec.id)));
            }
            state.started = true;
        }
        let container = &exec.container;
        let Some(run) = container.running() else {
            self.finish_exec(&exec, 128);
            return Err(Error::NotRunning(container.id.clone()));
        };
        self.container_event(container, &format!("exec_start: {}", exec.line()), &[("execID", &exec.id)]);
        match spawn(&exec.config, container, &run, start.console_size, !start.detach).await {
            Ok((process, stdio)) => {
                {
                    let mut state = exec.state.lock();
                    state.running = true;
                    state.pid = process.pid();
                    state.pty.clone_from(&stdio.pty);
                }
                Ok(ExecStarted { engine: Arc::clone(self), exec, process, stdio })
            }
            Err((error, code)) => {
                self.finish_exec(&exec, code);
                Err(error)
            }
        }
    }

    fn finish_exec(&self, exec: &Exec, code: i32) {
        {
            let mut state = exec.state.lock();
            state.running = false;
            state.exit_code = Some(code);
            state.pty = None;
        }
        self.execs.finish(&exec.id);
    }
}

impl ExecStarted {
    /// Takes the streams; what is not taken is read by nobody.
    pub fn streams(&mut self) -> ExecStreams {
        let stdio = std::mem::take(&mut self.stdio);
        let config = &self.exec.config;
        ExecStreams {
            stdin: stdio.stdin.filter(|_| config.attach_stdin),
            stdout: stdio.stdout,
            stderr: stdio.stderr,
            detach_keys: if config.tty { DetachKeys::parse(&config.detach_keys).ok() } else { None },
        }
    }

    /// Waits for the end and records it: the exit code can be inspected when this returns.
    pub async fn finished(&self) -> i32 {
        let code = self.process.exited().await;
        self.engine.finish_exec(&self.exec, code);
        let (id, text) = (&self.exec.id, code.to_string());
        self.engine.container_event(&self.exec.container, "exec_die", &[("execID", id), ("exitCode", &text)]);
        code
    }

    /// Lets it run alone: its end is recorded by the engine. Output goes nowhere.
    pub fn leave(mut self) {
        let stdio = std::mem::take(&mut self.stdio);
        let engine = Arc::clone(&self.engine);
        engine.spawn(async move {
            let drain = async {
                let empty = |file: Option<Arc<coracle_kernel::OpenFile>>| async move {
                    if let Some(file) = file {
                        while file.read(None, PROBE_OUTPUT).await.is_ok_and(|data| !data.is_empty()) {}
                    }
                };
                tokio::join!(empty(stdio.stdout.clone()), empty(stdio.stderr.clone()));
            };
            tokio::join!(drain, self.finished());
        });
    }

    /// The client typed the detach keys.
    pub fn detached(&self) {
        self.engine.container_event(&self.exec.container, "exec_detach", &[("execID", &self.exec.id)]);
    }
}

async fn spawn(
    config: &ExecConfig,
    container: &Container,
    run: &Run,
    console_size: Option<[u32; 2]>,
    attached: bool,
) -> Result<(Arc<dyn ExecProcess>, Stdio), (Error, i32)> {
    let spec = container.spec();
    let user = if config.user.is_empty() { &spec.config.user } else { &config.user };
    let more_groups = spec.host.group_add.clone().unwrap_or_default();
    let user = lookup_user(&run.namespace, user, &more_groups)
        .map_err(|error| (error.context("OCI runtime exec failed: exec failed: "), 126))?;
    let stdio = if config.tty {
        let [rows, columns] = console_size.or(config.console_size).unwrap_or_default();
        let size = |n: u32| u16::try_from(n).unwrap_or(0);
        StdioOrder::Terminal(Size { rows: size(rows), columns: size(columns) })
    } else {
        StdioOrder::Pipes {
            stdin: config.attach_stdin && attached,
            stdout: config.attach_stdout && attached,
            stderr: config.attach_stderr && attached,
        }
    };
    let directory = if config.working_dir.is_empty() { &spec.config.working_dir } else { &config.working_dir };
    let command = config.cmd.as_deref().unwrap_or_default();
    let order = ProcessOrder {
        arguments: command.iter().map(|word| word.clone().into_bytes()).collect(),
        environment: environment(&spec, config.tty, config.env.as_deref().unwrap_or_default(), &user.home),
        working_directory: working_directory(directory),
        credentials: user.credentials,
        stdio,
    };
    let program = command.first().map(String::as_str).unwrap_or_default();
    run.processes
        .exec(order)
        .await
        .map_err(|error| start_failure("OCI runtime exec failed: exec failed", program, &error))
}

/// Runs one probe of a health check: its status and the beginning of its output.
pub(crate) async fn probe(
    engine: &Arc<Engine>,
    container: &Arc<Container>,
    run: &Arc<Run>,
    command: &[String],
    limit: Duration,
) -> (i32, String) {
    let config =
        ExecConfig { cmd: Some(command.to_vec()), attach_stdout: true, attach_stderr: true, ..ExecConfig::default() };
    let line = command.join(" ");
    let id = crate::id::generate();
    engine.container_event(container, &format!("exec_create: {line}"), &[("execID", &id)]);
    engine.container_event(container, &format!("exec_start: {line}"), &[("execID", &id)]);
    let (process, stdio) = match spawn(&config, container, run, None, true).await {
        Ok(begun) => begun,
        Err((error, _)) => return (-1, error.to_string()),
    };
    let mut output = Vec::new();
    let code = {
        let mut stderr = Vec::new();
        let collect = async |file: Option<Arc<coracle_kernel::OpenFile>>, into: &mut Vec<u8>| {
            let Some(file) = file else { return };
            while let Ok(data) = file.read(None, PROBE_OUTPUT).await {
                if data.is_empty() {
                    break;
                }
                let room = PROBE_OUTPUT.saturating_sub(into.len());
                into.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            }
        };
        let whole = async {
            let ((), (), code) =
                tokio::join!(collect(stdio.stdout, &mut output), collect(stdio.stderr, &mut stderr), process.exited());
            code
        };
        let code = tokio::time::timeout(limit, whole).await.ok();
        output.append(&mut stderr);
        output.truncate(PROBE_OUTPUT);
        code
    };
    match code {
        Some(code) => {
            let text = code.to_string();
            engine.container_event(container, "exec_die", &[("execID", &id), ("exitCode", &text)]);
            (code, String::from_utf8_lossy(&output).into_owned())
        }
        None => {
            process.kill();
            let shown = String::from_utf8_lossy(&output);
            let so_far = if shown.is_empty() { String::new() } else { format!(": {shown}") };
            (-1, format!("Health check exceeded timeout ({}){so_far}", go_duration(limit)))
        }
    }
}

/// `1m30s`, `500ms`, as Go prints a duration.
fn go_duration(span: Duration) -> String {
    let seconds = span.as_secs();
    if span < Duration::from_secs(1) {
        return format!("{}ms", span.as_secs_f64() * 1000.0);
    }
    let rest = span.as_secs_f64() - (seconds / 60 * 60) as f64;
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_prints_them() {
        assert_eq!(go_duration(Duration::from_millis(500)), "500ms");
        assert_eq!(go_duration(Duration::from_millis(1500)), "1.5s");
        assert_eq!(go_duration(Duration::from_secs(90)), "1m30s");
        assert_eq!(go_duration(Duration::from_secs(3600)), "1h0m0s");
    }
}
