//! cat: concatenates files; plain copies move inside the host.

use coracle_sdk::{Errno, stdio};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::{Input, Source};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "cat",
    directory: "/bin",
    summary: "Concatenate files",
    usage: "[-nbsvETAetu] [FILE]...

Print FILEs (or standard input) to standard output

\t-n\tNumber all lines
\t-b\tNumber nonempty lines
\t-s\tSqueeze runs of empty lines into one
\t-v\tShow nonprinting characters as ^x and M-x
\t-E\tShow ends of lines as $
\t-T\tShow tabs as ^I
\t-A\tSame as -vET
\t-e\tSame as -vE
\t-t\tSame as -vT
\t-u\tIgnored: output is never held back longer than input",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "n,number b,number-nonblank s,squeeze-blank v,show-nonprinting E,show-ends T,show-tabs A,show-all e t u",
    )?;
    let all = options.has("A");
    let mut show = Show {
        visible: all || options.has("v") || options.has("e") || options.has("t"),
        ends: all || options.has("E") || options.has("e"),
        tabs: all || options.has("T") || options.has("t"),
        number: options.has("n"),
        nonblank: options.has("b"),
        squeeze: options.has("s"),
        count: 0,
        blanks: 0,
        line_start: true,
    };
    let plain = !(show.visible || show.ends || show.tabs || show.number || show.nonblank || show.squeeze);
    let mut status = 0;
    let mut out = Out::interactive();
    for path in options.files() {
        let done = if plain { copy(&path) } else { show.file(&path, &mut out) };
        match done {
            Ok(()) => {}
            Err(Failure::Message(text, code)) => {
                out.flush()?;
                call.warn(text);
                status = code;
            }
            Err(other) => return Err(other),
        }
    }
    out.finish(status)
}

fn cannot_open(path: &[u8], errno: Errno) -> Failure {
    Failure::new(format!("can't open '{}': {errno}", lossy(&path)))
}

fn copy(path: &[u8]) -> Result<(), Failure> {
    let source = Source::open(path).map_err(|errno| cannot_open(path, errno))?;
    let stdout = stdio::stdout().ok_or(Failure::Output(Errno::BADF))?;
    loop {
        match stdout.transfer_from(&source, 1 << 20) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // Which side failed is asked by reading once more.
            Err(Errno::PIPE) => return Err(Failure::Output(Errno::PIPE)),
            Err(errno) => {
                return match source.read_some(1) {
                    Err(errno) => Err(Failure::about(path, errno)),
                    Ok(_) => Err(Failure::Output(errno)),
                };
            }
        }
    }
}

struct Show {
    visible: bool,
    ends: bool,
    tabs: bool,
    number: bool,
    nonblank: bool,
    squeeze: bool,
    count: u64,
    blanks: u32,
    line_start: bool,
}

impl Show {
    fn file(&mut self, path: &[u8], out: &mut Out<'_>) -> Result<(), Failure> {
        let about = |errno| Failure::about(path, errno);
        let mut input = Input::open(path).map_err(|errno| cannot_open(path, errno))?;
        while let Some(line) = input.line(b'\n').map_err(about)? {
            let blank = line == b"\n" && self.line_start;
            if blank {
                self.blanks += 1;
                if self.squeeze && self.blanks > 1 {
                    continue;
                }
            } else {
                self.blanks = 0;
            }
            if self.line_start && ((self.nonblank && !blank) || (self.number && !self.nonblank)) {
                self.count += 1;
                out.text(format_args!("{:6}\t", self.count))?;
            }
            self.line_start = line.last() == Some(&b'\n');
            if self.visible || self.tabs || self.ends {
                self.line(line, out)?;
            } else {
                out.put(line)?;
            }
        }
        Ok(())
    }

    fn line(&self, line: &[u8], out: &mut Out<'_>) -> Result<(), Failure> {
        for &byte in line {
            match byte {
                b'\n' => out.put(if self.ends { b"$\n" } else { b"\n" })?,
                b'\t' if self.tabs => out.put(b"^I")?,
                b'\t' => out.byte(byte)?,
                _ if !self.visible => out.byte(byte)?,
                _ => {
                    let mut seven = byte;
                    if byte >= 128 {
                        out.put(b"M-")?;
                        seven = byte - 128;
                    }
                    match seven {
                        0..32 => out.put(&[b'^', seven + 64])?,
                        127 => out.put(b"^?")?,
                        _ => out.byte(seven)?,
                    }
                }
            }
        }
        Ok(())
    }
}
