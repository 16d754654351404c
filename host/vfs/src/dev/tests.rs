use super::*;
use crate::namespace::tests::namespace;
use crate::{Errno, FileKind, NewTime, OpenOptions, Opened};

#[test]
fn the_usual_devices_are_there_and_say_what_they_are() {
    let ns = namespace();
    let caller = Caller::root();
    let dev = DevFs::new(Arc::new(|| vec![0, 3]), 1 << 20).unwrap();
    dev.mount(&ns).unwrap();
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
    let ns = namespace();
    let caller = Caller::root();
    DevFs::new(Arc::new(Vec::new), 1 << 20).unwrap().mount(&ns).unwrap();
    ns.mknod(&ns.root(), b"/dev/shm/null", FileKind::CharDevice, 0o666, device_number(1, 3), &caller).unwrap();
    let options = OpenOptions { read: true, ..Default::default() };
    assert_eq!(ns.open(&ns.root(), b"/dev/shm/null", &options, &caller).err(), Some(Errno::ACCESS));
}

#[test]
fn a_terminal_can_be_given_to_somebody() {
    let ns = namespace();
    let caller = Caller::root();
    DevFs::new(Arc::new(|| vec![0]), 1 << 20).unwrap().mount(&ns).unwrap();
    ns.set_owner(&ns.root(), b"/dev/pts/0", Some(1000), None, true, &caller).unwrap();
    ns.set_times(&ns.root(), b"/dev/pts/0", NewTime::Now, NewTime::Now, true, &caller).unwrap();
    let attributes = ns.stat(&ns.root(), b"/dev/pts/0", true, &caller).unwrap();
    assert_eq!((attributes.uid, attributes.gid, attributes.mode), (1000, 5, 0o620));
}
