//! mktemp: a new file or directory with an unguessable name.

use coracle_sdk::{Errno, OpenOptions, env, fs, system};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::paths;

pub static APPLET: Applet = Applet {
    name: "mktemp",
    directory: "/bin",
    summary: "Create a temporary file or directory",
    usage: "[-dtuq] [-p DIR] [--suffix=SUFFIX] [TEMPLATE]

Create a file named after TEMPLATE (default tmp.XXXXXX), print its name

\t-d\tMake a directory
\t-q\tHide errors
\t-t\tTEMPLATE is a name below TMPDIR
\t-p DIR\tBelow DIR
\t-u\tPrint the name only",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("d,directory q,quiet u,dry-run t p:,tmpdir:: suffix: V")?;
    let failed = |failure: Failure| if options.has("q") { Failure::Silent(1) } else { failure };
    let (template, named) = match options.operands.as_slice() {
        [] => (b"tmp.XXXXXX".to_vec(), false),
        [template] => (template.clone(), true),
        _ => return Err(call.misuse("too many templates")),
    };
    let temporary = || env::get("TMPDIR").filter(|path| !path.is_empty()).unwrap_or_else(|| b"/tmp".to_vec());
    let below = match options.value("p") {
        _ if options.has("t") && options.value("p").is_none() => Some(temporary()),
        Some(path) if !path.is_empty() => Some(path.to_vec()),
        _ if options.has("p") || !named => Some(temporary()),
        _ => None,
    };
    let suffix = options.value("suffix").unwrap_or_default();
    let end = if suffix.is_empty() {
        template.iter().rposition(|byte| *byte == b'X').map_or(0, |at| at + 1)
    } else {
        template.len()
    };
    let start = template[..end].iter().rposition(|byte| *byte != b'X').map_or(0, |at| at + 1);
    if end - start < 3 {
        return Err(failed(Failure::new(format!("too few X's in template '{}'", lossy(&template)))));
    }
    let path_template = match below {
        Some(directory) => paths::join(&directory, &template),
        None => template.clone(),
    };
    let shift = path_template.len() - template.len();
    let mut made = Err(Errno::EXIST);
    let mut path = Vec::new();
    for _ in 0..100 {
        path = path_template.clone();
        let mut random = vec![0u8; end - start];
        system::random(&mut random);
        for (byte, random) in path[shift + start..shift + end].iter_mut().zip(random) {
            *byte = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[usize::from(random) % 62];
        }
        path.extend_from_slice(suffix);
        made = if options.has("u") {
            if fs::lstat(&path).is_ok() { Err(Errno::EXIST) } else { Ok(()) }
        } else if options.has("d") {
            fs::create_dir(&path, 0o700)
        } else {
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map(drop)
        };
        if made != Err(Errno::EXIST) {
            break;
        }
    }
    let what = if options.has("d") { "directory" } else { "file" };
    made.map_err(|errno| {
        failed(Failure::new(format!("failed to create {what} via template '{}': {errno}", lossy(&path_template))))
    })?;
    let mut out = Out::stdout();
    out.line(&path)?;
    out.finish(0)
}
