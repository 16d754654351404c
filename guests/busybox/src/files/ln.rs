//! ln: hard and symbolic links.

use coracle_sdk::{Errno, fs};

use super::realpath::{Missing, relative, resolve};
use crate::applet::{Applet, Call, Outcome, lossy};
use crate::output::Out;
use crate::paths;

pub static APPLET: Applet = Applet {
    name: "ln",
    directory: "/bin",
    summary: "Make links",
    usage: "[-sfnbtvTrLP] [-S SUFFIX] TARGET... LINK|DIRECTORY

Create a link LINK, or links in DIRECTORY, to TARGETs

\t-s\tSymbolic links instead of hard links
\t-f\tRemove existing destinations
\t-n\tDon't follow a LINK that is a link to a directory
\t-b\tBack up what would be removed
\t-S SUFFIX\tSuffix of backups (default ~)
\t-T\tTreat LINK as a file always
\t-t DIR\tMake the links in DIR
\t-r\tSymbolic links relative to where they are
\t-L\tLink to what symbolic links name
\t-v\tVerbose",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "s,symbolic f,force n,no-dereference b S:,suffix v,verbose T,no-target-directory t:,target-directory r,relative L,logical P,physical i,interactive",
    )?;
    let mut operands = options.operands.clone();
    let is_directory = |path: &[u8]| {
        let attributes = if options.has("n") { fs::lstat(path) } else { fs::stat(path) };
        attributes.is_ok_and(|attributes| attributes.is_dir())
    };
    let directory = match options.value("t") {
        Some(directory) => Some(directory.to_vec()),
        None if operands.is_empty() => return Err(call.misuse("missing file operand")),
        None if operands.len() == 1 => Some(b".".to_vec()),
        None => {
            let last = operands.last().cloned().unwrap_or_default();
            if !options.has("T") && is_directory(&last) {
                operands.pop();
                Some(last)
            } else if operands.len() > 2 {
                return Err(crate::Failure::new(format!("'{}': {}", lossy(&last), Errno::NOTDIR)));
            } else {
                None
            }
        }
    };
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = match &directory {
        Some(directory) => {
            operands.iter().map(|target| (target.clone(), paths::join(directory, paths::base_name(target)))).collect()
        }
        None => vec![(operands[0].clone(), operands[1].clone())],
    };
    let symbolic = options.has("s");
    let mut out = Out::stdout();
    let mut status = 0;
    for (target, link) in pairs {
        let mut target = target;
        if symbolic
            && options.has("r")
            && let (Ok(to), Ok(from)) = (resolve(&target, Missing::Any), resolve(paths::dir_name(&link), Missing::Any))
        {
            target = relative(&to, &from);
        }
        if !symbolic
            && let (Ok(from), Ok(to)) = (fs::stat(&target), fs::lstat(&link))
            && from.same_file(&to)
            && options.has("f")
        {
            continue;
        }
        let mut made = Ok(());
        if options.has("b") && fs::lstat(&link).is_ok() {
            let backup = [link.as_slice(), options.value("S").unwrap_or(b"~")].concat();
            made = fs::rename(&link, &backup);
        } else if options.has("f") && fs::lstat(&link).is_ok_and(|attributes| !attributes.is_dir()) {
            if !symbolic {
                made = fs::stat(&target).map(drop);
            }
            made = made.and_then(|()| fs::unlink(&link));
        }
        let made = made.and_then(|()| {
            if symbolic { fs::symlink(&target, &link) } else { fs::link(&target, &link, options.has("L")) }
        });
        match made {
            Ok(()) if options.has("v") => {
                let arrow = if symbolic { "->" } else { "=>" };
                out.text(format_args!("'{}' {arrow} '{}'\n", lossy(&link), lossy(&target)))?;
            }
            Ok(()) => {}
            Err(errno) => {
                if !symbolic && fs::lstat(&target).is_err() {
                    call.warn(format_args!("{}: {errno}", lossy(&target)));
                } else {
                    call.warn(format_args!("{}: {errno}", lossy(&link)));
                }
                status = 1;
            }
        }
    }
    out.finish(status)
}
