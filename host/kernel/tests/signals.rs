//! Signals: default actions, handling, groups, job control, pid 1, pause.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coracle_kernel::{
    ChildStatus, Disposition, Errno, ExitStatus, Group, Limits, Process, Selector, Signal, SignalSet, Target,
};
use coracle_vfs::Credentials;
use rustix::time::{ClockId, clock_gettime};
use world::{World, bytes, forever, pair, request, request_with, settle};

async fn next(process: &Process) -> (u32, ChildStatus) {
    let change = process.wait(Selector::Any, true, true).await.unwrap().unwrap();
    (change.pid, change.status)
}

#[tokio::test]
async fn a_signal_ends_stops_or_does_nothing_by_default() {
    let world = World::new();
    world.program("idle", forever);
    world
        .main(|process| async move {
            for number in 1..=64 {
                let signal = Signal::new(number).unwrap();
                let child = process.spawn(request("idle")).await.unwrap();
                process.kill(Target::Process(child), Some(signal)).unwrap();
                let expected = match signal {
                    Signal::CHLD | Signal::URG | Signal::WINCH | Signal::CONT => None,
                    // The group is orphaned as far as the keyboard's stops go: its parent is in no other group.
                    Signal::TSTP | Signal::TTIN | Signal::TTOU => None,
                    Signal::STOP => Some(ChildStatus::Stopped(signal)),
                    _ => Some(ChildStatus::Signaled(signal)),
                };
                match expected {
                    None => assert_eq!(process.wait(Selector::Any, false, true).await, Ok(None), "{signal}"),
                    Some(expected) => assert_eq!(next(&process).await, (child, expected), "{signal}"),
                }
                if !matches!(expected, Some(ChildStatus::Signaled(_))) {
                    process.kill(Target::Process(child), Some(Signal::KILL)).unwrap();
                    assert_eq!(next(&process).await, (child, ChildStatus::Signaled(Signal::KILL)));
                }
            }
            0
        })
        .await;
}

#[tokio::test]
async fn pid_1_ignores_what_it_does_not_handle() {
    let world = World::new();
    let main = world.run("main", forever).await;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::SEGV, Signal::TSTP] {
        world.container.signal(1, signal).unwrap();
    }
    main.kill(Target::Process(1), Some(Signal::KILL)).unwrap();
    main.kill(Target::Process(1), Some(Signal::STOP)).unwrap();
    settle().await;
    assert_eq!(main.status(), None);
    assert_ne!(world.container.processes()[0].state, coracle_kernel::ProcessState::Stopped);
    world.container.signal(1, Signal::KILL).unwrap();
    assert_eq!(main.exited().await, ExitStatus::Signaled(Signal::KILL));
}

#[tokio::test]
async fn pid_1_can_handle_term_from_outside() {
    let world = World::new();
    let main = world
        .run("main", |process| async move {
            process.set_disposition(Signal::TERM, Disposition::Queue).unwrap();
            process.signal_pending().await;
            assert_eq!(process.take_signal(), Some(Signal::TERM));
            assert_eq!(process.take_signal(), None);
            0
        })
        .await;
    settle().await;
    world.container.signal(1, Signal::TERM).unwrap();
    assert_eq!(main.exited().await, ExitStatus::Exited(0));
    assert_eq!(world.container.signal(1, Signal::TERM), Err(Errno::SRCH));
}

#[tokio::test]
async fn a_process_that_signals_itself_does_not_go_on() {
    let world = World::new();
    world.program("suicide", |process| async move {
        process.kill(Target::Process(process.pid()), Some(Signal::TERM)).unwrap();
        // Whatever it calls next, no call returns.
        let _ = process.open(b"/tmp/after", world::creating(), world::PLAIN).await;
        unreachable!()
    });
    world
        .main(|process| async move {
            let child = process.spawn(request("suicide")).await.unwrap();
            assert_eq!(next(&process).await, (child, ChildStatus::Signaled(Signal::TERM)));
            0
        })
        .await;
}

