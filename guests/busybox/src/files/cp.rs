//! cp: copies files and trees.

use coracle_sdk::{Errno, env, fs};

use super::copy::{Copier, Follow};
use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::paths;

pub static APPLET: Applet = Applet {
    name: "cp",
    directory: "/bin",
    summary: "Copy files",
    usage: "[-arpdPLHflsnuivbxT] [-t DIR] SOURCE... DEST

Copy SOURCEs to DEST

\t-a\tSame as -dpR
\t-R,-r\tRecurse
\t-d,-P\tKeep symbolic links (default with -R)
\t-L\tFollow all symbolic links
\t-H\tFollow symbolic links among the operands
\t-p\tPreserve mode, owner and times
\t--preserve=mode,ownership,timestamps,links,xattr,all
\t-f\tReplace what cannot be written
\t-i\tAsk before overwriting
\t-n\tDon't overwrite
\t-u\tCopy only newer files
\t-l,-s\tMake hard or symbolic links
\t-b\tBack up what would be overwritten (-S SUFFIX)
\t-x\tStay on one file system
\t-T\tDEST is never a directory to copy into
\t-t DIR\tCopy into DIR
\t-v\tVerbose
\t--parents, --remove-destination, --attributes-only",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "a,archive R,r,recursive d P,no-dereference L,dereference H p preserve:: no-preserve: f,force i,interactive n,no-clobber \
         u,update:: l,link s,symbolic-link b backup:: S:,suffix x,one-file-system T,no-target-directory t:,target-directory \
         v,verbose parents remove-destination attributes-only reflink:: sparse: strip-trailing-slashes c Z",
    )?;
    let mut copier = Copier::new(call);
    let archive = options.has("a");
    copier.recursive = archive || options.has("R");
    copier.follow = match options.last_of(&["a", "d", "P", "L", "H"]) {
        Some("L") => Follow::Always,
        Some("H") => Follow::Operands,
        Some(_) => Follow::Never,
        None if copier.recursive => Follow::Never,
        None => Follow::Always,
    };
    if archive || options.has("p") {
        (copier.mode, copier.owner, copier.times) = (true, true, true);
    }
    copier.links = archive || options.has("d");
    copier.xattrs = archive;
    for (name, value) in options.in_order().filter(|(name, _)| *name == "preserve" || *name == "no-preserve") {
        let on = name == "preserve";
        for word in value.unwrap_or(b"mode,ownership,timestamps").split(|byte| *byte == b',') {
            match word {
                b"mode" => copier.mode = on,
                b"ownership" => copier.owner = on,
                b"timestamps" => copier.times = on,
                b"links" => copier.links = on,
                b"xattr" => copier.xattrs = on,
                b"context" => {}
                b"all" => {
                    (copier.mode, copier.owner, copier.times, copier.links, copier.xattrs) = (on, on, on, on, on);
                }
                _ => return Err(call.misuse(format!("invalid argument '{}' for '--{name}'", lossy(&word)))),
            }
        }
    }
    copier.force = options.has("f");
    copier.ask = options.last_of(&["i", "n"]) == Some("i");
    copier.no_clobber = options.last_of(&["i", "n"]) == Some("n");
    copier.update = options.has("u");
    copier.hard_links = options.has("l");
    copier.symbolic_links = options.has("s");
    copier.one_file_system = options.has("x");
    copier.verbose = options.has("v");
    copier.remove_first = options.has("remove-destination");
    copier.attributes_only = options.has("attributes-only");
    copier.backup = backup_suffix(&options);
    let parents = options.has("parents");
    let (sources, directory, target) = destination(call, &options, parents)?;
    if !directory {
        copier.copy(&sources[0], &target);
    } else {
        for source in &sources {
            let source = paths::trim_slashes(source);
            let source = if source.is_empty() { b"/" } else { source };
            let relative = if parents { source.strip_prefix(b"/").unwrap_or(source) } else { paths::base_name(source) };
            let to =
                if relative == b".." || relative == b"." { target.clone() } else { paths::join(&target, relative) };
            if parents {
                make_parents(&mut copier, source, &target, relative)?;
            }
            copier.copy(source, &to);
        }
    }
    let status = u8::from(copier.failed);
    copier.out.finish(status)
}

/// The suffix of `-b`, `--backup` and `-S`.
pub fn backup_suffix(options: &crate::options::Options) -> Option<Vec<u8>> {
    let wanted = options.has("b") || options.has("backup") || options.has("S");
    let suffix = options.value("S").map(<[u8]>::to_vec).or_else(|| env::get("SIMPLE_BACKUP_SUFFIX"));
    wanted.then(|| suffix.unwrap_or_else(|| b"~".to_vec()))
}

/// Sources, whether the target is a directory to copy into, and the target.
pub type Destination = (Vec<Vec<u8>>, bool, Vec<u8>);

/// Reads the operands and `-t` and `-T`.
pub fn destination(
    call: &Call,
    options: &crate::options::Options,
    must_be_directory: bool,
) -> Result<Destination, Failure> {
    let mut operands = options.operands.clone();
    if let Some(directory) = options.value("t") {
        if operands.is_empty() {
            return Err(call.misuse("missing file operand"));
        }
        return match fs::stat(directory) {
            Ok(attributes) if attributes.is_dir() => Ok((operands, true, directory.to_vec())),
            Ok(_) => Err(Failure::about(directory, Errno::NOTDIR)),
            Err(errno) => Err(Failure::about(directory, errno)),
        };
    }
    let target = match operands.pop() {
        None => return Err(call.misuse("missing file operand")),
        Some(only) if operands.is_empty() => {
            return Err(call.misuse(format!("missing destination file operand after '{}'", lossy(&only))));
        }
        Some(target) => target,
    };
    let directory = !options.has("T") && fs::stat(&target).is_ok_and(|attributes| attributes.is_dir());
    if (operands.len() > 1 || must_be_directory) && !directory {
        return Err(Failure::new(format!("target '{}': {}", lossy(&target), Errno::NOTDIR)));
    }
    Ok((operands, directory, target))
}

fn make_parents(copier: &mut Copier<'_>, source: &[u8], target: &[u8], relative: &[u8]) -> Result<(), Failure> {
    let prefix = source.len() - relative.len();
    for (at, _) in relative.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let to = paths::join(target, &relative[..at]);
        if fs::stat(&to).is_ok() {
            continue;
        }
        let mode = fs::stat(&source[..prefix + at]).map_or(0o777, |attributes| attributes.mode);
        fs::create_dir(&to, mode & 0o777 | 0o700).map_err(|errno| Failure::about(&to, errno))?;
        if copier.verbose {
            copier.out.text(format_args!("{} -> {}\n", lossy(&&source[..prefix + at]), lossy(&to)))?;
        }
    }
    Ok(())
}
