//! `POST /containers/{id}/start`: from a specification to a running process.

use std::sync::Arc;

use coracle_kernel::{Size, SpawnError};
use tokio_util::sync::CancellationToken;

use super::state::Phase;
use super::{Container, Run, Spec, limits, user};
use crate::Engine;
use crate::driver::{ProcessOrder, StartOrder, Stdio, StdioOrder};
use crate::error::{Error, Result, errno_text};
use crate::events::Kind;
use crate::log::Stream;
use crate::mounts::MountKind;
use crate::time::Time;

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Names the program of the container that is its shell.
const SHELL_LABEL: &str = "io.coracle.shell";

/// Status of a container that could not be started for reasons of its own.
const EXIT_UNKNOWN: i32 = 128;

impl Engine {
    /// Starts a container.
    ///
    /// # Errors
    /// 304 when it runs, 409 when it is paused, 400 with runc's sentence when the
    /// program cannot be run.
    pub async fn container_start(self: &Arc<Self>, name: &str) -> Result<()> {
        let container = self.containers.find(name)?;
        let _one_at_a_time = container.lifecycle.lock().await;
        match container.with_state(|state| state.phase) {
            Phase::Paused => {
                return Err(Error::Conflict("cannot start a paused container, try unpause instead".into()));
            }
            Phase::Running => return Err(Error::NotModified),
            Phase::Removing | Phase::Dead => {
                return Err(Error::Conflict("container is marked for removal and cannot be started".into()));
            }
            // Somebody does not want to wait for the backoff.
            Phase::Restarting => container.restart_stop.lock().cancel(),
            Phase::Created | Phase::Exited => {}
        }
        self.start_by_hand(&container).await
    }

    /// Starts with a fresh restart policy. The caller holds the lifecycle lock.
    pub(super) async fn start_by_hand(self: &Arc<Self>, container: &Arc<Container>) -> Result<()> {
        *container.restarts.lock() = Default::default();
        *container.restart_stop.lock() = CancellationToken::new();
        self.begin(container, 0).await
    }

    /// Makes a run. On failure nothing is left of it, and the state says why.
    pub(super) async fn begin(self: &Arc<Self>, container: &Arc<Container>, restart_count: u32) -> Result<()> {
        let spec = container.spec();
        match self.try_begin(container, &spec, restart_count).await {
            Ok(()) => Ok(()),
            Err((error, code)) => {
                let text = error.to_string();
                let was_running = self.change_state(container, |state| {
                    state.error.clone_from(&text);
                    state.exit_code = code;
                    state.pid = 0;
                    let was_running = state.phase.is_running();
                    if was_running {
                        state.phase = Phase::Exited;
                        state.finished_at = Time::now();
                    }
                    was_running
                })?;
                container.streams.end();
                container.milestones.send_modify(|milestone| {
                    milestone.exits += u64::from(was_running);
                    milestone.running = false;
                    milestone.exit_code = code;
                    milestone.error = text;
                });
                if spec.host.auto_remove {
                    // Not here: the caller holds the lifecycle lock.
                    self.remove_soon(container);
                }
                Err(error)
            }
        }
    }

