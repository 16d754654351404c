use super::*;
use crate::{Access, Caller, Errno, FileKind, Name, NewKind, NewNode, RenameFlags, SetAttributes, XattrFlags};
use cap_std::ambient_authority;
use std::os::unix::fs::{PermissionsExt, symlink};

fn name(text: &str) -> &Name {
    Name::new(text.as_bytes()).unwrap()
}

fn new(kind: NewKind) -> NewNode {
    NewNode { kind, mode: 0o4751, uid: 1234, gid: 5678 }
}

fn volume(path: &Path) -> Arc<dyn Node> {
    HostFs::volume(Dir::open_ambient_dir(path, ambient_authority()).unwrap()).unwrap().root()
}

#[test]
fn a_volume_keeps_kinds_modes_and_owners() {
    let keep = tempfile::tempdir().unwrap();
    let root = volume(keep.path());
    let kinds = [
        ("file", NewKind::Regular),
        ("dir", NewKind::Directory),
        ("link", NewKind::Symlink(b"/etc/passwd".to_vec())),
        ("fifo", NewKind::Fifo),
        ("char", NewKind::CharDevice(crate::device_number(1, 3))),
        ("block", NewKind::BlockDevice(crate::device_number(8, 1))),
        ("socket", NewKind::Socket),
    ];
    for (text, kind) in &kinds {
        root.create(name(text), &new(kind.clone())).unwrap();
    }
    root.lookup(name("file"), &Caller::root())
        .unwrap()
        .set_attributes(&SetAttributes { mode: Some(0), uid: Some(9), ..SetAttributes::default() })
        .unwrap();
    // Looked at anew, as after a restart.
    let root = volume(keep.path());
    let entries = root.read_dir(&Caller::root()).unwrap();
    for (text, kind) in &kinds {
        let node = root.lookup(name(text), &Caller::root()).unwrap();
        let found = node.attributes().unwrap();
        assert_eq!(found.kind, kind.kind(), "{text}");
        let listed = entries.iter().find(|entry| entry.name == text.as_bytes()).unwrap();
        assert_eq!((listed.kind, listed.ino), (found.kind, found.ino), "{text}");
        if *text == "file" {
            assert_eq!((found.mode, found.uid, found.gid), (0, 9, 5678));
        } else {
            let mode = if *text == "link" { 0o777 } else { 0o4751 };
            assert_eq!((found.mode, found.uid, found.gid), (mode, 1234, 5678), "{text}");
        }
        let host = std::fs::symlink_metadata(keep.path().join(text)).unwrap();
        assert!(host.is_file() || host.is_dir(), "nothing special on the host: {text}");
    }
    assert_eq!(root.lookup(name("link"), &Caller::root()).unwrap().read_link(&Caller::root()).unwrap(), b"/etc/passwd");
    assert_eq!(
        root.lookup(name("char"), &Caller::root()).unwrap().attributes().unwrap().rdev,
        crate::device_number(1, 3)
    );
    let fifo = root.lookup(name("fifo"), &Caller::root()).unwrap();
    assert_eq!(fifo.open(Access::READ).err(), Some(Errno::NXIO));
}

#[test]
fn attributes_of_guests_stay_apart_from_ours() {
    let keep = tempfile::tempdir().unwrap();
    let file = volume(keep.path()).create(name("f"), &new(NewKind::Regular)).unwrap();
    file.set_xattr(b"user.a", b"1", XattrFlags::empty()).unwrap();
    file.set_xattr(b"trusted.b", b"2", XattrFlags::CREATE).unwrap();
    assert_eq!(file.set_xattr(b"trusted.b", b"2", XattrFlags::CREATE), Err(Errno::EXIST));
    assert_eq!(file.set_xattr(meta::XATTR, b"x", XattrFlags::empty()), Err(Errno::PERM));
    assert_eq!(file.get_xattr(meta::XATTR), Err(Errno::NODATA));
    let mut names = file.list_xattrs().unwrap();
    names.sort();
    assert_eq!(names, [b"trusted.b".to_vec(), b"user.a".to_vec()]);
    assert_eq!(file.get_xattr(b"trusted.b").unwrap(), b"2");
    file.remove_xattr(b"trusted.b").unwrap();
    assert_eq!(file.get_xattr(b"trusted.b"), Err(Errno::NODATA));
}

