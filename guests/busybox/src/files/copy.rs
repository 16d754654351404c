//! Copying files and trees with what belongs to them, for cp, mv and install.

use std::collections::HashMap;

use coracle_sdk::fs::{Attributes, Kind, NewTime};
use coracle_sdk::{Errno, File, OpenOptions, Result, fs, open, process};

use crate::applet::{Call, lossy};
use crate::output::Out;
use crate::{paths, tree};

/// When symbolic links are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    Never,
    Operands,
    Always,
}

/// How files are copied.
pub struct Copier<'a> {
    pub call: &'a Call,
    pub recursive: bool,
    pub follow: Follow,
    pub mode: bool,
    pub owner: bool,
    pub times: bool,
    pub links: bool,
    pub xattrs: bool,
    pub force: bool,
    pub ask: bool,
    pub no_clobber: bool,
    pub update: bool,
    pub verbose: bool,
    pub remove_first: bool,
    pub hard_links: bool,
    pub symbolic_links: bool,
    pub one_file_system: bool,
    pub attributes_only: bool,
    pub backup: Option<Vec<u8>>,
    /// Where an already copied file with several names went.
    pub seen: HashMap<(u64, u64), Vec<u8>>,
    pub out: Out<'static>,
    pub failed: bool,
    /// Directories made by this copy, so that a tree is not copied into itself.
    pub made: Vec<(u64, u64)>,
}

impl<'a> Copier<'a> {
    pub fn new(call: &'a Call) -> Copier<'a> {
        Copier {
            call,
            recursive: false,
            follow: Follow::Always,
            mode: false,
            owner: false,
            times: false,
            links: false,
            xattrs: false,
            force: false,
            ask: false,
            no_clobber: false,
            update: false,
            verbose: false,
            remove_first: false,
            hard_links: false,
            symbolic_links: false,
            one_file_system: false,
            attributes_only: false,
            backup: None,
            seen: HashMap::new(),
            out: Out::stdout(),
            failed: false,
            made: Vec::new(),
        }
    }

    /// Says what went wrong; the copy goes on with the next file.
    pub fn fail(&mut self, message: impl std::fmt::Display) {
        let _ = self.out.flush();
        self.call.warn(message);
        self.failed = true;
    }

    fn fail_about(&mut self, what: &str, path: &[u8], errno: Errno) {
        self.fail(format_args!("can't {what} '{}': {errno}", lossy(&path)));
    }

    /// Copies an operand.
    pub fn copy(&mut self, from: &[u8], to: &[u8]) {
        self.entry(from, to, true, None);
    }

    fn entry(&mut self, from: &[u8], to: &[u8], operand: bool, device: Option<u64>) {
        let follow = match self.follow {
            Follow::Never => false,
            Follow::Operands => operand,
            Follow::Always => true,
        };
        let source = match if follow { fs::stat(from) } else { fs::lstat(from) } {
            Ok(source) => source,
            Err(errno) => return self.fail_about("stat", from, errno),
        };
        if self.one_file_system && device.is_some_and(|device| device != source.device) {
            return;
        }
        let target = fs::lstat(to).ok();
        let resolved = fs::stat(to).ok();
        if let Some(target) = &resolved
            && target.same_file(&source)
            && !(self.hard_links || self.remove_first && source.kind != Kind::Directory)
        {
            return self.fail(format_args!("'{}' and '{}' are the same file", lossy(&from), lossy(&to)));
        }
        if source.is_dir() {
            return self.directory(from, to, &source, resolved.as_ref());
        }
        if resolved.as_ref().is_some_and(Attributes::is_dir) {
            return self.fail(format_args!("can't overwrite directory '{}' with non-directory", lossy(&to)));
        }
        if let Some(target) = &target
            && !self.may_replace(to, &source, resolved.as_ref().unwrap_or(target))
        {
            return;
        }
        if target.is_some()
            && let Some(suffix) = &self.backup
            && let Err(errno) = fs::rename(to, [to, suffix].concat())
        {
            return self.fail_about("back up", to, errno);
        }
        let target = if self.backup.is_some() { None } else { target };
        if self.links
            && source.links > 1
            && let Some(first) = self.seen.get(&(source.device, source.inode)).cloned()
        {
            if target.is_some() {
                let _ = fs::unlink(to);
            }
            match fs::link(&first, to, false) {
                Ok(()) => return self.said(from, to),
                Err(Errno::XDEV | Errno::NOTSUP | Errno::PERM) => {}
                Err(errno) => return self.fail_about("create link", to, errno),
            }
        }
        if self.remove_first
            && target.is_some()
            && let Err(errno) = fs::unlink(to)
        {
            return self.fail_about("remove", to, errno);
        }
        let done = if self.hard_links {
            self.replacing(to, target.is_some(), |to| fs::link(from, to, follow))
        } else if self.symbolic_links {
            self.replacing(to, target.is_some(), |to| fs::symlink(from, to))
        } else if source.is_symlink() {
            self.replacing(to, target.is_some(), |to| fs::symlink(fs::read_link(from)?, to))
        } else if source.kind == Kind::Regular || !self.recursive {
            return self.regular(from, to, &source, target.is_some());
        } else {
            let umask = process::umask();
            self.replacing(to, target.is_some(), |to| {
                fs::make_node(to, source.kind, source.mode & 0o777 & !umask, source.represents)
            })
        };
        match done {
            Ok(()) => {
                if !self.hard_links && !self.symbolic_links {
                    self.keep(from, to, &source);
                }
                self.remember(&source, to);
                self.said(from, to);
            }
            Err(errno) => self.fail_about("create", to, errno),
        }
    }

    fn remember(&mut self, source: &Attributes, to: &[u8]) {
        if self.links && source.links > 1 {
            self.seen.insert((source.device, source.inode), to.to_vec());
        }
    }

    fn said(&mut self, from: &[u8], to: &[u8]) {
        if self.verbose {
            let _ = self.out.text(format_args!("'{}' -> '{}'\n", lossy(&from), lossy(&to)));
        }
    }

    fn may_replace(&mut self, to: &[u8], source: &Attributes, target: &Attributes) -> bool {
        if self.no_clobber || (self.update && target.modified >= source.modified) {
            return false;
        }
        if !self.ask {
            return true;
        }
        let _ = self.out.flush();
        super::rm::confirm(&format!("{}: overwrite '{}'? ", self.call.applet.name, lossy(&to)))
    }

    fn replacing(&mut self, to: &[u8], exists: bool, make: impl Fn(&[u8]) -> Result<()>) -> Result<()> {
        match make(to) {
            Err(Errno::EXIST) if exists => {
                fs::unlink(to)?;
                make(to)
            }
            other => other,
        }
    }

    fn directory(&mut self, from: &[u8], to: &[u8], source: &Attributes, target: Option<&Attributes>) {
        if !self.recursive {
            return self.fail(format_args!("omitting directory '{}'", lossy(&from)));
        }
        if self.made.contains(&(source.device, source.inode)) {
            return self.fail(format_args!(
                "can't copy a directory, '{}', into itself, '{}'",
                lossy(&from),
                lossy(&to)
            ));
        }
        let fresh = match target {
            Some(target) if target.is_dir() => false,
            Some(_) => {
                return self.fail(format_args!(
                    "can't overwrite non-directory '{}' with directory '{}'",
                    lossy(&to),
                    lossy(&from)
                ));
            }
            None => {
                // Passable while it is filled, the true mode comes last.
                if let Err(errno) = fs::create_dir(to, source.mode & 0o777 | 0o700) {
                    return self.fail_about("create directory", to, errno);
                }
                true
            }
        };
        if let Ok(made) = fs::stat(to) {
            self.made.push((made.device, made.inode));
        }
        if fresh {
            self.said(from, to);
        }
        match tree::unsorted_names(from) {
            Ok(names) => {
                for name in names {
                    self.entry(&paths::join(from, &name), &paths::join(to, &name), false, Some(source.device));
                }
            }
            Err(errno) => self.fail_about("open", from, errno),
        }
        if fresh && !self.mode {
            let _ = fs::set_mode(to, source.mode & !process::umask() & 0o777);
        }
        if fresh || self.mode || self.times || self.owner {
            self.keep(from, to, source);
        }
    }

    fn regular(&mut self, from: &[u8], to: &[u8], source: &Attributes, exists: bool) {
        let input = match open(from) {
            Ok(input) => input,
            Err(errno) => return self.fail_about("open", from, errno),
        };
        let options =
            OpenOptions::new().write(true).create(true).truncate(!self.attributes_only).mode(source.mode & 0o777);
        let output = match options.open(to) {
            // A dangling link is not a place to write to, a file that cannot
            // be written may be replaced.
            Err(_) if exists && self.force => fs::unlink(to)
                .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(source.mode & 0o777).open(to)),
            other => other,
        };
        let output = match output {
            Ok(output) => output,
            Err(errno) => return self.fail_about("create", to, errno),
        };
        if !self.attributes_only
            && let Err((errno, reading)) = pour(&input, &output)
        {
            return self.fail_about(if reading { "read" } else { "write" }, if reading { from } else { to }, errno);
        }
        drop(output);
        self.keep(from, to, source);
        self.remember(source, to);
        self.said(from, to);
    }

