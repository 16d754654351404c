use super::*;
use crate::namespace::tests::{namespace, options};
use crate::*;
use parking_lot::Mutex;
use std::time::Duration;

/// Two processes, 1 of user 0 and 7 of user 1000. Each has the root open as 3 and a pipe of user 0 to read as 0.
struct Source {
    ns: Mutex<Option<Namespace>>,
    hostname: Mutex<Vec<u8>>,
}

impl Source {
    fn root_location(&self) -> Option<Location> {
        self.ns.lock().as_ref().map(Namespace::root)
    }
}

impl ProcSource for Source {
    fn pids(&self) -> Vec<u32> {
        vec![1, 7]
    }
    fn process(&self, pid: u32) -> Option<ProcEntry> {
        let uid = match pid {
            1 => 0,
            7 => 1000,
            _ => return None,
        };
        Some(ProcEntry {
            pid,
            ppid: 0,
            group: pid,
            session: 1,
            terminal: device_number(136, 0),
            foreground: 1,
            command: b"a rather long command name".to_vec(),
            state: ProcState::Sleeping,
            credentials: Credentials { uid, gid: uid, groups: Arc::new([10, 20]) },
            umask: 0o22,
            nice: 0,
            threads: 1,
            start: Duration::from_millis(1500),
            user_time: Duration::from_millis(250),
            system_time: Duration::ZERO,
            children_time: Duration::ZERO,
            virtual_bytes: 8 << 20,
            resident_bytes: 1 << 20,
            signals: SignalSets { caught: 1 << 14, ..SignalSets::default() },
        })
    }
    fn arguments(&self, pid: u32) -> Option<Vec<Vec<u8>>> {
        self.process(pid).map(|_| vec![b"sh".to_vec(), b"-c".to_vec()])
    }
    fn environment(&self, pid: u32) -> Option<Vec<Vec<u8>>> {
        self.process(pid).map(|_| vec![b"A=b".to_vec()])
    }
    fn limits(&self, pid: u32) -> Option<Vec<Limit>> {
        let limit = Limit { name: "Max open files", soft: Some(1024), hard: None, unit: "files" };
        self.process(pid).map(|_| vec![limit])
    }
    fn working_directory(&self, _: u32) -> Option<Location> {
        let ns = self.ns.lock().clone()?;
        ns.directory(&ns.root(), b"/home", &Caller::root()).ok()
    }
    fn executable(&self, _: u32) -> Option<Location> {
        None
    }
    fn root(&self) -> Option<Location> {
        self.root_location()
    }
    fn descriptors(&self, pid: u32) -> Option<Vec<u32>> {
        self.process(pid).map(|_| vec![0, 3])
    }
    fn descriptor(&self, _: u32, fd: u32) -> Option<DescriptorEntry> {
        let location = self.root_location()?;
        let attributes = location.attributes();
        let pipe = || attributes.map(|attributes| Attributes { kind: FileKind::Fifo, mode: 0o600, ..attributes });
        match fd {
            0 => Some(DescriptorEntry {
                text: b"pipe:[5]".to_vec(),
                location: None,
                attributes: pipe(),
                read: true,
                write: false,
            }),
            3 => Some(DescriptorEntry {
                text: Vec::new(),
                attributes: location.attributes(),
                location: Some(location),
                read: true,
                write: false,
            }),
            _ => None,
        }
    }
    fn mounts(&self) -> Vec<MountEntry> {
        self.ns.lock().as_ref().map(Namespace::mounts).unwrap_or_default()
    }
    fn system(&self) -> SystemFigures {
        SystemFigures {
            uptime: Duration::from_millis(12_340),
            idle: Duration::from_secs(3),
            busy: Duration::from_secs(1),
            boot_time: 1_700_000_000,
            load: [0.5, 0.25, 0.0],
            runnable: 1,
            forks: 9,
            last_pid: 7,
            memory_total: 1 << 30,
            memory_free: 1 << 29,
            processors: 2,
            release: "6.0.0".into(),
            version: "#1".into(),
        }
    }
    fn hostname(&self) -> Vec<u8> {
        self.hostname.lock().clone()
    }
    fn set_hostname(&self, name: &[u8]) -> Result<()> {
        *self.hostname.lock() = name.to_vec();
        Ok(())
    }
    fn control_group(&self) -> ControlGroup {
        ControlGroup { memory_max: Some(1 << 20), cpu_quota: Some(50_000), pids_current: 2, ..ControlGroup::default() }
    }
    fn container_id(&self) -> String {
        "0123456789abcdef".repeat(4)
    }
}

