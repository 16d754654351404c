//! Pseudo-terminals with sessions and job control.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

mod world;

use std::sync::Arc;

use coracle_kernel::{ChildStatus, Disposition, Errno, Group, OpenFile, Process, Pty, Selector, SetWhen, Signal, Size};
use coracle_vfs::dev::DevFs;
use coracle_vfs::{MountKind, OpenOptions};
use world::{PLAIN, World, bytes, forever, request};

const SIZE: Size = Size { rows: 24, columns: 80 };

/// Starts `name` as `docker run -t` does.
async fn on_terminal(world: &World, name: &str) -> (Arc<Process>, Arc<Pty>) {
    let (pty, terminal) = world.container.open_pty(SIZE).unwrap();
    let mut request = request(name);
    request.files = (0..3).map(|number| (number, terminal.clone())).collect();
    request.controlling_terminal = Some(terminal);
    (world.container.spawn(request).await.unwrap(), pty)
}

/// Reads until `text` has been shown.
async fn shows(pty: &Pty, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        let data = pty.read(1_000).await.unwrap();
        assert!(!data.is_empty(), "closed after {seen:?} instead of showing {text:?}");
        seen.push_str(&String::from_utf8_lossy(&data));
    }
}

async fn say(process: &Process, text: &'static str) {
    process.standard(1).unwrap().write(Some(process), bytes(text)).await.unwrap();
}

fn terminal(process: &Process) -> Arc<OpenFile> {
    process.standard(0).unwrap()
}

async fn spawn_job(process: &Arc<Process>, name: &str, foreground: bool) -> u32 {
    let mut job = request(name);
    let terminal = terminal(process);
    job.files = (0..3).map(|number| (number, terminal.clone())).collect();
    job.group = Group::Lead;
    job.foreground = foreground.then_some(terminal);
    process.spawn(job).await.unwrap()
}

#[tokio::test]
async fn a_line_goes_in_and_an_answer_comes_out() {
    let world = World::new();
    world.program("main", |process| async move {
        let terminal = terminal(&process);
        assert_eq!(terminal.terminal().unwrap().name(), b"/dev/pts/0");
        assert_eq!(terminal.terminal().unwrap().size(), SIZE);
        let line = terminal.read(Some(&process), 100).await.unwrap();
        assert_eq!(&line[..], b"hello\n");
        say(&process, "answer\n").await;
        assert_eq!(terminal.read(Some(&process), 100).await.unwrap().len(), 0, "^D");
        7
    });
    let (main, pty) = on_terminal(&world, "main").await;
    pty.write(bytes("hello\r")).await.unwrap();
    shows(&pty, "hello\r\nanswer\r\n").await;
    pty.write(bytes("\x04")).await.unwrap();
    assert_eq!(main.exited().await.code(), 7);
    assert_eq!(pty.read(100).await.unwrap().len(), 0, "closed");
}

#[tokio::test]
async fn control_c_ends_the_foreground_job_only() {
    let world = World::new();
    world.program("sleep", |process| async move {
        say(&process, "ready ").await;
        forever(process).await
    });
    world.program("main", |process| async move {
        let background = spawn_job(&process, "sleep", false).await;
        let job = spawn_job(&process, "sleep", true).await;
        assert_eq!(process.foreground(&terminal(&process)), Ok(job));
        let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
        assert_eq!((change.pid, change.status), (job, ChildStatus::Signaled(Signal::INT)));
        assert_eq!(process.wait(Selector::Process(background), false, true).await, Ok(None));
        // The shell takes the terminal back from the background, as shells do: with TTOU ignored.
        process.set_disposition(Signal::TTOU, Disposition::Ignore).unwrap();
        process.set_foreground(&terminal(&process), process.group()).await.unwrap();
        say(&process, "back").await;
        0
    });
    let (main, pty) = on_terminal(&world, "main").await;
    shows(&pty, "ready ready ").await;
    pty.write(bytes("\x03")).await.unwrap();
    shows(&pty, "^Cback").await;
    assert_eq!(main.exited().await.code(), 0);
}

