//! What paths cost: walking, opening and listing over nodes in memory.
//!
//! The budget is a stat of three components in about a microsecond.

#![allow(missing_docs, clippy::expect_used, reason = "a benchmark")]

use coracle_vfs::tmpfs::Tmpfs;
use coracle_vfs::{Caller, Credentials, MountKind, MountOptions, Namespace, OpenOptions, Opened, WatchHub};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;

fn options() -> MountOptions {
    MountOptions { kind: MountKind::Tmpfs, source: Vec::new(), read_only: false, options: String::new() }
}

/// A tree with `/usr/share/doc`, `/link -> usr/share` and a mount at `/mnt`.
fn tree() -> Namespace {
    let memory = || Tmpfs::new(Some(1 << 30), 0o755).expect("in memory");
    let ns = Namespace::new(memory(), options(), WatchHub::new());
    let (root, caller) = (ns.root(), Caller::root());
    for path in ["/usr", "/usr/share", "/usr/share/doc", "/mnt", "/mnt/a"] {
        ns.mkdir(&root, path.as_bytes(), 0o755, &caller).expect("new");
    }
    ns.symlink(b"usr/share", &root, b"/link", &caller).expect("new");
    ns.mount(b"/mnt", memory(), options()).expect("there");
    let create = OpenOptions { write: true, create: true, mode: 0o644, ..OpenOptions::default() };
    ns.open(&root, b"/usr/share/doc/file", &create, &caller).expect("new");
    ns
}

fn paths(c: &mut Criterion) {
    let ns = tree();
    let root = ns.root();
    let user = Credentials { uid: 1000, gid: 1000, groups: Arc::new([]) };
    let (daemon, user) = (Caller::root(), Caller { credentials: user, ..Caller::root() });
    let mut stat = |name: &str, path: &[u8], caller: &Caller| {
        c.bench_function(name, |b| b.iter(|| ns.stat(black_box(&root), black_box(path), true, caller)));
    };
    stat("stat of three components", b"/usr/share/doc", &daemon);
    stat("stat of three components as a user", b"/usr/share/doc", &user);
    stat("stat through a link", b"/link/doc", &daemon);
    stat("stat across a mount", b"/mnt", &daemon);
    stat("stat of nothing", b"/usr/share/none", &daemon);
    c.bench_function("open and close", |b| {
        let options = OpenOptions { read: true, ..OpenOptions::default() };
        b.iter(|| ns.open(&root, black_box(b"/usr/share/doc/file"), &options, &daemon));
    });
    c.bench_function("create and unlink", |b| {
        let options = OpenOptions { write: true, create: true, mode: 0o644, ..OpenOptions::default() };
        b.iter(|| {
            drop(ns.open(&root, b"/usr/new", &options, &daemon));
            ns.unlink(&root, b"/usr/new", &daemon)
        });
    });
}

fn contents(c: &mut Criterion) {
    let ns = tree();
    let options = OpenOptions { read: true, write: true, create: true, mode: 0o644, ..OpenOptions::default() };
    let Ok(Opened::File(file)) = ns.open(&ns.root(), b"/data", &options, &Caller::root()) else { return };
    let mut buf = vec![1; 64 * 1024];
    let mut group = c.benchmark_group("contents");
    group.throughput(Throughput::Bytes(buf.len() as u64));
    group.bench_function("write 64 KiB", |b| b.iter(|| file.write_at(black_box(&buf), 0)));
    group.bench_function("read 64 KiB", |b| b.iter(|| file.read_at(black_box(&mut buf), 0)));
    group.finish();
}

criterion_group!(benches, paths, contents);
criterion_main!(benches);