#[tokio::test]
async fn writing_without_a_reader_ends_the_writer() {
    let world = World::new();
    world.program("yes", |process| async move {
        let out = process.standard(1).unwrap();
        loop {
            out.write(Some(&process), bytes("y\n")).await.unwrap();
        }
    });
    world.program("head", |process| async move {
        let input = process.standard(0).unwrap();
        assert_eq!(&input.read(Some(&process), 2).await.unwrap()[..], b"y\n");
        0
    });
    world
        .main(|process| async move {
            let (reader, writer) = pair();
            let yes = process.spawn(request_with("yes", &[(1, &writer)])).await.unwrap();
            let head = process.spawn(request_with("head", &[(0, &reader)])).await.unwrap();
            drop((reader, writer));
            let mut ends = [next(&process).await, next(&process).await];
            ends.sort_by_key(|(pid, _)| *pid);
            assert_eq!(ends, [(yes, ChildStatus::Signaled(Signal::PIPE)), (head, ChildStatus::Exited(0))]);
            0
        })
        .await;
}

#[tokio::test]
async fn a_writer_that_ignores_sigpipe_sees_the_error() {
    let world = World::new();
    world.program("writer", |process| async move {
        let out = process.standard(1).unwrap();
        u8::from(out.write(Some(&process), bytes("x")).await != Err(Errno::PIPE))
    });
    world
        .main(|process| async move {
            let (reader, writer) = pair();
            drop(reader);
            let mut request = request_with("writer", &[(1, &writer)]);
            request.ignored = vec![Signal::PIPE];
            process.spawn(request).await.unwrap();
            assert_eq!(next(&process).await.1, ChildStatus::Exited(0));
            // Pid 1 is not ended by it either.
            assert_eq!(writer.write(Some(&process), bytes("x")).await, Err(Errno::PIPE));
            0
        })
        .await;
}

