//! Behaviour of the namespace over file systems in memory.

use crate::tmpfs::Tmpfs;
use crate::*;
use std::sync::Arc;

pub(crate) fn options(kind: MountKind, read_only: bool) -> MountOptions {
    MountOptions { kind, source: b"test".to_vec(), read_only, options: String::new() }
}

pub(crate) fn namespace() -> Namespace {
    let fs = Tmpfs::new(Some(64 << 20), 0o755).unwrap();
    Namespace::new(fs, options(MountKind::Tmpfs, false), WatchHub::new())
}

fn user(uid: u32) -> Caller {
    Caller {
        credentials: Credentials { uid, gid: uid, groups: Arc::new([]) },
        umask: 0o022,
        pid: 7,
        file_size_limit: None,
    }
}

/// A namespace with short names for its calls, as user 0 at the root.
struct Shell {
    ns: Namespace,
    at: Location,
    caller: Caller,
}

impl Shell {
    fn new() -> Self {
        Self::over(namespace())
    }
    fn over(ns: Namespace) -> Self {
        Self { at: ns.root(), ns, caller: Caller::root() }
    }
    fn as_user(&self, uid: u32) -> Self {
        Self { ns: self.ns.clone(), at: self.at.clone(), caller: user(uid) }
    }
    fn mkdir(&self, path: &str) -> Result<()> {
        self.ns.mkdir(&self.at, path.as_bytes(), 0o777, &self.caller)
    }
    fn open(&self, path: &str, options: OpenOptions) -> Result<Opened> {
        self.ns.open(&self.at, path.as_bytes(), &options, &self.caller)
    }
    fn write(&self, path: &str, text: &str) -> Result<()> {
        let options = OpenOptions { write: true, create: true, truncate: true, mode: 0o666, ..Default::default() };
        match self.open(path, options)? {
            Opened::File(file) => file.write_at(text.as_bytes(), 0).map(drop),
            _ => Err(Errno::INVAL),
        }
    }
    fn read(&self, path: &str) -> Result<String> {
        match self.open(path, OpenOptions { read: true, ..Default::default() })? {
            Opened::File(file) => {
                let mut buf = vec![0; 4096];
                let length = file.read_at(&mut buf, 0)?;
                buf.truncate(length);
                Ok(String::from_utf8(buf).unwrap())
            }
            _ => Err(Errno::ISDIR),
        }
    }
    fn link_to(&self, contents: &str, path: &str) -> Result<()> {
        self.ns.symlink(contents.as_bytes(), &self.at, path.as_bytes(), &self.caller)
    }
    fn stat(&self, path: &str) -> Result<Attributes> {
        self.ns.stat(&self.at, path.as_bytes(), true, &self.caller)
    }
    fn lstat(&self, path: &str) -> Result<Attributes> {
        self.ns.stat(&self.at, path.as_bytes(), false, &self.caller)
    }
    fn unlink(&self, path: &str) -> Result<()> {
        self.ns.unlink(&self.at, path.as_bytes(), &self.caller)
    }
    fn rmdir(&self, path: &str) -> Result<()> {
        self.ns.rmdir(&self.at, path.as_bytes(), &self.caller)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.rename_with(from, to, RenameFlags::empty())
    }
    fn rename_with(&self, from: &str, to: &str, flags: RenameFlags) -> Result<()> {
        self.ns.rename(&self.at, from.as_bytes(), &self.at, to.as_bytes(), flags, &self.caller)
    }
    fn hard_link(&self, from: &str, to: &str) -> Result<()> {
        self.ns.link(&self.at, from.as_bytes(), &self.at, to.as_bytes(), false, &self.caller)
    }
    fn chmod(&self, path: &str, mode: u32) -> Result<()> {
        self.ns.set_mode(&self.at, path.as_bytes(), mode, true, &self.caller)
    }
    fn chown(&self, path: &str, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        self.ns.set_owner(&self.at, path.as_bytes(), uid, gid, false, &self.caller)
    }
    fn real_path(&self, path: &str) -> Result<String> {
        self.ns.real_path(&self.at, path.as_bytes(), &self.caller).map(|path| String::from_utf8(path).unwrap())
    }
    fn list(&self, path: &str) -> Vec<String> {
        let entries = self.ns.read_dir(&self.at, path.as_bytes(), &self.caller).unwrap();
        let mut names: Vec<_> = entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect();
        names.sort();
        names
    }
    fn mount(&self, target: &str, read_only: bool) -> Arc<Tmpfs> {
        let fs = Tmpfs::new(Some(1 << 20), 0o1777).unwrap();
        self.ns.mount(target.as_bytes(), fs.clone(), options(MountKind::Tmpfs, read_only)).unwrap();
        fs
    }
}

