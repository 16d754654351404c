//! The path walk under hostile paths, links and renames: it must not panic, and it must not leave the root.
//!
//! `cargo +nightly fuzz run walk` in `host/vfs`. The root is a directory inside a larger tree in memory; whatever is
//! reached from inside must be in the set of inodes made inside, and its told path must lead back to it.

#![no_main]

use arbitrary::Arbitrary;
use coracle_vfs::tmpfs::Tmpfs;
use coracle_vfs::{
    Caller, Filesystem, MountKind, MountOptions, Name, Namespace, NewKind, NewNode, Node, OpenOptions, RenameFlags,
    WatchHub,
};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

#[derive(Arbitrary, Debug)]
enum Step {
    Mkdir(Vec<u8>),
    Symlink(Vec<u8>, Vec<u8>),
    Create(Vec<u8>),
    Link(Vec<u8>, Vec<u8>),
    Rename(Vec<u8>, Vec<u8>, bool),
    Unlink(Vec<u8>),
    Rmdir(Vec<u8>),
    Chdir(Vec<u8>),
    Mount(Vec<u8>),
    Locate(Vec<u8>, bool),
}

struct Part(Arc<dyn Node>);

impl Filesystem for Part {
    fn root(&self) -> Arc<dyn Node> {
        self.0.clone()
    }
}

fn options() -> MountOptions {
    MountOptions { kind: MountKind::Tmpfs, source: Vec::new(), read_only: false, options: String::new() }
}

fuzz_target!(|steps: Vec<Step>| {
    let Ok(whole) = Tmpfs::new(Some(1 << 20), 0o755) else { return };
    let directory = NewNode { kind: NewKind::Directory, mode: 0o755, uid: 0, gid: 0 };
    let (Ok(secret), Ok(inside)) = (Name::new(b"secret"), Name::new(b"inside")) else { return };
    let outside = whole.root();
    let secret = outside.create(secret, &directory).and_then(|node| node.number());
    let Ok(root) = outside.create(inside, &directory) else { return };
    let forbidden = [secret, outside.number()];
    let ns = Namespace::new(Arc::new(Part(root)), options(), WatchHub::new());
    let caller = Caller::root();
    let mut at = ns.root();
    let mut mounts = 0;
    for step in steps {
        match &step {
            Step::Mkdir(path) => drop(ns.mkdir(&at, path, 0o755, &caller)),
            Step::Symlink(contents, path) => drop(ns.symlink(contents, &at, path, &caller)),
            Step::Create(path) => {
                let create = OpenOptions { write: true, create: true, ..OpenOptions::default() };
                drop(ns.open(&at, path, &create, &caller));
            }
            Step::Link(from, to) => drop(ns.link(&at, from, &at, to, false, &caller)),
            Step::Rename(from, to, exchange) => {
                let flags = if *exchange { RenameFlags::EXCHANGE } else { RenameFlags::empty() };
                drop(ns.rename(&at, from, &at, to, flags, &caller));
            }
            Step::Unlink(path) => drop(ns.unlink(&at, path, &caller)),
            Step::Rmdir(path) => drop(ns.rmdir(&at, path, &caller)),
            Step::Chdir(path) => {
                if let Ok(next) = ns.directory(&at, path, &caller) {
                    at = next;
                }
            }
            Step::Mount(path) if mounts < 8 => {
                if let Ok(fs) = Tmpfs::new(Some(1 << 16), 0o755) {
                    mounts += u32::from(ns.mount(path, fs, options()).is_ok());
                }
            }
            Step::Mount(_) => {}
            Step::Locate(path, follow) => {
                let Ok(found) = ns.locate(&at, path, *follow, &caller) else { continue };
                assert!(!forbidden.contains(&found.node().number()), "{path:?} leads outside");
                if !found.is_deleted() && found.path().len() < 4096 {
                    if let Ok(again) = ns.locate(&ns.root(), &found.path(), false, &caller) {
                        assert!(!forbidden.contains(&again.node().number()));
                    }
                }
            }
        }
    }
});
