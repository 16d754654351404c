//! Files as a preview 1 program sees them, which is `wasi:filesystem` behind the adapter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use common::{World, wasm};
use coracle_kernel::ExitStatus;
use coracle_vfs::Caller;

/// A program that runs `body` with these at hand: `$open` answers a descriptor or ends with the errno; `$check` ends
/// with an errno that is not 0; memory from 1024 holds `data`.
fn program(data: &str, body: &str) -> Vec<u8> {
    wasm(&format!(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "wasi_snapshot_preview1" "path_open"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_filestat_get"
            (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_create_directory"
            (func $path_create_directory (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_rename"
            (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_unlink_file"
            (func $path_unlink_file (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_symlink"
            (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 1024) "{data}")
          (func $check (param $errno i32)
            (if (local.get $errno) (then (call $exit (local.get $errno)))))
          ;; path at 1024 + offset, flags as path_open has them: 1 create, 2 directory, 4 exclusive, 8 truncate
          (func $open (param $offset i32) (param $length i32) (param $flags i32) (param $rights i64) (result i32)
            (call $check (call $path_open (i32.const 3) (i32.const 1)
              (i32.add (i32.const 1024) (local.get $offset)) (local.get $length)
              (local.get $flags) (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 0)))
            (i32.load (i32.const 0)))
          (func $write (param $fd i32) (param $at i32) (param $length i32)
            (i32.store (i32.const 16) (local.get $at))
            (i32.store (i32.const 20) (local.get $length))
            (call $check (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
          (func $read (param $fd i32) (param $at i32) (param $length i32) (result i32)
            (i32.store (i32.const 16) (local.get $at))
            (i32.store (i32.const 20) (local.get $length))
            (call $check (call $fd_read (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24)))
            (i32.load (i32.const 24)))
          (func (export "_start") (local $fd i32) (local $length i32)
            {body}))"#
    ))
}

/// fd_read, fd_write, fd_seek and fd_readdir.
const RIGHTS: &str = "(i64.const 0x4046)";
/// The same without writing, as for a directory.
const LISTING: &str = "(i64.const 0x4006)";
/// ERRNO of preview 1.
const NOENT: u8 = 44;
const ROFS: u8 = 69;

#[tokio::test]
async fn a_file_is_made_written_and_read() {
    let world = World::new();
    world.install(
        "/program",
        &program(
            "notesthe text",
            &format!(
                r#"
                (local.set $fd (call $open (i32.const 0) (i32.const 5) (i32.const 9) {RIGHTS}))
                (call $write (local.get $fd) (i32.const 1029) (i32.const 8))
                (call $check (call $fd_seek (local.get $fd) (i64.const 4) (i32.const 0) (i32.const 32)))
                (local.set $length (call $read (local.get $fd) (i32.const 4096) (i32.const 100)))
                (call $write (i32.const 1) (i32.const 4096) (local.get $length))"#
            ),
        ),
    );
    let ended = world.run(&["/program"], b"").await;
    assert_eq!(ended.status, ExitStatus::Exited(0));
    assert_eq!(ended.out(), "text");
    assert_eq!(world.read("/notes"), b"the text");
    let namespace = world.container.namespace();
    let made = namespace.stat(&namespace.root(), b"/notes", true, &Caller::root()).unwrap();
    assert_eq!((made.mode, made.uid, made.gid), (0o644, 0, 0));
}

#[tokio::test]
async fn a_missing_file_is_noent() {
    let world = World::new();
    world.install(
        "/program",
        &program("nope", &format!("(drop (call $open (i32.const 0) (i32.const 4) (i32.const 0) {RIGHTS}))")),
    );
    assert_eq!(world.run(&["/program"], b"").await.status, ExitStatus::Exited(NOENT));
}

#[tokio::test]
async fn names_change_as_programs_say() {
    let world = World::new();
    world.write("/old", b"x", 0o644);
    world.write("/gone", b"x", 0o644);
    world.install(
        "/program",
        &program(
            "dirolddir/newgonetargetlink",
            r#"
            (call $check (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.const 3)))
            (call $check (call $path_rename (i32.const 3) (i32.const 1027) (i32.const 3)
                                            (i32.const 3) (i32.const 1030) (i32.const 7)))
            (call $check (call $path_unlink_file (i32.const 3) (i32.const 1037) (i32.const 4)))
            (call $check (call $path_symlink (i32.const 1041) (i32.const 6)
                                             (i32.const 3) (i32.const 1047) (i32.const 4)))"#,
        ),
    );
    assert_eq!(world.run(&["/program"], b"").await.status, ExitStatus::Exited(0));
    assert_eq!(world.read("/dir/new"), b"x");
    let namespace = world.container.namespace();
    let mut names: Vec<_> = namespace
        .read_dir(&namespace.root(), b"/", &Caller::root())
        .unwrap()
        .into_iter()
        .map(|entry| String::from_utf8(entry.name).unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["dir", "link", "program"]);
    assert_eq!(namespace.read_link(&namespace.root(), b"/link", &Caller::root()).unwrap(), b"target");
}

#[tokio::test]
async fn a_directory_is_listed() {
    let world = World::new();
    for name in ["/a", "/bb", "/ccc"] {
        world.write(name, b"", 0o644);
    }
    world.install(
        "/program",
        &program(
            ".",
            &format!(
                r#"
                (local.set $fd (call $open (i32.const 0) (i32.const 1) (i32.const 2) {LISTING}))
                (call $check (call $fd_readdir (local.get $fd) (i32.const 4096) (i32.const 4096) (i64.const 0) (i32.const 0)))
                (call $write (i32.const 1) (i32.const 4096) (i32.load (i32.const 0)))"#
            ),
        ),
    );
    let ended = world.run(&["/program"], b"").await;
    assert_eq!(ended.status, ExitStatus::Exited(0));
    let mut listed = Vec::new();
    let mut rest = ended.stdout.as_slice();
    while rest.len() >= 24 {
        let length = u32::from_le_bytes(rest[16..20].try_into().unwrap()) as usize;
        listed.push(String::from_utf8(rest[24..24 + length].to_vec()).unwrap());
        rest = &rest[24 + length..];
    }
    listed.sort();
    assert_eq!(listed, [".", "..", "a", "bb", "ccc", "program"]);
}

#[tokio::test]
async fn paths_stay_inside_the_container() {
    let world = World::new();
    let namespace = world.container.namespace();
    namespace.symlink(b"/etc/hostname", &namespace.root(), b"/absolute", &Caller::root()).unwrap();
    namespace.symlink(b"../../../../etc/hostname", &namespace.root(), b"/relative", &Caller::root()).unwrap();
    for path in ["absolute", "relative"] {
        world.install(
            "/program",
            &program(
                path,
                &format!("(drop (call $open (i32.const 0) (i32.const {}) (i32.const 0) {RIGHTS}))", path.len()),
            ),
        );
        // The host has that file, the container does not.
        assert_eq!(world.run(&["/program"], b"").await.status, ExitStatus::Exited(NOENT), "{path}");
    }
}

#[tokio::test]
async fn a_read_only_mount_refuses_every_change() {
    use coracle_vfs::{MountKind, MountOptions, tmpfs::Tmpfs};
    let world = World::new();
    let namespace = world.container.namespace();
    namespace.mkdir(&namespace.root(), b"/ro", 0o755, &Caller::root()).unwrap();
    let options =
        MountOptions { kind: MountKind::Tmpfs, source: b"tmpfs".to_vec(), read_only: true, options: String::new() };
    namespace.mount(b"/ro", Tmpfs::new(None, 0o755).unwrap(), options).unwrap();
    let attempts = [
        format!("(drop (call $open (i32.const 0) (i32.const 4) (i32.const 1) {RIGHTS}))"),
        "(call $check (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.const 4)))".to_owned(),
        "(call $check (call $path_symlink (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 4)))"
            .to_owned(),
    ];
    for attempt in attempts {
        world.install("/program", &program("ro/x", &attempt));
        assert_eq!(world.run(&["/program"], b"").await.status, ExitStatus::Exited(ROFS), "{attempt}");
    }
}

/// Runs a program that answers the first bytes of the file `path`, from the working directory `/work`.
async fn reads_from_work(world: &World, path: &str) -> String {
    world.install(
        "/program",
        &program(
            path,
            &format!(
                r#"
                (local.set $fd (call $open (i32.const 0) (i32.const {}) (i32.const 0) (i64.const 2)))
                (local.set $length (call $read (local.get $fd) (i32.const 4096) (i32.const 100)))
                (call $write (i32.const 1) (i32.const 4096) (local.get $length))"#,
                path.len()
            ),
        ),
    );
    let started = world
        .start_with(&["/program"], |mut request| {
            request.working_directory = Some(b"/work".to_vec());
            request
        })
        .await
        .unwrap();
    let ended = started.finish(b"").await;
    format!("{}{:?}", ended.out(), ended.status)
}

#[tokio::test]
async fn a_library_without_working_directory_finds_files_there() {
    let world = World::new();
    let namespace = world.container.namespace();
    for directory in [b"/work".as_slice(), b"/etc", b"/work/etc"] {
        namespace.mkdir(&namespace.root(), directory, 0o755, &Caller::root()).unwrap();
    }
    world.write("/work/notes", b"work ", 0o644);
    world.write("/top", b"top ", 0o644);
    world.write("/etc/both", b"root ", 0o644);
    world.write("/work/etc/both", b"work ", 0o644);
    world.write("/work/etc/one", b"one ", 0o644);
    // Relative paths, and what is left of absolute ones: `/top`, `/work/notes`, `/etc/both`.
    for (path, answer) in [
        ("notes", "work Exited(0)"),
        ("top", "top Exited(0)"),
        ("work/notes", "work Exited(0)"),
        ("etc/both", "root Exited(0)"),
        ("etc/one", "one Exited(0)"),
        ("../top", "top Exited(0)"),
        ("./notes", "work Exited(0)"),
        ("nowhere", "Exited(44)"),
    ] {
        assert_eq!(reads_from_work(&world, path).await, answer, "{path}");
    }
}
