//! dirname: a path without its last component.

use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;
use crate::paths::dir_name;

pub static APPLET: Applet = Applet {
    name: "dirname",
    directory: "/usr/bin",
    summary: "Strip the last component from paths",
    usage: "[-z] PATH...

Print PATH without its last component

\t-z\tEnd lines with a zero byte",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("+ z,zero")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mut out = Out::stdout();
    for path in &options.operands {
        out.put(dir_name(path))?;
        out.byte(if options.has("z") { 0 } else { b'\n' })?;
    }
    out.finish(0)
}
