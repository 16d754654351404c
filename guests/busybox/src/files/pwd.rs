//! pwd: the working directory.

use coracle_sdk::{env, fs};

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "pwd",
    directory: "/bin",
    summary: "Print the working directory",
    usage: "[-LP]

\t-L\tUse PWD if it is right, even with symbolic links in it
\t-P\tWithout symbolic links (default)",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("L,logical P,physical")?;
    let mut path =
        fs::working_directory().map_err(|errno| Failure::new(format!("can't get the working directory: {errno}")))?;
    if options.last_of(&["L", "P"]) == Some("L")
        && let Some(logical) = env::get("PWD")
        && logical.starts_with(b"/")
        && !logical.split(|byte| *byte == b'/').any(|part| part == b"." || part == b"..")
        && let (Ok(there), Ok(here)) = (fs::stat(&logical), fs::stat("."))
        && there.same_file(&here)
    {
        path = logical;
    }
    let mut out = Out::stdout();
    out.line(&path)?;
    out.finish(0)
}