#[test]
fn paths_are_walked_as_posix_says() {
    let sh = Shell::new();
    sh.mkdir("/a").unwrap();
    sh.mkdir("a/b/").unwrap();
    sh.write("a/b/f", "text").unwrap();
    assert_eq!(sh.read("/a//b/./../b/f").unwrap(), "text");
    assert_eq!(sh.read("/../../a/b/f").unwrap(), "text");
    assert_eq!(sh.stat("").err(), Some(Errno::NOENT));
    assert_eq!(sh.stat("a/x").err(), Some(Errno::NOENT));
    assert_eq!(sh.stat("a/b/f/x").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.stat("a/b/f/").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.stat("a/b/f/.").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.stat("a/b/f/..").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.stat("a\0b").err(), Some(Errno::INVAL));
    assert_eq!(sh.stat(&"x".repeat(256)).err(), Some(Errno::NAMETOOLONG));
    assert_eq!(sh.stat(&"x/".repeat(2048)).err(), Some(Errno::NAMETOOLONG));
    assert_eq!(sh.real_path("a/b/../b//f").unwrap(), "/a/b/f");
    assert_eq!(sh.real_path("/").unwrap(), "/");
}

#[test]
fn symbolic_links_stay_inside_and_end() {
    let sh = Shell::new();
    sh.mkdir("/d").unwrap();
    sh.write("/d/f", "inside").unwrap();
    sh.link_to("/d", "/abs").unwrap();
    sh.link_to("../../../d/f", "/d/up").unwrap();
    sh.link_to("loop", "/loop").unwrap();
    sh.link_to("d/", "/slash").unwrap();
    sh.link_to("d/f/", "/file-slash").unwrap();
    assert_eq!(sh.read("/abs/f").unwrap(), "inside");
    assert_eq!(sh.read("/abs/up").unwrap(), "inside");
    assert_eq!(sh.stat("/loop").err(), Some(Errno::LOOP));
    assert_eq!(sh.lstat("/loop").unwrap().kind, FileKind::Symlink);
    assert_eq!(sh.lstat("/abs/").unwrap().kind, FileKind::Directory);
    assert_eq!(sh.stat("/slash").unwrap().kind, FileKind::Directory);
    assert_eq!(sh.stat("/file-slash").err(), Some(Errno::NOTDIR));
    sh.link_to("f", "/d/l0").unwrap();
    for n in 1..=40 {
        sh.link_to(&format!("l{}", n - 1), &format!("/d/l{n}")).unwrap();
    }
    assert_eq!(sh.read("/d/l39").unwrap(), "inside");
    assert_eq!(sh.read("/d/l40").err(), Some(Errno::LOOP));
}

