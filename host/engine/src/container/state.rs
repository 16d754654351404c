//! Where a container is in its life.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::time::{Time, human_duration};

/// The phases of Docker's state machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    #[default]
    Created,
    Running,
    Paused,
    Restarting,
    Exited,
    Removing,
    Dead,
}

impl Phase {
    /// Docker's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }

    /// Processes exist, or will again without anybody asking.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

/// The state of a container, as it is stored and shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Phase.
    pub phase: Phase,
    /// Pid of the first process, unique in the daemon; 0 when there is none.
    pub pid: u32,
    /// Status of the last run.
    pub exit_code: i32,
    /// Why it could not be started.
    pub error: String,
    /// The memory limit ended the last run.
    pub oom_killed: bool,
    /// Beginning of the last run.
    pub started_at: Time,
    /// End of the last run.
    pub finished_at: Time,
    /// Restarts by policy since somebody started it.
    pub restart_count: u32,
    /// Somebody stopped it: `unless-stopped` leaves it alone.
    pub stopped_by_hand: bool,
    /// Health, when there is a check.
    #[serde(default)]
    pub health: Option<Health>,
}

/// What the health check found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `starting`, `healthy`, `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing_streak: i64,
    /// The last five probes, oldest first.
    pub log: Vec<HealthProbe>,
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthProbe {
    /// When it began, RFC 3339.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// 0 healthy, -1 when it took too long or could not run.
    pub exit_code: i32,
    /// The first 4096 bytes it wrote.
    pub output: String,
}

impl State {
    /// The `State` of inspect.
    pub fn inspect(&self) -> Value {
        let mut shown = json!({
            "Status": self.phase.word(),
            "Running": self.phase.is_running(),
            "Paused": self.phase == Phase::Paused,
            "Restarting": self.phase == Phase::Restarting,
            "OOMKilled": self.oom_killed,
            "Dead": self.phase == Phase::Dead,
            "Pid": self.pid,
            "ExitCode": self.exit_code,
            "Error": self.error,
            "StartedAt": self.started_at.to_string(),
            "FinishedAt": self.finished_at.to_string(),
        });
        if let (Some(health), Some(map)) = (&self.health, shown.as_object_mut()) {
            map.insert("Health".into(), json!(health));
        }
        shown
    }

    /// The `Status` of list: `Up 5 minutes (healthy)`, `Exited (0) 2 hours ago`.
    pub fn sentence(&self) -> String {
        let since = |time: Time| human_duration(time.elapsed());
        match self.phase {
            Phase::Created => "Created".into(),
            Phase::Running => {
                let health = match self.health.as_ref().map(|health| health.status.as_str()) {
                    None | Some("" | "none") => String::new(),
                    Some("starting") => " (health: starting)".into(),
                    Some(status) => format!(" ({status})"),
                };
                format!("Up {}{health}", since(self.started_at))
            }
            Phase::Paused => format!("Up {} (Paused)", since(self.started_at)),
            Phase::Restarting => format!("Restarting ({}) {} ago", self.exit_code, since(self.finished_at)),
            Phase::Exited => format!("Exited ({}) {} ago", self.exit_code, since(self.finished_at)),
            Phase::Removing => "Removal In Progress".into(),
            Phase::Dead => "Dead".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_how_it_is() {
        let mut state = State::default();
        assert_eq!(state.sentence(), "Created");
        state.phase = Phase::Running;
        state.started_at = Time::now();
        assert_eq!(state.sentence(), "Up Less than a second");
        state.health = Some(Health { status: "starting".into(), ..Health::default() });
        assert_eq!(state.sentence(), "Up Less than a second (health: starting)");
        state.phase = Phase::Exited;
        state.exit_code = 3;
        state.finished_at = Time::now();
        assert_eq!(state.sentence(), "Exited (3) Less than a second ago");
    }

    #[test]
    fn a_restarting_container_counts_as_running() {
        let state = State { phase: Phase::Restarting, ..State::default() };
        assert_eq!(state.inspect()["Running"], true);
        assert_eq!(state.inspect()["Status"], "restarting");
        assert_eq!(state.inspect()["FinishedAt"], "0001-01-01T00:00:00Z");
    }
}
