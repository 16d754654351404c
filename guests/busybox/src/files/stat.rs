//! stat: what the system knows about files and file systems.

use coracle_posix::calendar::{self, Moment};
use coracle_sdk::fs::{Attributes, Figures, Kind, Timestamp};
use coracle_sdk::{fs, stdio};

use crate::applet::{Applet, Call, Outcome, lossy};
use crate::escape::{self, Dialect};
use crate::output::Out;
use crate::users::Database;
use crate::{modes, times};

pub static APPLET: Applet = Applet {
    name: "stat",
    directory: "/bin",
    summary: "Display file or file system status",
    usage: "[-ltf] [-c FMT | --printf=FMT] FILE...

Display file (default) or file system status

\t-c FMT\tUse the given format, a newline after each
\t--printf=FMT\tLike -c, with backslash escapes and no newline
\t-f\tDisplay the file system's status
\t-L\tFollow links
\t-t\tTerse

FMT for files:
 %a %A permissions in octal, as ls shows them   %b %B blocks, their size
 %d %D device   %f raw mode   %F type   %h links   %i inode
 %n %N name, with the link's target   %o I/O block   %s size
 %t %T device type   %u %U %g %G owner and group
 %w %W birth   %x %X access   %y %Y modification   %z %Z change
FMT for file systems:
 %a free for others   %b blocks   %c inodes   %d free inodes   %f free
 %i id   %l name length   %n name   %s %S block size   %t %T type",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("c:,format printf: f,file-system L,dereference t,terse l cached:")?;
    if options.operands.is_empty() {
        return Err(call.misuse("missing operand"));
    }
    let system = options.has("f");
    let users = Database::default();
    let zone = times::zone();
    let mut out = Out::stdout();
    let mut status = 0;
    for path in &options.operands {
        let mut printf = false;
        let format: Vec<u8> = if let Some(format) = options.value("printf") {
            printf = true;
            format.to_vec()
        } else if let Some(format) = options.value("c") {
            format.to_vec()
        } else {
            default(system, options.has("t"), path, options.has("L"))
        };
        let shown = if system {
            fs::figures(path).map(Subject::System)
        } else if path == b"-" {
            stdio::stdin().ok_or(coracle_sdk::Errno::BADF).and_then(|file| file.attributes()).map(Subject::File)
        } else if options.has("L") {
            fs::stat(path).map(Subject::File)
        } else {
            fs::lstat(path).map(Subject::File)
        };
        match shown {
            Ok(subject) => {
                let text = expand(&format, path, &subject, &users, &zone, printf);
                out.put(&text)?;
                if !printf {
                    out.byte(b'\n')?;
                }
            }
            Err(errno) => {
                out.flush()?;
                let what = if system { "can't read file system information for" } else { "can't stat" };
                call.warn(format_args!("{what} '{}': {errno}", lossy(path)));
                status = 1;
            }
        }
    }
    out.finish(status)
}

enum Subject {
    File(Attributes),
    System(Figures),
}

fn default(system: bool, terse: bool, path: &[u8], follow: bool) -> Vec<u8> {
    if system && terse {
        return b"%n %i %l %t %s %S %b %f %a %c %d".to_vec();
    }
    if system {
        return concat!(
            "  File: \"%n\"\n",
            "    ID: %-8i Namelen: %-7l Type: %T\n",
            "Block size: %-10s Fundamental block size: %S\n",
            "Blocks: Total: %-10b Free: %-10f Available: %a\n",
            "Inodes: Total: %-10c Free: %d"
        )
        .as_bytes()
        .to_vec();
    }
    if terse {
        return b"%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o".to_vec();
    }
    let attributes = if follow { fs::stat(path) } else { fs::lstat(path) };
    let device = attributes.is_ok_and(|at| matches!(at.kind, Kind::CharacterDevice | Kind::BlockDevice));
    let represents = if device { " Device type: %t,%T" } else { "" };
    let links = if device { "%-5h" } else { "%h" };
    format!(
        concat!(
            "  File: %N\n",
            "  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n",
            "Device: %Dh/%dd\tInode: %-10i  Links: {}{}\n",
            "Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n",
            "Access: %x\nModify: %y\nChange: %z"
        ),
        links, represents
    )
    .into_bytes()
}