#[test]
fn open_obeys_its_flags() {
    let sh = Shell::new();
    let create = OpenOptions { read: true, write: true, create: true, mode: 0o666, ..Default::default() };
    let Opened::File(file) = sh.open("f", create).unwrap() else { panic!() };
    assert!(file.created());
    assert_eq!(file.attributes().unwrap().mode, 0o644);
    let Opened::File(file) = sh.open("f", create).unwrap() else { panic!() };
    assert!(!file.created());
    let exclusive = OpenOptions { exclusive: true, ..create };
    assert_eq!(sh.open("f", exclusive).err(), Some(Errno::EXIST));
    sh.link_to("nowhere", "dangling").unwrap();
    assert_eq!(sh.open("dangling", exclusive).err(), Some(Errno::EXIST));
    assert_eq!(sh.open("dangling", OpenOptions { no_follow: true, ..create }).err(), Some(Errno::LOOP));
    assert!(sh.open("dangling", create).is_ok());
    assert_eq!(sh.stat("nowhere").unwrap().kind, FileKind::Regular);
    sh.mkdir("d").unwrap();
    assert_eq!(sh.open("d", create).err(), Some(Errno::ISDIR));
    assert_eq!(sh.open("new/", create).err(), Some(Errno::ISDIR));
    assert_eq!(sh.open("f/", create).err(), Some(Errno::ISDIR));
    let directory = OpenOptions { read: true, directory: true, ..Default::default() };
    assert!(matches!(sh.open("d", directory), Ok(Opened::Directory(_))));
    assert_eq!(sh.open("f", directory).err(), Some(Errno::NOTDIR));
    assert_eq!(sh.open("d/.", exclusive).err(), Some(Errno::EXIST));
    sh.write("f", "longer text").unwrap();
    sh.write("f", "short").unwrap();
    assert_eq!(sh.read("f").unwrap(), "short");
}

#[test]
fn names_are_made_and_removed_with_posix_errors() {
    let sh = Shell::new();
    sh.mkdir("d").unwrap();
    sh.write("f", "").unwrap();
    assert_eq!(sh.mkdir("d").err(), Some(Errno::EXIST));
    assert_eq!(sh.mkdir("/").err(), Some(Errno::EXIST));
    assert_eq!(sh.mkdir("d/.").err(), Some(Errno::EXIST));
    assert_eq!(sh.link_to("x", "new/").err(), Some(Errno::NOENT));
    assert_eq!(sh.unlink("d").err(), Some(Errno::ISDIR));
    assert_eq!(sh.unlink("f/").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.rmdir("f").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.rmdir("d/.").err(), Some(Errno::INVAL));
    assert_eq!(sh.rmdir("d/..").err(), Some(Errno::NOTEMPTY));
    assert_eq!(sh.rmdir("/").err(), Some(Errno::BUSY));
    assert_eq!(sh.hard_link("d", "e").err(), Some(Errno::PERM));
    sh.hard_link("f", "d/g").unwrap();
    assert_eq!(sh.stat("f").unwrap().nlink, 2);
    assert_eq!(sh.rmdir("d").err(), Some(Errno::NOTEMPTY));
    sh.unlink("d/g").unwrap();
    sh.rmdir("d/").unwrap();
    assert_eq!(sh.list("/"), ["f"]);
}

#[test]
fn rename_replaces_exchanges_and_refuses() {
    let sh = Shell::new();
    sh.mkdir("a").unwrap();
    sh.mkdir("a/b").unwrap();
    sh.mkdir("e").unwrap();
    sh.write("f", "f").unwrap();
    sh.write("g", "g").unwrap();
    assert_eq!(sh.rename("a", "a/b/c").err(), Some(Errno::INVAL));
    assert_eq!(sh.rename("f", "e").err(), Some(Errno::ISDIR));
    assert_eq!(sh.rename("e", "f").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.rename("e", "a").err(), Some(Errno::NOTEMPTY));
    assert_eq!(sh.rename("a/b", "a").err(), Some(Errno::NOTEMPTY));
    assert_eq!(sh.rename("f/", "h").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.rename("f", "h/").err(), Some(Errno::NOTDIR));
    assert_eq!(sh.rename("a/.", "h").err(), Some(Errno::BUSY));
    assert_eq!(sh.rename("nope", "h").err(), Some(Errno::NOENT));
    assert_eq!(sh.rename_with("f", "g", RenameFlags::NO_REPLACE).err(), Some(Errno::EXIST));
    sh.rename_with("f", "a", RenameFlags::EXCHANGE).unwrap();
    assert_eq!(sh.read("a").unwrap(), "f");
    assert_eq!(sh.list("f"), ["b"]);
    sh.rename("a", "g").unwrap();
    assert_eq!(sh.read("g").unwrap(), "f");
    sh.rename("f", "e").unwrap();
    assert_eq!(sh.list("/"), ["e", "g"]);
    assert_eq!(sh.stat("/").unwrap().nlink, 3);
    sh.hard_link("g", "h").unwrap();
    sh.rename("g", "h").unwrap();
    assert_eq!(sh.list("/"), ["e", "g", "h"]);
}

