use super::queue::EVENTS_MAX;
use super::*;
use crate::namespace::tests::{namespace, options};
use crate::*;

fn options_for(write: bool) -> OpenOptions {
    OpenOptions { read: !write, write, create: write, mode: 0o644, ..Default::default() }
}

fn open(ns: &Namespace, path: &[u8], write: bool) -> File {
    match ns.open(&ns.root(), path, &options_for(write), &Caller::root()).unwrap() {
        Opened::File(file) => file,
        _ => panic!("no file"),
    }
}

fn told(watcher: &Watcher) -> Vec<(u32, WatchMask, Option<String>)> {
    let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
    watcher.take().into_iter().map(|event| (event.watch, event.mask, event.name.map(text))).collect()
}

fn named(watch: u32, mask: WatchMask, name: &str) -> (u32, WatchMask, Option<String>) {
    (watch, mask, Some(name.into()))
}

#[test]
fn a_directory_tells_of_the_life_of_a_file_in_it() {
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    let watcher = ns.watcher();
    let watch = watcher.add(&ns, &root, b"/", WatchMask::ALL, &caller).unwrap();
    let file = open(&ns, b"/f", true);
    file.write_at(b"a", 0).unwrap();
    file.write_at(b"b", 1).unwrap();
    drop(file);
    ns.set_mode(&root, b"/f", 0o600, true, &caller).unwrap();
    drop(open(&ns, b"/f", false));
    ns.unlink(&root, b"/f", &caller).unwrap();
    assert_eq!(
        told(&watcher),
        [
            named(watch, WatchMask::CREATE, "f"),
            named(watch, WatchMask::OPEN, "f"),
            named(watch, WatchMask::MODIFY, "f"),
            named(watch, WatchMask::CLOSE_WRITE, "f"),
            named(watch, WatchMask::ATTRIBUTES, "f"),
            named(watch, WatchMask::OPEN, "f"),
            named(watch, WatchMask::CLOSE_NO_WRITE, "f"),
            named(watch, WatchMask::DELETE, "f"),
        ]
    );
}

#[test]
fn the_two_halves_of_a_rename_share_a_cookie() {
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    for directory in [&b"/a"[..], b"/b", b"/a/d"] {
        ns.mkdir(&root, directory, 0o755, &caller).unwrap();
    }
    let watcher = ns.watcher();
    let from = watcher.add(&ns, &root, b"/a", WatchMask::ALL, &caller).unwrap();
    let to = watcher.add(&ns, &root, b"/b", WatchMask::ALL, &caller).unwrap();
    let itself = watcher.add(&ns, &root, b"/a/d", WatchMask::ALL, &caller).unwrap();
    ns.rename(&root, b"/a/d", &root, b"/b/e", RenameFlags::empty(), &caller).unwrap();
    let events = watcher.take();
    assert_eq!(events[0].cookie, events[1].cookie);
    assert_ne!(events[0].cookie, 0);
    let shape: Vec<_> = events.into_iter().map(|event| (event.watch, event.mask, event.name)).collect();
    assert_eq!(
        shape,
        [
            (from, WatchMask::MOVED_FROM | WatchMask::DIRECTORY, Some(b"d".to_vec())),
            (to, WatchMask::MOVED_TO | WatchMask::DIRECTORY, Some(b"e".to_vec())),
            (itself, WatchMask::MOVE_SELF, None),
        ]
    );
}

#[test]
fn a_watch_ends_with_its_file_and_not_before_the_last_close() {
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    let file = open(&ns, b"/f", true);
    let watcher = ns.watcher();
    let interesting = WatchMask::DELETE_SELF | WatchMask::ATTRIBUTES;
    let watch = watcher.add(&ns, &root, b"/f", interesting, &caller).unwrap();
    ns.unlink(&root, b"/f", &caller).unwrap();
    assert_eq!(told(&watcher), [(watch, WatchMask::ATTRIBUTES, None)]);
    drop(file);
    assert_eq!(told(&watcher), [(watch, WatchMask::DELETE_SELF, None), (watch, WatchMask::IGNORED, None)]);
    assert_eq!(watcher.remove(watch).err(), Some(Errno::INVAL));
    assert!(!ns.watches().is_watching());
}

#[test]
fn watching_again_changes_the_events_and_removing_ends_them() {
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    drop(open(&ns, b"/f", true));
    let watcher = ns.watcher();
    let add = |mask| watcher.add(&ns, &root, b"/f", mask, &caller).unwrap();
    let watch = add(WatchMask::MODIFY);
    assert_eq!(add(WatchMask::ATTRIBUTES), watch);
    open(&ns, b"/f", true).write_at(b"x", 0).unwrap();
    assert!(watcher.take().is_empty());
    add(WatchMask::MODIFY | WatchMask::ADD);
    ns.truncate(&root, b"/f", 0, &caller).unwrap();
    ns.set_mode(&root, b"/f", 0, true, &caller).unwrap();
    assert_eq!(told(&watcher), [(watch, WatchMask::MODIFY, None), (watch, WatchMask::ATTRIBUTES, None)]);
    watcher.remove(watch).unwrap();
    assert_eq!(told(&watcher), [(watch, WatchMask::IGNORED, None)]);
    let next = add(WatchMask::OPEN | WatchMask::ONE_SHOT);
    assert_ne!(next, watch);
    drop(open(&ns, b"/f", false));
    assert_eq!(told(&watcher), [(next, WatchMask::OPEN, None), (next, WatchMask::IGNORED, None)]);
    assert!(!ns.watches().is_watching());
    let no_directory = watcher.add(&ns, &root, b"/f", WatchMask::ALL | WatchMask::ONLY_DIRECTORY, &caller);
    assert_eq!(no_directory.err(), Some(Errno::NOTDIR));
}

