//! Starting, ending and waiting.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use coracle_kernel::{
    ChildStatus, ContainerEvent, Errno, ExitStatus, Limits, OutOfMemory, Process, ProgramName, Resource, ResourceLimit,
    Selector, Signal, SpawnError, SpawnRequest, Target,
};
use coracle_vfs::Credentials;
use tokio::sync::Notify;
use world::{World, forever, request, request_with, settle};

#[tokio::test]
async fn the_first_process_is_pid_1_and_its_end_is_the_container_s() {
    let world = World::new();
    world.program("idle", forever);
    let main = world.run("main", |_| async { 42 }).await;
    assert_eq!((main.pid(), main.parent(), main.group(), main.session()), (1, 0, 1, 1));
    assert_eq!(main.exited().await, ExitStatus::Exited(42));
    assert_eq!(main.exited().await.code(), 42);
    world.container.drained().await;
    assert_eq!(world.container.spawn(request("idle")).await.err(), Some(SpawnError::ContainerEnded));
}

#[tokio::test]
async fn the_end_of_pid_1_ends_everybody() {
    let world = World::new();
    world.program("idle", forever);
    let main = world
        .run("main", |process| async move {
            process.spawn(request("idle")).await.unwrap();
            forever(process).await
        })
        .await;
    let exec = world.start("idle").await;
    settle().await;
    assert_eq!(world.container.processes().len(), 3);
    world.container.signal(1, Signal::KILL).unwrap();
    assert_eq!(main.exited().await.code(), 137);
    assert_eq!(exec.exited().await.code(), 137);
    world.container.drained().await;
    assert!(world.container.processes().is_empty());
}

