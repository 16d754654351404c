use super::*;
use crate::overlay::{Overlay, Upper};
use crate::{
    Caller, Errno, FileKind, Location, MountKind, MountOptions, Namespace, NewTime, OpenOptions, Opened, Timestamp,
    WatchHub, XattrFlags,
};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::io;
use std::sync::Arc;

struct Case {
    _keep: tempfile::TempDir,
    overlay: Arc<Overlay>,
    namespace: Namespace,
}

fn options(kind: MountKind, read_only: bool) -> MountOptions {
    MountOptions { kind, source: b"test".to_vec(), read_only, options: String::new() }
}

fn case() -> Case {
    let keep = tempfile::tempdir().unwrap();
    let dir = Arc::new(Dir::open_ambient_dir(keep.path(), ambient_authority()).unwrap());
    let overlay = Overlay::new(Vec::new(), Upper::open(dir)).unwrap();
    let root = Arc::clone(&overlay);
    let namespace = Namespace::new(root, options(MountKind::Overlay, false), WatchHub::new());
    Case { _keep: keep, overlay, namespace }
}

fn caller() -> Caller {
    Caller { umask: 0, ..Caller::root() }
}

impl Case {
    fn root(&self) -> Location {
        self.namespace.root()
    }

    fn write(&self, path: &str, contents: &[u8]) {
        let options = OpenOptions { write: true, create: true, truncate: true, mode: 0o640, ..OpenOptions::default() };
        match self.namespace.open(&self.root(), path.as_bytes(), &options, &caller()).unwrap() {
            Opened::File(file) => assert_eq!(file.write_at(contents, 0).unwrap(), contents.len()),
            _ => panic!("{path} is no file"),
        }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        let options = OpenOptions { read: true, ..OpenOptions::default() };
        match self.namespace.open(&self.root(), path.as_bytes(), &options, &caller()).unwrap() {
            Opened::File(file) => {
                let mut buffer = vec![0; 4096];
                let count = file.read_at(&mut buffer, 0).unwrap();
                buffer.truncate(count);
                buffer
            }
            _ => panic!("{path} is no file"),
        }
    }

    fn mkdir(&self, path: &str) {
        self.namespace.mkdir(&self.root(), path.as_bytes(), 0o755, &caller()).unwrap();
    }

    fn extract(&self, into: &str, archive: &[u8], options: &ExtractOptions) -> Result<(), ArchiveError> {
        let into = self.namespace.locate(&self.root(), into.as_bytes(), true, &caller()).unwrap();
        extract(&self.namespace, &into, archive, options)
    }
}

