//! chown and chgrp: change owners.

use coracle_sdk::{Errno, fs};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::users::Database;
use crate::{paths, tree};

pub static APPLET: Applet = Applet {
    name: "chown",
    directory: "/bin",
    summary: "Change owner and group of files",
    usage: "[-RhLHPcvf] OWNER[:[GROUP]] FILE...
       chown [-RhLHPcvf] --reference=FILE FILE...

Change the owner and/or group of FILEs to OWNER and/or GROUP

\t-h\tAffect symbolic links instead of what they name
\t-R\tRecurse (-L: follow links, -H: among operands, -P: never)
\t-c\tList changed files
\t-v\tList all files
\t-f\tHide errors",
    run: |call| run(call, false),
};

pub static CHGRP: Applet = Applet {
    name: "chgrp",
    directory: "/bin",
    summary: "Change the group of files",
    usage: "[-RhLHPcvf] GROUP FILE...

Change the group of FILEs to GROUP

\t-h\tAffect symbolic links instead of what they name
\t-R\tRecurse (-L: follow links, -H: among operands, -P: never)
\t-c\tList changed files
\t-v\tList all files
\t-f\tHide errors",
    run: |call| run(call, true),
};

struct Change<'a> {
    call: &'a Call,
    user: Option<u32>,
    group: Option<u32>,
    recursive: bool,
    follow: Option<&'a str>,
    links: bool,
    changes: bool,
    verbose: bool,
    quiet: bool,
    users: Database,
    out: Out<'static>,
    status: u8,
}

fn run(call: &Call, group_only: bool) -> Outcome {
    let options = call.options(
        "R,recursive h,no-dereference dereference L H P c,changes v,verbose f,silent,quiet reference: from: preserve-root no-preserve-root",
    )?;
    let users = Database::default();
    let mut operands = options.operands.as_slice();
    let (user, group) = match options.value("reference") {
        Some(path) => {
            let at = fs::stat(path).map_err(|errno| Failure::about(path, errno))?;
            (if group_only { None } else { Some(at.user) }, Some(at.group))
        }
        None => {
            let (owner, rest) = operands.split_first().ok_or_else(|| call.misuse("missing operand"))?;
            operands = rest;
            if group_only { (None, Some(users.group_id(owner)?)) } else { users.owner(owner)? }
        }
    };
    if operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mut change = Change {
        call,
        user,
        group,
        recursive: options.has("R"),
        follow: options.last_of(&["L", "H", "P"]),
        links: options.has("h"),
        changes: options.has("c"),
        verbose: options.has("v"),
        quiet: options.has("f"),
        users,
        out: Out::stdout(),
        status: 0,
    };
    for path in operands {
        change.path(path, true)?;
    }
    let status = change.status;
    change.out.finish(status)
}

impl Change<'_> {
    fn failed(&mut self, path: &[u8], errno: Errno) {
        if !self.quiet {
            self.call.warn_about(path, errno);
        }
        self.status = 1;
    }

    fn path(&mut self, path: &[u8], operand: bool) -> Result<(), Failure> {
        let follow_tree = match self.follow {
            Some("L") => true,
            Some("H") => operand,
            _ => false,
        };
        // Without -R a link stands for its target; in a tree it is itself.
        let follow = !self.links && (if self.recursive { follow_tree } else { true });
        let attributes = match if follow { fs::stat(path) } else { fs::lstat(path) } {
            Ok(attributes) => attributes,
            Err(errno) => {
                self.failed(path, errno);
                return Ok(());
            }
        };
        let changes = self.user.is_some_and(|user| user != attributes.user)
            || self.group.is_some_and(|group| group != attributes.group);
        match fs::set_owner(path, self.user, self.group, follow) {
            Ok(()) if self.verbose || (self.changes && changes) => {
                let owner = |user: u32, group: u32| {
                    format!("{}:{}", lossy(&self.users.user_name(user)), lossy(&self.users.group_name(group)))
                };
                let before = owner(attributes.user, attributes.group);
                let after = owner(self.user.unwrap_or(attributes.user), self.group.unwrap_or(attributes.group));
                if changes {
                    self.out
                        .text(format_args!("changed ownership of '{}' from {before} to {after}\n", lossy(&path)))?;
                } else {
                    self.out.text(format_args!("ownership of '{}' retained as {after}\n", lossy(&path)))?;
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