#[test]
fn a_kept_position_follows_renames_and_knows_its_removal() {
    let sh = Shell::new();
    sh.mkdir("a").unwrap();
    sh.mkdir("a/b").unwrap();
    sh.mkdir("z").unwrap();
    sh.write("a/b/f", "").unwrap();
    let deep = sh.ns.directory(&sh.at, b"a/b", &sh.caller).unwrap();
    let Opened::File(file) = sh.open("a/b/f", OpenOptions { read: true, ..Default::default() }).unwrap() else {
        panic!()
    };
    sh.rename("a", "z/c").unwrap();
    assert_eq!(deep.path(), b"/z/c/b");
    assert_eq!(file.location().path(), b"/z/c/b/f");
    assert_eq!(sh.ns.real_path(&deep, b"../..", &sh.caller).unwrap(), b"/z");
    sh.rename("z/c/b/f", "g").unwrap();
    assert_eq!(file.location().path(), b"/g");
    sh.unlink("g").unwrap();
    assert_eq!(file.location().path(), b"/g (deleted)");
    sh.rmdir("z/c/b").unwrap();
    assert!(deep.is_deleted());
    assert_eq!(sh.ns.mkdir(&deep, b"new", 0o777, &sh.caller).err(), Some(Errno::NOENT));
    sh.mkdir("z/c/b").unwrap();
    assert_eq!(deep.path(), b"/z/c/b (deleted)");
}

#[test]
fn mounts_cover_and_lead_back_out() {
    let sh = Shell::new();
    for path in ["m", "m/hidden", "m2"] {
        sh.mkdir(path).unwrap();
    }
    sh.mount("/m", false);
    assert!(sh.list("m").is_empty());
    sh.mkdir("m/n").unwrap();
    sh.mount("/m/n", false);
    sh.write("m/n/f", "nested").unwrap();
    assert_eq!(sh.real_path("m/n/../n/f").unwrap(), "/m/n/f");
    assert_eq!(sh.real_path("m/n/../..").unwrap(), "/");
    assert_eq!(sh.list("/"), ["m", "m2"]);
    assert_ne!(sh.stat("/").unwrap().dev, sh.stat("/m").unwrap().dev);
    assert_eq!(sh.rename("m/n/f", "f").err(), Some(Errno::XDEV));
    assert_eq!(sh.hard_link("m/n/f", "f").err(), Some(Errno::XDEV));
    assert_eq!(sh.rmdir("m").err(), Some(Errno::BUSY));
    assert_eq!(sh.rename("m", "q").err(), Some(Errno::BUSY));
    assert_eq!(sh.rename("m2", "m").err(), Some(Errno::BUSY));
    sh.mount("/m", true);
    assert!(sh.list("/m").is_empty());
    assert_eq!(sh.mkdir("/m/x").err(), Some(Errno::ROFS));
    let targets: Vec<_> = sh.ns.mounts().into_iter().map(|mount| mount.target).collect();
    assert_eq!(targets, [&b"/"[..], b"/m", b"/m/n", b"/m"]);
}

