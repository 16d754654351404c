//! mkdir: makes directories, with -p their parents too.

use coracle_sdk::{Errno, fs, process};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::modes::Mode;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "mkdir",
    directory: "/bin",
    summary: "Create directories",
    usage: "[-m MODE] [-pv] DIRECTORY...

Create DIRECTORYs

\t-m MODE\tMode
\t-p\tNo error if it exists; make parent directories as needed
\t-v\tPrint a line for each created directory",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("m:,mode p,parents v,verbose Z,context::")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mode = match options.value("m") {
        Some(text) => {
            let mode = Mode::parse(text).ok_or_else(|| Failure::new(format!("invalid mode '{}'", lossy(&text))))?;
            Some(mode.apply(0o777, true, process::umask()))
        }
        None => None,
    };
    let mut out = Out::stdout();
    let mut status = 0;
    for path in &options.operands {
        let made = if options.has("p") {
            with_parents(path, options.has("v"), &mut out)
        } else {
            fs::create_dir(path, 0o777).map(|()| true).map_err(|errno| (path.clone(), errno))
        };
        match made {
            Ok(created) => {
                if created && options.has("v") {
                    out.text(format_args!("created directory: '{}'\n", lossy(path)))?;
                }
                if created && let Some(mode) = mode {
                    fs::set_mode(path, mode).map_err(|errno| Failure::about(path, errno))?;
                }
            }
            Err((path, errno)) => {
                call.warn(format_args!("can't create directory '{}': {errno}", lossy(&path)));
                status = 1;
            }
        }
    }
    out.finish(status)
}

/// Makes what is missing; whether the last component was made.
fn with_parents(path: &[u8], verbose: bool, out: &mut Out<'_>) -> Result<bool, (Vec<u8>, Errno)> {
    let ends = path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0 && path[at - 1] != b'/');
    for (at, _) in ends {
        if path[at..].iter().all(|byte| *byte == b'/') {
            break;
        }
        let parent = &path[..at];
        if fs::stat(parent).is_ok() {
            continue;
        }
        // Parents must stay passable for their maker, whatever the umask.
        match fs::create_dir(parent, 0o777) {
            Ok(()) => {
                let umask = process::umask();
                if umask & 0o300 != 0 {
                    let _ = fs::set_mode(parent, (0o777 & !umask) | 0o300);
                }
                if verbose {
                    let _ = out.text(format_args!("created directory: '{}'\n", lossy(&parent)));
                }
            }
            Err(Errno::EXIST) => {}
            Err(errno) => return Err((parent.to_vec(), errno)),
        }
    }
    match fs::create_dir(path, 0o777) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) if fs::stat(path).is_ok_and(|attributes| attributes.is_dir()) => Ok(false),
        Err(errno) => Err((path.to_vec(), errno)),
    }
}
