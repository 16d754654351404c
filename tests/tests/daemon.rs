//! The daemon as a process: its command line, its socket, its state.

use std::process::Command;

use anyhow::Result;
use coracle_tests::daemon::{self, Daemon};
use coracle_tests::{container, http};

#[test]
fn help_names_every_flag() -> Result<()> {
    let output = Command::new(daemon::binary()?).args(["serve", "--help"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    for flag in ["--host", "--data-root", "--ephemeral", "--synthetic", "--images", "--shell", "--log-format"] {
        assert!(text.contains(flag), "{flag} is missing in\n{text}");
    }
    Ok(())
}

#[test]
fn a_second_daemon_on_a_live_socket_is_refused_and_the_first_goes_on() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let refused = Daemon::at(daemon.socket(), &["--ephemeral"], &[]).map(drop).unwrap_err().to_string();
    assert!(refused.contains("already listens"), "{refused}");
    assert_eq!(http::request(daemon.socket(), "GET", "/_ping", "")?.status, 200);
    Ok(())
}

#[test]
fn a_stale_socket_is_replaced() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("docker.sock");
    Daemon::at(&socket, &["--ephemeral"], &[])?.kill()?;
    assert!(socket.exists(), "kill -9 leaves the socket file");
    let daemon = Daemon::at(&socket, &["--ephemeral"], &[])?;
    assert_eq!(http::request(daemon.socket(), "GET", "/_ping", "")?.status, 200);
    let status = daemon.stop()?;
    assert!(status.success(), "{status}");
    assert!(!socket.exists(), "an orderly stop removes it");
    Ok(())
}

#[test]
fn ephemeral_leaves_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let temporary = directory.path().join("tmp");
    std::fs::create_dir(&temporary)?;
    let socket = directory.path().join("docker.sock");
    let daemon = Daemon::at(&socket, &["--ephemeral"], &[("TMPDIR", &temporary.to_string_lossy())])?;
    let body = r#"{"Image":"busybox","Cmd":["sh","-c","echo x > /file; sleep 1000"]}"#;
    let made = http::request(&socket, "POST", "/containers/create?name=kept", body)?;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(http::request(&socket, "POST", "/containers/kept/start", "")?.status, 204);
    assert!(std::fs::read_dir(&temporary)?.next().is_some(), "it keeps its state there while it runs");
    assert!(daemon.stop()?.success());
    assert_eq!(std::fs::read_dir(&temporary)?.count(), 0, "and nowhere after");
    Ok(())
}

#[tokio::test]
async fn containers_their_files_and_logs_survive_a_restart_and_a_kill() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("docker.sock");
    let root = directory.path().join("data");
    let arguments = ["--data-root", &*root.to_string_lossy()];
    let daemon = Daemon::at(&socket, &arguments, &[])?;
    let body = r#"{"Image":"busybox","Cmd":["sh","-c","echo run >> /data; wc -l < /data"],"Labels":{"a":"b"}}"#;
    assert_eq!(http::request(&socket, "POST", "/containers/create?name=kept", body)?.status, 201);
    let cycle = || -> Result<()> {
        assert_eq!(http::request(&socket, "POST", "/containers/kept/start", "")?.status, 204);
        assert_eq!(http::request(&socket, "POST", "/containers/kept/wait", "")?.json()?["StatusCode"], 0);
        Ok(())
    };
    cycle()?;
    let spin = r#"{"Image":"busybox","Cmd":["tail","-f","/dev/null"]}"#;
    assert_eq!(http::request(&socket, "POST", "/containers/create?name=running", spin)?.status, 201);
    assert_eq!(http::request(&socket, "POST", "/containers/running/start", "")?.status, 204);
    daemon.kill()?;

    let daemon = Daemon::at(&socket, &arguments, &[])?;
    let running = http::request(&socket, "GET", "/containers/running/json", "")?.json()?;
    assert_eq!(running["State"]["Status"], "exited", "{running}");
    cycle()?;
    assert!(daemon.stop()?.success());

    let daemon = Daemon::at(&socket, &arguments, &[])?;
    let kept = http::request(&socket, "GET", "/containers/kept/json", "")?.json()?;
    assert_eq!(kept["Config"]["Labels"]["a"], "b", "{kept}");
    let logs = http::request(&socket, "GET", "/containers/kept/logs?stdout=1", "")?;
    let text: Vec<u8> = logs.body.chunks(10).filter_map(|frame| frame.get(8..)).flatten().copied().collect();
    assert_eq!(String::from_utf8_lossy(&text), "1\n2\n", "both runs' lines, one frame each");
    assert_eq!(http::request(&socket, "DELETE", "/containers/kept", "")?.status, 204);
    assert_eq!(http::request(&socket, "DELETE", "/containers/running", "")?.status, 204);
    let outcome = container::run(&daemon.bollard()?, container::body(&["echo", "still here"]), b"").await?;
    assert_eq!(outcome.stdout, "still here\n");
    Ok(())
}

#[test]
fn a_thousand_idle_containers_live_at_once() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let socket = daemon.socket();
    for number in 0..1000 {
        let body = r#"{"Image":"busybox","Cmd":["sleep","1000000"],"HostConfig":{"NetworkMode":"none"}}"#;
        let made = http::request(socket, "POST", &format!("/containers/create?name=idle{number}"), body)?;
        assert_eq!(made.status, 201, "{made:?}");
        let started = http::request(socket, "POST", &format!("/containers/idle{number}/start"), "")?;
        assert_eq!(started.status, 204, "{started:?}");
    }
    let list = http::request(socket, "GET", "/containers/json", "")?.json()?;
    assert_eq!(list.as_array().map(Vec::len), Some(1000));
    assert!(daemon.stop()?.success());
    Ok(())
}
