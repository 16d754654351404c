//! du: how much space files take.

use std::collections::HashSet;

use coracle_posix::pattern::{self, Pattern};
use coracle_sdk::fs::{self, Attributes};

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::output::Out;
use crate::{numbers, paths, tree};

pub static APPLET: Applet = Applet {
    name: "du",
    directory: "/usr/bin",
    summary: "Show disk space used by files",
    usage: "[-aHLdclsxhmkb] [FILE]...

Summarize disk space used for FILEs (or directories)

\t-a\tShow file sizes too
\t-b\tApparent size in bytes
\t-L\tFollow all symbolic links
\t-H\tFollow symbolic links among the operands
\t-d N\tLimit output to directories (and files with -a) of depth < N
\t-c\tShow grand total
\t-l\tCount sizes many times if hard linked
\t-s\tDisplay only a total for each argument
\t-x\tSkip directories on different filesystems
\t-S\tWithout subdirectories
\t-h\tSizes in human readable format (e.g., 1K 243M 2G)
\t-m\tSizes in megabytes
\t-k\tSizes in kilobytes (default)
\t--exclude=GLOB, --apparent-size",
    run,
};

struct Usage<'a> {
    call: &'a Call,
    all: bool,
    follow: bool,
    follow_operands: bool,
    most: usize,
    count_links: bool,
    one_device: bool,
    apparent: bool,
    separate: bool,
    unit: u64,
    human: Option<u64>,
    end: u8,
    exclude: Vec<Pattern>,
    seen: HashSet<(u64, u64)>,
    out: Out<'static>,
    status: u8,
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "a,all H,D,dereference-args L,dereference P d:,max-depth c,total l,count-links s,summarize x,one-file-system \
         h,human-readable m k b,bytes S,separate-dirs apparent-size exclude: si 0,null B:,block-size t:,threshold",
    )?;
    let most = match options.value("d") {
        Some(text) => numbers::parse(text)?,
        None if options.has("s") => 0,
        None => usize::MAX,
    };
    let unit = match options.last_of(&["h", "m", "k", "b", "B", "si"]) {
        Some("m") => 1 << 20,
        Some("b") => 1,
        Some("B") => numbers::size(options.value("B").unwrap_or(b"1024"))?.max(1),
        _ => 1024,
    };
    let mut usage = Usage {
        call,
        all: options.has("a"),
        follow: options.has("L"),
        follow_operands: options.has("H"),
        most,
        count_links: options.has("l"),
        one_device: options.has("x"),
        apparent: options.has("b") || options.has("apparent-size"),
        separate: options.has("S"),
        unit,
        human: match options.last_of(&["h", "m", "k", "b", "B", "si"]) {
            Some("h") => Some(1024),
            Some("si") => Some(1000),
            _ => None,
        },
        end: if options.has("0") { 0 } else { b'\n' },
        exclude: options.values("exclude").map(|text| Pattern::new(text, pattern::Flags::default())).collect(),
        seen: HashSet::new(),
        out: Out::stdout(),
        status: 0,
    };
    let operands = if options.operands.is_empty() { vec![b".".to_vec()] } else { options.operands.clone() };
    let mut total = 0;
    for path in &operands {
        total += usage.path(path, 0, None)?;
    }
    if options.has("c") {
        usage.print(total, b"total")?;
    }
    let status = usage.status;
    usage.out.finish(status)
}

impl Usage<'_> {
    fn print(&mut self, bytes: u64, path: &[u8]) -> Result<(), Failure> {
        let size = match self.human {
            Some(base) => numbers::human(bytes, base),
            None => bytes.div_ceil(self.unit).to_string(),
        };
        self.out.text(format_args!("{size}\t"))?;
        self.out.put(path)?;
        self.out.byte(self.end)
    }

    fn size(&self, attributes: &Attributes) -> u64 {
        match (self.apparent, attributes.is_dir()) {
            (true, _) => attributes.size,
            (false, _) => attributes.blocks * 512,
        }
    }

    fn path(&mut self, path: &[u8], depth: usize, device: Option<u64>) -> Result<u64, Failure> {
        let follow = self.follow || (depth == 0 && self.follow_operands);
        let attributes = match if follow { fs::stat(path) } else { fs::lstat(path) } {
            Ok(attributes) => attributes,
            Err(errno) => {
                self.out.flush()?;
                self.call.warn_about(path, errno);
                self.status = 1;
                return Ok(0);
            }
        };
        let excluded = |pattern: &Pattern| pattern.matches(paths::base_name(path)) || pattern.matches(path);
        if self.exclude.iter().any(excluded)
            || (self.one_device && device.is_some_and(|device| device != attributes.device))
        {
            return Ok(0);
        }
        let shared = attributes.links > 1 || self.follow;
        let counted = shared && !self.count_links && (self.follow || !attributes.is_dir());
        if counted && !self.seen.insert((attributes.device, attributes.inode)) {
            return Ok(0);
        }
        let mut total = self.size(&attributes);
        if attributes.is_dir() {
            match tree::unsorted_names(path) {
                Ok(names) => {
                    for name in names {
                        let child = paths::join(path, &name);
                        let is_dir = self.separate && fs::lstat(&child).is_ok_and(|at| at.is_dir());
                        let size = self.path(&child, depth + 1, Some(attributes.device))?;
                        total += if is_dir { 0 } else { size };
                    }
                }
                Err(errno) => {
                    self.out.flush()?;
                    self.call.warn_about(path, errno);
                    self.status = 1;
                }
            }
        }
        if depth <= self.most && (attributes.is_dir() || self.all || depth == 0) {
            self.print(total, path)?;
        }
        Ok(total)
    }
}
