//! realpath: absolute paths without links and dots.

use coracle_sdk::{Errno, Result, fs};

use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;
use crate::paths;

pub static APPLET: Applet = Applet {
    name: "realpath",
    directory: "/usr/bin",
    summary: "Print resolved absolute paths",
    usage: "[-emsqz] [--relative-to=DIR] PATH...

Print the absolute path without symbolic links

\t-e\tEverything must exist
\t-m\tNothing need exist
\t-s\tKeep symbolic links
\t-q\tHide errors
\t-z\tEnd lines with a zero byte",
    run,
};

/// What a path may lack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    None,
    Last,
    Any,
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "e,canonicalize-existing m,canonicalize-missing L,logical P,physical s,strip,no-symlinks q,quiet z,zero relative-to: relative-base:",
    )?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let missing = match options.last_of(&["e", "m"]) {
        Some("e") => Missing::None,
        Some(_) => Missing::Any,
        None => Missing::Last,
    };
    let find = |path: &[u8]| {
        if !options.has("s") {
            return resolve(path, missing);
        }
        let path = lexical(path)?;
        if missing == Missing::None {
            fs::stat(&path)?;
        }
        Ok(path)
    };
    let base = match options.value("relative-to") {
        Some(path) => Some(find(path).map_err(|errno| crate::Failure::about(path, errno))?),
        None => None,
    };
    let mut out = Out::stdout();
    let mut status = 0;
    for path in &options.operands {
        match find(path) {
            Ok(answer) => {
                let answer = base.as_ref().map_or(answer.clone(), |base| relative(&answer, base));
                out.put(&answer)?;
                out.byte(if options.has("z") { 0 } else { b'\n' })?;
            }
            Err(errno) => {
                if !options.has("q") {
                    out.flush()?;
                    call.warn_about(path, errno);
                }
                status = 1;
            }
        }
    }
    out.finish(status)
}

/// `path` as seen from the directory `base`, both absolute and clean.
pub fn relative(path: &[u8], base: &[u8]) -> Vec<u8> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (path, base) = (parts(path), parts(base));
    let common = path.iter().zip(&base).take_while(|(a, b)| a == b).count();
    let mut answer: Vec<&[u8]> = vec![b".."; base.len() - common];
    answer.extend(path[common..].iter().map(Vec::as_slice));
    if answer.is_empty() { b".".to_vec() } else { answer.join(&b'/') }
}

fn lexical(path: &[u8]) -> Result<Vec<u8>> {
    let absolute = if path.starts_with(b"/") { path.to_vec() } else { paths::join(&fs::working_directory()?, path) };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in absolute.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    Ok([b"/".as_slice(), &parts.join(&b'/')].concat())
}

/// A path without links, where some of it may be missing.
pub fn resolve(path: &[u8], missing: Missing) -> Result<Vec<u8>> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    match fs::real_path(path) {
        Err(Errno::NOENT) if missing != Missing::None => {}
        Err(Errno::NOTDIR) if missing == Missing::Any => {}
        answer => return answer,
    }
    // Component by component, links followed while there are files.
    let mut done = if path.starts_with(b"/") { b"/".to_vec() } else { fs::real_path(".")? };
    let mut todo: Vec<Vec<u8>> = components(path);
    let mut links = 0;
    let mut gone = false;
    while let Some(part) = todo.pop() {
        if part == b".." {
            done = paths::dir_name(&done).to_vec();
            continue;
        }
        let next = paths::join(&done, &part);
        if gone {
            done = next;
            continue;
        }
        match fs::lstat(&next) {
            Ok(attributes) if attributes.is_symlink() => {
                links += 1;
                if links > 40 {
                    return Err(Errno::LOOP);
                }
                let target = fs::read_link(&next)?;
                if target.starts_with(b"/") {
                    done = b"/".to_vec();
                }
                todo.extend(components(&target));
            }
            Ok(_) => done = next,
            Err(Errno::NOENT) if missing == Missing::Any || todo.is_empty() => {
                gone = true;
                done = next;
            }
            Err(Errno::NOTDIR) if missing == Missing::Any => {
                gone = true;
                done = next;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}

/// The parts of a path, the last first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .rev()
        .filter(|part| !part.is_empty() && *part != b".")
        .map(<[u8]>::to_vec)
        .collect()
}
