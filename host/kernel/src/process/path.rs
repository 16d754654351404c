//! From a name to a program: the search on PATH, permission to execute, `#!` lines, what kind of file it is.

use coracle_vfs::{Caller, File, FileKind, Location, Namespace, OpenOptions, Opened, Permissions};

use super::spawn::{ExecImage, Found, Loader, SpawnError};
use crate::{Errno, Result};

/// PATH where the environment has none (POSIX `confstr(_CS_PATH)` as glibc answers it).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
/// How much of a `#!` line counts (Linux `BINPRM_BUF_SIZE`).
const LINE_MAX: usize = 256;
/// How many scripts may interpret one another (as Linux).
const DEPTH_MAX: usize = 5;

/// Where and on whose behalf to look.
pub(crate) struct Search<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) loader: &'a dyn Loader,
    pub(crate) directory: &'a Location,
    pub(crate) caller: &'a Caller,
}

/// PATH of an environment; the first assignment counts.
pub(crate) fn search_path(environment: &[Vec<u8>]) -> &[u8] {
    environment.iter().find_map(|entry| entry.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH)
}

impl Search<'_> {
    /// execvp(): directories that cannot be searched are passed over, a file that cannot be executed is remembered as
    /// `EACCES` while the search goes on.
    pub(crate) fn name(&self, name: &[u8], path: &[u8], arguments: &[Vec<u8>]) -> Result<Found, SpawnError> {
        if name.is_empty() {
            return Err(SpawnError::NotFound);
        }
        if name.contains(&b'/') {
            return self.path(name, arguments);
        }
        let mut refused = false;
        for directory in path.split(|byte| *byte == b':') {
            let mut candidate = directory.to_vec();
            if !candidate.is_empty() && !candidate.ends_with(b"/") {
                candidate.push(b'/');
            }
            candidate.extend_from_slice(name);
            match self.path(&candidate, arguments) {
                Err(SpawnError::Permission) => refused = true,
                Err(SpawnError::NotFound) => {}
                Err(SpawnError::Errno(Errno::NOTDIR | Errno::NODEV | Errno::STALE | Errno::TIMEDOUT)) => {}
                Err(SpawnError::Errno(Errno::NAMETOOLONG)) => {}
                other => return other,
            }
        }
        Err(if refused { SpawnError::Permission } else { SpawnError::NotFound })
    }

    /// execve(): follows `#!` lines until there is a program.
    pub(crate) fn path(&self, path: &[u8], arguments: &[Vec<u8>]) -> Result<Found, SpawnError> {
        let mut path = path.to_vec();
        let mut arguments = arguments.to_vec();
        for depth in 0..=DEPTH_MAX {
            let file = match self.open(&path) {
                Ok(file) => file,
                Err(errno) if depth > 0 => return Err(SpawnError::Interpreter(errno, path)),
                Err(errno) => return Err(errno.into()),
            };
            let mut head = [0; LINE_MAX];
            let length = file.read_at(&mut head, 0)?;
            let head = head.get(..length).unwrap_or_default();
            if let Some(line) = head.strip_prefix(b"#!") {
                let (interpreter, argument) = interpreter(line).ok_or(SpawnError::NotExecutable)?;
                let rest = arguments.into_iter().skip(1);
                arguments = [interpreter.to_vec()].into_iter().chain(argument.map(<[u8]>::to_vec)).collect();
                arguments.push(path);
                arguments.extend(rest);
                path = interpreter.to_vec();
                continue;
            }
            let builtin = if head.starts_with(b"\x7fELF") { Some(self.builtin(&path)?) } else { None };
            if builtin.is_none() && !head.starts_with(b"\0asm") {
                return Err(SpawnError::NotExecutable);
            }
            return Ok(Found { image: Some(ExecImage { file, path, builtin }), arguments });
        }
        Err(SpawnError::Errno(Errno::LOOP))
    }

    /// A regular file that may be executed.
    fn open(&self, path: &[u8]) -> Result<File> {
        let at = self.namespace.locate(self.directory, path, true, self.caller)?;
        if at.kind() != FileKind::Regular {
            return Err(Errno::ACCESS);
        }
        self.caller.credentials.check(&at.attributes()?, Permissions::EXECUTE)?;
        // To execute a file one need not be allowed to read it; the kernel reads it on one's behalf.
        let options = OpenOptions { read: true, ..OpenOptions::default() };
        match self.namespace.reopen(&at, &options, &Caller::root())? {
            Opened::File(file) => Ok(file),
            _ => Err(Errno::ACCESS),
        }
    }

    /// Under which of our names an ELF file runs: that of the path, else that of the file a link leads to.
    fn builtin(&self, path: &[u8]) -> Result<Vec<u8>, SpawnError> {
        let name = base_name(path);
        if self.loader.has_builtin(name) {
            return Ok(name.to_vec());
        }
        let real = self.namespace.real_path(self.directory, path, self.caller)?;
        let name = base_name(&real);
        if self.loader.has_builtin(name) { Ok(name.to_vec()) } else { Err(SpawnError::NotExecutable) }
    }
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Interpreter and optional single argument of what follows `#!`.
fn interpreter(line: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let line = line.split(|byte| matches!(byte, b'\n' | 0)).next()?.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at_checked(end)?;
    let argument = argument.trim_ascii();
    (!interpreter.is_empty()).then_some((interpreter, (!argument.is_empty()).then_some(argument)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_line_has_an_interpreter_and_at_most_one_argument() {
        assert_eq!(interpreter(b"/bin/sh\necho"), Some((&b"/bin/sh"[..], None)));
        assert_eq!(interpreter(b" /bin/sh -e -u \n"), Some((&b"/bin/sh"[..], Some(&b"-e -u"[..]))));
        assert_eq!(interpreter(b"\n/bin/sh"), None);
        assert_eq!(interpreter(b""), None);
    }

    #[test]
    fn path_comes_from_the_environment_or_the_standard() {
        assert_eq!(search_path(&[b"A=1".to_vec(), b"PATH=/x:".to_vec()]), b"/x:");
        assert_eq!(search_path(&[]), DEFAULT_PATH);
    }
}
