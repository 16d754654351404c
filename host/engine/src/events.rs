//! What happened, for `docker events` and everybody who waits for it.
//!
//! The last 256 events are kept for `since`; a subscriber gets them and then
//! the live ones without a gap, because both happen under one lock. A reader
//! that falls 4096 events behind loses the oldest, as a daemon must not grow
//! for a client that does not read.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::filters::Filters;
use crate::time::Time;

const KEPT: usize = 256;
const BEHIND: usize = 4096;

/// The kind of object an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Container,
    Image,
    Volume,
    Network,
    Daemon,
    Builder,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Daemon => "daemon",
            Self::Builder => "builder",
        }
    }
}

/// Docker's `events.Message`.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// What it is about.
    #[serde(rename = "Type")]
    pub kind: Kind,
    /// `start`, `die`, …
    #[serde(rename = "Action")]
    pub action: String,
    /// Which object.
    #[serde(rename = "Actor")]
    pub actor: Actor,
    scope: &'static str,
    /// Seconds since 1970.
    pub time: i64,
    /// The same in nanoseconds.
    #[serde(rename = "timeNano")]
    pub time_nano: Time,
}

/// The object of an event.
#[derive(Debug, Clone, Serialize)]
pub struct Actor {
    /// Its id, or its name where objects have none.
    #[serde(rename = "ID")]
    pub id: String,
    /// Name, image, labels and what belongs to the action.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

/// Where events go in and come out.
#[derive(Debug)]
pub struct Events {
    past: Mutex<VecDeque<Event>>,
    live: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self { past: Mutex::new(VecDeque::with_capacity(KEPT)), live: broadcast::channel(BEHIND).0 }
    }
}

impl Events {
    /// Records an event and tells every subscriber.
    pub fn emit(&self, kind: Kind, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        let mut past = self.past.lock();
        let now = Time::now();
        let legacy = matches!(kind, Kind::Container | Kind::Image);
        let event = Event {
            status: legacy.then(|| action.to_owned()),
            id: legacy.then(|| id.to_owned()),
            from: if kind == Kind::Container { attributes.get("image").cloned() } else { None },
            kind,
            action: action.to_owned(),
            actor: Actor { id: id.to_owned(), attributes },
            scope: "local",
            time: now.seconds(),
            time_nano: now,
        };
        if past.len() == KEPT {
            past.pop_front();
        }
        if self.live.receiver_count() > 0 {
            let _ = self.live.send(event.clone());
        }
        past.push_back(event);
    }

    /// Past events (none unless `since` or `until` asks for them) and the live
    /// ones that follow, both filtered.
    pub fn subscribe(&self, since: Option<Time>, until: Option<Time>, filters: Filters) -> Subscription {
        let past = self.past.lock();
        let live = self.live.subscribe();
        let replay = if since.is_some() || until.is_some() {
            let from = since.unwrap_or(Time::ZERO);
            past.iter()
                .filter(|e| e.time_nano >= from && until.is_none_or(|end| e.time_nano <= end) && admits(&filters, e))
                .cloned()
                .collect()
        } else {
            VecDeque::new()
        };
        Subscription { replay, live, until, filters }
    }

    /// How many clients listen.
    pub fn listeners(&self) -> usize {
        self.live.receiver_count()
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Subscription {
    replay: VecDeque<Event>,
    live: broadcast::Receiver<Event>,
    until: Option<Time>,
    filters: Filters,
}

impl Subscription {
    /// The next event; `None` when `until` has come.
    pub async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.replay.pop_front() {
            return Some(event);
        }
        loop {
            let received = match self.until {
                None => self.live.recv().await,
                Some(until) => {
                    let left = until.0.saturating_sub(Time::now().0);
                    let left = std::time::Duration::from_nanos(u64::try_from(left).unwrap_or(0));
                    tokio::time::timeout(left, self.live.recv()).await.ok()?
                }
            };
            match received {
                Ok(event) if self.until.is_some_and(|until| event.time_nano > until) => return None,
                Ok(event) if admits(&self.filters, &event) => return Some(event),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Docker's rules: names of one filter are alternatives, filters are all wanted.
fn admits(filters: &Filters, event: &Event) -> bool {
    if filters.is_empty() {
        return true;
    }
    let attributes = &event.actor.attributes;
    let action =
        |wanted: &String| event.action == *wanted || event.action.split(": ").next().is_some_and(|verb| verb == wanted);
    let object = |field: &str, kind: Kind| {
        let wanted = filters.get(field);
        wanted.is_empty()
            || event.kind == kind
                && wanted.iter().any(|w| {
                    event.actor.id.starts_with(w.as_str())
                        || attributes.get("name").is_some_and(|name| name.starts_with(w))
                })
    };
    let image = || {
        let wanted = filters.get("image");
        let name = attributes.get(if event.kind == Kind::Image { "name" } else { "image" });
        let without_tag = |n: &str| n.rsplit_once(':').map_or(n.to_owned(), |(repository, _)| repository.to_owned());
        wanted.is_empty()
            || wanted.iter().any(|w| {
                (event.kind == Kind::Image && event.actor.id.starts_with(w.as_str()))
                    || name.is_some_and(|n| n == w || without_tag(n) == *w)
            })
    };
    let events = filters.get("event");
    (events.is_empty() || events.iter().any(action))
        && filters.exact("type", event.kind.name())
        && filters.exact("scope", event.scope)
        && object("container", Kind::Container)
        && object("network", Kind::Network)
        && object("volume", Kind::Volume)
        && object("daemon", Kind::Daemon)
        && image()
        && filters.labels(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(name: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), name.to_owned()), ("image".to_owned(), "busybox".to_owned())])
    }

    #[tokio::test]
    async fn a_late_subscriber_sees_the_past_and_then_the_present() {
        let events = Events::default();
        events.emit(Kind::Container, "create", "c1", attributes("web"));
        let mut stream = events.subscribe(Some(Time(1)), None, Filters::default());
        events.emit(Kind::Container, "start", "c1", attributes("web"));
        assert_eq!(stream.next().await.unwrap().action, "create");
        assert_eq!(stream.next().await.unwrap().action, "start");
    }

    #[tokio::test]
    async fn until_in_the_past_ends_the_stream() {
        let events = Events::default();
        events.emit(Kind::Container, "create", "c1", attributes("web"));
        let mut stream = events.subscribe(None, Some(Time::now()), Filters::default());
        assert_eq!(stream.next().await.unwrap().action, "create");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn filters_are_all_wanted() {
        let events = Events::default();
        let filters = Filters::parse(r#"{"event":["die","health_status"],"container":["web"],"image":["busybox"]}"#);
        let mut stream = events.subscribe(None, None, filters.unwrap());
        events.emit(Kind::Container, "die", "c2", attributes("db"));
        events.emit(Kind::Container, "start", "c1", attributes("web"));
        events.emit(Kind::Container, "health_status: healthy", "c1", attributes("web"));
        assert_eq!(stream.next().await.unwrap().action, "health_status: healthy");
    }

    #[test]
    fn the_older_fields_are_there_for_containers() {
        let events = Events::default();
        events.emit(Kind::Container, "die", "c1", attributes("web"));
        let json = serde_json::to_value(events.past.lock().front().unwrap()).unwrap();
        assert_eq!(json["status"], "die");
        assert_eq!(json["from"], "busybox");
        assert_eq!(json["scope"], "local");
        assert_eq!(json["Actor"]["Attributes"]["name"], "web");
    }
}
