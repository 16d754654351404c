//! What an applet is, how one is called and how it fails.
//!
//! Every applet ends here: its message goes to standard error in the form
//! `name: message`, its output is flushed, and its status becomes the process's.

use coracle_sdk::Errno;

use crate::options::Options;
use crate::registry;

/// One program of the toolbox.
#[derive(Debug)]
pub struct Applet {
    /// Its name.
    pub name: &'static str,
    /// Where an image links it: `/bin`, `/sbin`, `/usr/bin`, `/usr/sbin`.
    pub directory: &'static str,
    /// One line for a listing.
    pub summary: &'static str,
    /// What follows `Usage: NAME `: the synopsis, an empty line, the options.
    pub usage: &'static str,
    /// The program.
    pub run: fn(&Call) -> Outcome,
}

/// One invocation of an applet.
#[derive(Debug)]
pub struct Call {
    /// Which one.
    pub applet: &'static Applet,
    /// The arguments after argv[0].
    pub arguments: Vec<Vec<u8>>,
}

/// The exit status, or why there is no better one.
pub type Outcome = Result<u8, Failure>;

/// How an applet fails.
#[derive(Debug)]
pub enum Failure {
    /// `name: message` on standard error, then this status.
    Message(String, u8),
    /// `name: message` and the usage text, then status 1 (or this one).
    Usage(String, u8),
    /// Nothing more is said.
    Silent(u8),
    /// Standard output could not be written.
    Output(Errno),
    /// `--help`
    Help,
}

impl Failure {
    /// A message with status 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Message(message.into(), 1)
    }

    /// `what: error` with status 1.
    pub fn about(what: impl AsRef<[u8]>, errno: Errno) -> Failure {
        Failure::Message(format!("{}: {errno}", lossy(&what)), 1)
    }

    /// The same failure with another status.
    pub fn status(self, status: u8) -> Failure {
        match self {
            Failure::Message(text, _) => Failure::Message(text, status),
            Failure::Usage(text, _) => Failure::Usage(text, status),
            Failure::Silent(_) => Failure::Silent(status),
            other => other,
        }
    }
}

/// Bytes as text for a message.
pub fn lossy(bytes: &impl AsRef<[u8]>) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes.as_ref())
}

impl Call {
    /// Parses the options after [`Options::parse`]'s `specification`.
    pub fn options(&self, specification: &str) -> Result<Options, Failure> {
        Options::parse(self, specification)
    }

    /// `name: message` on standard error; the applet goes on.
    pub fn warn(&self, message: impl std::fmt::Display) {
        complain(self.applet.name, &message.to_string());
    }

    /// `name: what: error` on standard error.
    pub fn warn_about(&self, what: impl AsRef<[u8]>, errno: Errno) {
        self.warn(format_args!("{}: {errno}", lossy(&what)));
    }

    /// A failure that shows the usage text.
    pub fn misuse(&self, message: impl Into<String>) -> Failure {
        Failure::Usage(message.into(), 1)
    }
}

/// `name: message` on standard error. Where that is closed nobody listens.
fn complain(name: &str, message: &str) {
    say(&format!("{name}: {message}\n"));
}

/// Text on standard error.
pub fn say(text: &str) {
    if let Some(stderr) = coracle_sdk::stdio::stderr() {
        let _ = stderr.write_full(text.as_bytes());
    }
}

fn help(applet: &Applet) -> String {
    let usage = applet.usage.trim_end();
    let gap = if usage.is_empty() || usage.starts_with('\n') { "" } else { " " };
    format!("Usage: {}{gap}{usage}\n", applet.name)
}

/// Runs one applet to its status.
pub fn call(applet: &'static Applet, arguments: Vec<Vec<u8>>) -> u8 {
    let call = Call { applet, arguments };
    match (applet.run)(&call) {
        Ok(status) => status,
        Err(Failure::Message(message, status)) => {
            complain(applet.name, &message);
            status
        }
        Err(Failure::Usage(message, status)) => {
            if !message.is_empty() {
                complain(applet.name, &message);
            }
            say(&help(applet));
            status
        }
        Err(Failure::Silent(status)) => status,
        Err(Failure::Output(errno)) => {
            complain(applet.name, &format!("write error: {errno}"));
            1
        }
        Err(Failure::Help) => {
            let text = help(applet);
            let written = coracle_sdk::stdio::stdout().map(|stdout| stdout.write_full(text.as_bytes()));
            u8::from(!matches!(written, Some(Ok(()))))
        }
    }
}

/// Runs the applet of argv[0], or of argv[1] behind the toolbox's own name.
pub fn run(mut arguments: Vec<Vec<u8>>) -> u8 {
    if arguments.is_empty() {
        arguments.push(b"busybox".to_vec());
    }
    let first = arguments.remove(0);
    let name = crate::paths::base_name(&first);
    let name = name.strip_prefix(b"-").unwrap_or(name);
    if let Some(applet) = registry::find(name) {
        return call(applet, arguments);
    }
    registry::toolbox(name, arguments)
}