#[tokio::test]
async fn a_parent_is_told_of_its_child_s_end_and_usage() {
    let world = World::new();
    world.program("seven", |_| async { 7 });
    let status = world
        .main(|process| async move {
            assert_eq!(process.wait(Selector::Any, true, false).await, Err(Errno::CHILD));
            let child = process.spawn(request("seven")).await.unwrap();
            process.child_changed().await;
            let change = process.wait(Selector::Process(child), false, false).await.unwrap().unwrap();
            assert_eq!((change.pid, change.status), (child, ChildStatus::Exited(7)));
            assert!(process.children_usage().user >= change.usage.user);
            assert_eq!(process.wait(Selector::Any, true, false).await, Err(Errno::CHILD));
            0
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_many_racing_children_is_told_once() {
    let world = World::new();
    world.program("quick", |process| async move { (process.pid() % 200) as u8 });
    let status = world
        .main(|process| async move {
            for _ in 0..20 {
                let mut children = Vec::new();
                for _ in 0..50 {
                    children.push(process.spawn(request("quick")).await.unwrap());
                }
                let mut told = Vec::new();
                while let Ok(change) = process.wait(Selector::Any, true, false).await {
                    let change = change.unwrap();
                    assert_eq!(change.status, ChildStatus::Exited((change.pid % 200) as u8));
                    told.push(change.pid);
                }
                told.sort_unstable();
                assert_eq!(told, children);
            }
            0
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(0));
}

#[tokio::test]
async fn an_orphan_goes_to_pid_1_which_can_wait_for_it() {
    let world = World::new();
    let go = Arc::new(Notify::new());
    let gone = go.clone();
    world.program("grandchild", move |_| {
        let go = gone.clone();
        async move {
            go.notified().await;
            5
        }
    });
    world.program("child", |process| async move {
        process.spawn(request("grandchild")).await.unwrap();
        0
    });
    let status = world
        .main(move |process| {
            let go = go.clone();
            async move {
                let child = process.spawn(request("child")).await.unwrap();
                let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
                assert_eq!(change.pid, child);
                let grandchild = process.container().process(child + 1).unwrap();
                assert_eq!(grandchild.parent(), 1);
                go.notify_one();
                let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
                assert_eq!((change.pid, change.status), (child + 1, ChildStatus::Exited(5)));
                0
            }
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(0));
}

#[tokio::test]
async fn a_process_of_the_engine_leaves_the_table_at_once() {
    let world = World::new();
    world.run("main", forever).await;
    let exec = world.run("quick", |_| async { 3 }).await;
    assert_eq!(exec.parent(), 0);
    assert_eq!(exec.exited().await, ExitStatus::Exited(3));
    assert!(world.container.process(exec.pid()).is_none());
    world.container.kill_all();
    world.container.drained().await;
}

#[tokio::test]
async fn an_unwaited_child_stays_as_a_zombie_unless_sigchld_is_ignored() {
    let world = World::new();
    world.program("quick", |_| async { 0 });
    world
        .main(|process| async move {
            let child = process.spawn(request("quick")).await.unwrap();
            let child = process.container().process(child).unwrap();
            child.exited().await;
            let row = process.container().processes().into_iter().find(|row| row.pid == child.pid()).unwrap();
            assert_eq!(row.state, coracle_kernel::ProcessState::Zombie);
            process.set_disposition(Signal::CHLD, coracle_kernel::Disposition::Ignore).unwrap();
            assert!(process.container().process(child.pid()).is_none());
            let second = process.spawn(request("quick")).await.unwrap();
            assert_eq!(process.wait(Selector::Process(second), true, false).await, Err(Errno::CHILD));
            0
        })
        .await;
}

#[tokio::test]
async fn exec_swaps_the_program_and_keeps_the_process() {
    struct Dropped(Arc<AtomicU32>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let world = World::new();
    let drops = Arc::new(AtomicU32::new(0));
    let counted = drops.clone();
    world.program("new", move |process| {
        let drops = counted.clone();
        async move {
            assert_eq!(drops.load(Ordering::SeqCst), 1, "the old program is gone before the new one runs");
            assert_eq!(process.pid(), 1);
            assert_eq!(process.arguments(), [b"new".to_vec(), b"x".to_vec()]);
            assert_eq!(process.handover(), b"state");
            assert!(process.handover().is_empty());
            assert_eq!(process.disposition(Signal::HUP), coracle_kernel::Disposition::Ignore);
            assert_eq!(process.disposition(Signal::INT), coracle_kernel::Disposition::Default);
            let files: Vec<u32> = process.inherited().iter().map(|file| file.number()).collect();
            assert_eq!(files, [1]);
            let all = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!(all.status, ChildStatus::Exited(9));
            23
        }
    });
    world.program("nine", |_| async { 9 });
    let (reader, writer) = world::pair();
    let status = world
        .main(move |process| {
            let guard = Dropped(drops.clone());
            let writer = writer.clone();
            async move {
                let _guard = guard;
                process.set_disposition(Signal::HUP, coracle_kernel::Disposition::Ignore).unwrap();
                process.set_disposition(Signal::INT, coracle_kernel::Disposition::Queue).unwrap();
                process.spawn(request("nine")).await.unwrap();
                let _kept = process.adopt(writer.clone()).unwrap();
                assert_eq!(process.exec(request("nope")).await, Errno::NOENT);
                let mut new = request_with("new", &[(1, &writer)]);
                new.arguments.push(b"x".to_vec());
                new.handover = b"state".to_vec();
                process.exec(new).await;
                unreachable!()
            }
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(23));
    drop(reader);
}

#[tokio::test]
async fn a_subshell_runs_the_caller_s_own_program() {
    let world = World::new();
    world
        .main(|process| async move {
            if process.pid() != 1 {
                assert_eq!(process.handover(), b"x=1");
                return 4;
            }
            let mut request = SpawnRequest::new(ProgramName::Myself, vec![b"sub".to_vec()]);
            request.handover = b"x=1".to_vec();
            process.spawn(request).await.unwrap();
            let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!(change.status, ChildStatus::Exited(4));
            0
        })
        .await;
}

#[tokio::test]
async fn exit_ends_a_program_in_the_middle() {
    let world = World::new();
    let status = world
        .main(|process| async move {
            process.exit(255);
            process.settle().await;
            unreachable!()
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(255));
}

#[tokio::test]
async fn a_panic_ends_one_process_only() {
    let world = World::new();
    world.program("bug", |_| async { panic!("a bug in a shim") });
    let status = world
        .main(|process| async move {
            process.spawn(request("bug")).await.unwrap();
            let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!(change.status, ChildStatus::Signaled(Signal::SEGV));
            0
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(0));
}

async fn error_of(process: &Arc<Process>, name: &str) -> Errno {
    process.spawn(request(name)).await.unwrap_err()
}

#[tokio::test]
async fn a_program_is_found_as_execvp_finds_it() {
    let world = World::new();
    world.file("/tmp/plain", b"no program", 0o755);
    world.file("/bin/text", b"echo hello\n", 0o755);
    world.file("/bin/refused", b"\0asm refused", 0o644);
    world.file("/bin/ls", b"\x7fELF...", 0o755);
    world.file("/bin/gcc", b"\x7fELF...", 0o755);
    world.program("ls", |_| async { 11 });
    world.file("/bin/ls", b"\x7fELF...", 0o755);
    world
        .main(|process| async move {
            assert_eq!(error_of(&process, "missing").await, Errno::NOENT);
            assert_eq!(error_of(&process, "").await, Errno::NOENT);
            assert_eq!(error_of(&process, "text").await, Errno::NOEXEC);
            assert_eq!(error_of(&process, "gcc").await, Errno::NOEXEC);
            assert_eq!(error_of(&process, "/tmp").await, Errno::ACCESS);
            assert_eq!(error_of(&process, "/tmp/plain/x").await, Errno::NOTDIR);
            assert_eq!(error_of(&process, "./main").await, Errno::NOENT);
            let mut refused = request("refused");
            assert_eq!(process.spawn(refused.clone()).await, Err(Errno::ACCESS));
            refused.environment = vec![b"PATH=/nowhere:/tmp/plain:/bin:/tmp".to_vec()];
            assert_eq!(process.spawn(refused).await, Err(Errno::ACCESS));
            let mut elsewhere = request("main");
            elsewhere.working_directory = Some(b"/none".to_vec());
            assert_eq!(process.spawn(elsewhere).await, Err(Errno::NOENT));
            process.spawn(request("ls")).await.unwrap();
            let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!(change.status, ChildStatus::Exited(11));
            0
        })
        .await;
}

#[tokio::test]
async fn a_script_runs_its_interpreter_with_one_argument() {
    let world = World::new();
    world.program("show", |process| async move {
        let expected: [&[u8]; 5] = [b"/bin/show", b"-e -x", b"/tmp/script", b"one", b"two"];
        u8::from(process.arguments() != expected)
    });
    world.file("/tmp/script", b"#! /bin/show -e -x \necho", 0o755);
    world.file("/tmp/again", b"#!/tmp/again\n", 0o755);
    world.file("/tmp/broken", b"#!/bin/missing\n", 0o755);
    world
        .main(|process| async move {
            let mut script = request("/tmp/script");
            script.arguments = vec![b"whatever".to_vec(), b"one".to_vec(), b"two".to_vec()];
            process.spawn(script).await.unwrap();
            let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!(change.status, ChildStatus::Exited(0));
            assert_eq!(error_of(&process, "/tmp/again").await, Errno::LOOP);
            assert_eq!(error_of(&process, "/tmp/broken").await, Errno::NOENT);
            0
        })
        .await;
}

#[tokio::test]
async fn an_engine_s_error_says_which_step_failed() {
    let world = World::new();
    world.program("main", forever);
    let mut elsewhere = request("main");
    elsewhere.working_directory = Some(b"/none".to_vec());
    let error = world.container.spawn(elsewhere).await.err();
    assert_eq!(error, Some(SpawnError::WorkingDirectory(Errno::NOENT, b"/none".to_vec())));
    assert_eq!(world.container.spawn(request("nope")).await.err(), Some(SpawnError::NotFound));
    let main = world.start("main").await;
    assert_eq!(main.pid(), 1, "a failed start uses no pid up");
    world.container.kill_all();
    world.container.drained().await;
}

#[tokio::test]
async fn process_limits_answer_again() {
    let world = World::with(Limits { pids: Some(3), ..Limits::default() });
    world.program("idle", forever);
    world
        .main(|process| async move {
            process.spawn(request("idle")).await.unwrap();
            let second = process.spawn(request("idle")).await.unwrap();
            assert_eq!(process.spawn(request("idle")).await, Err(Errno::AGAIN));
            process.kill(Target::Process(second), Some(Signal::KILL)).unwrap();
            process.wait(Selector::Any, true, false).await.unwrap();
            process.spawn(request("idle")).await.unwrap();
            0
        })
        .await;
}

#[tokio::test]
async fn a_user_s_process_limit_does_not_bind_root() {
    let world = World::new();
    world.program("idle", forever);
    world
        .main(|process| async move {
            let limit = ResourceLimit { soft: Some(1), hard: Some(1) };
            process.set_limit(Resource::Processes, limit).unwrap();
            process.spawn(request("idle")).await.unwrap();
            process.set_identity(Credentials { uid: 7, gid: 7, groups: Arc::default() }).unwrap();
            assert_eq!(process.spawn(request("idle")).await, Err(Errno::AGAIN));
            assert_eq!(process.set_identity(Credentials::root()), Err(Errno::PERM));
            assert_eq!(process.set_limit(Resource::Processes, ResourceLimit::default()), Err(Errno::PERM));
            0
        })
        .await;
}

#[tokio::test]
async fn the_process_that_crosses_the_memory_limit_is_killed() {
    let world = World::with(Limits { memory: Some(1_000), ..Limits::default() });
    world.program("hog", |process| async move {
        process.memory().grow(700).unwrap();
        assert_eq!(process.memory().grow(1), Err(OutOfMemory::Killed));
        forever(process).await
    });
    let status = world
        .main(|process| async move {
            process.memory().grow(300).unwrap();
            let hog = process.spawn(request("hog")).await.unwrap();
            let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
            assert_eq!((change.pid, change.status), (hog, ChildStatus::Signaled(Signal::KILL)));
            assert_eq!(change.usage.peak_memory, 700);
            process.memory().release(100);
            process.memory().grow(500).unwrap();
            0
        })
        .await;
    assert_eq!(status, ExitStatus::Exited(0));
    assert!(world.container.oom_killed());
    let stats = world.container.stats();
    assert_eq!((stats.memory, stats.memory_peak, stats.out_of_memory_kills), (0, 1_000, 1));
    assert_eq!(*world.events.lock().unwrap(), [ContainerEvent::OutOfMemory { pid: 2 }]);
}

#[tokio::test]
async fn a_handed_over_state_is_the_child_s_memory() {
    let world = World::with(Limits { memory: Some(10 << 20), ..Limits::default() });
    world.program("idle", forever);
    world.file("/bin/text", b"no program", 0o755);
    world
        .main(|process| async move {
            let container = process.container();
            let mut large = request("idle");
            large.handover = vec![0; 6 << 20];
            let child = process.spawn(large.clone()).await.unwrap();
            assert!(container.stats().memory > 5 << 20);
            assert_eq!(process.spawn(large.clone()).await, Err(Errno::NOMEM));
            process.kill(Target::Process(child), Some(Signal::KILL)).unwrap();
            process.wait(Selector::Any, true, false).await.unwrap();
            assert_eq!(container.stats().memory, 0);
            large.program = ProgramName::Path(b"/bin/text".to_vec());
            assert_eq!(process.spawn(large.clone()).await, Err(Errno::NOEXEC));
            assert_eq!(container.stats().memory, 0);
            large.handover = vec![0; 17 << 20];
            assert_eq!(process.spawn(large).await, Err(Errno::TOOBIG));
            0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_processes_come_and_go_without_a_trace() {
    let world = World::new();
    world.program("idle", forever);
    let main = world.run("main", forever).await;
    let mut held = Vec::new();
    for _ in 0..10_000 {
        held.push(Arc::downgrade(&world.start("idle").await));
    }
    assert_eq!(world.container.stats().processes, 10_001);
    world.container.kill_all();
    main.exited().await;
    world.container.drained().await;
    drop(main);
    // The tasks let go of their processes right after they have left the table.
    while held.iter().any(|process| process.strong_count() > 0) {
        tokio::task::yield_now().await;
    }
    let container = Arc::downgrade(&world.container);
    drop(world);
    assert!(container.upgrade().is_none());
}
