//! The command line.
//!
//! One place says every flag, its environment variable and its default, so that
//! `coracle --help` is the reference page.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A Docker Engine whose containers are WebAssembly.
///
/// `coracle serve` starts the daemon; point DOCKER_HOST at its socket and use
/// the docker CLI, compose or any client of the Docker Engine API.
#[derive(Debug, Parser)]
#[command(name = "coracle", version, max_term_width = 100)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the daemon in the foreground.
    Serve(Box<Serve>),
    /// Compile the built-in shell and userland into the cache, so that the
    /// first start of a daemon is a warm one.
    Precompile(Cache),
}

/// Where compiled programs are kept.
#[derive(Debug, Args)]
pub struct Cache {
    /// Directory of compiled programs; must be private to the user.
    /// [default: $XDG_CACHE_HOME/coracle, for root /var/cache/coracle]
    #[arg(long, value_name = "DIR", env = "CORACLE_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,

    /// How log lines are written to standard error; RUST_LOG filters them.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The daemon's flags.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: unix://PATH or tcp://ADDRESS:PORT; may be repeated.
    /// [default: unix://$XDG_RUNTIME_DIR/coracle/docker.sock, for root
    /// unix:///run/coracle/docker.sock]
    #[arg(long, short = 'H', value_name = "ADDRESS")]
    pub host: Vec<String>,

    /// Directory of images, containers and volumes.
    /// [default: $XDG_DATA_HOME/coracle, for root /var/lib/coracle]
    #[arg(long, value_name = "DIR", env = "CORACLE_DATA_ROOT")]
    pub data_root: Option<PathBuf>,

    /// Keep everything in a temporary directory that vanishes with the daemon.
    #[arg(long, conflicts_with = "data_root")]
    pub ephemeral: bool,

    /// Execute nothing: containers answer as the synthetic driver's table says.
    #[arg(long)]
    pub synthetic: bool,

    /// Where images come from: a registry, or made up at once over the
    /// built-in userland.
    #[arg(long, value_enum, default_value_t = Images::Registry)]
    pub images: Images,

    /// A component that implements the shell world, used as `sh`, `ash` and
    /// `bash` in every container.
    #[arg(long, value_name = "FILE")]
    pub shell: Option<PathBuf>,

    /// Registry mirror to ask before the Docker Hub; may be repeated.
    #[arg(long, value_name = "URL")]
    pub registry_mirror: Vec<String>,

    /// Registry that may be spoken to without TLS or with an unknown
    /// certificate; may be repeated. Loopback addresses always may.
    #[arg(long, value_name = "HOST[:PORT]|CIDR")]
    pub insecure_registry: Vec<String>,

    /// Listen on TCP addresses beyond loopback without TLS. Whoever reaches
    /// such a port controls the daemon.
    #[arg(long)]
    pub allow_insecure_tcp: bool,

    /// Permission bits of the Unix socket, octal.
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = parse_mode)]
    pub socket_mode: u32,

    /// Also write the daemon's process id to this file.
    #[arg(long, short = 'p', value_name = "FILE")]
    pub pidfile: Option<PathBuf>,

    #[command(flatten)]
    pub cache: Cache,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Images {
    /// Pull from registries.
    Registry,
    /// Any name resolves at once to the built-in userland.
    Synthetic,
}

fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err(format!("'{text}' is not an octal file mode such as 660")),
    }
}

/// Whether an environment variable is set to something that means yes.
pub fn environment_flag(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| matches!(value.as_str(), "1" | "true" | "yes" | "on"))
}
