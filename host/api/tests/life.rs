//! The life of a container over the socket, with programs that are plain futures.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod support;

use http::Method;
use serde_json::json;
use support::{Daemon, entries, split};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_start_wait_logs_remove() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["both"]})).await;
    daemon.start_container("box").await;
    assert_eq!(daemon.wait("box").await, 0);
    assert_eq!(daemon.logs("box", "").await, ("out\n".into(), "err\n".into()));
    let shown = daemon.get("/containers/box/json").await;
    assert_eq!(shown["State"]["Status"], "exited");
    assert_eq!(shown["Path"], "both");
    let (status, _) = daemon.call(Method::DELETE, "/containers/box", None).await;
    assert_eq!(status, 204);
    let (status, answer) = daemon.call(Method::GET, "/containers/box/json", None).await;
    assert_eq!((status.as_u16(), answer["message"].as_str().unwrap()), (404, "No such container: box"));
    assert_eq!(entries(&daemon.directory.path().join("data/containers")), 0);
    assert_eq!(entries(&daemon.directory.path().join("data/overlay")), 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_reaches_a_wait_that_was_there_before_the_start() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["exit", "42"]})).await;
    let response = daemon.send(Method::POST, "/containers/box/wait?condition=next-exit", None).await;
    assert_eq!(response.status(), 200);
    daemon.start_container("box").await;
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body.as_ref(), b"{\"StatusCode\":42}\n");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attach_before_start_feeds_and_shows_everything() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["cat"], "OpenStdin": true, "StdinOnce": true})).await;
    let stream = daemon.hijack("/containers/box/attach?stream=1&stdin=1&stdout=1&stderr=1", None).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    daemon.start_container("box").await;
    let sent: Vec<u8> = (0..2_000_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut seen = Vec::new();
    reader.read_to_end(&mut seen).await.unwrap();
    sending.await.unwrap();
    assert_eq!(split(&seen).0.as_bytes(), expected);
    assert_eq!(daemon.wait("box").await, 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_not_there_is_127_in_runcs_words() {
    let daemon = Daemon::start().await;
    let before = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: ";
    for (name, program, text, code) in [
        ("a1", "nope", "\"nope\": executable file not found in $PATH", 127),
        ("a2", "/nope", "\"/nope\": stat /nope: no such file or directory", 127),
        ("a3", "/programs/plain", "\"/programs/plain\": permission denied", 126),
        ("a4", "/programs", "\"/programs\": permission denied", 126),
    ] {
        daemon.create(name, json!({"Cmd": [program]})).await;
        let (status, answer) = daemon.post(&format!("/containers/{name}/start")).await;
        assert_eq!((status.as_u16(), answer["message"].as_str().unwrap()), (400, format!("{before}{text}").as_str()));
        let shown = daemon.get(&format!("/containers/{name}/json")).await;
        assert_eq!(shown["State"]["Status"], "created");
        assert_eq!(shown["State"]["ExitCode"], code);
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_lets_a_polite_program_end_and_kills_the_others() {
    let daemon = Daemon::start().await;
    daemon.create("polite", json!({"Cmd": ["polite"]})).await;
    let stream = daemon.hijack("/containers/polite/attach?stream=1&stdout=1", None).await;
    daemon.start_container("polite").await;
    let mut stream = stream;
    let mut ready = [0u8; 14];
    stream.read_exact(&mut ready).await.unwrap();
    assert_eq!(daemon.post("/containers/polite/stop").await.0, 204);
    assert_eq!(daemon.get("/containers/polite/json").await["State"]["ExitCode"], 0);
    assert_eq!(daemon.post("/containers/polite/stop").await.0, 304);

    daemon.create("rude", json!({"Cmd": ["sleep"]})).await;
    daemon.start_container("rude").await;
    assert_eq!(daemon.post("/containers/rude/start").await.0, 304);
    assert_eq!(daemon.post("/containers/rude/stop?t=0").await.0, 204);
    assert_eq!(daemon.get("/containers/rude/json").await["State"]["ExitCode"], 137);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_container_is_killed_removed_and_delays_nobody() {
    let daemon = Daemon::start().await;
    daemon.create("spin", json!({"Cmd": ["spin"]})).await;
    daemon.start_container("spin").await;
    let (status, answer) = daemon.call(Method::DELETE, "/containers/spin", None).await;
    assert_eq!(status, 409);
    assert_eq!(
        answer["message"],
        "cannot remove container \"spin\": container is running: stop the container before removing or force remove"
    );
    assert_eq!(daemon.call(Method::DELETE, "/containers/spin?force=1", None).await.0, 204);
    assert_eq!(daemon.get("/containers/json?all=1").await, json!([]));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_and_unpause_in_dockers_words() {
    let daemon = Daemon::start().await;
    let id = daemon.create("frozen", json!({"Cmd": ["spin"]})).await;
    let message = |answer: serde_json::Value| answer["message"].as_str().unwrap_or_default().to_owned();
    let (status, answer) = daemon.post("/containers/frozen/pause").await;
    assert_eq!((status.as_u16(), message(answer)), (409, format!("container {id} is not running")));
    daemon.start_container("frozen").await;
    assert_eq!(daemon.post("/containers/frozen/pause").await.0, 204);
    assert_eq!(daemon.get("/containers/frozen/json").await["State"]["Status"], "paused");
    let (status, answer) = daemon.post("/containers/frozen/pause").await;
    assert_eq!((status.as_u16(), message(answer)), (409, format!("Container {id} is already paused")));
    let (status, answer) = daemon.call(Method::POST, "/containers/frozen/exec", Some(json!({"Cmd": ["true"]}))).await;
    assert_eq!(
        (status.as_u16(), message(answer)),
        (409, "Container frozen is paused, unpause the container before exec".into())
    );
    assert_eq!(daemon.post("/containers/frozen/unpause").await.0, 204);
    let (status, answer) = daemon.post("/containers/frozen/unpause").await;
    assert_eq!((status.as_u16(), message(answer)), (500, format!("Container {id} is not paused")));
    assert_eq!(daemon.post("/containers/frozen/kill").await.0, 204);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exec_answers_its_code_before_the_stream_ends() {
    let daemon = Daemon::start().await;
    let id = daemon.create("box", json!({"Cmd": ["sleep"], "Env": ["A=1"]})).await;
    daemon.start_container("box").await;
    let exec = async |body: serde_json::Value| {
        let (status, answer) = daemon.call(Method::POST, "/containers/box/exec", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        let exec = answer["Id"].as_str().unwrap().to_owned();
        let mut stream = daemon.hijack(&format!("/exec/{exec}/start"), Some(json!({}))).await;
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen).await.unwrap();
        (split(&seen), daemon.get(&format!("/exec/{exec}/json")).await)
    };
    let ((out, err), shown) = exec(json!({"Cmd": ["both"], "AttachStdout": true, "AttachStderr": true})).await;
    assert_eq!((out.as_str(), err.as_str()), ("out\n", "err\n"));
    assert_eq!((&shown["ExitCode"], &shown["Running"], &shown["ContainerID"]), (&json!(0), &json!(false), &json!(id)));
    let (_, shown) = exec(json!({"Cmd": ["exit", "7"], "AttachStdout": true})).await;
    assert_eq!(shown["ExitCode"], 7);
    let ((out, _), shown) = exec(json!({"Cmd": ["nope"], "AttachStdout": true})).await;
    assert_eq!(
        out,
        "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nope\": executable file not found in $PATH\r\n"
    );
    assert_eq!(shown["ExitCode"], 127);
    let ((out, _), _) = exec(json!({"Cmd": ["env"], "AttachStdout": true, "Env": ["A=2"]})).await;
    assert!(out.contains("A=2\n") && !out.contains("A=1\n") && out.contains("HOME=/"), "{out}");
    let ((out, _), _) = exec(json!({"Cmd": ["pwd"], "AttachStdout": true, "WorkingDir": "/programs"})).await;
    assert_eq!(out, "/programs\n");
    let ((out, _), _) = exec(json!({"Cmd": ["id"], "AttachStdout": true, "User": "12:34"})).await;
    assert_eq!(out, "12:34\n");
    let ((out, _), _) = exec(json!({"Cmd": ["true"], "WorkingDir": "/none", "AttachStdout": true})).await;
    assert!(out.contains("chdir to cwd (\"/none\") set in config.json failed: no such file or directory"), "{out}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_survive_stop_start_and_the_daemon() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["put", "/note", "hello"]})).await;
    daemon.start_container("box").await;
    assert_eq!(daemon.wait("box").await, 0);
    daemon.create("runs", json!({"Cmd": ["sleep"], "StopTimeout": 0})).await;
    daemon.start_container("runs").await;
    daemon
        .create(
            "always",
            json!({"Cmd": ["sleep"], "StopTimeout": 0, "HostConfig": {"RestartPolicy": {"Name": "always"}}}),
        )
        .await;
    daemon.start_container("always").await;
    let directory = daemon.snapshot();
    // Kept: the containers have its programs mounted.
    let _first = daemon.stop().await;
    let daemon = Daemon::over(directory, false).await;
    let shown = daemon.get("/containers/runs/json").await;
    assert_eq!((&shown["State"]["Status"], &shown["State"]["ExitCode"]), (&json!("exited"), &json!(137)));
    let changes = daemon.get("/containers/box/changes").await;
    assert!(changes.as_array().unwrap().contains(&json!({"Path": "/note", "Kind": 1})), "{changes}");
    let response = daemon.send(Method::GET, "/containers/box/archive?path=/note", None).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-docker-container-path-stat"));
    let tar = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert!(tar.windows(5).any(|window| window == b"hello"));
    let events = daemon.send(Method::GET, "/events?since=1&filters=%7B%22event%22%3A%5B%22start%22%5D%7D", None).await;
    let mut events = events.into_body();
    let first = http_body_util::BodyExt::frame(&mut events).await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("\"name\":\"always\""));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rm_removes_itself_and_its_volumes_and_tells_who_waits() {
    let daemon = Daemon::start().await;
    daemon
        .create("box", json!({"Cmd": ["exit", "3"], "Volumes": {"/data": {}}, "HostConfig": {"AutoRemove": true}}))
        .await;
    assert_eq!(daemon.get("/volumes").await["Volumes"].as_array().unwrap().len(), 1);
    let response = daemon.send(Method::POST, "/containers/box/wait?condition=removed", None).await;
    daemon.start_container("box").await;
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body.as_ref(), b"{\"StatusCode\":3}\n");
    assert_eq!(daemon.get("/volumes").await["Volumes"], json!([]));
    assert_eq!(daemon.get("/containers/json?all=1").await, json!([]));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_in_dockers_order() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["sleep"], "Labels": {"k": "v"}})).await;
    daemon.start_container("box").await;
    assert_eq!(daemon.post("/containers/box/stop?t=0").await.0, 204);
    assert_eq!(daemon.call(Method::DELETE, "/containers/box", None).await.0, 204);
    let now = coracle_engine::Time::now().seconds() + 1;
    let (_, text) = daemon.call(Method::GET, &format!("/events?since=1&until={now}"), None).await;
    let text = text.as_str().unwrap_or_default().to_owned();
    let actions: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|event| format!("{}:{}", event["Type"].as_str().unwrap(), event["Action"].as_str().unwrap()))
        .collect();
    assert_eq!(
        actions,
        [
            "container:create",
            "network:connect",
            "container:start",
            "container:kill",
            "container:kill",
            "network:disconnect",
            "container:die",
            "container:stop",
            "container:destroy"
        ]
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follow_ends_with_the_container_and_has_every_line_once() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["cat"], "OpenStdin": true, "StdinOnce": true})).await;
    let stream = daemon.hijack("/containers/box/attach?stream=1&stdin=1", None).await;
    daemon.start_container("box").await;
    let response = daemon.send(Method::GET, "/containers/box/logs?stdout=1&follow=1", None).await;
    let (_reader, mut writer) = tokio::io::split(stream);
    for number in 0..500 {
        writer.write_all(format!("{number}\n").as_bytes()).await.unwrap();
    }
    writer.shutdown().await.unwrap();
    let text = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let expected: String = (0..500).map(|number| format!("{number}\n")).collect();
    assert_eq!(split(&text).0, expected);
    assert_eq!(daemon.logs("box", "tail=2").await.0, "498\n499\n");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_failure_restarts_so_often() {
    let daemon = Daemon::start().await;
    daemon
        .create(
            "box",
            json!({"Cmd": ["exit", "1"], "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}}),
        )
        .await;
    let events = daemon.send(Method::GET, "/events?filters=%7B%22event%22%3A%5B%22die%22%5D%7D", None).await;
    daemon.start_container("box").await;
    let mut events = events.into_body();
    for _ in 0..3 {
        http_body_util::BodyExt::frame(&mut events).await.unwrap().unwrap();
    }
    assert_eq!(daemon.wait("box").await, 1);
    let shown = daemon.get("/containers/box/json").await;
    assert_eq!((&shown["RestartCount"], &shown["State"]["Status"]), (&json!(2), &json!("exited")));
    drop(events);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind_by_many_containers() {
    let daemon = Daemon::start().await;
    let before = daemon.engine.tasks();
    for round in 0..20 {
        let name = format!("box{round}");
        daemon.create(&name, json!({"Cmd": ["echo", "x"]})).await;
        daemon.start_container(&name).await;
        assert_eq!(daemon.wait(&name).await, 0);
        assert_eq!(daemon.call(Method::DELETE, &format!("/containers/{name}"), None).await.0, 204);
    }
    assert_eq!(entries(&daemon.directory.path().join("data/containers")), 0);
    assert!(daemon.engine.tasks() <= before, "{} tasks", daemon.engine.tasks());
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_synthetic_driver_executes_nothing() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let daemon = Daemon::over(directory, true).await;
    daemon.create("box", json!({"Cmd": ["whatever"]})).await;
    daemon.start_container("box").await;
    assert_eq!(daemon.get("/containers/box/json").await["State"]["Pid"], 42);
    assert_eq!(daemon.wait("box").await, 0);
    assert!(daemon.logs("box", "").await.0.contains("whatever"));
    daemon.stop().await;
}