#[tokio::test]
async fn control_z_stops_a_job_that_can_come_back() {
    let world = World::new();
    world.program("cat", |process| async move {
        say(&process, "ready ").await;
        let line = terminal(&process).read(Some(&process), 100).await.unwrap();
        u8::from(&line[..] != b"text\n")
    });
    world.program("main", |process| async move {
        let job = spawn_job(&process, "cat", true).await;
        let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
        assert_eq!((change.pid, change.status), (job, ChildStatus::Stopped(Signal::TSTP)));
        process.set_disposition(Signal::TTOU, Disposition::Ignore).unwrap();
        let terminal = terminal(&process);
        process.set_foreground(&terminal, process.group()).await.unwrap();
        say(&process, "stopped ").await;
        // bg: it reads in the background and is stopped by that.
        process.kill(coracle_kernel::Target::Group(job), Some(Signal::CONT)).unwrap();
        loop {
            let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
            if change.status != ChildStatus::Continued {
                assert_eq!(change.status, ChildStatus::Stopped(Signal::TTIN));
                break;
            }
        }
        // fg
        process.set_foreground(&terminal, job).await.unwrap();
        process.kill(coracle_kernel::Target::Group(job), Some(Signal::CONT)).unwrap();
        say(&process, "continued ").await;
        loop {
            let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
            if change.status != ChildStatus::Continued {
                assert_eq!(change.status, ChildStatus::Exited(0));
                return 0;
            }
        }
    });
    let (main, pty) = on_terminal(&world, "main").await;
    shows(&pty, "ready ").await;
    pty.write(bytes("\x1a")).await.unwrap();
    shows(&pty, "stopped continued ").await;
    pty.write(bytes("text\r")).await.unwrap();
    assert_eq!(main.exited().await.code(), 0);
}

#[tokio::test]
async fn the_background_may_write_unless_tostop_says_no() {
    let world = World::new();
    world.program("writer", |process| async move {
        say(&process, "written ").await;
        0
    });
    world.program("main", |process| async move {
        let job = spawn_job(&process, "writer", false).await;
        let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
        assert_eq!((change.pid, change.status), (job, ChildStatus::Exited(0)));
        let own = terminal(&process);
        let own = own.terminal().unwrap();
        let mut attributes = own.attributes();
        attributes.local |= 0o400;
        own.set_attributes(Some(&process), attributes, SetWhen::Now).await.unwrap();
        let job = spawn_job(&process, "writer", false).await;
        let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
        assert_eq!((change.pid, change.status), (job, ChildStatus::Stopped(Signal::TTOU)));
        0
    });
    let (main, _pty) = on_terminal(&world, "main").await;
    assert_eq!(main.exited().await.code(), 0);
}

#[tokio::test]
async fn a_new_size_is_told_to_the_foreground() {
    let world = World::new();
    world.program("main", |process| async move {
        process.set_disposition(Signal::WINCH, Disposition::Queue).unwrap();
        say(&process, "ready").await;
        assert_eq!(terminal(&process).read(Some(&process), 10).await, Err(Errno::INTR));
        assert_eq!(process.take_signal(), Some(Signal::WINCH));
        assert_eq!(terminal(&process).terminal().unwrap().size(), Size { rows: 50, columns: 132 });
        0
    });
    let (main, pty) = on_terminal(&world, "main").await;
    shows(&pty, "ready").await;
    pty.resize(SIZE);
    pty.resize(Size { rows: 50, columns: 132 });
    assert_eq!(main.exited().await.code(), 0);
}

#[tokio::test]
async fn hanging_up_tells_the_session_and_ends_reading() {
    let world = World::new();
    world.program("child", forever);
    world.program("main", |process| async move {
        process.set_disposition(Signal::HUP, Disposition::Queue).unwrap();
        let job = spawn_job(&process, "child", true).await;
        say(&process, "ready").await;
        process.signal_pending().await;
        assert_eq!(process.take_signal(), Some(Signal::HUP));
        let change = process.wait(Selector::Process(job), true, false).await.unwrap().unwrap();
        assert_eq!(change.status, ChildStatus::Signaled(Signal::HUP));
        assert!(process.controlling_terminal().is_none());
        let terminal = terminal(&process);
        assert_eq!(terminal.read(Some(&process), 10).await.unwrap().len(), 0);
        assert_eq!(terminal.write(Some(&process), bytes("x")).await, Err(Errno::IO));
        3
    });
    let (main, pty) = on_terminal(&world, "main").await;
    shows(&pty, "ready").await;
    drop(pty);
    assert_eq!(main.exited().await.code(), 3);
}

