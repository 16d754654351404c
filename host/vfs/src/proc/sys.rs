//! The files of `/sys`: control group v2 figures, which runtimes read to size themselves, and the processors.

use std::fmt::Write;

use super::source::{ControlGroup, ProcSource};
use super::tree::{Fixed, Item};

const fn at(ino: u32, name: &'static str, item: Item) -> Fixed {
    Fixed { name, ino, item }
}

pub(super) static ROOT: Fixed = at(1, "", Item::Directory(&TOP));
static TOP: [Fixed; 2] = [at(2, "devices", Item::Directory(&DEVICES)), at(3, "fs", Item::Directory(&FS))];
static DEVICES: [Fixed; 1] = [at(4, "system", Item::Directory(&SYSTEM))];
static SYSTEM: [Fixed; 1] = [at(5, "cpu", Item::Directory(&CPU))];
static CPU: [Fixed; 3] = [
    at(6, "online", Item::File(processors)),
    at(7, "possible", Item::File(processors)),
    at(8, "present", Item::File(processors)),
];
static FS: [Fixed; 1] = [at(9, "cgroup", Item::Directory(&CGROUP))];

static CGROUP: [Fixed; 17] = [
    at(20, "cgroup.controllers", Item::File(|_| b"cpu memory pids\n".to_vec())),
    at(
        21,
        "cgroup.events",
        Item::File(|source| format!("populated 1\nfrozen {}\n", u8::from(source.control_group().frozen)).into_bytes()),
    ),
    at(22, "cgroup.freeze", Item::File(|source| number(u64::from(source.control_group().frozen)))),
    at(
        23,
        "cgroup.procs",
        Item::File(|source| source.pids().iter().map(|pid| format!("{pid}\n")).collect::<String>().into_bytes()),
    ),
    at(24, "cgroup.subtree_control", Item::File(|_| b"\n".to_vec())),
    at(25, "cgroup.type", Item::File(|_| b"domain\n".to_vec())),
    at(26, "cpu.max", Item::File(cpu_max)),
    at(27, "cpu.stat", Item::File(cpu_stat)),
    at(28, "cpu.weight", Item::File(|_| b"100\n".to_vec())),
    at(29, "memory.current", Item::File(|source| number(source.control_group().memory_current))),
    at(30, "memory.events", Item::File(memory_events)),
    at(31, "memory.max", Item::File(|source| limit(source.control_group().memory_max))),
    at(32, "memory.peak", Item::File(|source| number(source.control_group().memory_peak))),
    at(33, "memory.swap.current", Item::File(|_| b"0\n".to_vec())),
    at(34, "memory.swap.max", Item::File(|_| b"0\n".to_vec())),
    at(35, "pids.current", Item::File(|source| number(source.control_group().pids_current))),
    at(36, "pids.max", Item::File(|source| limit(source.control_group().pids_max))),
];

fn processors(source: &dyn ProcSource) -> Vec<u8> {
    match source.system().processors {
        0 | 1 => b"0\n".to_vec(),
        processors => format!("0-{}\n", processors - 1).into_bytes(),
    }
}

fn number(amount: u64) -> Vec<u8> {
    format!("{amount}\n").into_bytes()
}

fn limit(limit: Option<u64>) -> Vec<u8> {
    limit.map_or_else(|| b"max\n".to_vec(), number)
}

fn cpu_max(source: &dyn ProcSource) -> Vec<u8> {
    let ControlGroup { cpu_quota, cpu_period, .. } = source.control_group();
    let period = if cpu_period == 0 { 100_000 } else { cpu_period };
    match cpu_quota {
        Some(quota) => format!("{quota} {period}\n").into_bytes(),
        None => format!("max {period}\n").into_bytes(),
    }
}

fn cpu_stat(source: &dyn ProcSource) -> Vec<u8> {
    let group = source.control_group();
    let usage = group.cpu_usage.as_micros();
    let mut text = format!("usage_usec {usage}\nuser_usec {usage}\nsystem_usec 0\n");
    let _ = write!(
        text,
        "nr_periods {0}\nnr_throttled {0}\nthrottled_usec {1}\n",
        group.cpu_throttled_periods,
        group.cpu_throttled.as_micros()
    );
    text.into_bytes()
}

fn memory_events(source: &dyn ProcSource) -> Vec<u8> {
    let kills = source.control_group().memory_kills;
    format!("low 0\nhigh 0\nmax {kills}\noom {kills}\noom_kill {kills}\noom_group_kill 0\n").into_bytes()
}
