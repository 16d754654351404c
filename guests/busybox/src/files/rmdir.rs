//! rmdir: removes empty directories.

use coracle_sdk::{Errno, fs};

use crate::applet::{Applet, Call, Outcome, lossy};
use crate::output::Out;
use crate::paths::dir_name;

pub static APPLET: Applet = Applet {
    name: "rmdir",
    directory: "/bin",
    summary: "Remove empty directories",
    usage: "[-pv] DIRECTORY...

Remove DIRECTORYs if they are empty

\t-p\tRemove parents, too
\t-v\tPrint a line for each directory
\t--ignore-fail-on-non-empty",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("p,parents v,verbose ignore-fail-on-non-empty")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mut out = Out::stdout();
    let mut status = 0;
    for operand in &options.operands {
        let mut path = operand.as_slice();
        loop {
            if options.has("v") {
                out.text(format_args!("rmdir: removing directory, '{}'\n", lossy(&path)))?;
            }
            match fs::remove_dir(path) {
                Ok(()) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST) if options.has("ignore-fail-on-non-empty") => break,
                Err(errno) => {
                    out.flush()?;
                    call.warn(format_args!("'{}': {errno}", lossy(&path)));
                    status = 1;
                    break;
                }
            }
            path = dir_name(path);
            if !options.has("p") || path == b"." || path == b"/" {
                break;
            }
        }
    }
    out.finish(status)
}