fn expand(
    format: &[u8],
    path: &[u8],
    subject: &Subject,
    users: &Database,
    zone: &coracle_posix::zone::Zone,
    escapes: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < format.len() {
        match format[at] {
            b'\\' if escapes => {
                let (escape, length) = escape::read(&format[at + 1..], Dialect::Format);
                if let escape::Escape::Bytes(bytes) = escape {
                    out.extend(bytes);
                }
                at += length + 1;
            }
            b'%' => {
                let start = at;
                at += 1;
                let end = format[at..].iter().position(|byte| !b"-+ #0123456789.".contains(byte));
                let Some(end) = end.map(|n| at + n) else {
                    out.extend_from_slice(&format[start..]);
                    break;
                };
                let flags = &format[at..end];
                at = end + 1;
                let mut letter = format[end];
                let mut part = 0;
                if matches!(letter, b'H' | b'L')
                    && let Some(next @ (b'd' | b'r')) = format.get(at)
                {
                    part = letter;
                    letter = *next;
                    at += 1;
                }
                if letter == b'%' {
                    out.push(b'%');
                    continue;
                }
                match value(letter, part, path, subject, users, zone) {
                    Some(text) => pad(&mut out, &text, flags, letter),
                    None => {
                        out.push(b'?');
                    }
                }
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn pad(out: &mut Vec<u8>, text: &[u8], flags: &[u8], letter: u8) {
    let left = flags.contains(&b'-');
    let rest: Vec<u8> = flags.iter().copied().skip_while(|byte| b"-+ #0".contains(byte)).collect();
    let zero = flags.iter().take(flags.len() - rest.len()).any(|byte| *byte == b'0');
    let mut parts = rest.split(|byte| *byte == b'.');
    let number = |part: Option<&[u8]>| part.and_then(|part| std::str::from_utf8(part).ok()?.parse::<usize>().ok());
    let width = number(parts.next()).unwrap_or(0).min(4096);
    let mut text = text.to_vec();
    if let Some(precision) = number(parts.next())
        && b"nNFAUGxyzw".contains(&letter)
    {
        text.truncate(precision);
    }
    if flags.contains(&b'#') && letter == b'a' && !text.starts_with(b"0") {
        text.insert(0, b'0');
    }
    let fill = width.saturating_sub(text.len());
    if left {
        out.extend_from_slice(&text);
        out.extend(std::iter::repeat_n(b' ', fill));
    } else {
        out.extend(std::iter::repeat_n(if zero { b'0' } else { b' ' }, fill));
        out.extend_from_slice(&text);
    }
}

/// `regular empty file`, `directory`, …
pub fn kind_name(attributes: &Attributes) -> &'static str {
    match attributes.kind {
        Kind::Regular if attributes.size == 0 => "regular empty file",
        Kind::Regular => "regular file",
        Kind::Directory => "directory",
        Kind::Symlink => "symbolic link",
        Kind::Fifo => "fifo",
        Kind::CharacterDevice => "character special file",
        Kind::BlockDevice => "block special file",
        Kind::Socket => "socket",
    }
}

fn value(
    letter: u8,
    part: u8,
    path: &[u8],
    subject: &Subject,
    users: &Database,
    zone: &coracle_posix::zone::Zone,
) -> Option<Vec<u8>> {
    let at = match subject {
        Subject::File(at) => at,
        Subject::System(figures) => return system_value(letter, path, figures),
    };
    let date = |time: Timestamp| {
        calendar::format(b"%Y-%m-%d %H:%M:%S.%N %z", &Moment::at(time.seconds, time.nanoseconds, zone))
    };
    let (major, minor) =
        fs::device_parts(if letter == b'r' || letter == b't' || letter == b'T' { at.represents } else { at.device });
    let text = match letter {
        b'a' => format!("{:o}", at.mode),
        b'A' => return Some(modes::show(at.kind, at.mode).to_vec()),
        b'b' => at.blocks.to_string(),
        b'B' => "512".to_string(),
        b'C' => "?".to_string(),
        b'd' | b'r' if part == b'H' => major.to_string(),
        b'd' | b'r' if part == b'L' => minor.to_string(),
        b'd' => at.device.to_string(),
        b'r' => at.represents.to_string(),
        b'D' => format!("{:x}", at.device),
        b'f' => format!("{:x}", at.mode_and_type()),
        b'F' => kind_name(at).to_string(),
        b'g' => at.group.to_string(),
        b'G' => return Some(users.group(at.group).map_or_else(|| b"UNKNOWN".to_vec(), |group| group.name.clone())),
        b'h' => at.links.to_string(),
        b'i' => at.inode.to_string(),
        b'm' => "/".to_string(),
        b'n' => return Some(path.to_vec()),
        b'N' => {
            let mut text = path.to_vec();
            if at.is_symlink()
                && let Ok(target) = fs::read_link(path)
            {
                text = [b"'".as_slice(), path, b"' -> '", &target, b"'"].concat();
            }
            return Some(text);
        }
        b'o' => "4096".to_string(),
        b's' => at.size.to_string(),
        b't' => format!("{major:x}"),
        b'T' => format!("{minor:x}"),
        b'u' => at.user.to_string(),
        b'U' => return Some(users.user(at.user).map_or_else(|| b"UNKNOWN".to_vec(), |user| user.name.clone())),
        b'w' => "-".to_string(),
        b'W' => "0".to_string(),
        b'x' => return Some(date(at.accessed)),
        b'X' => at.accessed.seconds.to_string(),
        b'y' => return Some(date(at.modified)),
        b'Y' => at.modified.seconds.to_string(),
        b'z' => return Some(date(at.changed)),
        b'Z' => at.changed.seconds.to_string(),
        _ => return None,
    };
    Some(text.into_bytes())
}

fn system_value(letter: u8, path: &[u8], figures: &Figures) -> Option<Vec<u8>> {
    let text = match letter {
        b'a' => figures.available.to_string(),
        b'b' => figures.blocks.to_string(),
        b'c' => figures.inodes.to_string(),
        b'd' => figures.free_inodes.to_string(),
        b'f' => figures.free.to_string(),
        b'i' => "0".to_string(),
        b'l' => figures.name_max.to_string(),
        b'n' => return Some(path.to_vec()),
        b's' | b'S' => figures.block_size.to_string(),
        b't' => "0".to_string(),
        b'T' => figures.kind.clone(),
        _ => return None,
    };
    Some(text.into_bytes())
}