#[test]
fn a_mount_point_survives_renames_above_it() {
    let sh = Shell::new();
    sh.mkdir("a").unwrap();
    sh.mkdir("a/m").unwrap();
    sh.mount("/a/m", false);
    sh.write("/a/m/f", "x").unwrap();
    sh.rename("a", "b").unwrap();
    assert_eq!(sh.read("b/m/f").unwrap(), "x");
    assert_eq!(sh.real_path("b/m/f").unwrap(), "/b/m/f");
}

#[test]
fn a_file_can_be_mounted_over_a_file() {
    struct One(Arc<dyn Node>);
    impl Filesystem for One {
        fn root(&self) -> Arc<dyn Node> {
            self.0.clone()
        }
    }
    let other = Tmpfs::new(None, 0o755).unwrap();
    let new = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };
    let node = other.root().create(Name::new(b"hosts").unwrap(), &new).unwrap();
    node.open(Access::WRITE).unwrap().write_at(b"127.0.0.1", 0).unwrap();
    let sh = Shell::new();
    sh.mkdir("etc").unwrap();
    sh.write("etc/hosts", "old").unwrap();
    let over_directory = sh.ns.mount(b"/etc", Arc::new(One(node.clone())), options(MountKind::Bind, false));
    assert_eq!(over_directory.err(), Some(Errno::NOTDIR));
    sh.ns.mount(b"/etc/hosts", Arc::new(One(node)), options(MountKind::Bind, true)).unwrap();
    assert_eq!(sh.read("/etc/hosts").unwrap(), "127.0.0.1");
    assert_eq!(sh.write("/etc/hosts", "x").err(), Some(Errno::ROFS));
    assert_eq!(sh.unlink("/etc/hosts").err(), Some(Errno::BUSY));
    assert_eq!(sh.real_path("/etc/hosts").unwrap(), "/etc/hosts");
}

#[test]
fn a_read_only_mount_refuses_everything_that_writes() {
    let sh = Shell::new();
    sh.mkdir("ro").unwrap();
    let fs = Tmpfs::new(None, 0o777).unwrap();
    let root = fs.root();
    let create = |name: &[u8], kind| {
        root.create(Name::new(name).unwrap(), &NewNode { kind, mode: 0o777, uid: 0, gid: 0 }).unwrap();
    };
    create(b"f", NewKind::Regular);
    create(b"d", NewKind::Directory);
    create(b"pipe", NewKind::Fifo);
    sh.ns.mount(b"/ro", fs, options(MountKind::Bind, true)).unwrap();
    let (ns, at, caller) = (&sh.ns, &sh.at, &sh.caller);
    let open = |options: OpenOptions| sh.open("/ro/f", options).err();
    let rofs = Some(Errno::ROFS);
    assert_eq!(open(OpenOptions { write: true, ..Default::default() }), rofs);
    assert_eq!(open(OpenOptions { read: true, truncate: true, ..Default::default() }), rofs);
    assert_eq!(open(OpenOptions { append: true, ..Default::default() }), rofs);
    assert_eq!(sh.write("/ro/new", "").err(), rofs);
    assert_eq!(sh.mkdir("/ro/new").err(), rofs);
    assert_eq!(sh.link_to("x", "/ro/new").err(), rofs);
    assert_eq!(sh.hard_link("/ro/f", "/ro/new").err(), rofs);
    assert_eq!(sh.unlink("/ro/f").err(), rofs);
    assert_eq!(sh.rmdir("/ro/d").err(), rofs);
    assert_eq!(sh.rename("/ro/f", "/ro/new").err(), rofs);
    assert_eq!(sh.chmod("/ro/f", 0).err(), rofs);
    assert_eq!(sh.chown("/ro/f", Some(1), None).err(), rofs);
    assert_eq!(ns.truncate(at, b"/ro/f", 0, caller).err(), rofs);
    assert_eq!(ns.set_times(at, b"/ro/f", NewTime::Now, NewTime::Now, true, caller).err(), rofs);
    assert_eq!(ns.mknod(at, b"/ro/new", FileKind::Fifo, 0o600, 0, caller).err(), rofs);
    assert_eq!(ns.set_xattr(at, b"/ro/f", b"user.a", b"", XattrFlags::empty(), true, caller).err(), rofs);
    assert_eq!(ns.remove_xattr(at, b"/ro/f", b"user.a", true, caller).err(), rofs);
    assert_eq!(ns.access(at, b"/ro/f", Permissions::WRITE, true, caller).err(), rofs);
    assert_eq!(sh.read("/ro/f").unwrap(), "");
    assert!(matches!(sh.open("/ro/pipe", OpenOptions { write: true, ..Default::default() }), Ok(Opened::Fifo { .. })));
    let Opened::File(file) = sh.open("/ro/f", OpenOptions { read: true, ..Default::default() }).unwrap() else {
        panic!()
    };
    assert_eq!(file.set_mode(0, caller).err(), rofs);
    assert!(ns.figures(at, b"/ro", caller).unwrap().read_only);
}

