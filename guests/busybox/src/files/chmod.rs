//! chmod: changes the permission bits of files and trees.

use coracle_sdk::{fs, process};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::modes::{self, Mode};
use crate::output::Out;
use crate::{paths, tree};

pub static APPLET: Applet = Applet {
    name: "chmod",
    directory: "/bin",
    summary: "Change file modes",
    usage: "[-Rcvf] MODE[,MODE]... FILE...
       chmod [-Rcvf] --reference=FILE FILE...

MODE is octal, or [ugoa]*[-+=][rwxXst]* or [ugoa]*[-+=][ugo]

\t-R\tRecurse
\t-c\tList changed files
\t-v\tList all files
\t-f\tHide errors",
    run,
};

fn run(call: &Call) -> Outcome {
    // A mode such as -x looks like an option.
    let mut arguments = call.arguments.clone();
    let mode_at = arguments.iter().position(|argument| {
        argument.len() > 1
            && argument[0] == b'-'
            && argument[1..].iter().all(|byte| b"rwxXstugoa,+-=01234567".contains(byte))
    });
    let dashed =
        mode_at.filter(|at| !arguments[..*at].iter().any(|argument| argument == b"--")).map(|at| arguments.remove(at));
    let call = &Call { applet: call.applet, arguments };
    let options = call.options("R,recursive c,changes v,verbose f,silent,quiet reference:")?;
    let mut operands = options.operands.as_slice();
    let text = match (options.value("reference"), dashed) {
        (Some(path), _) => {
            let mode = fs::stat(path).map_err(|errno| Failure::about(path, errno))?.mode;
            format!("{mode:05o}").into_bytes()
        }
        (None, Some(mode)) => mode,
        (None, None) => {
            let (mode, rest) = operands.split_first().ok_or_else(|| call.misuse("missing operand"))?;
            operands = rest;
            mode.clone()
        }
    };
    let mode = Mode::parse(&text).ok_or_else(|| Failure::new(format!("invalid mode '{}'", lossy(&text))))?;
    if operands.is_empty() {
        return Err(call.misuse(format!("missing operand after '{}'", lossy(&text))));
    }
    let mut change = Change {
        call,
        mode,
        umask: process::umask(),
        recursive: options.has("R"),
        changes: options.has("c"),
        verbose: options.has("v"),
        quiet: options.has("f"),
        status: 0,
        out: Out::stdout(),
    };
    for path in operands {
        change.path(path, true)?;
    }
    let status = change.status;
    change.out.finish(status)
}

struct Change<'a> {
    call: &'a Call,
    mode: Mode,
    umask: u32,
    recursive: bool,
    changes: bool,
    verbose: bool,
    quiet: bool,
    status: u8,
    out: Out<'static>,
}

impl Change<'_> {
    fn failed(&mut self, path: &[u8], errno: coracle_sdk::Errno) {
        if !self.quiet {
            self.call.warn_about(path, errno);
        }
        self.status = 1;
    }

    fn path(&mut self, path: &[u8], named: bool) -> Result<(), Failure> {
        let attributes = match if named { fs::stat(path) } else { fs::lstat(path) } {
            Ok(attributes) => attributes,
            Err(errno) => {
                self.failed(path, errno);
                return Ok(());
            }
        };
        if attributes.is_symlink() {
            return Ok(());
        }
        let wanted = self.mode.apply(attributes.mode, attributes.is_dir(), self.umask);
        match fs::set_mode(path, wanted) {
            Ok(()) if self.verbose || (self.changes && wanted != attributes.mode) => {
                let (before, after) =
                    (modes::show(attributes.kind, attributes.mode), modes::show(attributes.kind, wanted));
                let show = |text: &[u8; 10]| lossy(&&text[1..]).into_owned();
                if wanted == attributes.mode {
                    self.out.text(format_args!(
                        "mode of '{}' retained as {wanted:04o} ({})\n",
                        lossy(&path),
                        show(&after)
                    ))?;
                } else {
                    self.out.text(format_args!(
                        "mode of '{}' changed from {:04o} ({}) to {wanted:04o} ({})\n",
                        lossy(&path),
                        attributes.mode,
                        show(&before),
                        show(&after)
                    ))?;
                }
            }
            Ok(()) => {}
            Err(errno) => self.failed(path, errno),
        }
        if self.recursive && attributes.is_dir() {
            match tree::unsorted_names(path) {
                Ok(names) => {
                    for name in names {
                        self.path(&paths::join(path, &name), false)?;
                    }
                }
                Err(errno) => self.failed(path, errno),
            }
        }
        Ok(())
    }
}
