//! sleep: waits.

use coracle_sdk::time;
use std::time::Duration;

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::numbers;

pub static APPLET: Applet = Applet {
    name: "sleep",
    directory: "/bin",
    summary: "Wait for a time",
    usage: "N[smhd]...

Wait for the sum of the given times, in seconds by default;
N may have a fraction, or be inf",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("+")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mut total = Duration::ZERO;
    for text in &options.operands {
        let part = numbers::seconds(text).ok_or_else(|| Failure::new(format!("invalid number '{}'", lossy(text))))?;
        total = total.saturating_add(part);
    }
    time::sleep(total).map_err(|errno| Failure::new(errno.to_string()))?;
    Ok(0)
}
