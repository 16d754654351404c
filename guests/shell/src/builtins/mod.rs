//! Builtin utilities: POSIX's special ones (XCU 2.15), those that must run in
//! the shell, and bash's.

pub mod cd;
pub mod command;
pub mod complete;
pub mod control;
pub mod declare;
pub mod echo;
pub mod getopts;
pub mod job_control;
pub mod kill;
pub mod options;
pub mod printf;
pub mod read;
pub mod system;
pub mod test;
pub mod trap;

use crate::shell::{Run, Shell, Unwind};

/// A builtin.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Runs it; the first argument is the name.
    pub run: fn(&mut Shell, &[Vec<u8>]) -> Run,
    /// A special builtin of POSIX.
    pub special: bool,
}

macro_rules! table {
    ($($kind:ident $name:literal $run:path;)*) => {
        /// The builtin called `name`.
        pub fn find(name: &[u8], bash: bool) -> Option<Builtin> {
            match std::str::from_utf8(name).ok()? {
                $($name => table!(@entry $kind bash $name, $run),)*
                _ => None,
            }
        }
        /// Every name.
        pub const NAMES: &[&str] = &[$($name,)*];
    };
    (@entry special $bash:ident $name:literal, $run:path) => { Some(Builtin { name: $name, run: $run, special: true }) };
    (@entry plain $bash:ident $name:literal, $run:path) => { Some(Builtin { name: $name, run: $run, special: false }) };
    (@entry extended $bash:ident $name:literal, $run:path) => { if $bash { Some(Builtin { name: $name, run: $run, special: false }) } else { None } };
}

table! {
    plain "[" test::bracket;
    plain "echo" echo::echo;
    special ":" control::colon;
    plain "test" test::test;
    plain "true" control::succeed;
    plain "false" control::fail;
    plain "printf" printf::printf;
    plain "read" read::read;
    plain "cd" cd::cd;
    plain "local" declare::local;
    special "break" control::break_loop;
    special "continue" control::continue_loop;
    special "return" control::return_from;
    special "export" declare::export;
    special "shift" control::shift;
    special "set" options::set;
    special "." control::dot;
    special "eval" control::eval;
    special "exec" control::exec;
    special "exit" control::exit;
    special "readonly" declare::readonly;
    special "times" system::times;
    special "trap" trap::trap;
    special "unset" declare::unset;
    plain "alias" command::alias;
    plain "bg" job_control::bg;
    plain "command" command::command;
    plain "fg" job_control::fg;
    plain "getopts" getopts::getopts;
    plain "hash" command::hash;
    plain "jobs" job_control::jobs;
    plain "kill" kill::kill;
    plain "let" control::let_expression;
    plain "pwd" cd::pwd;
    plain "source" control::dot;
    plain "type" command::type_of;
    plain "ulimit" system::ulimit;
    plain "umask" system::umask;
    plain "unalias" command::unalias;
    plain "wait" job_control::wait;
    plain "history" complete::history;
    plain "fc" complete::fc;
    plain "declare" declare::declare;
    plain "typeset" declare::declare;
    plain "builtin" command::builtin;
    plain "shopt" options::shopt;
    extended "bind" complete::ignore;
    extended "caller" control::caller;
    extended "compgen" complete::compgen;
    extended "complete" complete::complete;
    extended "compopt" complete::ignore;
    extended "dirs" cd::dirs;
    extended "disown" job_control::disown;
    extended "enable" command::enable;
    extended "help" complete::help;
    extended "logout" control::exit;
    extended "mapfile" read::mapfile;
    extended "popd" cd::popd;
    extended "pushd" cd::pushd;
    extended "readarray" read::mapfile;
    extended "suspend" job_control::suspend;
}

/// Options and operands of a builtin, as XBD 12.2 reads them.
pub struct Options<'a> {
    arguments: &'a [Vec<u8>],
    at: usize,
    inside: usize,
}

/// What [`Options::next`] finds.
pub enum Parsed<'a> {
    /// An option's letter.
    Option(u8),
    /// An option nobody knows.
    Bad(u8),
    /// The operands begin.
    Operands(&'a [Vec<u8>]),
}

impl<'a> Options<'a> {
    /// Reads `arguments` after the name.
    pub fn new(arguments: &'a [Vec<u8>]) -> Self {
        Self { arguments, at: 1, inside: 0 }
    }

    /// The next option among `known`.
    pub fn next(&mut self, known: &[u8]) -> Parsed<'a> {
        loop {
            let rest = self.arguments.get(self.at..).unwrap_or_default();
            let Some(argument) = rest.first() else { return Parsed::Operands(rest) };
            if self.inside == 0 {
                if argument == b"--" {
                    return Parsed::Operands(rest.get(1..).unwrap_or_default());
                }
                if argument.len() < 2 || argument.first() != Some(&b'-') {
                    return Parsed::Operands(rest);
                }
                self.inside = 1;
            }
            match argument.get(self.inside) {
                Some(letter) => {
                    self.inside += 1;
                    return if known.contains(letter) { Parsed::Option(*letter) } else { Parsed::Bad(*letter) };
                }
                None => {
                    self.at += 1;
                    self.inside = 0;
                }
            }
        }
    }

    /// The argument of the option just found.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let argument = self.arguments.get(self.at)?;
        let attached = argument.get(self.inside..).unwrap_or_default();
        self.at += 1;
        let inside = std::mem::replace(&mut self.inside, 0);
        if !attached.is_empty() && inside > 0 {
            return Some(attached);
        }
        let value = self.arguments.get(self.at)?;
        self.at += 1;
        Some(value)
    }
}

/// A decimal number.
pub fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.trim_matches([' ', '\t', '\n']).parse().ok()
}

impl Shell {
    /// `name: message` on standard error.
    pub fn builtin_error(&mut self, name: &[u8], message: &[u8]) {
        let mut out = name.to_vec();
        out.extend_from_slice(b": ");
        out.extend_from_slice(message);
        self.complain(&out);
    }

    /// An option that a builtin does not know.
    pub fn bad_option(&mut self, name: &[u8], letter: u8, usage: &str) -> Run {
        if self.bash() {
            self.builtin_error(name, &[&b"-"[..], &[letter], b": invalid option"].concat());
            let mut text = name.to_vec();
            text.extend_from_slice(b": usage: ");
            text.extend_from_slice(usage.as_bytes());
            text.push(b'\n');
            self.write_error(&text);
        } else {
            self.builtin_error(name, &[&b"Illegal option -"[..], &[letter]].concat());
        }
        self.special_failed(name, 2)
    }

    /// The end of a special builtin's error (XCU 2.8.1): it ends a script.
    pub fn special_failed(&mut self, name: &[u8], status: i32) -> Run {
        self.status = status;
        if !self.bash()
            && find(name, false).is_some_and(|builtin| builtin.special)
            && !std::mem::take(&mut self.not_special)
        {
            return Err(Unwind::Error);
        }
        Ok(status)
    }
}
