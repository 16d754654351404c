//! The toolbox as a native program: for tests, comparisons and fuzzing.

#[cfg(not(target_os = "wasi"))]
fn main() {
    // Rust's start-up ignores SIGPIPE; `yes | head` must end as everywhere.
    let _ = coracle_sdk::signal::set_disposition(
        coracle_sdk::signal::Signal::PIPE,
        coracle_sdk::signal::Disposition::Default,
    );
    coracle_sdk::process::exit(coracle_busybox::run(coracle_sdk::args()))
}

#[cfg(target_os = "wasi")]
fn main() {}
