//! which: where PATH finds a program.

use coracle_sdk::fs::Permission;
use coracle_sdk::{env, fs};

use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;
use crate::paths;

pub static APPLET: Applet = Applet {
    name: "which",
    directory: "/usr/bin",
    summary: "Locate a program on PATH",
    usage: "[-a] COMMAND...

Locate COMMANDs on PATH

\t-a\tShow all matches",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("a,all")?;
    let path = env::get("PATH").unwrap_or_else(|| b"/sbin:/usr/sbin:/bin:/usr/bin".to_vec());
    let runs = |path: &[u8]| {
        fs::access(path, Permission { execute: true, ..Permission::default() }, true).is_ok()
            && fs::stat(path).is_ok_and(|attributes| attributes.is_file())
    };
    let mut out = Out::stdout();
    let mut status = 0;
    for name in &options.operands {
        let mut found = false;
        if name.contains(&b'/') {
            if runs(name) {
                out.line(name)?;
                found = true;
            }
        } else {
            for directory in path.split(|byte| *byte == b':') {
                let candidate = if directory.is_empty() { name.clone() } else { paths::join(directory, name) };
                if runs(&candidate) {
                    out.line(&candidate)?;
                    found = true;
                    if !options.has("a") {
                        break;
                    }
                }
            }
        }
        if !found {
            status = 1;
        }
    }
    out.finish(status)
}
