//! The shell as a program of the development machine, for tests.

fn main() {
    // Rust ignores SIGPIPE before main; a shell's children must not inherit that.
    let _ = coracle_sdk::signal::set_disposition(
        coracle_sdk::signal::Signal::PIPE,
        coracle_sdk::signal::Disposition::Default,
    );
    coracle_sdk::process::exit(coracle_shell::run(coracle_sdk::args(), false))
}
