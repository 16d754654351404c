//! link, unlink, mkfifo, mknod, sync, fsync, truncate: one system call each.

use coracle_sdk::fs::Kind;
use coracle_sdk::{OpenOptions, fs, open, process};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::modes::Mode;
use crate::numbers;

pub static LINK: Applet = Applet {
    name: "link",
    directory: "/usr/bin",
    summary: "Make a hard link",
    usage: "FILE LINK

Create hard LINK to FILE",
    run: link,
};

pub static UNLINK: Applet = Applet {
    name: "unlink",
    directory: "/usr/bin",
    summary: "Remove one file",
    usage: "FILE

Delete FILE by calling unlink()",
    run: unlink,
};

pub static MKFIFO: Applet = Applet {
    name: "mkfifo",
    directory: "/usr/bin",
    summary: "Make named pipes",
    usage: "[-m MODE] NAME...

Create named pipes

\t-m MODE\tMode (default a=rw)",
    run: mkfifo,
};

pub static MKNOD: Applet = Applet {
    name: "mknod",
    directory: "/bin",
    summary: "Make a special file",
    usage: "[-m MODE] NAME TYPE [MAJOR MINOR]

Create a special file: TYPE b (block), c or u (character), p (fifo)

\t-m MODE\tMode (default a=rw)",
    run: mknod,
};

pub static SYNC: Applet = Applet {
    name: "sync",
    directory: "/bin",
    summary: "Write all buffered data to disk",
    usage: "[-df] [FILE]...

Write all buffered blocks to disk, or those of FILEs",
    run: sync,
};

pub static FSYNC: Applet = Applet {
    name: "fsync",
    directory: "/bin",
    summary: "Write files' buffered data to disk",
    usage: "[-d] FILE...

Write the buffered blocks of FILEs to disk

\t-d\tNot the metadata",
    run: fsync,
};

pub static TRUNCATE: Applet = Applet {
    name: "truncate",
    directory: "/usr/bin",
    summary: "Set the size of files",
    usage: "[-c] [-r FILE] -s SIZE FILE...

Truncate or extend FILEs to SIZE

\t-c\tDon't create files
\t-r FILE\tThe size of FILE
\t-s SIZE\tWith + or -: relative; < at most, > at least, / round down, % round up",
    run: truncate,
};

fn link(call: &Call) -> Outcome {
    let options = call.options("")?;
    let [file, new] = options.operands.as_slice() else { return Err(call.misuse("two operands are needed")) };
    fs::link(file, new, false).map_err(|errno| {
        Failure::new(format!("can't create hard link '{}' to '{}': {errno}", lossy(new), lossy(file)))
    })?;
    Ok(0)
}

fn unlink(call: &Call) -> Outcome {
    let options = call.options("")?;
    let [file] = options.operands.as_slice() else { return Err(call.misuse("one operand is needed")) };
    fs::unlink(file).map_err(|errno| Failure::new(format!("can't remove file '{}': {errno}", lossy(file))))?;
    Ok(0)
}

/// Makes one node with -m's mode; that one the umask does not cut.
fn node(name: &[u8], kind: Kind, device: u64, mode: Option<&[u8]>) -> Result<(), Failure> {
    let about = |errno| Failure::about(name, errno);
    let mode = match mode {
        Some(text) => {
            let parsed = Mode::parse(text).ok_or_else(|| Failure::new(format!("invalid mode '{}'", lossy(&text))))?;
            Some(parsed.apply(0o666, false, process::umask()))
        }
        None => None,
    };
    fs::make_node(name, kind, mode.unwrap_or(0o666), device).map_err(about)?;
    match mode {
        Some(mode) => fs::set_mode(name, mode).map_err(about),
        None => Ok(()),
    }
}

fn mkfifo(call: &Call) -> Outcome {
    let options = call.options("m:,mode Z")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let mut status = 0;
    for name in &options.operands {
        match node(name, Kind::Fifo, 0, options.value("m")) {
            Ok(()) => {}
            Err(Failure::Message(text, _)) => {
                call.warn(text);
                status = 1;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(status)
}

fn mknod(call: &Call) -> Outcome {
    let options = call.options("m:,mode Z")?;
    let (name, kind, numbers) = match options.operands.as_slice() {
        [name, kind, rest @ ..] => (name, kind, rest),
        _ => return Err(call.misuse("missing operand")),
    };
    let kind = match (kind.as_slice(), numbers.len()) {
        (b"p", 0) => Kind::Fifo,
        (b"c" | b"u", 2) => Kind::CharacterDevice,
        (b"b", 2) => Kind::BlockDevice,
        _ => return Err(call.misuse(format!("invalid type '{}'", lossy(kind)))),
    };
    let device = match numbers {
        [major, minor] => fs::device_number(numbers::parse(major)?, numbers::parse(minor)?),
        _ => 0,
    };
    node(name, kind, device, options.value("m"))?;
    Ok(0)
}

fn sync(call: &Call) -> Outcome {
    let options = call.options("d,data f,file-system")?;
    if options.operands.is_empty() {
        fs::sync_all();
        return Ok(0);
    }
    each(call, &options.operands)
}

fn fsync(call: &Call) -> Outcome {
    let options = call.options("d")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    each(call, &options.operands)
}

fn each(call: &Call, files: &[Vec<u8>]) -> Outcome {
    let mut status = 0;
    for path in files {
        if let Err(errno) = open(path).and_then(|file| file.sync()) {
            call.warn_about(path, errno);
            status = 1;
        }
    }
    Ok(status)
}

fn truncate(call: &Call) -> Outcome {
    let options = call.options("c,no-create s:,size r:,reference o,io-blocks")?;
    let text = options.value("s").unwrap_or_default();
    let reference = match options.value("r") {
        Some(path) => Some(fs::stat(path).map_err(|errno| Failure::about(path, errno))?.size),
        None => None,
    };
    if !options.has("s") && reference.is_none() {
        return Err(call.misuse("you must specify either '--size' or '--reference'"));
    }
    if options.operands.is_empty() {
        return Err(call.misuse("missing file operand"));
    }
    let (mark, digits) = match text.first() {
        Some(mark @ (b'+' | b'-' | b'<' | b'>' | b'/' | b'%')) => (*mark, &text[1..]),
        _ => (b'=', text),
    };
    let amount = if options.has("s") { numbers::size(digits)? } else { 0 };
    let mut status = 0;
    for path in &options.operands {
        let opened = OpenOptions::new().write(true).create(!options.has("c")).open(path);
        let done = match opened {
            Err(coracle_sdk::Errno::NOENT) if options.has("c") => continue,
            Err(errno) => Err(errno),
            Ok(file) => file.attributes().and_then(|at| {
                let base = reference.unwrap_or(at.size);
                let size = match (mark, options.has("s")) {
                    (_, false) => base,
                    (b'+', _) => base.saturating_add(amount),
                    (b'-', _) => base.saturating_sub(amount),
                    (b'<', _) => base.min(amount),
                    (b'>', _) => base.max(amount),
                    (b'/', _) => base - base % amount.max(1),
                    (b'%', _) => base.next_multiple_of(amount.max(1)),
                    _ => amount,
                };
                file.set_size(size)
            }),
        };
        if let Err(errno) = done {
            call.warn_about(path, errno);
            status = 1;
        }
    }
    Ok(status)
}
