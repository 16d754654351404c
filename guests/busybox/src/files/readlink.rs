//! readlink: what a symbolic link says, or a path without any.

use coracle_sdk::fs;

use super::realpath::{Missing, resolve};
use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "readlink",
    directory: "/usr/bin",
    summary: "Print the value of symbolic links",
    usage: "[-femnsvqz] FILE...

Print the value of a symbolic link

\t-f\tFollow every link; all but the last component must exist
\t-e\tFollow every link; everything must exist
\t-m\tFollow every link; nothing need exist
\t-n\tDon't add a newline
\t-v\tReport errors
\t-z\tEnd lines with a zero byte",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "f,canonicalize e,canonicalize-existing m,canonicalize-missing n,no-newline s,silent q,quiet v,verbose z,zero",
    )?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let missing = options.last_of(&["f", "e", "m"]).map(|option| match option {
        "f" => Missing::Last,
        "e" => Missing::None,
        _ => Missing::Any,
    });
    let newline = !(options.has("n") && options.operands.len() == 1);
    let mut out = Out::stdout();
    let mut status = 0;
    for path in &options.operands {
        let answer = match missing {
            Some(missing) => resolve(path, missing),
            None => fs::read_link(path),
        };
        match answer {
            Ok(target) => {
                out.put(&target)?;
                if options.has("z") {
                    out.byte(0)?;
                } else if newline {
                    out.byte(b'\n')?;
                }
            }
            Err(errno) => {
                if options.has("v") {
                    call.warn_about(path, errno);
                }
                status = 1;
            }
        }
    }
    out.finish(status)
}
