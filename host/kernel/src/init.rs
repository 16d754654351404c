//! `docker run --init`: the small pid 1 that runs the command as its child.
//!
//! What tini does: start the command in a group of its own in the foreground of the terminal, pass every signal on
//! to it, wait for whatever ends (adopted orphans too), and end with the command's status.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::process::SpawnError;
use crate::{
    ChildStatus, Container, Disposition, ExitStatus, Group, Process, Program, Result, Selector, Signal, SpawnRequest,
    Target,
};

/// Signals init does not pass on: those about itself, and those it cannot have.
const KEPT: [Signal; 11] = [
    Signal::KILL,
    Signal::STOP,
    Signal::CHLD,
    Signal::TTIN,
    Signal::TTOU,
    Signal::SEGV,
    Signal::BUS,
    Signal::FPE,
    Signal::ILL,
    Signal::TRAP,
    Signal::ABRT,
];

impl Container {
    /// Starts `request` as the child of an init that is pid 1. Answers init; a command that cannot be started is an
    /// error here, as it is without init.
    pub async fn spawn_with_init(self: &Arc<Self>, mut request: SpawnRequest) -> Result<Arc<Process>, SpawnError> {
        let files = request.files.clone();
        let terminal = request.controlling_terminal.take();
        let mut own = SpawnRequest::new(request.program.clone(), vec![b"/sbin/docker-init".to_vec()]);
        own.arguments.push(b"--".to_vec());
        own.arguments.extend(request.arguments.iter().cloned());
        own.environment = request.environment.clone();
        own.files = files;
        own.controlling_terminal = terminal.clone();
        own.new_session = true;
        own.credentials = request.credentials.clone();
        own.umask = request.umask;
        own.nice = std::mem::take(&mut request.nice);
        request.group = Group::Lead;
        request.foreground = terminal;
        let (tell, told) = tokio::sync::oneshot::channel();
        let program = move |process: Arc<Process>| -> Program {
            Box::pin(async move {
                drop(process.inherited());
                match process.spawn_child(request).await {
                    Ok(child) => {
                        let _ = tell.send(Ok(()));
                        run(process, child).await
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                        ExitStatus::Exited(127)
                    }
                }
            })
        };
        let init = crate::process::start_with(self, own, program)?;
        match told.await {
            Ok(Ok(())) => Ok(init),
            Ok(Err(error)) => {
                self.drained().await;
                Err(error)
            }
            // Killed before it came so far.
            Err(_) => Ok(init),
        }
    }
}

async fn run(init: Arc<Process>, child: u32) -> ExitStatus {
    for signal in (1..=64).filter_map(|number| Signal::new(number).ok()).filter(|signal| !KEPT.contains(signal)) {
        let _ = init.set_disposition(signal, Disposition::Queue);
    }
    loop {
        while let Some(signal) = init.take_signal() {
            let target = if matches!(signal, Signal::TSTP | Signal::WINCH) {
                Target::Group(child)
            } else {
                Target::Process(child)
            };
            let _ = init.kill(target, Some(signal));
        }
        while let Ok(Some(change)) = init.wait(Selector::Any, false, false).await {
            if change.pid != child {
                continue;
            }
            match change.status {
                ChildStatus::Exited(status) => return ExitStatus::Exited(status),
                // tini ends by itself with 128 + number: a pid 1 cannot die of a signal of its own.
                ChildStatus::Signaled(signal) => return ExitStatus::Exited(128 + signal.number()),
                _ => {}
            }
        }
        let mut changed = pin!(init.child_changed());
        let mut signaled = pin!(init.signal_pending());
        poll_fn(|cx| {
            let changed = changed.as_mut().poll(cx).is_ready();
            let signaled = signaled.as_mut().poll(cx).is_ready();
            if changed || signaled { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Process {
    async fn spawn_child(self: &Arc<Self>, request: SpawnRequest) -> Result<u32, SpawnError> {
        let container = self.container().clone();
        Ok(crate::process::start(&container, Some(self), request).await?.pid())
    }
}
