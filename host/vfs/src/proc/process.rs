//! The files of `/proc/PID`.

use crate::MountEntry;
use std::fmt::Write;

use super::source::ProcSource;
use super::ticks;

/// The magic links of a process.
#[derive(Clone, Copy)]
pub(super) enum ProcessLink {
    WorkingDirectory,
    Executable,
    Root,
}

impl ProcessLink {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("cwd", Self::WorkingDirectory), ("exe", Self::Executable), ("root", Self::Root)];
}

/// One text of a process; `None` when the process is gone.
pub(super) struct ProcessFile {
    pub(super) name: &'static str,
    pub(super) number: u8,
    pub(super) mode: u32,
    pub(super) text: fn(&dyn ProcSource, u32) -> Option<Vec<u8>>,
}

const fn file(
    number: u8,
    name: &'static str,
    mode: u32,
    text: fn(&dyn ProcSource, u32) -> Option<Vec<u8>>,
) -> ProcessFile {
    ProcessFile { name, number, mode, text }
}

pub(super) static FILES: [ProcessFile; 13] = [
    file(0, "cgroup", 0o444, |source, pid| source.process(pid).map(|_| b"0::/\n".to_vec())),
    file(1, "cmdline", 0o444, |source, pid| source.arguments(pid).map(|words| terminated(&words))),
    file(2, "comm", 0o444, |source, pid| source.process(pid).map(|entry| [command(&entry.command), b"\n"].concat())),
    file(3, "environ", 0o400, |source, pid| source.environment(pid).map(|words| terminated(&words))),
    file(4, "limits", 0o444, limits),
    file(5, "mountinfo", 0o444, |source, pid| source.process(pid).map(|_| mount_info(&source.mounts()))),
    file(6, "mounts", 0o444, |source, pid| source.process(pid).map(|_| mount_table(&source.mounts()))),
    file(7, "oom_score", 0o444, |source, pid| source.process(pid).map(|_| b"0\n".to_vec())),
    file(8, "stat", 0o444, stat),
    file(9, "statm", 0o444, statm),
    file(10, "status", 0o444, status),
    file(11, "uid_map", 0o444, |source, pid| source.process(pid).map(|_| identity_map())),
    file(12, "gid_map", 0o444, |source, pid| source.process(pid).map(|_| identity_map())),
];

fn identity_map() -> Vec<u8> {
    format!("{:>10} {:>10} {:>10}\n", 0, 0, u32::MAX).into_bytes()
}

/// At most 15 bytes, as the kernel keeps of a name.
fn command(name: &[u8]) -> &[u8] {
    name.get(..15).unwrap_or(name)
}

fn terminated(words: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::with_capacity(words.iter().map(|word| word.len() + 1).sum());
    for word in words {
        text.extend_from_slice(word);
        text.push(0);
    }
    text
}

fn limits(source: &dyn ProcSource, pid: u32) -> Option<Vec<u8>> {
    let mut text = format!("{:<26}{:<21}{:<21}{:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    let amount = |limit: Option<u64>| limit.map_or_else(|| "unlimited".into(), |limit| limit.to_string());
    for limit in source.limits(pid)? {
        let _ =
            writeln!(text, "{:<26}{:<21}{:<21}{:<10}", limit.name, amount(limit.soft), amount(limit.hard), limit.unit);
    }
    Some(text.into_bytes())
}

/// Pages of 4096 bytes.
fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(4096)
}

fn stat(source: &dyn ProcSource, pid: u32) -> Option<Vec<u8>> {
    let entry = source.process(pid)?;
    let mut text = format!("{} (", entry.pid).into_bytes();
    text.extend_from_slice(command(&entry.command));
    let signals = entry.signals;
    // The kernel gives signals as signed 31 bits here; the full sets are in `status`.
    let bits = |set: u64| set & 0x7fff_ffff;
    let fields = format!(
        ") {} {} {} {} {} {} 4194304 0 0 0 0 {} {} {} 0 {} {} {} 0 {} {} {} 18446744073709551615 0 0 0 0 0 {} {} {} {} \
         0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        entry.state.letter(),
        entry.ppid,
        entry.group,
        entry.session,
        entry.terminal,
        entry.foreground,
        ticks(entry.user_time),
        ticks(entry.system_time),
        ticks(entry.children_time),
        20 + entry.nice,
        entry.nice,
        entry.threads,
        ticks(entry.start),
        entry.virtual_bytes,
        pages(entry.resident_bytes),
        bits(signals.pending),
        bits(signals.blocked),
        bits(signals.ignored),
        bits(signals.caught),
    );
    text.extend_from_slice(fields.as_bytes());
    Some(text)
}

