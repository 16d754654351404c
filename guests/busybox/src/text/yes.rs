//! yes: the same line for ever.

use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "yes",
    directory: "/usr/bin",
    summary: "Print a line until killed",
    usage: "[STRING]...

Repeatedly print a line with STRING, or y",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("+")?;
    let mut line = if options.operands.is_empty() { b"y".to_vec() } else { options.operands.join(&b' ') };
    line.push(b'\n');
    let block = line.repeat((1 << 15) / line.len() + 1);
    let mut out = Out::stdout();
    loop {
        out.put(&block)?;
    }
}
