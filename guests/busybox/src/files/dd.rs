//! dd: copies with block sizes, offsets and conversions.

use std::io::SeekFrom;

use coracle_sdk::{Errno, File, OpenOptions, time};

use crate::applet::{Applet, Call, Failure, Outcome, lossy, say};
use crate::input::Source;
use crate::numbers;

pub static APPLET: Applet = Applet {
    name: "dd",
    directory: "/bin",
    summary: "Copy and convert data in blocks",
    usage: "[if=FILE] [of=FILE] [bs=N] [ibs=N] [obs=N] [count=N] [skip=N] [seek=N]
\t[conv=notrunc|noerror|sync|fsync|fdatasync|excl|nocreat|ucase|lcase|swab]
\t[iflag=fullblock|skip_bytes|count_bytes] [oflag=append|seek_bytes] [status=none|noxfer|progress]

Copy data, N may have the suffixes c w b k kB M MB G…",
    run,
};

fn product(text: &[u8]) -> Result<u64, Failure> {
    let mut all = 1u64;
    for part in text.split(|byte| *byte == b'x') {
        let value = numbers::size(part).map_err(|_| Failure::new(format!("invalid number '{}'", lossy(&text))))?;
        all = all.checked_mul(value).ok_or_else(|| Failure::new(format!("invalid number '{}'", lossy(&text))))?;
    }
    Ok(all)
}

#[derive(Default)]
struct Counts {
    full_in: u64,
    part_in: u64,
    full_out: u64,
    part_out: u64,
    bytes: u64,
}