    /// Gives the copy the owner, mode, times and extended attributes asked for.
    fn keep(&mut self, from: &[u8], to: &[u8], source: &Attributes) {
        let link = source.is_symlink();
        if self.xattrs && !link {
            for name in fs::list_xattrs(from, true).unwrap_or_default() {
                if let Ok(value) = fs::get_xattr(from, &name, true) {
                    let _ = fs::set_xattr(to, &name, Some(&value), true);
                }
            }
        }
        let mut owned = true;
        if self.owner && fs::set_owner(to, Some(source.user), Some(source.group), false).is_err() {
            // Who is not root keeps the group if possible, and no set-id bits.
            owned = false;
            let _ = fs::set_owner(to, None, Some(source.group), false);
        }
        if self.mode && !link {
            let mode = if self.owner && !owned { source.mode & 0o1777 } else { source.mode };
            if let Err(errno) = fs::set_mode(to, mode) {
                self.fail_about("preserve permissions of", to, errno);
            }
        }
        if self.times
            && let Err(errno) = fs::set_times(to, NewTime::At(source.accessed), NewTime::At(source.modified), false)
            && !link
        {
            self.fail_about("preserve times of", to, errno);
        }
    }
}

/// Copies one open file into another; says whether reading failed.
pub fn pour(input: &File, output: &File) -> Result<(), (Errno, bool)> {
    loop {
        match output.transfer_from(input, 1 << 20) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(errno) => {
                let reading = input.read_some(1).is_err();
                return Err((errno, reading));
            }
        }
    }
}
