//! md5sum, sha*sum, sha3sum, b2sum: digests of files, and checking them.

use sha2::Digest;

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::input::{CHUNK, Input, Source, trimmed};
use crate::output::Out;

const USAGE: &str = "[-bc[sw]z] [--tag] [FILE]...

Print or check digests

\t-c\tCheck sums against list in FILEs
\t-s\tDon't output anything, status code shows success
\t-w\tWarn about improperly formatted checksum lines
\t-b,-t\tBinary, text: the same here
\t-z\tEnd lines with a zero byte
\t--tag\tBSD's form
\t--quiet, --ignore-missing, --strict";

macro_rules! digests {
    ($($name:ident, $text:literal, $tag:literal, $type:ty;)*) => {
        $(pub static $name: Applet = Applet {
            name: $text,
            directory: "/usr/bin",
            summary: concat!("Print or check ", $tag, " digests"),
            usage: USAGE,
            run: |call| run(call, $tag, &|source| digest::<$type>(source)),
        };)*
    };
}

digests! {
    MD5, "md5sum", "MD5", md5::Md5;
    SHA1, "sha1sum", "SHA1", sha1::Sha1;
    SHA224, "sha224sum", "SHA224", sha2::Sha224;
    SHA256, "sha256sum", "SHA256", sha2::Sha256;
    SHA384, "sha384sum", "SHA384", sha2::Sha384;
    SHA512, "sha512sum", "SHA512", sha2::Sha512;
    B2, "b2sum", "BLAKE2b", blake2::Blake2b512;
}

pub static SHA3: Applet = Applet {
    name: "sha3sum",
    directory: "/usr/bin",
    summary: "Print or check SHA-3 digests",
    usage: "[-c[sw]] [-a 224|256|384|512] [FILE]...

Print or check SHA3 digests

\t-c\tCheck sums against list in FILEs
\t-s\tDon't output anything, status code shows success
\t-w\tWarn about improperly formatted checksum lines
\t-a BITS\tWidth (default 224)",
    run: |call| {
        let options = call.options(OPTIONS)?;
        let compute: &Compute = match options.value("a") {
            None | Some(b"224") => &|source| digest::<sha3::Sha3_224>(source),
            Some(b"256") => &|source| digest::<sha3::Sha3_256>(source),
            Some(b"384") => &|source| digest::<sha3::Sha3_384>(source),
            Some(b"512") => &|source| digest::<sha3::Sha3_512>(source),
            Some(other) => return Err(Failure::new(format!("invalid width '{}'", lossy(&other)))),
        };
        run(call, "SHA3", compute)
    },
};

type Compute = dyn Fn(&Source) -> coracle_sdk::Result<String>;

const OPTIONS: &str =
    "b,binary t,text c,check s,status w,warn z,zero tag quiet ignore-missing strict a:,algorithm l:,length";

fn digest<D: Digest>(source: &Source) -> coracle_sdk::Result<String> {
    let mut state = D::new();
    loop {
        let chunk = source.read_some(CHUNK)?;
        if chunk.is_empty() {
            break;
        }
        state.update(&chunk);
    }
    Ok(state.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn run(call: &Call, tag: &str, compute: &Compute) -> Outcome {
    let options = call.options(OPTIONS)?;
    if options.has("c") {
        return check(call, &options, compute);
    }
    let mut out = Out::stdout();
    let mut status = 0;
    let end = if options.has("z") { 0 } else { b'\n' };
    for path in options.files() {
        match Source::open(&path).and_then(|source| compute(&source)) {
            Ok(sum) if options.has("tag") => {
                out.text(format_args!("{tag} ("))?;
                out.put(&path)?;
                out.text(format_args!(") = {sum}"))?;
                out.byte(end)?;
            }
            Ok(sum) => {
                out.text(format_args!("{sum}  "))?;
                out.put(&path)?;
                out.byte(end)?;
            }
            Err(errno) => {
                out.flush()?;
                call.warn(format_args!("can't open '{}': {errno}", lossy(&path)));
                status = 1;
            }
        }
    }
    out.finish(status)
}

/// `SUM  NAME`, `SUM *NAME` or `TAG (NAME) = SUM`.
fn parse(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let hex = |text: &[u8]| text.len() >= 32 && text.iter().all(u8::is_ascii_hexdigit);
    if let Some(open) = memchr::memmem::find(line, b" (")
        && let Some(close) = memchr::memmem::rfind(line, b") = ")
        && hex(&line[close + 4..])
    {
        return Some((line[close + 4..].to_ascii_lowercase(), line.get(open + 2..close)?.to_vec()));
    }
    let end = line.iter().position(|byte| *byte == b' ')?;
    let (sum, rest) = (&line[..end], &line[end + 1..]);
    let name = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"*")).unwrap_or(rest);
    (hex(sum) && !name.is_empty()).then(|| (sum.to_ascii_lowercase(), name.to_vec()))
}

fn check(call: &Call, options: &crate::options::Options, compute: &Compute) -> Outcome {
    let silent = options.has("s");
    let mut out = Out::stdout();
    let (mut failed, mut unread, mut improper, mut good) = (0u32, 0u32, 0u32, 0u32);
    let mut status = 0;
    for path in options.files() {
        let about = |errno| Failure::new(format!("can't open '{}': {errno}", lossy(&path)));
        let mut input = Input::open(&path).map_err(about)?;
        let mut number = 0;
        while let Some(line) = input.line(b'\n').map_err(about)? {
            number += 1;
            let Some((sum, name)) = parse(trimmed(trimmed(line, b'\n'), b'\r')) else {
                improper += 1;
                if options.has("w") {
                    call.warn(format_args!("{}: {number}: invalid format", lossy(&path)));
                }
                continue;
            };
            let found = Source::open(&name).and_then(|source| compute(&source));
            let word = match found {
                Ok(found) if found.as_bytes() == sum => {
                    good += 1;
                    if options.has("quiet") {
                        continue;
                    }
                    "OK"
                }
                Ok(_) => {
                    failed += 1;
                    "FAILED"
                }
                Err(_) if options.has("ignore-missing") => continue,
                Err(errno) => {
                    unread += 1;
                    if !silent {
                        out.flush()?;
                        call.warn(format_args!("can't open '{}': {errno}", lossy(&name)));
                    }
                    "FAILED"
                }
            };
            if !silent {
                out.put(&name)?;
                out.text(format_args!(": {word}\n"))?;
            }
        }
        if good + failed + unread == 0 {
            call.warn(format_args!("{}: no checksum lines found", lossy(&path)));
            status = 1;
        }
    }
    out.flush()?;
    if failed + unread > 0 {
        status = 1;
        if !silent {
            let total = good + failed + unread;
            call.warn(format_args!("WARNING: {} of {total} computed checksums did NOT match", failed + unread));
        }
    }
    if improper > 0 && options.has("strict") {
        status = 1;
    }
    Ok(status)
}