fn machine() -> Namespace {
    let ns = namespace();
    for directory in [&b"/proc"[..], b"/sys", b"/home"] {
        ns.mkdir(&ns.root(), directory, 0o755, &Caller::root()).unwrap();
    }
    let source = Arc::new(Source { ns: Mutex::new(Some(ns.clone())), hostname: Mutex::new(b"box".to_vec()) });
    ns.mount(b"/proc", ProcFs::new(source.clone()), options(MountKind::Proc, false)).unwrap();
    ns.mount(b"/sys", SysFs::new(source), options(MountKind::Sys, true)).unwrap();
    ns
}

fn caller(pid: u32, uid: u32) -> Caller {
    Caller { credentials: Credentials { uid, gid: uid, groups: Arc::new([]) }, pid, ..Caller::root() }
}

fn read_as(ns: &Namespace, path: &str, caller: &Caller) -> Result<String> {
    let options = OpenOptions { read: true, ..Default::default() };
    let Opened::File(file) = ns.open(&ns.root(), path.as_bytes(), &options, caller)? else { panic!() };
    let mut buf = vec![0; 1 << 16];
    let length = file.read_at(&mut buf, 0)?;
    buf.truncate(length);
    Ok(String::from_utf8(buf).unwrap())
}

fn read(ns: &Namespace, path: &str) -> String {
    read_as(ns, path, &caller(1, 0)).unwrap()
}

#[test]
fn a_process_is_told_as_linux_tells_it() {
    let ns = machine();
    assert_eq!(read(&ns, "/proc/1/cmdline"), "sh\0-c\0");
    assert_eq!(read(&ns, "/proc/self/comm"), "a rather long c\n");
    let stat = read(&ns, "/proc/7/stat");
    let fields: Vec<_> = stat.trim_end().rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!(fields.len(), 50);
    assert_eq!((fields[0], fields[4], fields[11], fields[19]), ("S", "34816", "25", "150"));
    let status = read(&ns, "/proc/7/status");
    for line in ["State:\tS (sleeping)", "Uid:\t1000\t1000\t1000\t1000", "Groups:\t10 20 ", "SigCgt:\t0000000000004000"]
    {
        assert!(status.lines().any(|found| found == line), "{line} in {status}");
    }
    assert_eq!(
        read(&ns, "/proc/1/limits").lines().nth(1).unwrap(),
        "Max open files            1024                 unlimited            files     "
    );
    assert!(read(&ns, "/proc/mounts").contains("test /proc proc rw 0 0\ntest /sys sysfs ro 0 0\n"));
    assert!(read(&ns, "/proc/1/mountinfo").lines().all(|line| line.contains(" / / ") || line.contains(" - ")));
    assert_eq!(read(&ns, "/proc/uptime"), "12.34 3.00\n");
    assert!(read(&ns, "/proc/meminfo").starts_with("MemTotal:        1048576 kB\n"));
}

#[test]
fn self_is_whoever_asks() {
    let ns = machine();
    let link = |pid| ns.read_link(&ns.root(), b"/proc/self", &caller(pid, 0));
    assert_eq!(link(1).unwrap(), b"1");
    assert_eq!(link(7).unwrap(), b"7");
    assert_eq!(link(0).err(), Some(Errno::NOENT));
    let names = |pid| {
        let entries = ns.read_dir(&ns.root(), b"/proc", &caller(pid, 0)).unwrap();
        entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
    };
    assert!(names(1).contains(&b"self".to_vec()) && names(1).contains(&b"7".to_vec()));
    assert!(!names(0).contains(&b"self".to_vec()));
    assert_eq!(read(&ns, "/proc/thread-self/comm"), read(&ns, "/proc/1/task/1/comm"));
}

#[test]
fn magic_links_lead_to_what_is_open() {
    let ns = machine();
    let me = caller(1, 0);
    let read_link = |path: &[u8]| ns.read_link(&ns.root(), path, &me).unwrap();
    assert_eq!(read_link(b"/proc/self/fd/0"), b"pipe:[5]");
    assert_eq!(read_link(b"/proc/self/fd/3"), b"/");
    assert_eq!(read_link(b"/proc/self/cwd"), b"/home");
    assert_eq!(ns.real_path(&ns.root(), b"/proc/self/cwd/../proc/1/root/home", &me).unwrap(), b"/home");
    let stat = |path: &[u8], follow| ns.stat(&ns.root(), path, follow, &me).unwrap();
    assert_eq!(stat(b"/proc/self/fd/0", true).kind, FileKind::Fifo);
    assert_eq!(stat(b"/proc/self/fd/0", false).kind, FileKind::Symlink);
    assert_eq!(stat(b"/proc/self/fd/0", false).mode, 0o500);
    let open = |path: &[u8], caller: &Caller| {
        ns.open(&ns.root(), path, &OpenOptions { read: true, ..Default::default() }, caller)
    };
    assert!(matches!(open(b"/proc/self/fd/0", &me), Ok(Opened::Descriptor { pid: 1, fd: 0 })));
    assert!(matches!(open(b"/proc/self/fd/3", &me), Ok(Opened::Directory(_))));
    let alice = caller(7, 1000);
    assert!(matches!(open(b"/proc/self/fd/0", &alice), Ok(Opened::Descriptor { pid: 7, fd: 0 })));
    let write = OpenOptions { write: true, ..Default::default() };
    assert_eq!(ns.open(&ns.root(), b"/proc/self/fd/0", &write, &alice).err(), Some(Errno::ACCESS));
    assert_eq!(open(b"/proc/self/fd/0/x", &me).err(), Some(Errno::NOTDIR));
    assert_eq!(open(b"/proc/self/fd/1", &me).err(), Some(Errno::NOENT));
    assert_eq!(open(b"/proc/self/fd/03", &me).err(), Some(Errno::NOENT));
}