#[test]
fn permissions_are_checked_on_every_directory_and_file() {
    let sh = Shell::new();
    let alice = sh.as_user(1000);
    sh.mkdir("private").unwrap();
    sh.write("private/f", "secret").unwrap();
    sh.chmod("private", 0o700).unwrap();
    assert_eq!(alice.stat("private/f").err(), Some(Errno::ACCESS));
    assert_eq!(alice.stat("private/..").err(), Some(Errno::ACCESS));
    assert_eq!(alice.mkdir("x").err(), Some(Errno::ACCESS));
    sh.mkdir("tmp").unwrap();
    sh.chmod("tmp", 0o1777).unwrap();
    alice.write("tmp/a", "mine").unwrap();
    let bob = sh.as_user(1001);
    assert_eq!(bob.unlink("tmp/a").err(), Some(Errno::PERM));
    assert_eq!(bob.rename("tmp/a", "tmp/b").err(), Some(Errno::PERM));
    assert_eq!(bob.write("tmp/a", "x").err(), Some(Errno::ACCESS));
    assert_eq!(bob.read("tmp/a").unwrap(), "mine");
    assert_eq!(bob.chmod("tmp/a", 0o777).err(), Some(Errno::PERM));
    assert_eq!(bob.hard_link("tmp/a", "tmp/b").err(), Some(Errno::PERM));
    alice.chmod("tmp/a", 0o600).unwrap();
    assert_eq!(bob.read("tmp/a").err(), Some(Errno::ACCESS));
    assert_eq!(alice.chown("tmp/a", Some(1001), None).err(), Some(Errno::PERM));
    assert_eq!(alice.chown("tmp/a", None, Some(5)).err(), Some(Errno::PERM));
    alice.unlink("tmp/a").unwrap();
    assert_eq!(
        alice.ns.mknod(&alice.at, b"tmp/dev", FileKind::CharDevice, 0, 259, &alice.caller).err(),
        Some(Errno::PERM)
    );
    let root_exec = sh.ns.access(&sh.at, b"private/f", Permissions::EXECUTE, true, &sh.caller);
    assert_eq!(root_exec.err(), Some(Errno::ACCESS));
}

#[test]
fn set_id_bits_do_not_survive_changes() {
    let sh = Shell::new();
    sh.write("f", "x").unwrap();
    sh.chown("f", Some(1000), Some(1000)).unwrap();
    sh.chmod("f", 0o6755).unwrap();
    sh.chown("f", Some(1000), None).unwrap();
    assert_eq!(sh.stat("f").unwrap().mode, 0o755);
    sh.chmod("f", 0o4777).unwrap();
    let bob = sh.as_user(1001);
    let Opened::File(file) = bob.open("f", OpenOptions { write: true, ..Default::default() }).unwrap() else {
        panic!()
    };
    assert_eq!(sh.stat("f").unwrap().mode, 0o4777);
    file.write_at(b"y", 0).unwrap();
    assert_eq!(sh.stat("f").unwrap().mode, 0o777);
    sh.chown("f", None, Some(50)).unwrap();
    sh.as_user(1000).chmod("f", 0o2755).unwrap();
    assert_eq!(sh.stat("f").unwrap().mode, 0o755);
}