    async fn try_begin(
        self: &Arc<Self>,
        container: &Arc<Container>,
        spec: &Arc<Spec>,
        restart_count: u32,
    ) -> Result<(), (Error, i32)> {
        let unknown = |error| (error, EXIT_UNKNOWN);
        for point in spec.mounts.iter().filter(|point| point.kind == MountKind::Volume) {
            self.volume_event(
                &point.name,
                "mount",
                &[
                    ("container", &container.id),
                    ("destination", &point.destination),
                    ("driver", "local"),
                    ("propagation", ""),
                    ("read/write", if point.rw { "true" } else { "false" }),
                ],
            );
        }
        let network = self.attach_network(container, spec).map_err(unknown)?;
        let started = async {
            let files = self.generated_files(spec, &network).map_err(unknown)?;
            let namespace = self.namespace(container, spec, Some(&files)).map_err(unknown)?;
            let more_groups = spec.host.group_add.clone().unwrap_or_default();
            let user = user::lookup(&namespace, &spec.config.user, &more_groups).map_err(unknown)?;
            let order = self.order(container, spec, &network, namespace.clone(), user);
            let program = spec.path.clone();
            let (processes, stdio) = self
                .driver
                .start(order)
                .await
                .map_err(|error| start_failure("failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed", &program, &error))?;
            Ok((files, namespace, processes, stdio))
        }
        .await;
        let (files, namespace, processes, stdio) = match started {
            Ok(started) => started,
            Err(error) => {
                self.detach_network(container, &network);
                return Err(error);
            }
        };
        let run = Arc::new(Run { processes, network, namespace, files, ended: CancellationToken::new() });
        self.change_state(container, |state| {
            state.phase = Phase::Running;
            state.pid = run.processes.pid();
            state.error.clear();
            state.exit_code = 0;
            state.oom_killed = false;
            state.started_at = Time::now();
            state.restart_count = restart_count;
            state.stopped_by_hand = false;
        })
        .map_err(unknown)?;
        *container.run.lock() = Some(Arc::clone(&run));
        container.milestones.send_modify(|milestone| {
            milestone.running = true;
            milestone.error.clear();
        });
        container.log.open();
        self.container_event(container, "start", &[]);
        self.watch(container, &run, stdio);
        self.start_health_check(container, &run);
        Ok(())
    }

    /// Pumps the output and waits for the end.
    fn watch(self: &Arc<Self>, container: &Arc<Container>, run: &Arc<Run>, stdio: Stdio) {
        let clients = container.streams.begin(stdio.stdin, stdio.pty);
        let pumped = CancellationToken::new();
        let pump = {
            let container = Arc::clone(container);
            let done = pumped.clone().drop_guard();
            async move {
                let stream = |stream, source: Option<Arc<_>>| {
                    let (clients, container) = (&clients, &container);
                    async move {
                        if let Some(source) = source {
                            clients.pump(stream, &source, &container.log).await;
                        }
                    }
                };
                tokio::join!(stream(Stream::Stdout, stdio.stdout), stream(Stream::Stderr, stdio.stderr));
                drop(done);
            }
        };
        self.spawn(pump);
        let (engine, container, run) = (Arc::clone(self), Arc::clone(container), Arc::clone(run));
        self.spawn(async move {
            let exit = run.processes.exited().await;
            // Who reads slowly may delay the end so long, as in dockerd; the rest still reaches him.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(2), pumped.cancelled()).await;
            engine.ended(&container, &run, exit).await;
        });
    }

    fn order(
        self: &Arc<Self>,
        container: &Arc<Container>,
        spec: &Spec,
        network: &crate::network::Attachment,
        namespace: coracle_vfs::Namespace,
        user: user::User,
    ) -> StartOrder {
        let arguments = std::iter::once(&spec.path).chain(&spec.args).map(|word| word.clone().into_bytes()).collect();
        let stdio = if spec.config.tty {
            let [rows, columns] = spec.host.console_size.map(|n| u16::try_from(n).unwrap_or(0));
            StdioOrder::Terminal(Size { rows, columns })
        } else {
            StdioOrder::Pipes { stdin: spec.config.open_stdin, stdout: true, stderr: true }
        };
        let on_oom = {
            let (engine, container) = (Arc::downgrade(self), Arc::downgrade(container));
            Arc::new(move || {
                if let (Some(engine), Some(container)) = (engine.upgrade(), container.upgrade()) {
                    engine.container_event(&container, "oom", &[]);
                }
            })
        };
        StartOrder {
            id: container.id.clone(),
            hostname: spec.config.hostname.clone(),
            domainname: spec.config.domainname.clone(),
            namespace,
            network: Arc::clone(&network.stack),
            limits: limits::limits(&spec.host.resources),
            shm_size: u64::try_from(spec.host.shm_size).unwrap_or(64 << 20),
            init: spec.host.init == Some(true),
            shell: spec
                .config
                .labels
                .as_ref()
                .and_then(|labels| labels.get(SHELL_LABEL))
                .map(|path| path.clone().into_bytes()),
            open_stdin: spec.config.open_stdin,
            on_oom,
            process: ProcessOrder {
                arguments,
                environment: environment(spec, spec.config.tty, &[], &user.home),
                working_directory: working_directory(&spec.config.working_dir),
                credentials: user.credentials,
                stdio,
            },
        }
    }

