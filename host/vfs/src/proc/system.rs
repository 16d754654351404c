//! The files of `/proc` that are about the machine.

use rand::Rng;
use std::fmt::Write;
use std::sync::OnceLock;

use super::source::ProcSource;
use super::ticks;
use super::tree::{Fixed, Item};

const fn at(ino: u32, name: &'static str, item: Item) -> Fixed {
    Fixed { name, ino, item }
}

pub(super) static ROOT: Fixed = at(1, "", Item::Processes(&TOP));

static TOP: [Fixed; 13] = [
    at(2, "cmdline", Item::File(|_| b"coracle\n".to_vec())),
    at(3, "cpuinfo", Item::File(cpuinfo)),
    at(
        4,
        "filesystems",
        Item::File(|_| b"nodev\toverlay\nnodev\ttmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\tdevpts\n".to_vec()),
    ),
    at(5, "loadavg", Item::File(loadavg)),
    at(6, "meminfo", Item::File(meminfo)),
    at(7, "mounts", Item::Link(|_| Some(b"self/mounts".to_vec()))),
    at(8, "self", Item::Link(|caller| (caller.pid > 0).then(|| caller.pid.to_string().into_bytes()))),
    at(9, "stat", Item::File(stat)),
    at(10, "sys", Item::Directory(&SYS)),
    at(
        11,
        "thread-self",
        Item::Link(|caller| (caller.pid > 0).then(|| format!("{0}/task/{0}", caller.pid).into_bytes())),
    ),
    at(12, "uptime", Item::File(uptime)),
    at(13, "version", Item::File(version)),
    at(14, "swaps", Item::File(|_| b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_vec())),
];

static SYS: [Fixed; 4] = [
    at(20, "fs", Item::Directory(&SYS_FS)),
    at(21, "kernel", Item::Directory(&SYS_KERNEL)),
    at(22, "net", Item::Directory(&SYS_NET)),
    at(23, "vm", Item::Directory(&SYS_VM)),
];

static SYS_FS: [Fixed; 2] = [
    at(30, "file-max", Item::File(|_| b"1048576\n".to_vec())),
    at(31, "pipe-max-size", Item::File(|_| b"65536\n".to_vec())),
];

static SYS_VM: [Fixed; 2] = [
    at(40, "overcommit_memory", Item::File(|_| b"1\n".to_vec())),
    at(41, "swappiness", Item::File(|_| b"0\n".to_vec())),
];

static SYS_NET: [Fixed; 2] =
    [at(50, "core", Item::Directory(&SYS_NET_CORE)), at(51, "ipv4", Item::Directory(&SYS_NET_IPV4))];
static SYS_NET_CORE: [Fixed; 1] = [at(52, "somaxconn", Item::File(|_| b"4096\n".to_vec()))];
static SYS_NET_IPV4: [Fixed; 1] = [at(53, "ip_local_port_range", Item::File(|_| b"32768\t60999\n".to_vec()))];

static SYS_KERNEL: [Fixed; 8] = [
    at(60, "hostname", Item::Writable(|source| line(source.hostname()), set_hostname)),
    at(61, "osrelease", Item::File(|source| line(source.system().release.into_bytes()))),
    at(62, "ostype", Item::File(|_| b"Linux\n".to_vec())),
    at(63, "pid_max", Item::File(|_| b"4194304\n".to_vec())),
    at(64, "random", Item::Directory(&SYS_KERNEL_RANDOM)),
    at(65, "threads-max", Item::File(|_| b"65536\n".to_vec())),
    at(66, "version", Item::File(|source| line(source.system().version.into_bytes()))),
    at(67, "cap_last_cap", Item::File(|_| b"40\n".to_vec())),
];

static SYS_KERNEL_RANDOM: [Fixed; 3] = [
    at(70, "boot_id", Item::File(boot_id)),
    at(71, "entropy_avail", Item::File(|_| b"256\n".to_vec())),
    at(72, "uuid", Item::File(|_| line(uuid(rand::rng().random()).into_bytes()))),
];

fn line(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    text
}

fn set_hostname(source: &dyn ProcSource, text: &[u8]) -> crate::Result<()> {
    source.set_hostname(text.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default())
}

/// A version 4 UUID (RFC 9562) out of random bits.
fn uuid(random: u128) -> String {
    let bits = (random & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
    parts.join("-")
}

/// The same for the container's life: taken from its id.
fn boot_id(source: &dyn ProcSource) -> Vec<u8> {
    let id = source.container_id();
    let bits = id.get(..32).and_then(|half| u128::from_str_radix(half, 16).ok()).unwrap_or(0);
    line(uuid(bits).into_bytes())
}

/// What the host says of its processor, if it says anything.
fn processor_model() -> &'static str {
    static MODEL: OnceLock<String> = OnceLock::new();
    MODEL.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        model.map_or_else(|| "WebAssembly".into(), |(_, model)| model.trim().into())
    })
}

fn cpuinfo(source: &dyn ProcSource) -> Vec<u8> {
    let processors = source.system().processors.max(1);
    let mut text = String::new();
    for number in 0..processors {
        let _ = write!(
            text,
            "processor\t: {number}\nvendor_id\t: Coracle\nmodel name\t: {}\nphysical id\t: 0\nsiblings\t: {processors}\n\
             core id\t\t: {number}\ncpu cores\t: {processors}\n\n",
            processor_model()
        );
    }
    text.into_bytes()
}

fn loadavg(source: &dyn ProcSource) -> Vec<u8> {
    let system = source.system();
    let [one, five, fifteen] = system.load;
    let processes = source.pids().len();
    format!("{one:.2} {five:.2} {fifteen:.2} {}/{processes} {}\n", system.runnable, system.last_pid).into_bytes()
}

fn meminfo(source: &dyn ProcSource) -> Vec<u8> {
    let system = source.system();
    let (total, free) = (system.memory_total / 1024, system.memory_free / 1024);
    let lines = [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("Active", total.saturating_sub(free)),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", total.saturating_sub(free)),
        ("Mapped", 0),
        ("Shmem", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
    ];
    let mut text = String::new();
    for (name, amount) in lines {
        let _ = writeln!(text, "{:<16}{amount:>8} kB", format!("{name}:"));
    }
    text.into_bytes()
}

fn stat(source: &dyn ProcSource) -> Vec<u8> {
    let system = source.system();
    let processors = system.processors.max(1);
    let (busy, idle) = (ticks(system.busy), ticks(system.idle));
    let mut text = format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n");
    for number in 0..processors {
        let share = |all: u128| all / u128::from(processors);
        let _ = writeln!(text, "cpu{number} {} 0 0 {} 0 0 0 0 0 0", share(busy), share(idle));
    }
    let _ = write!(
        text,
        "intr 0\nctxt 0\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
        system.boot_time, system.forks, system.runnable
    );
    text.into_bytes()
}

fn uptime(source: &dyn ProcSource) -> Vec<u8> {
    let system = source.system();
    format!("{:.2} {:.2}\n", system.uptime.as_secs_f64(), system.idle.as_secs_f64()).into_bytes()
}

fn version(source: &dyn ProcSource) -> Vec<u8> {
    let system = source.system();
    format!("Linux version {} (coracle) {}\n", system.release, system.version).into_bytes()
}
