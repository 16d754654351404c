//! head: the beginning of files.

use coracle_sdk::stdio;

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::Input;
use crate::numbers;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "head",
    directory: "/usr/bin",
    summary: "Print the first lines of files",
    usage: "[OPTIONS] [FILE]...

Print the first 10 lines of each FILE (or standard input)

\t-n N\tThe first N lines; with -N all but the last N
\t-c N\tThe first N bytes; with -N all but the last N (suffixes b, k, m…)
\t-q\tNever print headers
\t-v\tAlways print headers
\t-z\tLines end with a zero byte",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("n:,lines c:,bytes q,quiet,silent v,verbose z,zero-terminated -NUM=n")?;
    let bytes = options.last_of(&["n", "c"]) == Some("c");
    let text = options.value(if bytes { "c" } else { "n" }).unwrap_or(b"10");
    let (but, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(b"+").unwrap_or(text)),
    };
    let count = numbers::size(digits).map_err(|_| Failure::new(format!("invalid number '{}'", lossy(&text))))?;
    let delimiter = if options.has("z") { 0 } else { b'\n' };
    let files = options.files();
    let headers = options.has("v") || (files.len() > 1 && !options.has("q"));
    let mut out = Out::stdout();
    let mut status = 0;
    let mut first = true;
    for path in &files {
        let mut input = match Input::open(path) {
            Ok(input) => input,
            Err(errno) => {
                out.flush()?;
                call.warn_about(path, errno);
                status = 1;
                continue;
            }
        };
        if headers {
            let name = if path == b"-" { b"standard input".as_slice() } else { path };
            out.put(if first { b"==> " } else { b"\n==> " })?;
            out.put(name)?;
            out.put(b" <==\n")?;
        }
        first = false;
        let done = match (bytes, but) {
            (true, false) => first_bytes(&mut input, count, &mut out),
            (true, true) => all_but_bytes(&mut input, count, &mut out),
            (false, false) => first_lines(&mut input, count, delimiter, &mut out),
            (false, true) => all_but_lines(&mut input, count, delimiter, &mut out),
        };
        match done {
            Ok(()) => {}
            Err(Failure::Message(..)) | Err(Failure::Silent(_)) => {
                out.flush()?;
                status = 1;
            }
            Err(other) => return Err(other),
        }
        // What was read too much goes back where that is possible, so that
        // `(head -1; cat)` works on files.
        if path == b"-" {
            give_back(&mut input);
        }
    }
    return out.finish(status);

    fn give_back(input: &mut Input) {
        let pending = input.pending() as i64;
        if pending > 0
            && let Some(stdin) = stdio::stdin()
        {
            let _ = stdin.seek_to(std::io::SeekFrom::Current(-pending));
        }
    }
}

fn failed(errno: coracle_sdk::Errno) -> Failure {
    crate::applet::say(&format!("head: read error: {errno}\n"));
    Failure::Silent(1)
}

fn first_bytes(input: &mut Input, mut count: u64, out: &mut Out<'_>) -> Result<(), Failure> {
    while count > 0 {
        let Some(chunk) = input.take(usize::try_from(count).unwrap_or(usize::MAX)).map_err(failed)? else { break };
        out.put(chunk)?;
        count -= chunk.len() as u64;
    }
    Ok(())
}

fn all_but_bytes(input: &mut Input, count: u64, out: &mut Out<'_>) -> Result<(), Failure> {
    let keep = usize::try_from(count).unwrap_or(usize::MAX);
    let mut held: Vec<u8> = Vec::new();
    while let Some(chunk) = input.chunk().map_err(failed)? {
        held.extend_from_slice(chunk);
        if held.len() > keep {
            out.put(&held[..held.len() - keep])?;
            held.drain(..held.len() - keep);
        }
    }
    Ok(())
}

fn first_lines(input: &mut Input, count: u64, delimiter: u8, out: &mut Out<'_>) -> Result<(), Failure> {
    for _ in 0..count {
        match input.line(delimiter).map_err(failed)? {
            Some(line) => out.put(line)?,
            None => break,
        }
    }
    Ok(())
}

fn all_but_lines(input: &mut Input, count: u64, delimiter: u8, out: &mut Out<'_>) -> Result<(), Failure> {
    let mut held = std::collections::VecDeque::new();
    while let Some(line) = input.line(delimiter).map_err(failed)? {
        held.push_back(line.to_vec());
        if held.len() as u64 > count
            && let Some(line) = held.pop_front()
        {
            out.put(&line)?;
        }
    }
    Ok(())
}
