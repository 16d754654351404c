//! tee: copies standard input to standard output and to files.

use coracle_sdk::signal::{Disposition, Signal};
use coracle_sdk::{Errno, File, OpenOptions, signal, stdio};

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::input::{CHUNK, Source};

pub static APPLET: Applet = Applet {
    name: "tee",
    directory: "/usr/bin",
    summary: "Copy input to output and to files",
    usage: "[-ai] [FILE]...

Copy standard input to each FILE, and to standard output

\t-a\tAppend
\t-i\tIgnore interrupts (SIGINT)
\t-p\tGo on when an output is a closed pipe",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("a,append i,ignore-interrupts p output-error::")?;
    if options.has("i") {
        let _ = signal::set_disposition(Signal::INT, Disposition::Ignore);
    }
    if options.has("p") || options.has("output-error") {
        let _ = signal::set_disposition(Signal::PIPE, Disposition::Ignore);
    }
    let append = options.has("a");
    let open = OpenOptions::new().write(true).create(true).append(append).truncate(!append);
    let mut status = 0;
    let mut files: Vec<(Vec<u8>, File)> = Vec::new();
    for path in &options.operands {
        match open.open(path) {
            Ok(file) => files.push((path.clone(), file)),
            Err(errno) => {
                call.warn_about(path, errno);
                status = 1;
            }
        }
    }
    let input = Source::stdin().map_err(|errno| Failure::about("read error", errno))?;
    let mut stdout = stdio::stdout();
    loop {
        let chunk = input.read_some(CHUNK).map_err(|errno| Failure::about("read error", errno))?;
        if chunk.is_empty() {
            return Ok(status);
        }
        if let Some(file) = stdout
            && let Err(errno) = file.write_full(&chunk)
        {
            if errno != Errno::PIPE {
                call.warn_about("standard output", errno);
            }
            stdout = None;
            status = 1;
        }
        files.retain(|(path, file)| match file.write_full(&chunk) {
            Ok(()) => true,
            Err(errno) => {
                call.warn_about(path, errno);
                status = 1;
                false
            }
        });
        if stdout.is_none() && files.is_empty() {
            return Ok(status);
        }
    }
}
