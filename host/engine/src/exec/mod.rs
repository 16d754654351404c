//! `docker exec`: more processes in a container that runs.

mod create;
mod start;

use std::collections::HashMap;
use std::sync::Arc;

use coracle_kernel::Pty;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use create::ExecCreate;
pub(crate) use start::probe;
pub use start::{ExecStart, ExecStarted, ExecStreams};

use crate::Engine;
use crate::container::Container;
use crate::error::{Error, Result};

/// Finished instances kept for inspection, over all containers; the oldest go first.
const KEPT: usize = 4096;

/// One exec instance.
pub struct Exec {
    /// 64 digits.
    pub id: String,
    pub(crate) container: Arc<Container>,
    pub(crate) config: ExecConfig,
    pub(crate) state: Mutex<ExecState>,
}

/// What was asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct ExecConfig {
    pub user: String,
    pub privileged: bool,
    pub tty: bool,
    pub console_size: Option<[u32; 2]>,
    pub attach_stdin: bool,
    pub attach_stderr: bool,
    pub attach_stdout: bool,
    pub detach: bool,
    pub detach_keys: String,
    pub env: Option<Vec<String>>,
    pub working_dir: String,
    #[serde(deserialize_with = "crate::model::string_or_list")]
    pub cmd: Option<Vec<String>>,
}

/// Where it is in its life.
#[derive(Default)]
pub(crate) struct ExecState {
    pub started: bool,
    pub running: bool,
    pub exit_code: Option<i32>,
    pub pid: u32,
    pub pty: Option<Arc<Pty>>,
}

/// Every exec instance.
#[derive(Default)]
pub(crate) struct Execs {
    map: Mutex<HashMap<String, Arc<Exec>>>,
    finished: Mutex<std::collections::VecDeque<String>>,
}

impl Execs {
    pub fn find(&self, id: &str) -> Result<Arc<Exec>> {
        let map = self.map.lock();
        if let Some(exec) = map.get(id) {
            return Ok(Arc::clone(exec));
        }
        let mut matching = map.values().filter(|exec| id.len() >= 4 && exec.id.starts_with(id));
        match (matching.next(), matching.next()) {
            (Some(exec), None) => Ok(Arc::clone(exec)),
            _ => Err(Error::NoSuchExec(id.to_owned())),
        }
    }

    fn insert(&self, exec: Arc<Exec>) {
        self.map.lock().insert(exec.id.clone(), exec);
    }

    fn remove(&self, id: &str) {
        self.map.lock().remove(id);
    }

    /// A finished instance can be inspected for a while yet.
    fn finish(&self, id: &str) {
        let mut finished = self.finished.lock();
        finished.push_back(id.to_owned());
        let oldest = if finished.len() > KEPT { finished.pop_front() } else { None };
        drop(finished);
        if let Some(oldest) = oldest
            && let Some(exec) = self.map.lock().remove(&oldest)
        {
            exec.container.execs.lock().retain(|id| *id != oldest);
        }
    }
}

impl Engine {
    /// `GET /exec/{id}/json`.
    ///
    /// # Errors
    /// 404.
    pub fn exec_inspect(&self, id: &str) -> Result<Value> {
        let exec = self.execs.find(id)?;
        let state = exec.state.lock();
        let config = &exec.config;
        let (program, arguments) = match config.cmd.as_deref().unwrap_or_default().split_first() {
            Some((program, arguments)) => (program.clone(), arguments.to_vec()),
            None => (String::new(), Vec::new()),
        };
        let mut process = json!({
            "tty": config.tty,
            "entrypoint": program,
            "arguments": arguments,
            "privileged": config.privileged,
        });
        if let (false, Some(map)) = (config.user.is_empty(), process.as_object_mut()) {
            map.insert("user".into(), json!(config.user));
        }
        Ok(json!({
            "ID": exec.id,
            "Running": state.running,
            "ExitCode": state.exit_code,
            "ProcessConfig": process,
            "OpenStdin": config.attach_stdin,
            "OpenStderr": config.attach_stderr,
            "OpenStdout": config.attach_stdout,
            "CanRemove": false,
            "ContainerID": exec.container.id,
            "DetachKeys": config.detach_keys,
            "Pid": state.pid,
        }))
    }

    /// Tells an exec's terminal its new size.
    ///
    /// # Errors
    /// 404 when it does not exist or does not run.
    pub fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        let exec = self.execs.find(id)?;
        let state = exec.state.lock();
        if !state.running {
            return Err(Error::NotFound(format!("NotFound: process does not exist {}: not found", exec.id)));
        }
        if let Some(pty) = &state.pty {
            pty.terminal().set_size(coracle_kernel::Size { rows, columns });
        }
        Ok(())
    }

    /// Ids of the instances that were made and have not ended.
    pub(crate) fn running_execs(&self, container: &Container) -> Vec<String> {
        let ids = container.execs.lock().clone();
        ids.into_iter()
            .filter(|id| self.execs.find(id).is_ok_and(|exec| exec.state.lock().exit_code.is_none()))
            .collect()
    }

    /// The container has ended: its instances go with it.
    pub(crate) fn forget_execs(&self, container: &Container) {
        for id in container.execs.lock().drain(..) {
            self.execs.remove(&id);
        }
    }
}