fn statm(source: &dyn ProcSource, pid: u32) -> Option<Vec<u8>> {
    let entry = source.process(pid)?;
    let (size, resident) = (pages(entry.virtual_bytes), pages(entry.resident_bytes));
    Some(format!("{size} {resident} 0 0 0 {resident} 0\n").into_bytes())
}

fn status(source: &dyn ProcSource, pid: u32) -> Option<Vec<u8>> {
    let entry = source.process(pid)?;
    let mut text = b"Name:\t".to_vec();
    text.extend_from_slice(command(&entry.command));
    let credentials = &entry.credentials;
    let (uid, gid) = (credentials.uid, credentials.gid);
    let groups: String = credentials.groups.iter().map(|group| format!("{group} ")).collect();
    let (size, resident) = (entry.virtual_bytes / 1024, entry.resident_bytes / 1024);
    let descriptors = source.descriptors(pid).map_or(0, |descriptors| descriptors.len().max(64).next_power_of_two());
    let signals = entry.signals;
    let rest = format!(
        "\nUmask:\t{umask:04o}\nState:\t{letter} ({word})\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{ppid}\n\
         TracerPid:\t0\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nFDSize:\t{descriptors}\n\
         Groups:\t{groups}\nNStgid:\t{pid}\nNSpid:\t{pid}\nNSpgid:\t{group}\nNSsid:\t{session}\n\
         VmPeak:\t{size:>8} kB\nVmSize:\t{size:>8} kB\nVmHWM:\t{resident:>8} kB\nVmRSS:\t{resident:>8} kB\n\
         VmSwap:\t{zero:>8} kB\nThreads:\t{threads}\nSigQ:\t0/65536\nSigPnd:\t{pending:016x}\n\
         ShdPnd:\t{zero:016x}\nSigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n\
         NoNewPrivs:\t0\nSeccomp:\t0\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n",
        umask = entry.umask,
        letter = entry.state.letter(),
        word = entry.state.word(),
        pid = entry.pid,
        ppid = entry.ppid,
        group = entry.group,
        session = entry.session,
        threads = entry.threads,
        pending = signals.pending,
        blocked = signals.blocked,
        ignored = signals.ignored,
        caught = signals.caught,
        zero = 0,
    );
    text.extend_from_slice(rest.as_bytes());
    Some(text)
}

/// Space, tab, newline and backslash as octal, so that a line of a mount table stays one.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(path.len());
    for byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => text.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => text.push(*byte),
        }
    }
    text
}

fn flags(mount: &MountEntry) -> String {
    let access = if mount.options.read_only { "ro" } else { "rw" };
    if mount.options.options.is_empty() { access.into() } else { format!("{access},{}", mount.options.options) }
}

fn source_name(mount: &MountEntry) -> Vec<u8> {
    if mount.options.source.is_empty() { b"none".to_vec() } else { escaped(&mount.options.source) }
}

pub(super) fn mount_table(mounts: &[MountEntry]) -> Vec<u8> {
    let mut text = Vec::new();
    for mount in mounts {
        text.extend_from_slice(&source_name(mount));
        text.push(b' ');
        text.extend_from_slice(&escaped(&mount.target));
        text.extend_from_slice(format!(" {} {} 0 0\n", mount.file_system, flags(mount)).as_bytes());
    }
    text
}

fn mount_info(mounts: &[MountEntry]) -> Vec<u8> {
    let mut text = Vec::new();
    for mount in mounts {
        let (major, minor) = (rustix::fs::major(mount.dev), rustix::fs::minor(mount.dev));
        text.extend_from_slice(format!("{} {} {major}:{minor} / ", mount.id, mount.parent).as_bytes());
        text.extend_from_slice(&escaped(&mount.target));
        text.extend_from_slice(format!(" {} - {} ", flags(mount), mount.file_system).as_bytes());
        text.extend_from_slice(&source_name(mount));
        text.extend_from_slice(if mount.options.read_only { b" ro\n" } else { b" rw\n" });
    }
    text
}
