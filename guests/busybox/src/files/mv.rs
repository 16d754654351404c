//! mv: renames, and copies between file systems.

use coracle_sdk::fs::Permission;
use coracle_sdk::{Errno, fs, stdio, terminal};

use super::copy::{Copier, Follow};
use super::cp::{backup_suffix, destination};
use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::{paths, tree};

pub static APPLET: Applet = Applet {
    name: "mv",
    directory: "/bin",
    summary: "Rename or move files",
    usage: "[-finuvbT] [-t DIR] SOURCE... DEST

Rename SOURCE to DEST, or move SOURCEs to a directory

\t-f\tDon't ask before overwriting
\t-i\tAsk before overwriting
\t-n\tDon't overwrite
\t-u\tMove only newer files
\t-b\tBack up what would be overwritten (-S SUFFIX)
\t-T\tDEST is never a directory to move into
\t-t DIR\tMove into DIR
\t-v\tVerbose",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "f,force i,interactive n,no-clobber u,update:: v,verbose b backup:: S:,suffix T,no-target-directory \
         t:,target-directory strip-trailing-slashes Z",
    )?;
    let (sources, directory, target) = destination(call, &options, false)?;
    let mut out = Out::stdout();
    let mut status = 0;
    let answer = options.last_of(&["f", "i", "n"]);
    let backup = backup_suffix(&options);
    for source in &sources {
        let to = if directory { paths::join(&target, paths::base_name(source)) } else { target.clone() };
        let from = match fs::lstat(source) {
            Ok(from) => from,
            Err(errno) => {
                call.warn(format_args!("can't rename '{}': {errno}", lossy(source)));
                status = 1;
                continue;
            }
        };
        if let Ok(there) = fs::lstat(&to) {
            let newer = fs::stat(&to).is_ok_and(|there| there.modified >= from.modified);
            if answer == Some("n") || (options.has("u") && newer) {
                continue;
            }
            if there.same_file(&from) && paths::trim_slashes(source) == paths::trim_slashes(&to) {
                call.warn(format_args!("'{}' and '{}' are the same file", lossy(source), lossy(&to)));
                status = 1;
                continue;
            }
            let writable = Permission { write: true, ..Permission::default() };
            let protected = answer.is_none()
                && !there.is_symlink()
                && stdio::stdin().is_some_and(terminal::is_terminal)
                && fs::access(&to, writable, true) == Err(Errno::ACCES);
            if answer == Some("i") || protected {
                out.flush()?;
                if !super::rm::confirm(&format!("mv: overwrite '{}'? ", lossy(&to))) {
                    continue;
                }
            }
            if let Some(suffix) = &backup {
                fs::rename(&to, [to.as_slice(), suffix].concat()).map_err(|errno| Failure::about(&to, errno))?;
            }
        }
        match fs::rename(source, &to) {
            Ok(()) => {}
            Err(Errno::XDEV) => {
                if !across(call, source, &to) {
                    status = 1;
                    continue;
                }
            }
            Err(errno) => {
                call.warn(format_args!("can't rename '{}': {}", lossy(source), reason(errno, &to)));
                status = 1;
                continue;
            }
        }
        if options.has("v") {
            out.text(format_args!("'{}' -> '{}'\n", lossy(source), lossy(&to)))?;
        }
    }
    out.finish(status)
}

fn reason(errno: Errno, to: &[u8]) -> String {
    match errno {
        Errno::ISDIR | Errno::NOTDIR if fs::lstat(to).is_ok_and(|there| there.is_dir()) => {
            "can't overwrite directory with non-directory".to_string()
        }
        other => other.to_string(),
    }
}

/// Copies and removes.
fn across(call: &Call, from: &[u8], to: &[u8]) -> bool {
    let mut copier = Copier::new(call);
    copier.recursive = true;
    copier.follow = Follow::Never;
    (copier.mode, copier.owner, copier.times, copier.links, copier.xattrs) = (true, true, true, true, true);
    copier.force = true;
    copier.remove_first = fs::lstat(from).is_ok_and(|attributes| !attributes.is_dir());
    copier.copy(from, to);
    if copier.failed {
        return false;
    }
    match remove(from) {
        Ok(()) => true,
        Err(errno) => {
            call.warn(format_args!("can't remove '{}': {errno}", lossy(&from)));
            false
        }
    }
}

fn remove(path: &[u8]) -> coracle_sdk::Result<()> {
    if !fs::lstat(path)?.is_dir() {
        return fs::unlink(path);
    }
    for name in tree::unsorted_names(path)? {
        remove(&paths::join(path, &name))?;
    }
    fs::remove_dir(path)
}