/// `(name, type flag, link, contents)`, written by hand so that nothing is too bad to be written.
fn archive(entries: &[(&str, u8, &str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, flag, link, contents) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(tar::EntryType::new(*flag));
        header.set_mode(0o644);
        header.set_uid(11);
        header.set_gid(22);
        header.set_mtime(1_000);
        header.set_size(contents.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(contents.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend_from_slice(&[0; 1024]);
    out
}

#[test]
fn what_is_packed_extracts_to_the_same_tree() {
    let one = case();
    one.mkdir("d");
    one.mkdir("d/empty");
    one.write("d/f", b"contents");
    let root = one.root();
    one.namespace.link(&root, b"d/f", &root, b"d/hard", false, &caller()).unwrap();
    one.namespace.symlink(b"../../outside", &root, b"d/soft", &caller()).unwrap();
    one.namespace.mknod(&root, b"d/null", FileKind::CharDevice, 0o666, crate::device_number(1, 3), &caller()).unwrap();
    one.namespace.mknod(&root, b"d/fifo", FileKind::Fifo, 0o600, 0, &caller()).unwrap();
    one.namespace.set_owner(&root, b"d/f", Some(5), Some(6), false, &caller()).unwrap();
    one.namespace.set_mode(&root, b"d/f", 0o4755, false, &caller()).unwrap();
    one.namespace.set_xattr(&root, b"d/f", b"user.x", b"\0y", XattrFlags::empty(), false, &caller()).unwrap();
    let time = NewTime::At(Timestamp { seconds: 77, nanoseconds: 0 });
    for path in [&b"d/f"[..], b"d/empty", b"d"] {
        one.namespace.set_times(&root, path, time, time, false, &caller()).unwrap();
    }
    let from = one.namespace.locate(&root, b"d", false, &caller()).unwrap();
    let mut packed = Vec::new();
    pack(&one.namespace, &from, &mut packed, &PackOptions { name: b"new".to_vec(), ..PackOptions::default() }).unwrap();
    let two = case();
    two.extract("/", &packed, &ExtractOptions::default()).unwrap();
    let dump = |case: &Case, top: &str| {
        let top = case.namespace.locate(&case.root(), top.as_bytes(), false, &caller()).unwrap();
        crate::overlay::tests::dump(top.node(), false)
    };
    assert_eq!(dump(&one, "d"), dump(&two, "new"));
    let stat = two.namespace.stat(&two.root(), b"new", false, &caller()).unwrap();
    assert_eq!(stat.mtime.seconds, 77);
    // As another user, everything is that user's.
    two.extract("/", &packed, &ExtractOptions { owner: Some((8, 9)), ..ExtractOptions::default() }).unwrap();
    let stat = two.namespace.stat(&two.root(), b"new/f", false, &caller()).unwrap();
    assert_eq!((stat.uid, stat.gid, stat.mode), (8, 9, 0o4755));
}

#[test]
fn names_that_lead_out_are_refused() {
    for bad in [
        archive(&[("../x", b'0', "", "bad")]),
        archive(&[("a/../../x", b'0', "", "bad")]),
        archive(&[("x", b'1', "../../etc/passwd", "")]),
    ] {
        let case = case();
        case.mkdir("in");
        assert!(matches!(case.extract("in", &bad, &ExtractOptions::default()), Err(ArchiveError::Escape(_))));
        assert_eq!(case.overlay.changes().unwrap().len(), 1);
    }
    // A hard link to what is not there, and one to a link, which is not followed.
    let case = case();
    case.mkdir("in");
    case.write("secret", b"s");
    let dangling = archive(&[("x", b'1', "nothing", "")]);
    assert!(matches!(
        case.extract("in", &dangling, &ExtractOptions::default()),
        Err(ArchiveError::DanglingLink { .. })
    ));
    let through = archive(&[("l", b'2', "/secret", ""), ("x", b'1', "l", "")]);
    case.extract("in", &through, &ExtractOptions::default()).unwrap();
    assert_eq!(case.namespace.stat(&case.root(), b"in/x", false, &caller()).unwrap().kind, FileKind::Symlink);
}

#[test]
fn a_link_in_the_way_leads_no_further_than_the_container() {
    let host = tempfile::tempdir().unwrap();
    let case = case();
    let target = host.path().to_str().unwrap();
    let hostile = archive(&[("l", b'2', target, ""), ("l/x", b'0', "", "bad")]);
    assert!(case.extract("/", &hostile, &ExtractOptions::default()).is_err());
    assert_eq!(std::fs::read_dir(host.path()).unwrap().count(), 0);
    let replaced = archive(&[("m", b'2', "/victim", ""), ("m", b'0', "", "new")]);
    case.write("victim", b"old");
    case.extract("/", &replaced, &ExtractOptions::default()).unwrap();
    assert_eq!((case.read("victim"), case.read("m")), (b"old".to_vec(), b"new".to_vec()));
}

#[test]
fn directories_and_files_replace_each_other_only_when_they_may() {
    let file = archive(&[("x", b'0', "", "file")]);
    let directory = archive(&[("x/", b'5', "", "")]);
    let strict = ExtractOptions { no_overwrite_dir_non_dir: true, ..ExtractOptions::default() };
    let case = case();
    case.mkdir("x");
    case.write("x/inner", b"");
    let error = case.extract("/", &file, &strict).unwrap_err();
    assert_eq!(error.to_string(), r#"cannot overwrite directory "x" with non-directory"#);
    assert_eq!(error.errno(), Errno::EXIST);
    case.extract("/", &file, &ExtractOptions::default()).unwrap();
    assert_eq!(case.read("x"), b"file");
    let error = case.extract("/", &directory, &strict).unwrap_err();
    assert_eq!(error.to_string(), r#"cannot overwrite non-directory "x" with directory"#);
    case.extract("/", &directory, &ExtractOptions::default()).unwrap();
    case.extract("/", &directory, &strict).unwrap();
}

#[test]
fn read_only_mounts_and_broken_archives_are_told() {
    let case = case();
    case.mkdir("ro");
    let below = crate::tmpfs::Tmpfs::new(None, 0o755).unwrap();
    case.namespace.mount(b"/ro", below, options(MountKind::Tmpfs, true)).unwrap();
    let good = archive(&[("x", b'0', "", "file")]);
    assert_eq!(case.extract("ro", &good, &ExtractOptions::default()).unwrap_err().errno(), Errno::ROFS);
    for (length, is_truncated) in [(100, true), (700, true), (512, true)] {
        let result = case.extract("/", &good[..length], &ExtractOptions::default());
        assert_eq!(matches!(result, Err(ArchiveError::Truncated)), is_truncated, "{length}: {result:?}");
    }
    let mut damaged = good.clone();
    damaged[0] = b'y';
    assert!(matches!(case.extract("/", &damaged, &ExtractOptions::default()), Err(ArchiveError::Malformed(_))));
    let few = ExtractOptions { limits: Limits { entries: 1, ..Limits::default() }, ..ExtractOptions::default() };
    let two = archive(&[("x", b'0', "", ""), ("y", b'0', "", "")]);
    assert!(matches!(case.extract("/", &two, &few), Err(ArchiveError::TooLarge { .. })));
}

#[test]
fn an_export_has_the_contents_only_and_no_mounts() {
    let case = case();
    case.mkdir("mnt");
    case.write("file", b"x");
    case.namespace
        .mount(b"/mnt", crate::tmpfs::Tmpfs::new(None, 0o755).unwrap(), options(MountKind::Tmpfs, false))
        .unwrap();
    case.write("mnt/hidden", b"y");
    let mut packed = Vec::new();
    let whole = PackOptions { one_file_system: true, ..PackOptions::default() };
    pack(&case.namespace, &case.root(), &mut packed, &whole).unwrap();
    let mut reader = TarReader::new(&packed[..], Limits::default());
    let mut names = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        names.push(String::from_utf8(entry.path).unwrap());
    }
    assert_eq!(names, ["file", "mnt/"]);
}

#[test]
fn long_names_large_numbers_and_holes_are_read() {
    // A sparse file as GNU tar writes it in format 1.0: the map stands before the data.
    let mut out = Vec::new();
    let mut records = Vec::new();
    for (key, value) in [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "holes"),
        ("GNU.sparse.realsize", "1000000"),
        ("uid", "4000000000"),
        ("mtime", "-1.5"),
    ] {
        let rest = format!(" {key}={value}\n");
        let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
        records.extend_from_slice(format!("{length}{rest}").as_bytes());
    }
    let mut push = |flag: u8, name: &str, data: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(tar::EntryType::new(flag));
        header.set_mode(0o600);
        header.set_size(data.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(512), 0);
    };
    push(b'x', "PaxHeaders/holes", &records);
    let mut data = b"2\n500000\n3\n999999\n1\n".to_vec();
    data.resize(512, 0);
    data.extend_from_slice(b"mid!");
    push(b'0', "GNUSparseFile.0/holes", &data);
    out.extend_from_slice(&[0; 1024]);
    let case = case();
    case.extract("/", &out, &ExtractOptions::default()).unwrap();
    let stat = case.namespace.stat(&case.root(), b"holes", false, &caller()).unwrap();
    assert_eq!((stat.size, stat.uid), (1_000_000, 4_000_000_000));
    assert_eq!(stat.mtime, Timestamp { seconds: -2, nanoseconds: 500_000_000 });
    assert!(stat.blocks < 100);
    // And in a layer the holes are read as zeros.
    let keep = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(keep.path(), ambient_authority()).unwrap();
    crate::layer::unpack(&out[..], &dir, Limits::default()).unwrap();
    let layer = crate::layer::Layer::open(&dir).unwrap();
    let node = layer.lookup(0, b"holes").unwrap();
    let mut buffer = [7; 5];
    assert_eq!(layer.read_at(node, &mut buffer, 499_999).unwrap(), 5);
    assert_eq!(&buffer, b"\0mid\0");
    assert_eq!(layer.read_at(node, &mut buffer, 999_998).unwrap(), 2);
    assert_eq!(&buffer[..2], b"\0!");
    // An index that is lost or damaged is made anew.
    std::fs::write(keep.path().join("index"), b"rubbish").unwrap();
    assert!(crate::layer::Layer::open(&dir).unwrap().lookup(0, b"holes").is_some());
    assert_eq!(io::Error::from(Errno::NOSPC).raw_os_error(), Some(28));
}
