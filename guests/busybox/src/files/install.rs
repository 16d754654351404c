//! install: copies files and sets their modes and owners.

use coracle_sdk::fs;

use super::copy::{Copier, Follow};
use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::modes::Mode;
use crate::paths;
use crate::users::Database;

pub static APPLET: Applet = Applet {
    name: "install",
    directory: "/usr/bin",
    summary: "Copy files and set attributes",
    usage: "[-cdDsp] [-o USER] [-g GROUP] [-m MODE] [-t DIR] [SOURCE]... DEST

Copy files and set attributes

\t-c\tJust copy (default)
\t-d\tCreate directories
\t-D\tCreate leading target directories
\t-s\tIgnored: there is nothing to strip
\t-p\tPreserve date
\t-o USER\tSet ownership
\t-g GROUP\tSet group ownership
\t-m MODE\tSet permissions (default 755)
\t-t DIR\tInstall to DIR
\t-v\tVerbose",
    run,
};

fn make_directories(path: &[u8]) -> Result<(), Failure> {
    let about = |errno| Failure::about(path, errno);
    if path.is_empty() || fs::stat(path).is_ok() {
        return Ok(());
    }
    make_directories(match paths::dir_name(path) {
        b"." => b"",
        parent => parent,
    })?;
    match fs::create_dir(path, 0o755) {
        Err(coracle_sdk::Errno::EXIST) => Ok(()),
        other => other.map_err(about),
    }
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "c d,directory D s,strip p,preserve-timestamps o:,owner g:,group m:,mode t:,target-directory T,no-target-directory v,verbose b S: Z C,compare",
    )?;
    let users = Database::default();
    let user = options.value("o").map(|text| users.user_id(text)).transpose()?;
    let group = options.value("g").map(|text| users.group_id(text)).transpose()?;
    let text = options.value("m").unwrap_or(b"755");
    let mode = Mode::parse(text).ok_or_else(|| Failure::new(format!("invalid mode '{}'", lossy(&text))))?;
    let finish = |path: &[u8], directory: bool| -> Result<(), Failure> {
        let about = |errno| Failure::about(path, errno);
        if user.is_some() || group.is_some() {
            fs::set_owner(path, user, group, true).map_err(about)?;
        }
        fs::set_mode(path, mode.apply(0, directory, 0)).map_err(about)
    };
    if options.has("d") {
        if options.operands.is_empty() {
            return Err(call.misuse("missing operand"));
        }
        for path in &options.operands {
            make_directories(paths::trim_slashes(path))?;
            finish(path, true)?;
        }
        return Ok(0);
    }
    if options.has("D")
        && let Some(target) = options.value("t").or(options.operands.last().map(Vec::as_slice))
    {
        let into = options.has("t") || options.operands.len() > 2;
        let directory = if into { target } else { paths::dir_name(target) };
        make_directories(directory)?;
    }
    let (sources, directory, target) = super::cp::destination(call, &options, false)?;
    let mut copier = Copier::new(call);
    copier.follow = Follow::Always;
    copier.times = options.has("p");
    copier.remove_first = true;
    copier.verbose = options.has("v");
    for source in &sources {
        let to = if directory { paths::join(&target, paths::base_name(source)) } else { target.clone() };
        let before = copier.failed;
        copier.failed = false;
        copier.copy(source, &to);
        if !copier.failed {
            finish(&to, false)?;
        }
        copier.failed |= before;
    }
    let status = u8::from(copier.failed);
    copier.out.finish(status)
}
