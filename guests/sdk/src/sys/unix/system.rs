//! Names and figures over uname, sysinfo and /proc.

use std::ffi::CStr;
use std::time::Duration;

use super::check;
use crate::Result;
use crate::system::{Figures, Interface, Mount, Names, Route, Socket, Stats};

pub fn names() -> Names {
    // SAFETY: utsname is plain data that uname fills with C strings.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        libc::uname(&mut names);
        let text = |field: &[libc::c_char]| CStr::from_ptr(field.as_ptr()).to_string_lossy().into_owned();
        Names {
            system: text(&names.sysname),
            node: text(&names.nodename),
            release: text(&names.release),
            version: text(&names.version),
            machine: text(&names.machine),
            domain: text(&names.domainname),
        }
    }
}

pub fn figures() -> Figures {
    // SAFETY: sysinfo is plain data that the call fills.
    let info = unsafe {
        let mut info: libc::sysinfo = std::mem::zeroed();
        libc::sysinfo(&mut info);
        info
    };
    let unit = u64::from(info.mem_unit.max(1));
    let load = |index: usize| (info.loads.get(index).copied().unwrap_or(0) * 100 / 65536) as u32;
    Figures {
        uptime: Duration::from_secs(info.uptime as u64),
        load: (load(0), load(1), load(2)),
        memory_total: info.totalram * unit,
        memory_free: info.freeram * unit,
        processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
    }
}

pub fn set_node_name(name: &[u8]) -> Result<()> {
    // SAFETY: the name is valid for its length.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }).map(drop)
}

pub fn container_id() -> String {
    "0".repeat(64)
}

pub fn mounts() -> Vec<Mount> {
    let text = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (source, target, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            Some(Mount {
                target: target.as_bytes().to_vec(),
                kind: kind.to_string(),
                source: source.as_bytes().to_vec(),
                read_only: options.split(',').any(|option| option == "ro"),
                options: options
                    .split(',')
                    .filter(|option| !matches!(*option, "ro" | "rw"))
                    .collect::<Vec<_>>()
                    .join(","),
            })
        })
        .collect()
}

pub fn stats() -> Stats {
    let figures = figures();
    Stats {
        memory: figures.memory_total.saturating_sub(figures.memory_free),
        processes: super::process::list().len() as u32,
        ..Stats::default()
    }
}

pub fn interfaces() -> Vec<Interface> {
    Vec::new()
}

pub fn routes() -> Vec<Route> {
    Vec::new()
}

pub fn sockets() -> Vec<Socket> {
    Vec::new()
}

pub fn random(buffer: &mut [u8]) {
    let mut rest = buffer;
    while !rest.is_empty() {
        // SAFETY: the buffer is valid for its length.
        let count = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(count) {
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(_) => return,
        }
    }
}
