//! The name server every container finds at 127.0.0.11:53, over UDP and TCP. It answers for
//! the names of the container's networks and passes on the rest.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::PTR;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::local::normal;
use crate::route::RESOLVER;
use crate::stack::Stack;
use crate::tcp::{End, TcpReader, TcpWriter};
use crate::udp::{Datagram, Inbox};

/// Seconds Docker's resolver lets its answers live.
const TTL: u32 = 600;

/// Answers a datagram sent to the server, into the asker's inbox.
pub(crate) fn serve_datagram(stack: &Arc<Stack>, query: Bytes, inbox: &Arc<Inbox>) {
    let (stack, inbox) = (stack.clone(), inbox.clone());
    let runtime = stack.fabric.shared.options.runtime.clone();
    // What the fabric knows is answered at once, in order, with no task.
    let request = Message::from_vec(&query).ok();
    if let Some(answer) = request.as_ref().and_then(|request| stack.answer(request)) {
        reply(&inbox, encode_datagram(request.as_ref(), answer), &stack);
        return;
    }
    runtime.spawn(async move {
        // More questions than may wait: as with any server under load, the asker tries again.
        let Ok(_turn) = stack.names.questions.try_acquire() else { return };
        if let Some(answer) = stack.pass_on(&query, false).await {
            reply(&inbox, answer, &stack);
        }
    });
}

fn reply(inbox: &Inbox, answer: Vec<u8>, stack: &Stack) {
    let source = SocketAddr::new(RESOLVER.into(), 53);
    inbox.deliver(Datagram { data: answer.into(), source }, Some(&stack.loopback));
}

fn encode_datagram(request: Option<&Message>, answer: Message) -> Vec<u8> {
    let limit = usize::from(request.map_or(512, Message::max_payload));
    let whole = answer.to_vec().unwrap_or_default();
    if whole.len() <= limit { whole } else { answer.truncate().to_vec().unwrap_or_default() }
}

/// Serves a connection to the server until its end.
pub(crate) fn serve_stream(stack: &Arc<Stack>, end: Arc<End>) {
    let stack = stack.clone();
    let runtime = stack.fabric.shared.options.runtime.clone();
    runtime.spawn(async move {
        let (reader, writer) = (TcpReader { end: end.clone() }, TcpWriter { end });
        let mut pending = BytesMut::new();
        loop {
            while let Some(query) = split_message(&mut pending) {
                let Some(answer) = stack.answer_stream(&query).await else { return };
                let Ok(length) = u16::try_from(answer.len()) else { return };
                let mut framed = length.to_be_bytes().to_vec();
                framed.extend_from_slice(&answer);
                if writer.write_all(framed.into()).await.is_err() {
                    return;
                }
            }
            // Messages are at most 64 KiB, so neither is what is pending.
            match reader.read(16 << 10).await {
                Ok(data) if !data.is_empty() => pending.extend_from_slice(&data),
                _ => return,
            }
        }
    });
}

/// RFC 1035, 4.2.2: two bytes of length before each message.
fn split_message(pending: &mut BytesMut) -> Option<Bytes> {
    let length = usize::from(u16::from_be_bytes([*pending.first()?, *pending.get(1)?]));
    if pending.len() < length + 2 {
        return None;
    }
    let mut message = pending.split_to(length + 2);
    Some(message.split_off(2).freeze())
}

fn response_to(request: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    answer.metadata.recursion_desired = request.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.add_queries(request.queries.iter().cloned());
    answer
}

impl Stack {
    async fn answer_stream(&self, query: &Bytes) -> Option<Vec<u8>> {
        let request = Message::from_vec(query).ok();
        if let Some(answer) = request.as_ref().and_then(|request| self.answer(request)) {
            return answer.to_vec().ok();
        }
        let _turn = self.names.questions.acquire().await.ok()?;
        self.pass_on(query, true).await
    }

    /// The answer, if it is ours to give.
    fn answer(&self, request: &Message) -> Option<Message> {
        if request.metadata.message_type != MessageType::Query {
            return Some(response_to(request, ResponseCode::FormErr));
        }
        if request.metadata.op_code != OpCode::Query {
            return Some(response_to(request, ResponseCode::NotImp));
        }
        let [query] = request.queries.as_slice() else {
            return Some(response_to(request, ResponseCode::FormErr));
        };
        if query.query_class() != DNSClass::IN {
            return None;
        }
        let data = self.records(query)?;
        let mut answer = response_to(request, ResponseCode::NoError);
        for data in data {
            answer.add_answer(Record::from_rdata(query.name().clone(), TTL, data));
        }
        Some(answer)
    }

    /// None: not one of our names. Empty: ours, but nothing of that kind.
    fn records(&self, query: &Query) -> Option<Vec<RData>> {
        let wanted = query.query_type();
        if wanted == RecordType::PTR {
            let net = query.name().parse_arpa_name().ok()?;
            let name = Name::from_ascii(format!("{}.", self.local_reverse(net.addr())?)).ok()?;
            return Some(vec![RData::PTR(PTR(name))]);
        }
        let name = normal(&query.name().to_ascii()).ok()?;
        let data = self.local_name(&name)?.into_iter().filter_map(|address| match (wanted, address) {
            (RecordType::A | RecordType::ANY, IpAddr::V4(address)) => Some(RData::A(address.into())),
            (RecordType::AAAA | RecordType::ANY, IpAddr::V6(address)) => Some(RData::AAAA(address.into())),
            _ => None,
        });
        Some(data.collect())
    }

    /// Asks the world, or says SERVFAIL as Docker's resolver does where that is not allowed.
    async fn pass_on(&self, query: &Bytes, stream: bool) -> Option<Vec<u8>> {
        let Ok(request) = Message::from_vec(query) else {
            // Not even a header to answer to: say nothing.
            let id = u16::from_be_bytes([*query.first()?, *query.get(1)?]);
            return Message::error_msg(id, OpCode::Query, ResponseCode::FormErr).to_vec().ok();
        };
        let name = request.queries.first().and_then(|query| normal(&query.name().to_ascii()).ok()).unwrap_or_default();
        let failure = |code| response_to(&request, code).to_vec().ok();
        if !self.may_ask_the_world() {
            return failure(ResponseCode::ServFail);
        }
        if !self.options.policy.may_resolve(&name) {
            return failure(ResponseCode::Refused);
        }
        let Some(answer) = super::client::ask(query, &super::client::servers(self), stream).await else {
            return failure(ResponseCode::ServFail);
        };
        if self.options.policy.depends_on_names()
            && let Ok(message) = Message::from_vec(&answer)
        {
            self.names.grant(&name, &super::client::addresses(&message));
        }
        Some(answer)
    }
}