fn run(call: &Call) -> Outcome {
    let (mut input, mut output) = (None, None);
    let (mut ibs, mut obs, mut bs) = (512u64, 512u64, None);
    let (mut count, mut skip, mut seek) = (None, 0u64, 0u64);
    let mut flags: Vec<Vec<u8>> = Vec::new();
    let mut status_level = b"default".to_vec();
    for argument in &call.arguments {
        let Some(at) = argument.iter().position(|byte| *byte == b'=') else {
            if argument == b"--help" {
                return Err(Failure::Help);
            }
            if argument == b"--" {
                continue;
            }
            return Err(call.misuse(format!("unrecognized operand '{}'", lossy(argument))));
        };
        let (name, value) = (&argument[..at], &argument[at + 1..]);
        match name {
            b"if" => input = Some(value.to_vec()),
            b"of" => output = Some(value.to_vec()),
            b"ibs" => ibs = product(value)?,
            b"obs" => obs = product(value)?,
            b"bs" => bs = Some(product(value)?),
            b"count" => count = Some(product(value)?),
            b"skip" | b"iseek" => skip = product(value)?,
            b"seek" | b"oseek" => seek = product(value)?,
            b"conv" | b"iflag" | b"oflag" => flags.extend(value.split(|byte| *byte == b',').map(<[u8]>::to_vec)),
            b"status" => status_level = value.to_vec(),
            _ => return Err(call.misuse(format!("unrecognized operand '{}'", lossy(argument)))),
        }
    }
    if let Some(bs) = bs {
        (ibs, obs) = (bs, bs);
    }
    let limit = 1 << 30;
    if ibs == 0 || obs == 0 || ibs > limit || obs > limit {
        return Err(Failure::new(format!("invalid number '{}'", ibs.min(obs))));
    }
    let has = |name: &str| flags.iter().any(|flag| flag == name.as_bytes());
    let known = [
        "notrunc",
        "noerror",
        "sync",
        "fsync",
        "fdatasync",
        "excl",
        "nocreat",
        "ucase",
        "lcase",
        "swab",
        "fullblock",
        "skip_bytes",
        "count_bytes",
        "append",
        "seek_bytes",
        "direct",
        "dsync",
        "nonblock",
        "sparse",
        "noctty",
        "nofollow",
    ];
    if let Some(unknown) = flags.iter().find(|flag| !known.iter().any(|name| name.as_bytes() == flag.as_slice())) {
        return Err(Failure::new(format!("invalid argument '{}'", lossy(unknown))));
    }
    let source = match &input {
        Some(path) => {
            Source::open(path).map_err(|errno| Failure::new(format!("can't open '{}': {errno}", lossy(path))))?
        }
        None => Source::stdin().map_err(|errno| Failure::about("standard input", errno))?,
    };
    let seek_bytes = if has("seek_bytes") { seek } else { seek * obs };
    let opened;
    let target: &File = match &output {
        Some(path) => {
            let truncate = !has("notrunc") && !has("append");
            let options = OpenOptions::new()
                .write(true)
                .create(!has("nocreat"))
                .create_new(has("excl"))
                .append(has("append"))
                .truncate(truncate && seek_bytes == 0);
            opened =
                options.open(path).map_err(|errno| Failure::new(format!("can't open '{}': {errno}", lossy(path))))?;
            if truncate && seek_bytes > 0 {
                // What lies before the first written byte stays.
                let _ = opened.set_size(seek_bytes);
            }
            &opened
        }
        None => coracle_sdk::stdio::stdout().ok_or(Failure::Output(Errno::BADF))?,
    };
    let started = time::monotonic();
    let skip_bytes = if has("skip_bytes") { skip } else { skip * ibs };
    if skip_bytes > 0 && source.seek_to(SeekFrom::Current(skip_bytes as i64)).is_err() {
        let mut left = skip_bytes;
        while left > 0 {
            let chunk =
                source.read_some(left.min(1 << 16) as usize).map_err(|errno| Failure::about("read error", errno))?;
            if chunk.is_empty() {
                break;
            }
            left -= chunk.len() as u64;
        }
    }
    if seek_bytes > 0 {
        target.seek_to(SeekFrom::Current(seek_bytes as i64)).map_err(|errno| {
            Failure::new(format!(
                "'{}': cannot seek: {errno}",
                output.as_deref().map_or("standard output".into(), |path| lossy(&path).into_owned())
            ))
        })?;
    }
    let mut counts = Counts::default();
    let mut pending: Vec<u8> = Vec::new();
    let mut status = 0;
    let most_bytes = if has("count_bytes") { count } else { None };
    let most_blocks = if has("count_bytes") { None } else { count };
    let mut read_bytes = 0u64;
    let write = |block: &[u8], counts: &mut Counts| -> Result<(), Failure> {
        let what = output.as_deref().map_or("standard output".to_string(), |path| lossy(&path).into_owned());
        target.write_full(block).map_err(|errno| Failure::new(format!("error writing '{what}': {errno}")))?;
        counts.bytes += block.len() as u64;
        if block.len() as u64 == obs {
            counts.full_out += 1
        } else {
            counts.part_out += 1
        }
        Ok(())
    };
    let mut done: Result<(), Failure> = Ok(());
    loop {
        if most_blocks.is_some_and(|most| counts.full_in + counts.part_in >= most) {
            break;
        }
        let mut wanted = ibs;
        if let Some(most) = most_bytes {
            wanted = wanted.min(most - read_bytes);
            if wanted == 0 {
                break;
            }
        }
        let mut block = match source.read_some(wanted as usize) {
            Ok(block) => block,
            Err(errno) => {
                call.warn(format_args!(
                    "error reading '{}': {errno}",
                    input.as_deref().map_or("standard input".into(), |path| lossy(&path).into_owned())
                ));
                status = 1;
                if !has("noerror") {
                    break;
                }
                continue;
            }
        };
        // The host gives at most a megabyte at once; a regular block is whole.
        let whole = has("fullblock") || source.attributes().is_ok_and(|at| at.is_file()) || block.len() == 1 << 20;
        while whole && !block.is_empty() && (block.len() as u64) < wanted {
            match source.read_some((wanted - block.len() as u64) as usize) {
                Ok(more) if !more.is_empty() => block.extend(more),
                _ => break,
            }
        }
        if block.is_empty() {
            break;
        }
        read_bytes += block.len() as u64;
        if block.len() as u64 == ibs {
            counts.full_in += 1;
        } else {
            counts.part_in += 1;
            if has("sync") {
                block.resize(ibs as usize, 0);
            }
        }
        if has("ucase") {
            block.make_ascii_uppercase();
        }
        if has("lcase") {
            block.make_ascii_lowercase();
        }
        if has("swab") {
            block.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        }
        if bs.is_some() || ibs == obs && pending.is_empty() {
            done = write(&block, &mut counts);
        } else {
            pending.extend_from_slice(&block);
            while done.is_ok() && pending.len() as u64 >= obs {
                let rest = pending.split_off(obs as usize);
                done = write(&pending, &mut counts);
                pending = rest;
            }
        }
        if done.is_err() {
            break;
        }
    }
    if done.is_ok() && !pending.is_empty() {
        done = write(&pending, &mut counts);
    }
    if has("fsync") || has("fdatasync") {
        target.sync().map_err(Failure::Output)?;
    }
    report(&counts, &status_level, time::monotonic().saturating_sub(started));
    done?;
    Ok(status)
}

fn report(counts: &Counts, level: &[u8], took: std::time::Duration) {
    if level == b"none" {
        return;
    }
    say(&format!(
        "{}+{} records in\n{}+{} records out\n",
        counts.full_in, counts.part_in, counts.full_out, counts.part_out
    ));
    if level == b"noxfer" {
        return;
    }
    let seconds = took.as_secs_f64().max(1e-6);
    let rate = numbers::human((counts.bytes as f64 / seconds) as u64, 1024);
    let rate = if rate.ends_with(|c: char| c.is_ascii_digit()) { rate } else { rate.to_string() };
    say(&format!(
        "{} bytes ({}B) copied, {seconds:.6} seconds, {rate}B/s\n",
        counts.bytes,
        numbers::human(counts.bytes, 1024)
    ));
}
