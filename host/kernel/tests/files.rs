//! Open files: pipes, fifos, devices, regular files, locks, transfer, /proc and /dev.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

mod world;

use std::sync::Arc;

use bytes::Bytes;
use coracle_kernel::{
    ChildStatus, Disposition, Errno, LockKind, OpenFile, OpenFlags, PIPE_BUF, PIPE_CAPACITY, Process, Resource,
    ResourceLimit, Selector, Signal, StatusFlags, Target, Whence, pipe,
};
use coracle_vfs::dev::DevFs;
use coracle_vfs::proc::ProcFs;
use coracle_vfs::{FileKind, MountKind, OpenOptions};
use world::{PLAIN, World, bytes, creating, forever, pair, read_all, reading, request, request_with, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_moves_everything_in_order() {
    let world = World::new();
    world.program("source", |process| async move {
        let out = process.standard(1).unwrap();
        for number in 0..20_000_u32 {
            out.write(Some(&process), Bytes::from(format!("{number}\n"))).await.unwrap();
        }
        0
    });
    world.program("cat", |process| async move {
        let (input, out) = (process.standard(0).unwrap(), process.standard(1).unwrap());
        while OpenFile::transfer(Some(&process), &input, &out, 1 << 20).await.unwrap() > 0 {}
        0
    });
    world.program("main", |process| async move {
        let output = process.standard(1).unwrap();
        let (a, b) = pair();
        let (c, d) = pair();
        process.spawn(request_with("source", &[(1, &b)])).await.unwrap();
        process.spawn(request_with("cat", &[(0, &a), (1, &d)])).await.unwrap();
        process.spawn(request_with("cat", &[(0, &c), (1, &output)])).await.unwrap();
        drop((a, b, c, d, output));
        drop(process.inherited());
        while process.wait(Selector::Any, true, false).await.is_ok() {}
        0
    });
    let (reader, writer) = pair();
    let main = world.container.spawn(request_with("main", &[(1, &writer)])).await.unwrap();
    drop(writer);
    let expected: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(read_all(&reader).await, expected.as_bytes());
    assert_eq!(main.exited().await.code(), 0);
}

#[tokio::test]
async fn a_pipe_is_bounded_and_small_writes_are_whole() {
    let (reader, writer) = pipe(PIPE_CAPACITY);
    let big = Bytes::from(vec![1; PIPE_CAPACITY + 10]);
    assert_eq!(writer.try_write(big), Ok(PIPE_CAPACITY));
    assert_eq!(writer.try_write(bytes("x")), Err(Errno::AGAIN));
    assert!(!writer.is_writable() && reader.is_readable());
    assert_eq!(reader.try_read(PIPE_BUF - 1).unwrap().len(), PIPE_BUF - 1);
    assert_eq!(writer.try_write(Bytes::from(vec![2; PIPE_BUF])), Err(Errno::AGAIN), "not in part");
    assert_eq!(reader.try_read(1).unwrap().len(), 1);
    assert!(writer.is_writable());
    assert_eq!(writer.try_write(Bytes::from(vec![2; PIPE_BUF])), Ok(PIPE_BUF));
    assert_eq!(read_to_length(&reader, PIPE_CAPACITY).len(), PIPE_CAPACITY);
    assert_eq!(reader.try_read(1), Err(Errno::AGAIN));
    drop(writer);
    assert_eq!(reader.try_read(1).unwrap().len(), 0, "end of file");
    assert_eq!(reader.seek(0, Whence::Current), Err(Errno::SPIPE));
    assert_eq!(reader.try_write(bytes("x")), Err(Errno::BADF));
}

fn read_to_length(reader: &OpenFile, length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < length {
        all.extend_from_slice(&reader.try_read(length - all.len()).unwrap());
    }
    all
}

#[tokio::test]
async fn many_tiny_writes_keep_their_order_among_large_ones() {
    let (reader, writer) = pipe(PIPE_CAPACITY);
    let mut expected = Vec::new();
    for round in 0..7_u8 {
        for _ in 0..100 {
            writer.try_write(Bytes::from(vec![round; 3])).unwrap();
            expected.extend([round; 3]);
        }
        writer.try_write(Bytes::from(vec![100 + round; 5_000])).unwrap();
        expected.extend([100 + round; 5_000]);
    }
    drop(writer);
    assert_eq!(read_all(&reader).await, expected);
}

#[tokio::test]
async fn a_blocked_writer_goes_on_when_there_is_room() {
    let (reader, writer) = pipe(PIPE_CAPACITY);
    let data = Bytes::from((0..1_000_000_u32).map(|number| number as u8).collect::<Vec<_>>());
    let sent = data.clone();
    let task = tokio::spawn(async move { writer.write(None, sent).await });
    assert_eq!(read_all(&reader).await, data);
    assert_eq!(task.await.unwrap(), Ok(1_000_000));
}

#[tokio::test]
async fn an_interrupted_write_answers_what_was_taken() {
    let world = World::new();
    world
        .main(|process| async move {
            let (reader, writer) = pair();
            process.set_disposition(Signal::USR1, Disposition::Queue).unwrap();
            process.kill(Target::Process(1), Some(Signal::USR1)).unwrap();
            let data = Bytes::from(vec![0; PIPE_CAPACITY * 2]);
            assert_eq!(writer.write(Some(&process), data).await, Ok(PIPE_CAPACITY));
            assert_eq!(writer.write(Some(&process), bytes("x")).await, Err(Errno::INTR));
            drop(reader);
            0
        })
        .await;
}

#[tokio::test]
async fn a_non_blocking_pipe_never_waits() {
    let world = World::new();
    world
        .main(|process| async move {
            let (reader, writer) = process.pipe().unwrap();
            reader.set_status_flags(StatusFlags { append: false, non_blocking: true });
            assert_eq!(reader.read(Some(&process), 10).await, Err(Errno::AGAIN));
            writer.write(Some(&process), bytes("abc")).await.unwrap();
            reader.readable().await;
            assert_eq!(&reader.read(Some(&process), 10).await.unwrap()[..], b"abc");
            0
        })
        .await;
}

#[tokio::test]
async fn a_description_shares_its_position() {
    let world = World::new();
    world.program("child", |process| async move {
        let file = process.standard(1).unwrap();
        file.write(Some(&process), bytes("child ")).await.unwrap();
        0
    });
    world
        .main(|process| async move {
            let file = process.open(b"/tmp/x", creating(), PLAIN).await.unwrap();
            file.write(Some(&process), bytes("parent ")).await.unwrap();
            process.spawn(request_with("child", &[(1, &file)])).await.unwrap();
            process.wait(Selector::Any, true, false).await.unwrap();
            file.write(Some(&process), bytes("again")).await.unwrap();
            assert_eq!(file.seek(-5, Whence::End), Ok(13));
            assert_eq!(file.seek(-1, Whence::Start), Err(Errno::INVAL));
            assert_eq!(file.seek(0, Whence::Start), Ok(0));
            assert_eq!(read_all(&file).await, b"parent child again");
            let other = process.open(b"/tmp/x", reading(), PLAIN).await.unwrap();
            assert_eq!(&other.read(Some(&process), 6).await.unwrap()[..], b"parent");
            assert_eq!(&other.read_at(5, 7).await.unwrap()[..], b"child");
            assert_eq!(other.write(Some(&process), bytes("x")).await, Err(Errno::BADF));
            assert_eq!(process.container().stats().written_bytes, 18);
            0
        })
        .await;
}

#[tokio::test]
async fn appending_goes_to_the_end_whoever_wrote_there() {
    let world = World::new();
    world
        .main(|process| async move {
            let appending = OpenOptions { append: true, read: false, ..creating() };
            let one = process.open(b"/tmp/log", appending, PLAIN).await.unwrap();
            let two = process.open(b"/tmp/log", appending, PLAIN).await.unwrap();
            for _ in 0..3 {
                one.write(Some(&process), bytes("1")).await.unwrap();
                two.write(Some(&process), bytes("2")).await.unwrap();
            }
            let log = process.open(b"/tmp/log", reading(), PLAIN).await.unwrap();
            assert_eq!(read_all(&log).await, b"121212");
            0
        })
        .await;
}

#[tokio::test]
async fn a_file_does_not_grow_past_its_limit() {
    let world = World::new();
    world.program("writer", |process| async move {
        let file = process.open(b"/tmp/big", creating(), PLAIN).await.unwrap();
        assert_eq!(file.write(Some(&process), bytes("123456789")).await, Ok(5), "as far as it goes");
        file.write(Some(&process), bytes("6")).await.unwrap();
        0
    });
    world
        .main(|process| async move {
            let five = ResourceLimit { soft: Some(5), hard: Some(5) };
            process.set_limit(Resource::FileSize, five).unwrap();
            process.spawn(request("writer")).await.unwrap();
            let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!(change.status, ChildStatus::Signaled(Signal::XFSZ));
            let file = process.open(b"/tmp/other", creating(), PLAIN).await.unwrap();
            assert_eq!(file.write_at(Some(&process), bytes("x"), 5).await, Err(Errno::FBIG), "pid 1 lives");
            0
        })
        .await;
}

#[tokio::test]
async fn open_files_are_limited_and_numbered() {
    let world = World::new();
    world
        .main(|process| async move {
            let four = ResourceLimit { soft: Some(4), hard: Some(4) };
            process.set_limit(Resource::OpenFiles, four).unwrap();
            let (a, b) = process.pipe().unwrap();
            let (c, _d) = process.pipe().unwrap();
            assert_eq!([a.number(), b.number(), c.number()], [3, 4, 5]);
            assert_eq!(process.pipe().err(), Some(Errno::MFILE));
            drop(b);
            assert_eq!(process.adopt(a.file().clone()).unwrap().number(), 4);
            0
        })
        .await;
}

#[tokio::test]
async fn dropping_an_inherited_descriptor_closes_standard_output() {
    let world = World::new();
    world.program("child", |process| async move {
        assert!(process.standard(1).is_some() && process.standard(0).is_none());
        let files = process.inherited();
        assert!(process.inherited().is_empty());
        assert!(process.standard(1).is_some());
        drop(files);
        assert!(process.standard(1).is_none());
        forever(process).await
    });
    let (reader, writer) = pair();
    let child = world.container.spawn(request_with("child", &[(1, &writer)])).await.unwrap();
    drop(writer);
    assert_eq!(read_all(&reader).await, b"");
    assert_eq!(child.status(), None);
    world.container.kill_all();
    world.container.drained().await;
}

#[tokio::test]
async fn opening_a_fifo_waits_for_the_other_side() {
    let world = World::new();
    let namespace = world.container.namespace();
    let root = coracle_vfs::Caller::root();
    namespace.mknod(&namespace.root(), b"/tmp/fifo", FileKind::Fifo, 0o666, 0, &root).unwrap();
    world.program("writer", |process| async move {
        let options = OpenOptions { write: true, ..OpenOptions::default() };
        let non_blocking = OpenFlags { non_blocking: true, ..PLAIN };
        assert_eq!(process.open(b"/tmp/fifo", options, non_blocking).await.err(), Some(Errno::NXIO));
        let fifo = process.open(b"/tmp/fifo", options, PLAIN).await.unwrap();
        fifo.write(Some(&process), bytes("through")).await.unwrap();
        0
    });
    world
        .main(|process| async move {
            process.spawn(request("writer")).await.unwrap();
            settle().await;
            let fifo = process.open(b"/tmp/fifo", reading(), PLAIN).await.unwrap();
            assert_eq!(read_all(&fifo).await, b"through");
            assert_eq!(fifo.attributes().unwrap().kind, FileKind::Fifo);
            assert_eq!(fifo.description(), b"/tmp/fifo");
            process.set_disposition(Signal::ALRM, Disposition::Queue).unwrap();
            drop(fifo);
            process.alarm(1);
            assert_eq!(process.open(b"/tmp/fifo", reading(), PLAIN).await.err(), Some(Errno::INTR));
            0
        })
        .await;
}

#[tokio::test]
async fn a_lock_belongs_to_the_description() {
    let world = World::new();
    world
        .main(|process| async move {
            let open = || async { process.open(b"/tmp/lock", creating(), PLAIN).await.unwrap() };
            let (one, two) = (open().await, open().await);
            one.lock(Some(&process), LockKind::Exclusive, false).await.unwrap();
            one.lock(Some(&process), LockKind::Exclusive, false).await.unwrap();
            assert_eq!(two.lock(Some(&process), LockKind::Shared, false).await, Err(Errno::AGAIN));
            one.lock(Some(&process), LockKind::Shared, false).await.unwrap();
            two.lock(Some(&process), LockKind::Shared, false).await.unwrap();
            assert_eq!(one.lock(Some(&process), LockKind::Exclusive, false).await, Err(Errno::AGAIN));
            drop(two);
            one.lock(Some(&process), LockKind::Exclusive, true).await.unwrap();
            let three = open().await;
            let mut waiting = Box::pin(three.lock(Some(&process), LockKind::Exclusive, true));
            assert!(futures::poll!(&mut waiting).is_pending());
            drop(one);
            waiting.await.unwrap();
            0
        })
        .await;
}

#[tokio::test]
async fn a_transfer_that_is_interrupted_loses_nothing() {
    let world = World::new();
    world
        .main(|process| async move {
            let (a, b) = pair();
            let (c, d) = pair();
            b.write(None, bytes("precious")).await.unwrap();
            d.write(None, Bytes::from(vec![0; PIPE_CAPACITY])).await.unwrap();
            process.set_disposition(Signal::USR1, Disposition::Queue).unwrap();
            process.kill(Target::Process(1), Some(Signal::USR1)).unwrap();
            assert_eq!(OpenFile::transfer(Some(&process), &a, &d, 100).await, Err(Errno::INTR));
            process.take_signal();
            assert_eq!(&a.try_read(100).unwrap()[..], b"precious");
            let file = process.open(b"/tmp/f", creating(), PLAIN).await.unwrap();
            file.write(Some(&process), bytes("text")).await.unwrap();
            file.seek(0, Whence::Start).unwrap();
            c.try_read(PIPE_CAPACITY).unwrap();
            assert_eq!(OpenFile::transfer(Some(&process), &file, &d, 100).await, Ok(4));
            assert_eq!(OpenFile::transfer(Some(&process), &file, &d, 100).await, Ok(0));
            assert_eq!(&c.try_read(100).unwrap()[..], b"text");
            0
        })
        .await;
}

#[tokio::test]
async fn a_temporary_file_has_no_name_and_holds_what_is_written() {
    let world = World::new();
    world
        .main(|process| async move {
            let file = process.temporary().unwrap();
            file.write(Some(&process), bytes("here")).await.unwrap();
            file.write_at(Some(&process), bytes("T"), 0).await.unwrap();
            file.seek(0, Whence::Start).unwrap();
            assert_eq!(read_all(&file).await, b"Tere");
            assert_eq!((file.attributes().unwrap().nlink, file.attributes().unwrap().size), (0, 4));
            0
        })
        .await;
}

fn with_devices() -> World {
    let world = World::new();
    let container = &world.container;
    let namespace = container.namespace();
    let devices = DevFs::new(container.terminal_numbers(), 1 << 20).unwrap();
    namespace.mount(b"/dev", devices, world::mount_options(MountKind::Dev)).unwrap();
    let proc = ProcFs::new(container.proc_source());
    namespace.mount(b"/proc", proc, world::mount_options(MountKind::Proc)).unwrap();
    world
}

async fn contents(process: &Process, path: &str) -> String {
    let file = process.open(path.as_bytes(), reading(), PLAIN).await.unwrap();
    String::from_utf8(read_all(&file).await).unwrap()
}

#[tokio::test]
async fn devices_behave_as_their_names_say() {
    let world = with_devices();
    world
        .main(|process| async move {
            let both = OpenOptions { read: true, write: true, ..OpenOptions::default() };
            let open = |path: &'static str| {
                let process = process.clone();
                async move { process.open(path.as_bytes(), both, PLAIN).await }
            };
            let null = open("/dev/null").await.unwrap();
            assert_eq!(null.write(Some(&process), bytes("x")).await, Ok(1));
            assert_eq!(null.read(Some(&process), 10).await.unwrap().len(), 0);
            let zero = open("/dev/zero").await.unwrap();
            assert_eq!(&zero.read(Some(&process), 3).await.unwrap()[..], [0, 0, 0]);
            let full = open("/dev/full").await.unwrap();
            assert_eq!(full.write(Some(&process), bytes("x")).await, Err(Errno::NOSPC));
            let random = open("/dev/urandom").await.unwrap();
            let (one, two) = (random.read(None, 16).await.unwrap(), random.read(None, 16).await.unwrap());
            assert!(one.len() == 16 && one != two);
            assert_eq!(open("/dev/tty").await.err(), Some(Errno::NXIO));
            assert_eq!(null.attributes().unwrap().kind, FileKind::CharDevice);
            0
        })
        .await;
}

