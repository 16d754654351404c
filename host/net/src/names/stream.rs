//! Looking a name up for a guest: `wasi:sockets/ip-name-lookup`.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::local::{literal, normal};
use crate::error::ErrorCode;
use crate::stack::Stack;
use crate::tcp::AbortOnDrop;

type Answer = Result<Vec<IpAddr>, ErrorCode>;

enum State {
    Known(std::vec::IntoIter<IpAddr>),
    Failed(ErrorCode),
    Asking { answer: oneshot::Receiver<Answer>, _task: AbortOnDrop },
}

/// Addresses of a name, in order of preference: `wasi:sockets` resolve-address-stream.
pub struct ResolveStream {
    state: State,
}

impl ResolveStream {
    fn known(answer: Answer) -> State {
        match answer {
            Ok(addresses) if addresses.is_empty() => State::Failed(ErrorCode::NameUnresolvable),
            Ok(addresses) => State::Known(addresses.into_iter()),
            Err(error) => State::Failed(error),
        }
    }

    /// The next address; `None` when there are no more; `would-block` while not yet known.
    pub fn next_address(&mut self) -> Result<Option<IpAddr>, ErrorCode> {
        let mut cx = Context::from_waker(Waker::noop());
        if self.poll_ready(&mut cx).is_pending() {
            return Err(ErrorCode::WouldBlock);
        }
        match &mut self.state {
            State::Known(addresses) => Ok(addresses.next()),
            State::Failed(error) => Err(*error),
            State::Asking { .. } => Err(ErrorCode::WouldBlock),
        }
    }

    /// Ready when [`Self::next_address`] will not say `would-block`.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Asking { answer, .. } = &mut self.state {
            match Pin::new(answer).poll(cx) {
                Poll::Ready(answer) => {
                    self.state = Self::known(answer.unwrap_or(Err(ErrorCode::TemporaryResolverFailure)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// As [`Self::poll_ready`].
    pub async fn ready(&mut self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }
}

impl Stack {
    /// getaddrinfo: looks a name up as the container's resolver would, the search list
    /// included. Never blocks. `invalid-argument` for what cannot be a name.
    pub fn resolve_addresses(self: &Arc<Self>, name: &str) -> Result<ResolveStream, ErrorCode> {
        if let Some(address) = literal(name) {
            return Ok(ResolveStream { state: State::Known(vec![address].into_iter()) });
        }
        let candidates = self.candidates(name)?;
        if let Some(found) = candidates.iter().find_map(|candidate| self.local_name(candidate)) {
            return Ok(ResolveStream { state: ResolveStream::known(Ok(self.prefer(found))) });
        }
        if !self.may_ask_the_world() {
            return Ok(ResolveStream { state: State::Failed(ErrorCode::TemporaryResolverFailure) });
        }
        let (sender, answer) = oneshot::channel();
        let stack = self.clone();
        let task = self.fabric.shared.options.runtime.spawn(async move {
            // Nobody to tell is no error: the guest dropped the stream.
            let _ = sender.send(stack.ask_the_world(&candidates).await);
        });
        Ok(ResolveStream { state: State::Asking { answer, _task: AbortOnDrop(task.abort_handle()) } })
    }

    fn candidates(&self, name: &str) -> Result<Vec<String>, ErrorCode> {
        let plain = normal(name)?;
        let mut candidates = vec![plain.clone()];
        if !name.ends_with('.') {
            let searched = self.options.search.iter().filter(|domain| *domain != ".");
            candidates.extend(searched.filter_map(|domain| normal(&format!("{plain}.{domain}")).ok()));
        }
        Ok(candidates)
    }

    async fn ask_the_world(&self, candidates: &[String]) -> Answer {
        let _turn = self.names.questions.acquire().await.map_err(|_| ErrorCode::TemporaryResolverFailure)?;
        let mut outcome = Err(ErrorCode::NameUnresolvable);
        for name in candidates {
            if !self.options.policy.may_resolve(name) {
                continue;
            }
            match super::client::lookup(self, name).await {
                Ok(addresses) => {
                    let addresses = self.prefer(addresses);
                    if self.options.policy.depends_on_names() {
                        self.names.grant(name, &addresses);
                    }
                    if !addresses.is_empty() {
                        return Ok(addresses);
                    }
                }
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// As [`Self::resolve_addresses`], awaited.
    pub async fn lookup(self: &Arc<Self>, name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
        let mut stream = self.resolve_addresses(name)?;
        stream.ready().await;
        let mut addresses = Vec::new();
        while let Some(address) = stream.next_address()? {
            addresses.push(address);
        }
        Ok(addresses)
    }

    /// The name of an address, if a network, `/etc/hosts` or the host's resolver knows one.
    pub async fn reverse(self: &Arc<Self>, address: IpAddr) -> Result<String, ErrorCode> {
        if let Some(name) = self.local_reverse(address) {
            return Ok(name);
        }
        if !self.may_ask_the_world() || self.fabric.network_of(address).is_some() {
            return Err(ErrorCode::NameUnresolvable);
        }
        let stack = self.clone();
        let task = self.fabric.shared.options.runtime.spawn(async move {
            let _turn = stack.names.questions.acquire().await.map_err(|_| ErrorCode::TemporaryResolverFailure)?;
            super::client::reverse(&stack, address).await
        });
        let _task = AbortOnDrop(task.abort_handle());
        task.await.unwrap_or(Err(ErrorCode::TemporaryResolverFailure))
    }
}