#[test]
fn a_bind_shows_and_changes_the_host() {
    let keep = tempfile::tempdir().unwrap();
    std::fs::write(keep.path().join("f"), "host").unwrap();
    std::fs::set_permissions(keep.path().join("f"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("/etc/passwd", keep.path().join("l")).unwrap();
    let root = HostFs::bind(keep.path()).unwrap().root();
    let file = root.lookup(name("f"), &Caller::root()).unwrap();
    assert_eq!(file.attributes().unwrap().mode, 0o640);
    file.set_attributes(&SetAttributes { mode: Some(0o600), ..SetAttributes::default() }).unwrap();
    assert_eq!(std::fs::metadata(keep.path().join("f")).unwrap().permissions().mode() & 0o7777, 0o600);
    let handle = file.open(Access::READ | Access::WRITE).unwrap();
    assert_eq!(handle.append(b"!").unwrap(), (1, 5));
    assert_eq!(handle.write_at(b"g", 0).unwrap(), 1);
    assert_eq!(std::fs::read(keep.path().join("f")).unwrap(), b"gost!");
    // A link is a link, to the host's file it leads nowhere.
    let link = root.lookup(name("l"), &Caller::root()).unwrap();
    assert_eq!(link.kind(), FileKind::Symlink);
    assert_eq!(link.open(Access::READ).err(), Some(Errno::LOOP));
    assert_eq!(link.lookup(name("x"), &Caller::root()).err(), Some(Errno::NOTDIR));
    assert_eq!(root.create(name("null"), &new(NewKind::CharDevice(0x103))).err(), Some(Errno::PERM));
    root.create(name("d"), &NewNode { mode: 0o777, ..new(NewKind::Directory) }).unwrap();
    assert_eq!(std::fs::metadata(keep.path().join("d")).unwrap().permissions().mode() & 0o7777, 0o777);
}

#[test]
fn a_pinned_node_stays_the_file_it_was() {
    let keep = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    std::fs::create_dir(keep.path().join("d")).unwrap();
    std::fs::write(keep.path().join("d/secret"), "harmless").unwrap();
    let root = HostFs::bind(keep.path()).unwrap().root();
    let directory = root.lookup(name("d"), &Caller::root()).unwrap();
    let file = directory.lookup(name("secret"), &Caller::root()).unwrap();
    // The host swaps the directory for a link to the outside while it is being walked.
    std::fs::rename(keep.path().join("d"), keep.path().join("e")).unwrap();
    symlink(outside.path(), keep.path().join("d")).unwrap();
    let mut buffer = [0; 16];
    for file in [file, directory.lookup(name("secret"), &Caller::root()).unwrap()] {
        let count = file.open(Access::READ).unwrap().read_at(&mut buffer, 0).unwrap();
        assert_eq!(&buffer[..count], b"harmless");
    }
    let link = root.lookup(name("d"), &Caller::root()).unwrap();
    assert_eq!(link.lookup(name("secret"), &Caller::root()).err(), Some(Errno::NOTDIR));
    assert_eq!(link.read_dir(&Caller::root()).err(), Some(Errno::NOTDIR));
}

#[test]
fn a_single_file_and_a_fifo_can_be_bound() {
    let keep = tempfile::tempdir().unwrap();
    std::fs::write(keep.path().join("f"), "x").unwrap();
    let root = HostFs::bind(&keep.path().join("f")).unwrap().root();
    assert_eq!(root.kind(), FileKind::Regular);
    root.open(Access::WRITE | Access::TRUNCATE).unwrap().write_at(b"yz", 0).unwrap();
    assert_eq!(std::fs::read(keep.path().join("f")).unwrap(), b"yz");
    rustix::fs::mkfifoat(rustix::fs::CWD, keep.path().join("p"), Mode::from_raw_mode(0o600)).unwrap();
    let fifo = HostFs::bind(&keep.path().join("p")).unwrap().root();
    assert_eq!(fifo.open(Access::READ).err(), Some(Errno::NXIO));
}

#[test]
fn links_and_renames_keep_the_file() {
    let keep = tempfile::tempdir().unwrap();
    let root = volume(keep.path());
    let file = root.create(name("a"), &new(NewKind::Regular)).unwrap();
    root.link(name("b"), &file).unwrap();
    root.rename(name("a"), &root, name("c"), RenameFlags::empty()).unwrap();
    let found = root.lookup(name("c"), &Caller::root()).unwrap().attributes().unwrap();
    assert_eq!((found.nlink, found.mode, found.uid), (2, 0o4751, 1234));
    assert_eq!(root.rename(name("c"), &root, name("b"), RenameFlags::NO_REPLACE), Err(Errno::EXIST));
    root.unlink(name("c")).unwrap();
    assert_eq!(root.unlink(name("c")), Err(Errno::NOENT));
    root.create(name("d"), &new(NewKind::Directory)).unwrap();
    assert_eq!(root.rmdir(name("b")), Err(Errno::NOTDIR));
    root.rmdir(name("d")).unwrap();
    let other = volume(keep.path());
    assert_eq!(other.link(name("x"), &file), Err(Errno::XDEV));
}
