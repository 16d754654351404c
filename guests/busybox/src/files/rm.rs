//! rm: removes files and trees.

use coracle_sdk::fs::{Attributes, Permission};
use coracle_sdk::{Errno, fs, stdio, terminal};

use crate::applet::{Applet, Call, Failure, Outcome, lossy, say};
use crate::output::Out;
use crate::{paths, tree};

pub static APPLET: Applet = Applet {
    name: "rm",
    directory: "/bin",
    summary: "Remove files",
    usage: "[-irfdv] FILE...

Remove (unlink) FILEs

\t-i\tAlways ask first
\t-I\tAsk once before removing many files or trees
\t-f\tNever ask, ignore missing files
\t-R,-r\tRecurse
\t-d\tRemove empty directories
\t-v\tPrint what is removed
\t--no-preserve-root\tLet / be removed",
    run,
};

/// Asks on standard error and reads a line: whether it begins with y.
pub fn confirm(question: &str) -> bool {
    say(question);
    let mut answer = Vec::new();
    if let Some(stdin) = stdio::stdin() {
        // One byte at a time: what follows the line is not ours.
        while let Ok(byte) = stdin.read_some(1) {
            if byte.is_empty() || byte == b"\n" {
                break;
            }
            answer.extend(byte);
        }
    }
    matches!(answer.first(), Some(b'y' | b'Y'))
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "i I interactive:: f,force R,r,recursive d,dir v,verbose one-file-system no-preserve-root preserve-root::",
    )?;
    let force = options.last_of(&["f", "i", "I"]) == Some("f");
    if options.operands.is_empty() {
        return if options.has("f") { Ok(0) } else { Err(call.misuse("missing operand")) };
    }
    let recursive = options.has("R");
    if options.last_of(&["f", "i", "I"]) == Some("I") && (recursive || options.operands.len() > 3) {
        let count = options.operands.len();
        let question = format!(
            "rm: remove {count} argument{}{}? ",
            if count == 1 { "" } else { "s" },
            if recursive { " recursively" } else { "" }
        );
        if !confirm(&question) {
            return Ok(0);
        }
    }
    let always = options.value("interactive").map(|when| when == b"always" || when.is_empty());
    let mut removal = Removal {
        call,
        force,
        ask: options.last_of(&["f", "i", "I"]) == Some("i") || always == Some(true),
        recursive,
        directories: options.has("d"),
        verbose: options.has("v"),
        keep_root: !options.has("no-preserve-root"),
        terminal: None,
        status: 0,
        out: Out::stdout(),
    };
    for path in &options.operands {
        let base = paths::base_name(path);
        if base == b"." || base == b".." {
            call.warn(format_args!("can't remove '.' or '..'"));
            removal.status = 1;
            continue;
        }
        if recursive && removal.keep_root && base == b"/" {
            call.warn("it is dangerous to operate recursively on '/', use --no-preserve-root to override");
            removal.status = 1;
            continue;
        }
        removal.path(path)?;
    }
    let status = removal.status;
    removal.out.finish(status)
}

struct Removal<'a> {
    call: &'a Call,
    force: bool,
    ask: bool,
    recursive: bool,
    directories: bool,
    verbose: bool,
    keep_root: bool,
    terminal: Option<bool>,
    status: u8,
    out: Out<'static>,
}

impl Removal<'_> {
    fn failed(&mut self, path: &[u8], errno: Errno) {
        self.call.warn(format_args!("can't remove '{}': {errno}", lossy(&path)));
        self.status = 1;
    }

    /// Whether to go on: asked for, or write-protected and standard input a terminal.
    fn agreed(&mut self, path: &[u8], attributes: &Attributes, what: &str) -> bool {
        if self.force {
            return true;
        }
        let protected = !self.ask && !attributes.is_symlink() && {
            let terminal = *self.terminal.get_or_insert_with(|| stdio::stdin().is_some_and(terminal::is_terminal));
            let wanted = Permission { write: true, ..Permission::default() };
            terminal && fs::access(path, wanted, true) == Err(Errno::ACCES)
        };
        if !self.ask && !protected {
            return true;
        }
        let _ = self.out.flush();
        confirm(&format!("rm: {what} '{}'? ", lossy(&path)))
    }

    fn path(&mut self, path: &[u8]) -> Result<(), Failure> {
        let attributes = match fs::lstat(path) {
            Ok(attributes) => attributes,
            Err(Errno::NOENT | Errno::NOTDIR) if self.force => return Ok(()),
            Err(errno) => {
                self.failed(path, errno);
                return Ok(());
            }
        };
        let removed = if attributes.is_dir() {
            if !self.recursive && !self.directories {
                self.failed(path, Errno::ISDIR);
                return Ok(());
            }
            if self.recursive {
                if self.ask && !self.agreed(path, &attributes, "descend into directory") {
                    return Ok(());
                }
                match tree::unsorted_names(path) {
                    Ok(names) => {
                        for name in names {
                            self.path(&paths::join(path, &name))?;
                        }
                    }
                    // A directory that cannot be listed may still be empty.
                    Err(Errno::ACCES) if fs::remove_dir(path).is_ok() => return Ok(()),
                    Err(errno) => {
                        self.failed(path, errno);
                        return Ok(());
                    }
                }
            }
            if !self.agreed(path, &attributes, "remove directory") {
                return Ok(());
            }
            fs::remove_dir(path)
        } else {
            if !self.agreed(path, &attributes, "remove") {
                return Ok(());
            }
            fs::unlink(path)
        };
        match removed {
            Ok(()) if self.verbose => {
                let kind = if attributes.is_dir() { "removed directory" } else { "removed" };
                self.out.text(format_args!("{kind} '{}'\n", lossy(&path)))
            }
            Ok(()) => Ok(()),
            Err(errno) => {
                self.failed(path, errno);
                Ok(())
            }
        }
    }
}