#[test]
fn a_set_group_id_directory_hands_its_group_down() {
    let sh = Shell::new();
    sh.mkdir("shared").unwrap();
    sh.chown("shared", None, Some(500)).unwrap();
    sh.chmod("shared", 0o2777).unwrap();
    let alice = sh.as_user(1000);
    alice.write("shared/f", "").unwrap();
    alice.mkdir("shared/d").unwrap();
    let (file, directory) = (sh.stat("shared/f").unwrap(), sh.stat("shared/d").unwrap());
    assert_eq!((file.uid, file.gid, file.mode), (1000, 500, 0o644));
    assert_eq!((directory.gid, directory.mode), (500, 0o2755));
}

#[test]
fn times_need_ownership_or_permission_to_write() {
    let sh = Shell::new();
    sh.write("f", "").unwrap();
    sh.chmod("f", 0o666).unwrap();
    let bob = sh.as_user(1001);
    let at = NewTime::At(Timestamp { seconds: 5, nanoseconds: 7 });
    let set = |sh: &Shell, one, two| sh.ns.set_times(&sh.at, b"f", one, two, true, &sh.caller);
    set(&bob, NewTime::Now, NewTime::Now).unwrap();
    assert_eq!(set(&bob, at, NewTime::Keep).err(), Some(Errno::PERM));
    sh.chmod("f", 0o644).unwrap();
    assert_eq!(set(&bob, NewTime::Now, NewTime::Now).err(), Some(Errno::ACCESS));
    set(&sh, NewTime::Keep, at).unwrap();
    assert_eq!(sh.stat("f").unwrap().mtime, Timestamp { seconds: 5, nanoseconds: 7 });
    let bad = NewTime::At(Timestamp { seconds: 0, nanoseconds: 1_000_000_000 });
    assert_eq!(set(&sh, bad, NewTime::Keep).err(), Some(Errno::INVAL));
}

#[test]
fn the_file_size_limit_is_a_wall() {
    let sh = Shell::new();
    let mut limited = Shell::over(sh.ns.clone());
    limited.caller.file_size_limit = Some(10);
    let options = OpenOptions { write: true, create: true, mode: 0o600, ..Default::default() };
    let Opened::File(file) = limited.open("f", options).unwrap() else { panic!() };
    assert_eq!(file.write_at(b"0123456789abc", 0), Ok(10));
    assert_eq!(file.write_at(b"x", 10).err(), Some(Errno::FBIG));
    assert_eq!(file.append(b"x").err(), Some(Errno::FBIG));
    assert_eq!(file.set_len(11).err(), Some(Errno::FBIG));
    assert_eq!(limited.ns.truncate(&limited.at, b"f", 11, &limited.caller).err(), Some(Errno::FBIG));
    assert_eq!(sh.stat("f").unwrap().size, 10);
}

#[test]
fn a_very_deep_tree_is_walked_and_freed_without_recursion() {
    let sh = Shell::new();
    let mut at = sh.at.clone();
    for _ in 0..50_000 {
        sh.ns.mkdir(&at, b"d", 0o777, &sh.caller).unwrap();
        at = sh.ns.directory(&at, b"d", &sh.caller).unwrap();
    }
    assert_eq!(at.path().len(), 100_000);
}