#[tokio::test]
async fn proc_shows_the_processes() {
    let world = with_devices();
    world.program("idle", forever);
    world
        .main(|process| async move {
            let child = process.spawn(request("idle")).await.unwrap();
            assert_eq!(contents(&process, &format!("/proc/{child}/cmdline")).await, "idle\0");
            assert_eq!(contents(&process, "/proc/self/comm").await, "main\n");
            let stat = contents(&process, &format!("/proc/{child}/stat")).await;
            assert!(stat.starts_with("2 (idle) S 1 1 1 0 "), "{stat}");
            assert!(contents(&process, "/proc/self/status").await.contains("Umask:\t0022"));
            assert!(contents(&process, "/proc/self/limits").await.contains("Max open files"));
            assert!(contents(&process, "/proc/mounts").await.contains(" /proc proc "));
            assert_eq!(contents(&process, "/proc/sys/kernel/hostname").await, "box\n");
            let (reader, writer) = process.pipe().unwrap();
            let link = format!("/proc/self/fd/{}", writer.number());
            let namespace = process.container().namespace();
            let text = namespace.read_link(&namespace.root(), link.as_bytes(), &process.caller()).unwrap();
            assert_eq!(text, writer.description());
            let again = OpenOptions { write: true, ..OpenOptions::default() };
            let again = process.open(link.as_bytes(), again, PLAIN).await.unwrap();
            again.write(Some(&process), bytes("by name")).await.unwrap();
            assert_eq!(&reader.read(None, 100).await.unwrap()[..], b"by name");
            0
        })
        .await;
}

#[tokio::test]
async fn standard_input_can_be_opened_by_name() {
    let world = with_devices();
    world.program("cat", |process| async move { u8::from(contents(&process, "/dev/stdin").await != "typed") });
    let (reader, writer) = pair();
    writer.write(None, bytes("typed")).await.unwrap();
    drop(writer);
    let cat = world.container.spawn(request_with("cat", &[(0, &reader)])).await.unwrap();
    assert_eq!(cat.exited().await.code(), 0);
    let _: Arc<Process> = cat;
}