#[test]
fn other_peoples_processes_keep_their_secrets() {
    let ns = machine();
    let alice = caller(7, 1000);
    assert_eq!(read_as(&ns, "/proc/1/environ", &alice).err(), Some(Errno::ACCESS));
    assert_eq!(read_as(&ns, "/proc/7/environ", &alice).unwrap(), "A=b\0");
    let denied = Some(Errno::ACCESS);
    assert_eq!(ns.read_link(&ns.root(), b"/proc/1/cwd", &alice).err(), denied);
    assert_eq!(ns.stat(&ns.root(), b"/proc/1/root/home", true, &alice).err(), denied);
    assert_eq!(ns.stat(&ns.root(), b"/proc/1/fd/3", true, &alice).err(), denied);
    assert!(ns.stat(&ns.root(), b"/proc/7/fd/3", true, &alice).is_ok());
}

#[test]
fn only_the_host_name_can_be_written() {
    let ns = machine();
    let write = |path: &[u8], caller: &Caller| {
        let options = OpenOptions { write: true, truncate: true, ..Default::default() };
        match ns.open(&ns.root(), path, &options, caller)? {
            Opened::File(file) => file.write_at(b"new\n", 0),
            _ => Err(Errno::INVAL),
        }
    };
    write(b"/proc/sys/kernel/hostname", &caller(1, 0)).unwrap();
    assert_eq!(read(&ns, "/proc/sys/kernel/hostname"), "new\n");
    assert_eq!(write(b"/proc/sys/kernel/hostname", &caller(7, 1000)).err(), Some(Errno::ACCESS));
    assert_eq!(write(b"/proc/uptime", &caller(1, 0)).err(), Some(Errno::ACCESS));
    let uuid = read(&ns, "/proc/sys/kernel/random/uuid");
    assert_ne!(uuid, read(&ns, "/proc/sys/kernel/random/uuid"));
    assert_eq!((uuid.len(), &uuid[14..15]), (37, "4"));
    assert_eq!(read(&ns, "/proc/sys/kernel/random/boot_id"), read(&ns, "/proc/sys/kernel/random/boot_id"));
}

#[test]
fn control_group_files_tell_limits() {
    let ns = machine();
    assert_eq!(read(&ns, "/sys/fs/cgroup/memory.max"), "1048576\n");
    assert_eq!(read(&ns, "/sys/fs/cgroup/pids.max"), "max\n");
    assert_eq!(read(&ns, "/sys/fs/cgroup/cpu.max"), "50000 100000\n");
    assert_eq!(read(&ns, "/sys/fs/cgroup/pids.current"), "2\n");
    assert_eq!(read(&ns, "/sys/devices/system/cpu/online"), "0-1\n");
}

#[test]
fn every_file_of_the_tree_can_be_read_and_has_its_own_number() {
    let ns = machine();
    let me = caller(1, 0);
    let mut numbers = std::collections::HashSet::new();
    let mut pending = vec![b"/proc".to_vec(), b"/sys".to_vec()];
    while let Some(directory) = pending.pop() {
        for entry in ns.read_dir(&ns.root(), &directory, &me).unwrap() {
            let path = [&directory[..], b"/", &entry.name].concat();
            let attributes = ns.stat(&ns.root(), &path, false, &me).unwrap();
            assert_eq!((attributes.kind, attributes.ino), (entry.kind, entry.ino));
            match entry.kind {
                _ if path.windows(6).any(|part| part == b"/task/") => {}
                FileKind::Directory => pending.push(path.clone()),
                FileKind::Regular => drop(read_as(&ns, std::str::from_utf8(&path).unwrap(), &me).unwrap()),
                _ => {}
            }
            let again = path.windows(6).any(|part| part == b"/task/");
            assert!(numbers.insert((attributes.dev, attributes.ino)) || again, "{:?}", String::from_utf8_lossy(&path));
        }
    }
}
