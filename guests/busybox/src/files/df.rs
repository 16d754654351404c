//! df: free space of file systems.

use coracle_sdk::{fs, system};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::numbers;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "df",
    directory: "/bin",
    summary: "Show free disk space",
    usage: "[-PkmhTai] [-t TYPE] [FILE]...

Print file system usage statistics

\t-P\tPOSIX output format
\t-k\tKilobytes (default)
\t-m\tMegabytes
\t-h\tHuman readable (e.g. 1K 243M 2G)
\t-T\tPrint the type
\t-t TYPE\tOnly file systems of this type
\t-a\tShow all file systems
\t-i\tInodes",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("P,portability k m h,human-readable H,si T,print-type t:,type x: a,all i,inodes B:,block-size total sync no-sync l,local")?;
    let mounts = system::mounts();
    let mut rows = Vec::new();
    let mut status = 0;
    if options.operands.is_empty() {
        for mount in &mounts {
            match fs::figures(&mount.target) {
                Ok(figures) if figures.blocks > 0 || options.has("a") => {
                    // A mount below another one at the same place hides it.
                    rows.retain(|(_, target, ..): &(String, Vec<u8>, String, fs::Figures)| *target != mount.target);
                    rows.push((lossy(&mount.source).into_owned(), mount.target.clone(), mount.kind.clone(), figures));
                }
                _ => {}
            }
        }
    }
    for path in &options.operands {
        let found = fs::real_path(path).and_then(|path| Ok((fs::figures(&path)?, path)));
        match found {
            Ok((figures, real)) => {
                let inside = |target: &[u8]| {
                    target == b"/"
                        || real == target
                        || (real.starts_with(target) && real.get(target.len()) == Some(&b'/'))
                };
                let mount = mounts.iter().filter(|mount| inside(&mount.target)).max_by_key(|mount| mount.target.len());
                match mount {
                    Some(mount) => rows.push((
                        lossy(&mount.source).into_owned(),
                        mount.target.clone(),
                        mount.kind.clone(),
                        figures,
                    )),
                    None => rows.push(("-".to_string(), b"/".to_vec(), figures.kind.clone(), figures)),
                }
            }
            Err(errno) => {
                call.warn_about(path, errno);
                status = 1;
            }
        }
    }
    if let Some(kind) = options.value("t") {
        rows.retain(|(_, _, found, _)| found.as_bytes() == kind);
    }
    if let Some(kind) = options.value("x") {
        rows.retain(|(_, _, found, _)| found.as_bytes() != kind);
    }
    print(&options, rows)?;
    Ok(status)
}

fn print(options: &crate::options::Options, rows: Vec<(String, Vec<u8>, String, fs::Figures)>) -> Result<(), Failure> {
    let mut out = Out::stdout();
    let human = options.has("h") || options.has("H");
    let base = if options.has("H") { 1000 } else { 1024 };
    let unit = match options.last_of(&["k", "m", "B"]) {
        Some("m") => 1 << 20,
        Some("B") => numbers::size(options.value("B").unwrap_or(b"1024"))?.max(1),
        _ => 1024,
    };
    let inodes = options.has("i");
    let size_header = match unit {
        _ if inodes => "Inodes".to_string(),
        _ if human => "Size".to_string(),
        1024 if options.has("P") => "1024-blocks".to_string(),
        1024 => "1K-blocks".to_string(),
        1_048_576 => "1M-blocks".to_string(),
        other => format!("{other}-blocks"),
    };
    let kind = if options.has("T") { format!("{:<11}", "Type") } else { String::new() };
    let percent_header = if inodes {
        "IUse%"
    } else if options.has("P") {
        "Capacity"
    } else {
        "Use%"
    };
    let available = if inodes { "IFree" } else { "Available" };
    let used_header = if inodes { "IUsed" } else { "Used" };
    out.text(format_args!(
        "{:<20} {kind}{:>9} {:>9} {:>9} {percent_header:>4} Mounted on\n",
        "Filesystem", size_header, used_header, available
    ))?;
    for (source, target, kind, figures) in rows {
        let (total, used, free) = if inodes {
            (figures.inodes, figures.inodes.saturating_sub(figures.free_inodes), figures.free_inodes)
        } else {
            let used = figures.blocks.saturating_sub(figures.free);
            (figures.blocks * figures.block_size, used * figures.block_size, figures.available * figures.block_size)
        };
        let show = |size: u64| match (inodes, human) {
            (true, false) => size.to_string(),
            (_, true) => numbers::human(size, base),
            _ => (size / unit).to_string(),
        };
        let percent = match used + free {
            0 => 0,
            sum => (u128::from(used) * 100).div_ceil(u128::from(sum)),
        };
        let kind = if options.has("T") { format!("{kind:<11}") } else { String::new() };
        // A long name has a line of its own.
        let source = if source.len() > 20 && !options.has("P") { format!("{source}\n{:20}", "") } else { source };
        out.text(format_args!(
            "{source:<20} {kind}{:>9} {:>9} {:>9} {percent:>3}% ",
            show(total),
            show(used),
            show(free)
        ))?;
        out.line(&target)?;
    }
    out.flush()
}