    /// Emits an event about a volume.
    pub(crate) fn volume_event(&self, name: &str, action: &str, more: &[(&str, &str)]) {
        let attributes = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.events.emit(Kind::Volume, action, name, attributes);
    }
}

/// The directory a process begins in.
pub(crate) fn working_directory(wanted: &str) -> Vec<u8> {
    if wanted.is_empty() { b"/".to_vec() } else { wanted.as_bytes().to_vec() }
}

/// PATH, HOSTNAME, TERM, the container's own, `more` and HOME, each name once.
pub(crate) fn environment(spec: &Spec, tty: bool, more: &[String], home: &str) -> Vec<Vec<u8>> {
    let mut variables: Vec<String> = vec![DEFAULT_PATH.into(), format!("HOSTNAME={}", spec.config.hostname)];
    if tty {
        variables.push("TERM=xterm".into());
    }
    let name_of = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    for variable in spec.config.env.iter().flatten().chain(more) {
        let name = name_of(variable);
        let place = variables.iter().position(|have| name_of(have) == name);
        match (place.and_then(|at| variables.get_mut(at)), variable.contains('=')) {
            (Some(have), true) => have.clone_from(variable),
            (None, true) => variables.push(variable.clone()),
            (Some(_), false) => variables.retain(|have| name_of(have) != name),
            (None, false) => {}
        }
    }
    if !variables.iter().any(|variable| variable.starts_with("HOME=")) {
        variables.push(format!("HOME={home}"));
    }
    variables.into_iter().map(String::into_bytes).collect()
}

/// Why a program could not be run, in runc's words and with Docker's status.
pub(crate) fn start_failure(before: &str, program: &str, error: &SpawnError) -> (Error, i32) {
    let quoted = format!("{program:?}");
    let (text, code) = match error {
        SpawnError::NotFound if program.contains('/') => {
            (format!("exec: {quoted}: stat {program}: no such file or directory"), 127)
        }
        SpawnError::NotFound => (format!("exec: {quoted}: executable file not found in $PATH"), 127),
        SpawnError::Permission => (format!("exec: {quoted}: permission denied"), 126),
        SpawnError::NotExecutable => (format!("exec: {quoted}: exec format error"), 126),
        SpawnError::WorkingDirectory(errno, path) => {
            let hint = if *errno == coracle_vfs::Errno::NOTDIR {
                ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
            } else {
                ""
            };
            let path = String::from_utf8_lossy(path);
            (format!("chdir to cwd ({path:?}) set in config.json failed: {}{hint}", errno_text(*errno)), 127)
        }
        SpawnError::Interpreter(errno, _) => (format!("exec {program}: {}", errno_text(*errno)), 127),
        SpawnError::ContainerEnded => ("container has ended".into(), EXIT_UNKNOWN),
        SpawnError::Errno(errno) => (format!("exec: {quoted}: {}", errno_text(*errno)), EXIT_UNKNOWN),
    };
    (Error::Invalid(format!("{before}: unable to start container process: {text}")), code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_has_each_name_once() {
        let mut spec = Spec::default();
        spec.config.hostname = "h".into();
        spec.config.env = Some(vec!["PATH=/x".into(), "A=1".into(), "HOSTNAME".into()]);
        let text: Vec<String> = environment(&spec, true, &["A=2".into()], "/root")
            .into_iter()
            .map(|variable| String::from_utf8(variable).unwrap())
            .collect();
        assert_eq!(text, ["PATH=/x", "TERM=xterm", "A=2", "HOME=/root"]);
    }

    #[test]
    fn failures_have_runcs_words_and_dockers_status() {
        let (error, code) = start_failure("before", "nope", &SpawnError::NotFound);
        assert_eq!(
            error.to_string(),
            "before: unable to start container process: exec: \"nope\": executable file not found in $PATH"
        );
        assert_eq!(code, 127);
        let (error, _) = start_failure("before", "/nope", &SpawnError::NotFound);
        assert!(error.to_string().ends_with("exec: \"/nope\": stat /nope: no such file or directory"));
        assert_eq!(start_failure("", "/etc", &SpawnError::Permission).1, 126);
    }
}