#[tokio::test]
async fn the_end_of_a_session_leader_hangs_up_its_jobs() {
    let world = World::new();
    world.program("idle", forever);
    world.run("init", forever).await;
    world.program("shell", |process| async move {
        spawn_job(&process, "idle", true).await;
        0
    });
    let (shell, _pty) = on_terminal(&world, "shell").await;
    assert_eq!(shell.exited().await.code(), 0);
    let job = world.container.process(shell.pid() + 1).unwrap();
    assert_eq!(job.exited().await.code(), 129);
    world.container.kill_all();
    world.container.drained().await;
}

#[tokio::test(start_paused = true)]
async fn raw_reads_obey_min_and_time() {
    let world = World::new();
    world.program("main", |process| async move {
        let terminal = terminal(&process);
        let own = terminal.terminal().unwrap();
        let mut attributes = own.attributes();
        attributes.local = 0;
        let mut set = async |min: u8, time: u8| {
            attributes.characters[5] = time;
            attributes.characters[6] = min;
            own.set_attributes(Some(&process), attributes, SetWhen::Flush).await.unwrap();
        };
        set(0, 0).await;
        assert_eq!(terminal.read(Some(&process), 10).await.unwrap().len(), 0);
        let start = tokio::time::Instant::now();
        set(0, 5).await;
        assert_eq!(terminal.read(Some(&process), 10).await.unwrap().len(), 0);
        assert_eq!(start.elapsed().as_millis() / 100, 5);
        set(3, 0).await;
        say(&process, "three").await;
        assert_eq!(&terminal.read(Some(&process), 10).await.unwrap()[..], b"abc");
        set(9, 2).await;
        say(&process, "nine").await;
        assert_eq!(&terminal.read(Some(&process), 10).await.unwrap()[..], b"xy");
        0
    });
    let (main, pty) = on_terminal(&world, "main").await;
    shows(&pty, "three").await;
    pty.write(bytes("ab")).await.unwrap();
    pty.write(bytes("c")).await.unwrap();
    shows(&pty, "nine").await;
    pty.write(bytes("xy")).await.unwrap();
    assert_eq!(main.exited().await.code(), 0);
}

#[tokio::test]
async fn a_slow_reader_makes_the_writer_wait() {
    let world = World::new();
    world.program("main", |process| async move {
        for _ in 0..1_000 {
            process.standard(1).unwrap().write(Some(&process), vec![b'x'; 1_000].into()).await.unwrap();
        }
        0
    });
    let (main, pty) = on_terminal(&world, "main").await;
    world::settle().await;
    assert_eq!(main.status(), None);
    let mut total = 0;
    loop {
        let data = pty.read(100_000).await.unwrap();
        if data.is_empty() {
            break;
        }
        total += data.len();
    }
    assert_eq!((total, main.exited().await.code()), (1_000_000, 0));
}

#[tokio::test]
async fn a_program_can_have_a_terminal_of_its_own_making() {
    let world = World::new();
    let devices = DevFs::new(world.container.terminal_numbers(), 1 << 20).unwrap();
    world.container.namespace().mount(b"/dev", devices, world::mount_options(MountKind::Dev)).unwrap();
    world
        .main(|process| async move {
            let both = OpenOptions { read: true, write: true, ..OpenOptions::default() };
            let (controller, terminal) = process.open_pair(SIZE).unwrap();
            assert_eq!(terminal.description(), b"/dev/pts/0");
            assert!(controller.terminal().is_none());
            // A session leader that opens a terminal gets it as its own.
            let opened = process.open(b"/dev/pts/0", both, PLAIN).await.unwrap();
            assert!(process.controlling_terminal().is_some());
            let tty = process.open(b"/dev/tty", both, PLAIN).await.unwrap();
            tty.write(Some(&process), bytes("out\n")).await.unwrap();
            assert_eq!(&controller.read(Some(&process), 100).await.unwrap()[..], b"out\r\n");
            controller.write(Some(&process), bytes("in\r")).await.unwrap();
            assert_eq!(&opened.read(Some(&process), 100).await.unwrap()[..], b"in\n");
            assert_eq!(&controller.read(Some(&process), 100).await.unwrap()[..], b"in\r\n");
            drop((terminal, opened, tty));
            assert_eq!(controller.read(Some(&process), 100).await, Err(Errno::IO));
            0
        })
        .await;
}