#[test]
fn a_queue_that_is_full_says_so_once() {
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    let watcher = ns.watcher();
    watcher.add(&ns, &root, b"/", WatchMask::CREATE | WatchMask::DELETE, &caller).unwrap();
    for _ in 0..EVENTS_MAX {
        ns.mkdir(&root, b"/d", 0o755, &caller).unwrap();
        ns.rmdir(&root, b"/d", &caller).unwrap();
    }
    let events = watcher.take();
    assert_eq!(events.len(), EVENTS_MAX + 1);
    assert_eq!((events[EVENTS_MAX].mask, events[EVENTS_MAX].watch), (WatchMask::OVERFLOW, u32::MAX));
}

#[tokio::test]
async fn waiting_ends_with_the_first_event() {
    let ns = namespace();
    let watcher = Arc::new(ns.watcher());
    watcher.add(&ns, &ns.root(), b"/", WatchMask::CREATE, &Caller::root()).unwrap();
    let waiting = tokio::spawn({
        let watcher = watcher.clone();
        async move { watcher.ready().await }
    });
    tokio::task::yield_now().await;
    ns.mkdir(&ns.root(), b"/d", 0o755, &Caller::root()).unwrap();
    waiting.await.unwrap();
    assert!(watcher.is_ready());
}

/// A directory of the host, as much of one as watching needs.
struct Bound(std::path::PathBuf);

impl Node for Bound {
    fn attributes(&self) -> Result<Attributes> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(&self.0).unwrap();
        let zero = Timestamp::default();
        Ok(Attributes {
            kind: FileKind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            nlink: 2,
            ino: metadata.ino(),
            dev: metadata.dev(),
            rdev: 0,
            size: 0,
            blocks: 0,
            atime: zero,
            mtime: zero,
            ctime: zero,
        })
    }
    fn kind(&self) -> FileKind {
        FileKind::Directory
    }
    fn create(&self, name: &Name, _: &NewNode) -> Result<Arc<dyn Node>> {
        let path = self.0.join(name.as_os_str());
        std::fs::create_dir(&path).unwrap();
        Ok(Arc::new(Self(path)))
    }
    fn lookup(&self, _: &Name, _: &Caller) -> Result<Arc<dyn Node>> {
        Err(Errno::NOENT)
    }
    fn figures(&self) -> Result<FsFigures> {
        Err(Errno::NOSYS)
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn host_watch(&self) -> Option<std::os::fd::OwnedFd> {
        use rustix::fs::{Mode, OFlags};
        rustix::fs::open(&self.0, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
    }
}

struct Bind(std::path::PathBuf);

impl Filesystem for Bind {
    fn root(&self) -> Arc<dyn Node> {
        Arc::new(Bound(self.0.clone()))
    }
}

#[tokio::test]
async fn changes_from_outside_are_told_and_those_from_inside_only_once() {
    let directory = tempfile::tempdir().unwrap();
    let ns = namespace();
    let (root, caller) = (ns.root(), Caller::root());
    ns.mkdir(&root, b"/m", 0o755, &caller).unwrap();
    ns.mount(b"/m", Arc::new(Bind(directory.path().into())), options(MountKind::Bind, false)).unwrap();
    let watcher = ns.watcher();
    let watch = watcher.add(&ns, &root, b"/m", WatchMask::CREATE | WatchMask::DELETE_SELF, &caller).unwrap();
    std::fs::write(directory.path().join("outside"), "").unwrap();
    ns.mkdir(&root, b"/m/inside", 0o755, &caller).unwrap();
    std::fs::write(directory.path().join("last"), "").unwrap();
    let mut events = Vec::new();
    while events.len() < 3 {
        watcher.ready().await;
        events.extend(told(&watcher));
    }
    assert_eq!(
        events,
        [
            named(watch, WatchMask::CREATE, "outside"),
            named(watch, WatchMask::CREATE | WatchMask::DIRECTORY, "inside"),
            named(watch, WatchMask::CREATE, "last"),
        ]
    );
    std::fs::remove_dir_all(directory.path()).unwrap();
    let mut ended = Vec::new();
    while ended.len() < 2 {
        watcher.ready().await;
        ended.extend(told(&watcher));
    }
    assert_eq!(ended, [(watch, WatchMask::DELETE_SELF, None), (watch, WatchMask::IGNORED, None)]);
}