#[tokio::test]
async fn a_handled_signal_interrupts_a_blocking_call() {
    let world = World::new();
    world
        .main(|process| async move {
            let (reader, writer) = pair();
            process.set_disposition(Signal::ALRM, Disposition::Queue).unwrap();
            assert_eq!(process.alarm(1), 0);
            assert_eq!(reader.read(Some(&process), 1).await, Err(Errno::INTR));
            assert_eq!(reader.read(Some(&process), 1).await, Err(Errno::INTR), "until it is taken");
            assert_eq!(process.take_signal(), Some(Signal::ALRM));
            writer.write(Some(&process), bytes("x")).await.unwrap();
            process.kill(Target::Process(1), Some(Signal::ALRM)).unwrap();
            assert_eq!(&reader.read(Some(&process), 1).await.unwrap()[..], b"x", "a call that can succeed does");
            0
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_alarm_comes_after_its_time_and_can_be_cancelled() {
    let world = World::new();
    world
        .main(|process| async move {
            process.set_disposition(Signal::ALRM, Disposition::Queue).unwrap();
            process.alarm(5_000_000_000);
            assert!(process.alarm(3_000_000_000) > 0);
            let start = tokio::time::Instant::now();
            process.signal_pending().await;
            assert_eq!(start.elapsed().as_secs(), 3);
            process.take_signal();
            process.alarm(1_000_000_000);
            process.alarm(0);
            let _ = tokio::time::timeout(Duration::from_secs(10), std::future::pending::<()>()).await;
            assert_eq!(process.take_signal(), None);
            0
        })
        .await;
}

#[tokio::test]
async fn a_blocked_signal_waits_until_it_is_let_through() {
    let world = World::new();
    world.program("child", |process| async move {
        assert_eq!(process.blocked(), SignalSet::from_iter([Signal::TERM]), "the blocked set is inherited");
        process.kill(Target::Process(process.pid()), Some(Signal::TERM)).unwrap();
        process.settle().await;
        assert_eq!(process.set_blocked(SignalSet::EMPTY), SignalSet::from_iter([Signal::TERM]));
        process.settle().await;
        0
    });
    world
        .main(|process| async move {
            process.set_blocked([Signal::TERM, Signal::KILL].into_iter().collect());
            process.spawn(request("child")).await.unwrap();
            assert_eq!(next(&process).await.1, ChildStatus::Signaled(Signal::TERM));
            0
        })
        .await;
}

#[tokio::test]
async fn dispositions_pass_to_children_as_posix_says() {
    let world = World::new();
    world.program("child", |process| async move {
        let of = |signal| process.disposition(signal);
        assert_eq!(of(Signal::HUP), Disposition::Ignore);
        assert_eq!(of(Signal::INT), Disposition::Default, "a handler does not pass on");
        assert_eq!(of(Signal::QUIT), Disposition::Ignore, "asked for");
        assert_eq!(of(Signal::USR1), Disposition::Default, "asked for");
        0
    });
    world
        .main(|process| async move {
            process.set_disposition(Signal::HUP, Disposition::Ignore).unwrap();
            process.set_disposition(Signal::INT, Disposition::Queue).unwrap();
            process.set_disposition(Signal::USR1, Disposition::Ignore).unwrap();
            assert_eq!(process.set_disposition(Signal::KILL, Disposition::Ignore), Err(Errno::INVAL));
            let mut request = request("child");
            request.ignored = vec![Signal::QUIT];
            request.defaulted = vec![Signal::USR1];
            process.spawn(request).await.unwrap();
            assert_eq!(next(&process).await.1, ChildStatus::Exited(0));
            0
        })
        .await;
}

#[tokio::test]
async fn a_group_is_signaled_as_a_whole() {
    let world = World::new();
    world.program("idle", forever);
    world
        .main(|process| async move {
            let mut lead = request("idle");
            lead.group = Group::Lead;
            let leader = process.spawn(lead).await.unwrap();
            let mut join = request("idle");
            join.group = Group::Join(leader);
            let member = process.spawn(join.clone()).await.unwrap();
            let outsider = process.spawn(request("idle")).await.unwrap();
            assert_eq!(process.group_of(member), Ok(leader));
            process.kill(Target::Group(leader), Some(Signal::TERM)).unwrap();
            let mut ended = [next(&process).await.0, next(&process).await.0];
            ended.sort_unstable();
            assert_eq!(ended, [leader, member]);
            assert_eq!(process.kill(Target::Group(leader), None), Err(Errno::SRCH));
            assert_eq!(process.spawn(join).await, Err(Errno::PERM));
            assert_eq!(process.kill(Target::Process(outsider), None), Ok(()));
            process.set_group(outsider, 0).unwrap();
            assert_eq!(process.group_of(outsider), Ok(outsider));
            assert_eq!(process.set_group(0, 0), Err(Errno::PERM), "a session leader stays where it is");
            assert_eq!(process.new_session(), Err(Errno::PERM));
            process.kill(Target::All, Some(Signal::KILL)).unwrap();
            assert_eq!(next(&process).await, (outsider, ChildStatus::Signaled(Signal::KILL)));
            assert_eq!(process.kill(Target::All, Some(Signal::KILL)), Err(Errno::SRCH));
            0
        })
        .await;
}

#[tokio::test]
async fn only_one_s_own_processes_can_be_signaled() {
    let world = World::new();
    world.program("idle", forever);
    world
        .main(|process| async move {
            let of_root = process.spawn(request("idle")).await.unwrap();
            let mut own = request("idle");
            let user = Credentials { uid: 5, gid: 5, groups: Arc::default() };
            own.credentials = Some(user.clone());
            let own = process.spawn(own).await.unwrap();
            process.set_identity(user).unwrap();
            assert_eq!(process.kill(Target::Process(of_root), Some(Signal::TERM)), Err(Errno::PERM));
            assert_eq!(process.kill(Target::Process(of_root), Some(Signal::CONT)), Ok(()), "in the same session");
            assert_eq!(process.kill(Target::All, Some(Signal::TERM)), Ok(()));
            assert_eq!(next(&process).await, (own, ChildStatus::Signaled(Signal::TERM)));
            assert_eq!(process.set_nice(of_root, 5), Err(Errno::PERM));
            assert_eq!(process.set_nice(0, -1), Err(Errno::ACCESS));
            assert_eq!(process.set_nice(0, 3), Ok(()));
            assert_eq!(process.set_nice(99, 3), Err(Errno::SRCH));
            0
        })
        .await;
}

/// Counts as long as it may run.
fn counter(world: &World, name: &str) -> Arc<AtomicU32> {
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    world.program(name, move |_| {
        let count = counted.clone();
        async move {
            loop {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    count
}

async fn stands(count: &AtomicU32) -> bool {
    let before = count.load(Ordering::SeqCst);
    settle().await;
    count.load(Ordering::SeqCst) == before
}

#[tokio::test]
async fn a_stopped_process_does_not_run_until_it_is_continued() {
    let world = World::new();
    let count = counter(&world, "counter");
    world
        .main(move |process| {
            let count = count.clone();
            async move {
                let child = process.spawn(request("counter")).await.unwrap();
                assert!(!stands(&count).await);
                process.kill(Target::Process(child), Some(Signal::STOP)).unwrap();
                assert_eq!(next(&process).await, (child, ChildStatus::Stopped(Signal::STOP)));
                assert_eq!(process.wait(Selector::Any, false, true).await, Ok(None), "told once");
                assert!(stands(&count).await);
                process.kill(Target::Process(child), Some(Signal::TERM)).unwrap();
                settle().await;
                assert_eq!(process.wait(Selector::Any, false, true).await, Ok(None), "TERM waits");
                process.kill(Target::Process(child), Some(Signal::CONT)).unwrap();
                let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
                assert_eq!(change.status, ChildStatus::Signaled(Signal::TERM));

                let child = process.spawn(request("counter")).await.unwrap();
                process.kill(Target::Process(child), Some(Signal::STOP)).unwrap();
                process.kill(Target::Process(child), Some(Signal::CONT)).unwrap();
                assert_eq!(next(&process).await, (child, ChildStatus::Continued));
                assert!(!stands(&count).await);
                process.kill(Target::Process(child), Some(Signal::STOP)).unwrap();
                process.kill(Target::Process(child), Some(Signal::KILL)).unwrap();
                let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
                assert_eq!(change.status, ChildStatus::Signaled(Signal::KILL));
                0
            }
        })
        .await;
}

#[tokio::test]
async fn a_process_that_stops_itself_goes_on_behind_the_call() {
    let world = World::new();
    world.program("child", |process| async move {
        process.kill(Target::Process(process.pid()), Some(Signal::STOP)).unwrap();
        process.settle().await;
        6
    });
    world
        .main(|process| async move {
            let child = process.spawn(request("child")).await.unwrap();
            assert_eq!(next(&process).await, (child, ChildStatus::Stopped(Signal::STOP)));
            process.kill(Target::Process(child), Some(Signal::CONT)).unwrap();
            loop {
                match next(&process).await.1 {
                    ChildStatus::Continued => {}
                    status => {
                        assert_eq!(status, ChildStatus::Exited(6));
                        return 0;
                    }
                }
            }
        })
        .await;
}

#[tokio::test]
async fn an_orphaned_stopped_group_is_hung_up_and_continued() {
    let world = World::new();
    world.program("stopped", |process| async move {
        process.set_disposition(Signal::HUP, Disposition::Queue).unwrap();
        process.kill(Target::Process(process.pid()), Some(Signal::STOP)).unwrap();
        process.settle().await;
        u8::from(process.take_signal() != Some(Signal::HUP))
    });
    world.program("parent", |process| async move {
        let mut lead = request("stopped");
        lead.group = Group::Lead;
        process.spawn(lead).await.unwrap();
        assert!(matches!(next(&process).await.1, ChildStatus::Stopped(_)));
        0
    });
    world
        .main(|process| async move {
            // A session of its own, so that pid 1's does not keep the group from being orphaned.
            let mut parent = request("parent");
            parent.new_session = true;
            process.spawn(parent).await.unwrap();
            for _ in 0..2 {
                let change = process.wait(Selector::Any, true, false).await.unwrap().unwrap();
                assert_eq!(change.status, ChildStatus::Exited(0));
            }
            0
        })
        .await;
}

#[tokio::test]
async fn a_paused_container_stands_still_and_can_be_killed() {
    let world = World::new();
    let count = counter(&world, "counter");
    let main = world.start("counter").await;
    let exec = world.start("counter").await;
    settle().await;
    world.container.pause();
    world.container.frozen().await;
    assert!(stands(&count).await && world.container.is_paused());
    assert_eq!(world.container.processes()[0].state, coracle_kernel::ProcessState::Frozen);
    world.container.unpause();
    assert!(!stands(&count).await);
    world.container.pause();
    world.container.signal(exec.pid(), Signal::KILL).unwrap();
    assert_eq!(exec.exited().await.code(), 137);
    assert!(stands(&count).await);
    world.container.kill_all();
    assert_eq!(main.exited().await.code(), 137);
    world.container.drained().await;
}

#[tokio::test]
async fn a_container_without_cpu_time_waits_for_its_refill() {
    let world = World::with(Limits { nano_cpus: Some(10_000_000), ..Limits::default() });
    world.program("spin", |_| async {
        // By the clock of the quota, so that a busy machine changes nothing.
        let used = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
        let start = used();
        while used() - start < Duration::from_millis(3) {
            std::hint::spin_loop();
        }
        tokio::task::yield_now().await;
        0
    });
    world.start("spin").await.exited().await;
    let stats = world.container.stats();
    assert!(stats.cpu >= Duration::from_millis(2), "{stats:?}");
    assert!(stats.throttled > Duration::from_millis(50) && stats.throttled_times >= 1, "{stats:?}");
}

#[tokio::test]
async fn a_process_over_its_cpu_limit_is_told_and_then_killed() {
    let world = World::new();
    world
        .main(|process| async move {
            let zero = coracle_kernel::ResourceLimit { soft: Some(0), hard: Some(1) };
            process.set_disposition(Signal::XCPU, Disposition::Queue).unwrap();
            process.set_limit(coracle_kernel::Resource::Cpu, zero).unwrap();
            tokio::task::yield_now().await;
            assert_eq!(process.take_signal(), Some(Signal::XCPU));
            0
        })
        .await;
}

#[tokio::test]
async fn init_passes_signals_on_reaps_orphans_and_ends_with_its_child() {
    let world = World::new();
    world.program("orphan", |_| async { 9 });
    world.program("parent", |process| async move {
        process.spawn(request("orphan")).await.unwrap();
        0
    });
    world.program("command", |process| async move {
        assert_eq!((process.pid(), process.parent()), (2, 1));
        process.set_disposition(Signal::TERM, Disposition::Queue).unwrap();
        process.spawn(request("parent")).await.unwrap();
        process.wait(Selector::Any, true, false).await.unwrap();
        process.standard(1).unwrap().write(None, bytes("ready")).await.unwrap();
        process.signal_pending().await;
        assert_eq!(process.take_signal(), Some(Signal::TERM));
        // The orphan went to init, which has waited for it or will.
        33
    });
    let (reader, writer) = pair();
    let init = world.container.spawn_with_init(request_with("command", &[(1, &writer)])).await.unwrap();
    drop(writer);
    assert_eq!(&reader.read(None, 100).await.unwrap()[..], b"ready");
    settle().await;
    let pids: Vec<u32> = world.container.processes().iter().map(|row| row.pid).collect();
    assert_eq!(pids, [1, 2]);
    world.container.signal(1, Signal::TERM).unwrap();
    assert_eq!(init.exited().await, ExitStatus::Exited(33));
    world.container.drained().await;
}

#[tokio::test]
async fn a_command_that_is_not_there_fails_under_init_too() {
    let world = World::new();
    let error = world.container.spawn_with_init(request("nope")).await.err();
    assert_eq!(error, Some(coracle_kernel::SpawnError::NotFound));
}

#[tokio::test]
async fn a_command_killed_under_init_gives_its_status() {
    let world = World::new();
    world.program("idle", forever);
    let init = world.container.spawn_with_init(request("idle")).await.unwrap();
    settle().await;
    world.container.signal(1, Signal::TERM).unwrap();
    assert_eq!(init.exited().await, ExitStatus::Exited(143));
}