#[test]
fn extended_attributes_follow_their_name_spaces() {
    let sh = Shell::new();
    sh.write("f", "").unwrap();
    let bob = sh.as_user(1001);
    let set = |sh: &Shell, name: &[u8], flags| sh.ns.set_xattr(&sh.at, b"f", name, b"v", flags, true, &sh.caller);
    let get = |sh: &Shell, name: &[u8]| sh.ns.get_xattr(&sh.at, b"f", name, true, &sh.caller);
    set(&sh, b"user.a", XattrFlags::CREATE).unwrap();
    set(&sh, b"trusted.b", XattrFlags::empty()).unwrap();
    assert_eq!(set(&sh, b"user.a", XattrFlags::CREATE).err(), Some(Errno::EXIST));
    assert_eq!(set(&sh, b"user.c", XattrFlags::REPLACE).err(), Some(Errno::NODATA));
    assert_eq!(set(&sh, b"other.c", XattrFlags::empty()).err(), Some(Errno::NOTSUP));
    assert_eq!(set(&bob, b"user.a", XattrFlags::empty()).err(), Some(Errno::ACCESS));
    assert_eq!(get(&bob, b"user.a").unwrap(), b"v");
    assert_eq!(get(&bob, b"trusted.b").err(), Some(Errno::NODATA));
    assert_eq!(bob.ns.list_xattrs(&bob.at, b"f", true, &bob.caller).unwrap(), [b"user.a"]);
}

/// A small generator, so that every run does the same.
struct Steps(u64);

impl Steps {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn path(&mut self) -> String {
        (0..=self.next(3)).map(|_| ["/a", "/b", "/c"][self.next(3) as usize]).collect()
    }
}

#[test]
fn many_threads_at_once_neither_lock_up_nor_lose_anything() {
    let balance = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let account = balance.clone();
    let charge: crate::tmpfs::Charge = Arc::new(move |bytes| {
        account.fetch_add(bytes, std::sync::atomic::Ordering::SeqCst);
        true
    });
    let options_ = crate::tmpfs::TmpfsOptions { mode: 0o755, charge: Some(charge), ..Default::default() };
    let fs = crate::tmpfs::Tmpfs::with_options(options_).unwrap();
    let ns = Namespace::new(fs, options(MountKind::Tmpfs, false), WatchHub::new());
    let watcher = ns.watcher();
    watcher.add(&ns, &ns.root(), b"/", WatchMask::ALL, &Caller::root()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let sh = Shell::over(ns.clone());
            scope.spawn(move || {
                let mut steps = Steps(thread);
                let mut at = sh.at.clone();
                for _ in 0..5_000 {
                    let (one, other) = (steps.path(), steps.path());
                    // Whatever the others did meanwhile, each call ends with success or an error of POSIX.
                    let _ = match steps.next(9) {
                        0 | 1 => sh.mkdir(&one),
                        2 => sh.write(&one, "text"),
                        3 => sh.unlink(&one),
                        4 => sh.rmdir(&one),
                        5 => sh.rename(&one, &other),
                        6 => sh.rename_with(&one, &other, RenameFlags::EXCHANGE),
                        7 => sh.hard_link(&one, &other),
                        _ => sh.ns.directory(&at, one.trim_start_matches('/').as_bytes(), &sh.caller).map(|found| {
                            assert!(found.path().starts_with(b"/"));
                            at = found;
                        }),
                    };
                    if steps.next(8) == 0 {
                        at = sh.at.clone();
                    }
                }
            });
        }
    });
    // Every link count still is the number of names, and every byte comes back.
    let mut links = std::collections::HashMap::new();
    let mut pending = vec![String::new()];
    while let Some(directory) = pending.pop() {
        let sh = Shell::over(ns.clone());
        let mut directories = 0;
        for name in sh.list(&format!("{directory}/")) {
            let path = format!("{directory}/{name}");
            let attributes = sh.lstat(&path).unwrap();
            if attributes.kind == FileKind::Directory {
                directories += 1;
                pending.push(path);
            } else {
                links.entry(attributes.ino).or_insert((0, attributes.nlink)).0 += 1;
            }
        }
        assert_eq!(sh.stat(&format!("{directory}/")).unwrap().nlink, directories + 2);
    }
    assert!(links.values().all(|(found, told)| found == told));
    drop((watcher, ns));
    assert_eq!(balance.load(std::sync::atomic::Ordering::SeqCst), 0);
}
