use super::*;
use crate::archive::{Header, Limits, TarWriter};
use crate::layer::{pack_changes, unpack};
use crate::{
    Access, Caller, Errno, FileKind, Name, NewKind, NewNode, NewTime, RenameFlags, SetAttributes, Timestamp, XattrFlags,
};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::collections::BTreeMap;

/// A directory that goes with the test.
pub(crate) struct Scratch {
    _keep: tempfile::TempDir,
    pub dir: Arc<Dir>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let dir = Arc::new(Dir::open_ambient_dir(keep.path(), ambient_authority()).unwrap());
        Self { _keep: keep, dir }
    }

    pub(crate) fn layer(&self, name: &str, tar: &[u8]) -> Arc<Layer> {
        self.dir.create_dir(name).unwrap();
        let dir = self.dir.open_dir(name).unwrap();
        unpack(tar, &dir, Limits::default()).unwrap();
        Layer::open(&dir).unwrap()
    }
}

const FILE: FileKind = FileKind::Regular;
const DIRECTORY: FileKind = FileKind::Directory;

/// `(path, kind, contents)`; a path that ends in `=` and a target is a hard link.
pub(crate) fn tar(entries: &[(&str, FileKind, &str)]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (path, kind, contents) in entries {
        let mut header = Header::plain(path.as_bytes(), *kind, if *kind == DIRECTORY { 0o755 } else { 0o644 });
        header.mtime = Timestamp { seconds: 1_000_000, nanoseconds: 0 };
        if *kind == FileKind::Symlink {
            header.link = contents.as_bytes();
            writer.append(&header, &mut io::empty()).unwrap();
        } else {
            header.size = contents.len() as u64;
            writer.append(&header, &mut contents.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn at(root: &Arc<dyn Node>, path: &str) -> Result<Arc<dyn Node>> {
    let mut node = Arc::clone(root);
    for part in path.split('/').filter(|part| !part.is_empty()) {
        node = node.lookup(Name::new(part.as_bytes())?, &Caller::root())?;
    }
    Ok(node)
}

fn name(text: &str) -> &Name {
    Name::new(text.as_bytes()).unwrap()
}

fn new(kind: NewKind) -> NewNode {
    NewNode { kind, mode: 0o640, uid: 7, gid: 8 }
}

fn read(node: &Arc<dyn Node>) -> Vec<u8> {
    let handle = node.open(Access::READ).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let count = handle.read_at(&mut buffer, 0).unwrap();
    buffer.truncate(count);
    buffer
}

fn write(node: &Arc<dyn Node>, data: &[u8]) {
    let handle = node.open(Access::WRITE | Access::TRUNCATE).unwrap();
    assert_eq!(handle.write_at(data, 0).unwrap(), data.len());
}

fn diff(overlay: &Overlay) -> Vec<String> {
    let letter = |kind| match kind {
        ChangeKind::Modified => 'C',
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
    };
    let changes = overlay.changes().unwrap();
    changes.iter().map(|change| format!("{} {}", letter(change.kind), String::from_utf8_lossy(&change.path))).collect()
}

/// A whole tree as text, to compare two.
pub(crate) fn dump(node: &Arc<dyn Node>, times: bool) -> BTreeMap<String, String> {
    fn walk(node: &Arc<dyn Node>, path: &str, times: bool, out: &mut BTreeMap<String, String>) {
        let attributes = node.attributes().unwrap();
        let mut text = format!(
            "{:?} {:o} {}:{} {:x}",
            attributes.kind, attributes.mode, attributes.uid, attributes.gid, attributes.rdev
        );
        if attributes.kind != DIRECTORY {
            text += &format!(" size {} links {}", attributes.size, attributes.nlink);
        }
        if times {
            text += &format!(" ino {} mtime {:?}", attributes.ino, attributes.mtime);
        }
        for xattr in node.list_xattrs().unwrap() {
            text += &format!(" {:?}={:?}", xattr, node.get_xattr(&xattr).unwrap());
        }
        match attributes.kind {
            FILE => text += &format!(" {:?}", String::from_utf8_lossy(&read(node))),
            FileKind::Symlink => text += &format!(" -> {:?}", node.read_link(&Caller::root()).unwrap()),
            _ => {}
        }
        out.insert(path.to_owned(), text);
        if attributes.kind == DIRECTORY {
            for entry in node.read_dir(&Caller::root()).unwrap() {
                let child = node.lookup(Name::new(&entry.name).unwrap(), &Caller::root()).unwrap();
                let found = child.attributes().unwrap();
                assert_eq!((entry.kind, entry.ino), (found.kind, found.ino), "{path} {:?}", entry.name);
                walk(&child, &format!("{path}/{}", String::from_utf8_lossy(&entry.name)), times, out);
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(node, "", times, &mut out);
    out
}

struct Case {
    scratch: Scratch,
    lowers: Vec<Arc<Layer>>,
}

impl Case {
    fn new() -> Self {
        let scratch = Scratch::new();
        let bottom = scratch.layer(
            "bottom",
            &tar(&[
                ("etc", DIRECTORY, ""),
                ("etc/a", FILE, "bottom a"),
                ("etc/b", FILE, "bottom b"),
                ("gone", DIRECTORY, ""),
                ("gone/x", FILE, "x"),
                ("opaque", DIRECTORY, ""),
                ("opaque/below", FILE, "hidden"),
                ("link", FileKind::Symlink, "etc/a"),
                ("deep/er/file", FILE, "deep"),
            ]),
        );
        let top = scratch.layer(
            "top",
            &tar(&[
                ("etc/b", FILE, "top b"),
                ("etc/c", FILE, "top c"),
                (".wh.gone", FILE, ""),
                ("opaque/.wh..wh..opq", FILE, ""),
                ("opaque/above", FILE, "seen"),
            ]),
        );
        Self { scratch, lowers: vec![top, bottom] }
    }

    fn open(&self) -> Arc<Overlay> {
        Overlay::new(self.lowers.clone(), Upper::within(Arc::clone(&self.scratch.dir), "upper")).unwrap()
    }
}

#[test]
fn layers_merge_with_whiteouts_and_opaque_directories() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    assert_eq!(read(&at(&root, "etc/a").unwrap()), b"bottom a");
    assert_eq!(read(&at(&root, "etc/b").unwrap()), b"top b");
    assert_eq!(at(&root, "gone").err(), Some(Errno::NOENT));
    assert_eq!(at(&root, "opaque/below").err(), Some(Errno::NOENT));
    assert_eq!(read(&at(&root, "opaque/above").unwrap()), b"seen");
    assert_eq!(at(&root, "link").unwrap().read_link(&Caller::root()).unwrap(), b"etc/a");
    let names: Vec<_> = dump(&root, false).into_keys().collect();
    assert_eq!(
        names,
        [
            "",
            "/deep",
            "/deep/er",
            "/deep/er/file",
            "/etc",
            "/etc/a",
            "/etc/b",
            "/etc/c",
            "/link",
            "/opaque",
            "/opaque/above"
        ]
    );
    assert_eq!(diff(&overlay), [""; 0]);
}

#[test]
fn nothing_is_made_on_the_host_before_the_first_change() {
    let case = Case::new();
    let overlay = case.open();
    dump(&overlay.root(), true);
    assert!(!case.scratch.dir.exists("upper"));
    at(&overlay.root(), "etc").unwrap().create(name("new"), &new(NewKind::Regular)).unwrap();
    assert!(case.scratch.dir.exists("upper"));
}

#[test]
fn a_change_is_listed_with_its_parents() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    write(&at(&root, "deep/er/file").unwrap(), b"other");
    at(&root, "etc").unwrap().unlink(name("a")).unwrap();
    root.create(name("dir"), &new(NewKind::Directory)).unwrap().create(name("f"), &new(NewKind::Regular)).unwrap();
    assert_eq!(
        diff(&overlay),
        ["C /deep", "C /deep/er", "C /deep/er/file", "A /dir", "A /dir/f", "C /etc", "D /etc/a"]
    );
}

#[test]
fn a_renamed_directory_of_a_layer_keeps_what_is_in_it() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    let before = at(&root, "deep/er/file").unwrap();
    root.rename(name("deep"), &at(&root, "etc").unwrap(), name("moved"), RenameFlags::empty()).unwrap();
    assert_eq!(read(&at(&root, "etc/moved/er/file").unwrap()), b"deep");
    assert_eq!(at(&root, "deep").err(), Some(Errno::NOENT));
    assert_eq!(before.attributes().unwrap().ino, at(&root, "etc/moved/er/file").unwrap().attributes().unwrap().ino);
    assert_eq!(diff(&overlay), ["D /deep", "C /etc", "A /etc/moved", "A /etc/moved/er", "A /etc/moved/er/file"]);
    // A new directory in its place starts empty.
    let fresh = root.create(name("deep"), &new(NewKind::Directory)).unwrap();
    assert_eq!(fresh.read_dir(&Caller::root()).unwrap(), []);
    // And nothing moves below itself.
    let etc = at(&root, "etc").unwrap();
    let inner = at(&root, "etc/moved/er").unwrap();
    assert_eq!(root.rename(name("etc"), &inner, name("x"), RenameFlags::empty()), Err(Errno::INVAL));
    assert_eq!(
        etc.rename(name("moved"), &at(&root, "etc/moved").unwrap(), name("y"), RenameFlags::empty()),
        Err(Errno::INVAL)
    );
}

#[test]
fn an_open_file_follows_its_copy_and_outlives_its_name() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    let reader = at(&root, "etc/a").unwrap().open(Access::READ).unwrap();
    let identity = reader.identity().unwrap();
    write(&at(&root, "etc/a").unwrap(), b"changed");
    let mut buffer = [0; 32];
    assert_eq!(reader.read_at(&mut buffer, 0).unwrap(), 7);
    assert_ne!(reader.identity().unwrap(), identity);
    at(&root, "etc").unwrap().unlink(name("a")).unwrap();
    assert_eq!(reader.read_at(&mut buffer, 0).unwrap(), 7);
    assert_eq!(reader.append(b"!").unwrap(), (1, 8));
    assert_eq!(reader.attributes().unwrap().nlink, 0);
    drop(reader);
    assert_eq!(case.scratch.dir.read_dir("upper/content").unwrap().count(), 0);
}

#[test]
fn equal_layers_give_equal_identities_in_every_container() {
    let case = Case::new();
    let (one, two) = (
        case.open(),
        Overlay::new(case.lowers.clone(), Upper::within(Arc::clone(&case.scratch.dir), "other")).unwrap(),
    );
    let identity =
        |overlay: &Overlay| at(&overlay.root(), "etc/b").unwrap().open(Access::READ).unwrap().identity().unwrap();
    assert_eq!(identity(&one), identity(&two));
    assert_ne!(one.root().attributes().unwrap().dev, two.root().attributes().unwrap().dev);
    // Two writes within one tick of the clock are told apart.
    let file = at(&one.root(), "etc/b").unwrap();
    write(&file, b"1");
    let first = identity(&one);
    write(&file, b"2");
    assert_ne!(identity(&one), first);
}

#[test]
fn whiteout_names_are_ordinary_names_in_a_container() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    write(&root.create(name(".wh.link"), &new(NewKind::Regular)).unwrap(), b"mine");
    write(&root.create(name(".wh..wh..opq"), &new(NewKind::Regular)).unwrap(), b"mine");
    drop(overlay);
    let overlay = case.open();
    let root = overlay.root();
    assert_eq!(read(&at(&root, ".wh.link").unwrap()), b"mine");
    assert!(at(&root, "link").is_ok());
    assert!(at(&root, "etc/a").is_ok());
}

#[test]
fn a_limit_ends_with_no_space() {
    let case = Case::new();
    let upper = Upper::within(Arc::clone(&case.scratch.dir), "upper").limit(64 << 10);
    let overlay = Overlay::new(case.lowers.clone(), upper).unwrap();
    let root = overlay.root();
    let file = root.create(name("f"), &new(NewKind::Regular)).unwrap();
    let handle = file.open(Access::WRITE).unwrap();
    handle.write_at(&[1; 48 << 10], 0).unwrap();
    assert_eq!(handle.write_at(&[1; 32 << 10], 48 << 10), Err(Errno::NOSPC));
    handle.write_at(&[2; 48 << 10], 0).unwrap();
    drop(handle);
    root.unlink(name("f")).unwrap();
    let file = root.create(name("g"), &new(NewKind::Regular)).unwrap();
    file.open(Access::WRITE).unwrap().write_at(&[1; 48 << 10], 0).unwrap();
}

#[test]
fn a_torn_journal_loses_only_its_last_record() {
    let case = Case::new();
    let overlay = case.open();
    overlay.root().create(name("one"), &new(NewKind::Regular)).unwrap();
    let whole = case.scratch.dir.read("upper/journal").unwrap();
    overlay.root().create(name("two"), &new(NewKind::Regular)).unwrap();
    drop(overlay);
    let mut torn = case.scratch.dir.read("upper/journal").unwrap();
    torn.truncate(whole.len() + 20);
    case.scratch.dir.write("upper/journal", &torn).unwrap();
    let overlay = case.open();
    assert!(at(&overlay.root(), "one").is_ok());
    assert_eq!(at(&overlay.root(), "two").err(), Some(Errno::NOENT));
    overlay.root().create(name("three"), &new(NewKind::Regular)).unwrap();
    drop(overlay);
    assert!(at(&case.open().root(), "three").is_ok());
    // Over other layers it is refused.
    let upper = Upper::within(Arc::clone(&case.scratch.dir), "upper");
    assert!(Overlay::new(case.lowers[1..].to_vec(), upper).is_err());
}

#[test]
fn a_journal_does_not_grow_without_bound() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    write(&root.create(name("keep"), &new(NewKind::Regular)).unwrap(), b"kept");
    for _ in 0..20_000 {
        root.create(name("temporary"), &new(NewKind::Regular)).unwrap();
        root.unlink(name("temporary")).unwrap();
    }
    assert!(case.scratch.dir.metadata("upper/journal").unwrap().len() < 2 << 20);
    let before = dump(&root, true);
    drop((root, overlay));
    assert_eq!(dump(&case.open().root(), true), before);
}

#[test]
fn what_is_packed_unpacks_to_the_same_tree() {
    let case = Case::new();
    let overlay = case.open();
    let root = overlay.root();
    let etc = at(&root, "etc").unwrap();
    write(&at(&root, "etc/a").unwrap(), b"new a");
    etc.unlink(name("b")).unwrap();
    etc.link(name("a2"), &at(&root, "etc/a").unwrap()).unwrap();
    root.rename(name("deep"), &etc, name("deep"), RenameFlags::empty()).unwrap();
    let long = "n".repeat(200);
    let made = root.create(name(&long), &new(NewKind::Directory)).unwrap();
    made.create(name("ünï"), &new(NewKind::Symlink(b"x/".repeat(90)))).unwrap();
    made.create(name("null"), &NewNode { uid: 3_000_000, ..new(NewKind::CharDevice(crate::device_number(1, 3))) })
        .unwrap();
    made.create(name("pipe"), &new(NewKind::Fifo)).unwrap();
    made.set_xattr(b"user.k", b"v\0=\n", XattrFlags::empty()).unwrap();
    let whole = |time| SetAttributes {
        mtime: NewTime::At(Timestamp { seconds: time, nanoseconds: 0 }),
        ..SetAttributes::default()
    };
    at(&root, "etc/a").unwrap().set_attributes(&whole(-5)).unwrap();
    let mut packed = Vec::new();
    pack_changes(&overlay, &mut packed).unwrap();
    let mut again = Vec::new();
    pack_changes(&overlay, &mut again).unwrap();
    assert_eq!(packed, again);
    let layer = case.scratch.layer("packed", &packed);
    let mut lowers = vec![layer];
    lowers.extend(case.lowers.iter().cloned());
    let copy = Overlay::new(lowers, Upper::within(Arc::clone(&case.scratch.dir), "copy")).unwrap();
    assert_eq!(dump(&copy.root(), false), dump(&root, false));
    assert_eq!(at(&copy.root(), "etc/a").unwrap().attributes().unwrap().mtime.seconds, -5);
}

#[test]
fn directories_nested_without_end_harm_nothing() {
    let case = Case::new();
    let overlay = case.open();
    let mut node = overlay.root();
    for _ in 0..20_000 {
        node = node.create(name("d"), &new(NewKind::Directory)).unwrap();
    }
    assert_eq!(overlay.changes().unwrap().len(), 20_000);
    drop((node, overlay));
    drop(case.open());
}
