use super::*;
use crate::namespace::tests::{namespace, options};
use crate::{Caller, Errno, FileKind, Namespace, NewTime, OpenOptions, Opened};

fn machine(terminals: &'static [u32]) -> Namespace {
    let ns = namespace();
    ns.mkdir(&ns.root(), b"/dev", 0o755, &Caller::root()).unwrap();
    let dev = DevFs::new(Arc::new(|| terminals.to_vec()), 1 << 20).unwrap();
    ns.mount(b"/dev", dev, options(MountKind::Dev, false)).unwrap();
    ns
}

#[test]
fn the_usual_devices_are_there_and_say_what_they_are() {
    let ns = machine(&[0, 3]);
    let caller = Caller::root();
    let open = |path: &[u8]| ns.open(&ns.root(), path, &OpenOptions { read: true, ..Default::default() }, &caller);
    let Opened::Device { kind, rdev, location } = open(b"/dev/null").unwrap() else { panic!() };
    assert_eq!((kind, rdev), (FileKind::CharDevice, device_number(1, 3)));
    assert_eq!(location.path(), b"/dev/null");
    let Opened::Device { rdev, .. } = open(b"/dev/ptmx").unwrap() else { panic!() };
    assert_eq!(rdev, device_number(5, 2));
    let Opened::Device { rdev, .. } = open(b"/dev/pts/3").unwrap() else { panic!() };
    assert_eq!(rdev, device_number(136, 3));
    assert_eq!(open(b"/dev/pts/1").err(), Some(Errno::NOENT));
    assert_eq!(ns.read_link(&ns.root(), b"/dev/stdout", &caller).unwrap(), b"/proc/self/fd/1");
    assert_eq!(ns.stat(&ns.root(), b"/dev/shm", true, &caller).unwrap().mode, 0o1777);
    assert_eq!(ns.figures(&ns.root(), b"/dev/shm", &caller).unwrap().blocks, 256);
    let targets: Vec<_> = ns.mounts().into_iter().map(|mount| (mount.target, mount.file_system)).collect();
    assert!(targets.contains(&(b"/dev/pts".to_vec(), "devpts")));
}

#[test]
fn a_device_on_a_mount_without_devices_cannot_be_opened() {
    let ns = machine(&[]);
    let caller = Caller::root();
    ns.mknod(&ns.root(), b"/dev/shm/null", FileKind::CharDevice, 0o666, device_number(1, 3), &caller).unwrap();
    let options = OpenOptions { read: true, ..Default::default() };
    assert_eq!(ns.open(&ns.root(), b"/dev/shm/null", &options, &caller).err(), Some(Errno::ACCESS));
}

#[test]
fn a_terminal_can_be_given_to_somebody() {
    let ns = machine(&[0]);
    let caller = Caller::root();
    ns.set_owner(&ns.root(), b"/dev/pts/0", Some(1000), None, true, &caller).unwrap();
    ns.set_times(&ns.root(), b"/dev/pts/0", NewTime::Now, NewTime::Now, true, &caller).unwrap();
    let attributes = ns.stat(&ns.root(), b"/dev/pts/0", true, &caller).unwrap();
    assert_eq!((attributes.uid, attributes.gid, attributes.mode), (1000, 5, 0o620));
}

#[test]
fn what_users_mounted_below_dev_stays_visible() {
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    for path in [&b"/dev"[..], b"/dev/shm", b"/dev/deep", b"/dev/deep/er"] {
        ns.mkdir(&root, path, 0o755, &caller).unwrap();
    }
    let mine = |name: &[u8]| {
        let fs = Tmpfs::new(Some(1 << 20), 0o700).unwrap();
        let new = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };
        fs.root().create(Name::new(name).unwrap(), &new).unwrap();
        fs
    };
    ns.mount(b"/dev/shm", mine(b"shared"), options(MountKind::Tmpfs, false)).unwrap();
    ns.mount(b"/dev/deep/er", mine(b"deep"), options(MountKind::Volume, true)).unwrap();
    let dev = DevFs::new(Arc::new(Vec::new), 1 << 20).unwrap();
    ns.mount_under(b"/dev", dev, options(MountKind::Dev, false)).unwrap();
    for path in [&b"/dev/shm/shared"[..], b"/dev/deep/er/deep", b"/dev/null", b"/dev/pts"] {
        assert!(ns.stat(&root, path, true, &caller).is_ok(), "{}", String::from_utf8_lossy(path));
    }
    assert_eq!(ns.mkdir(&root, b"/dev/deep/er/x", 0o755, &caller).err(), Some(Errno::ROFS));
    let targets: Vec<_> = ns.mounts().into_iter().map(|mount| String::from_utf8(mount.target).unwrap()).collect();
    assert_eq!(targets, ["/", "/dev", "/dev/pts", "/dev/mqueue", "/dev/shm", "/dev/shm", "/dev/deep/er"]);
}
