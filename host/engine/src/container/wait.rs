//! `POST /containers/{id}/wait`.

use std::sync::Arc;

use super::Container;
use crate::Engine;
use crate::error::{Error, Result};

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitCondition {
    /// It does not run: at once if it does not run now.
    #[default]
    NotRunning,
    /// The next end of a run.
    NextExit,
    /// It is gone.
    Removed,
}

impl WaitCondition {
    /// Reads the query parameter.
    ///
    /// # Errors
    /// `invalid condition: "X"`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "" | "not-running" => Ok(Self::NotRunning),
            "next-exit" => Ok(Self::NextExit),
            "removed" => Ok(Self::Removed),
            other => Err(Error::Invalid(format!("invalid condition: {other:?}"))),
        }
    }
}

impl Engine {
    /// Begins to wait. The answer is registered when this returns: what happens
    /// afterwards is not missed, however late the future is awaited.
    ///
    /// # Errors
    /// 404.
    pub fn container_wait(
        &self,
        name: &str,
        condition: WaitCondition,
    ) -> Result<impl Future<Output = (i32, Option<String>)> + Send + use<>> {
        let container = self.containers.find(name)?;
        let mut milestones = container.milestones.subscribe();
        let exits = milestones.borrow().exits;
        let idle = !container.with_state(|state| state.phase.is_running());
        Ok(async move {
            let reached = milestones
                .wait_for(|milestone| match condition {
                    _ if milestone.removed => true,
                    WaitCondition::NotRunning => idle || milestone.exits > exits,
                    WaitCondition::NextExit => milestone.exits > exits,
                    WaitCondition::Removed => false,
                })
                .await;
            match reached {
                Ok(milestone) => (milestone.exit_code, (!milestone.error.is_empty()).then(|| milestone.error.clone())),
                Err(_) => (0, None),
            }
        })
    }
}

impl Container {
    /// Waits until more runs than `exits` have ended.
    pub(crate) async fn wait_for_exit_after(self: &Arc<Self>, exits: u64) {
        let mut milestones = self.milestones.subscribe();
        let _ = milestones.wait_for(|milestone| milestone.exits > exits || milestone.removed).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_have_dockers_names() {
        assert_eq!(WaitCondition::parse("").unwrap(), WaitCondition::NotRunning);
        assert_eq!(WaitCondition::parse("removed").unwrap(), WaitCondition::Removed);
        assert_eq!(WaitCondition::parse("bad").unwrap_err().to_string(), "invalid condition: \"bad\"");
    }
}
