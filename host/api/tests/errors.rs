//! Wrong requests: status and sentence as dockerd 28.5 answered them to the same request.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod support;

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use support::Daemon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn check(daemon: &Daemon, method: Method, path: &str, body: Option<&str>, status: u16, message: &str) {
    let mut request = Request::builder().method(method.clone()).uri(path).header("host", "d");
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(Full::new(bytes::Bytes::from(body.unwrap_or_default().to_owned()))).unwrap();
    let response = daemon.connect().await.send_request(request).await.unwrap();
    let got = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    let answer: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    assert_eq!((got, answer["message"].as_str().unwrap_or_default()), (status, message), "{method} {path} {body:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_about_nothing() {
    let daemon = Daemon::start().await;
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let cases: &[(&Method, &str, Option<&str>, u16, &str)] = &[
        (&get, "/v1.51/nope", None, 404, "page not found"),
        (&get, "/v1.99/version", None, 400, "client version 1.99 is too new. Maximum supported API version is 1.51"),
        (&get, "/v2.0/version", None, 400, "client version 2.0 is too new. Maximum supported API version is 1.51"),
        (&get, "/v1.x/version", None, 404, "page not found"),
        (&post, "/version", None, 404, "page not found"),
        (&get, "/containers/nope/json", None, 404, "No such container: nope"),
        (&post, "/containers/nope/start", None, 404, "No such container: nope"),
        (&post, "/containers/nope/wait", None, 404, "No such container: nope"),
        (&delete, "/containers/nope", None, 404, "No such container: nope"),
        (&post, "/containers/create", None, 400, "invalid JSON: got EOF while reading request body"),
        (
            &post,
            "/containers/create",
            Some("xx"),
            400,
            "invalid JSON: invalid character 'x' looking for beginning of value",
        ),
        (&post, "/containers/create", Some("{"), 400, "invalid JSON: unexpected EOF"),
        (
            &post,
            "/containers/create",
            Some(r#"{"Image":5}"#),
            400,
            "invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string",
        ),
        (&post, "/containers/create", Some(r#"{"Image":"x"} {"a":1}"#), 400, "unexpected content after JSON"),
        (&post, "/containers/create", Some("{}"), 400, "config cannot be empty in order to create a container"),
        (&post, "/containers/create", Some("null"), 400, "config cannot be empty in order to create a container"),
        (
            &post,
            "/containers/create",
            Some("[]"),
            400,
            "invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest",
        ),
        (&post, "/containers/create", Some(r#"{"Image":"nope"}"#), 404, "No such image: nope:latest"),
        (&post, "/containers/create", Some(r#"{"Image":"nope:1.2@"}"#), 400, "invalid reference format"),
        (
            &post,
            "/containers/create",
            Some(r#"{"Image":"UPPER"}"#),
            400,
            "invalid reference format: repository name (library/UPPER) must be lowercase",
        ),
        (&post, "/exec/nope/start", Some("{}"), 404, "No such exec instance: nope"),
        (&get, "/exec/nope/json", None, 404, "No such exec instance: nope"),
        (&post, "/exec/nope/resize?h=1&w=1", None, 404, "No such exec instance: nope"),
        (&get, "/containers/json?filters=xx", None, 400, "invalid filter"),
        (&get, "/containers/json?filters=%7B%22bad%22%3A%5B%22x%22%5D%7D", None, 400, "invalid filter 'bad'"),
        (
            &get,
            "/containers/json?filters=%7B%22status%22%3A%5B%22x%22%5D%7D",
            None,
            400,
            "invalid filter 'status=x': invalid value for state (x): must be one of created, running, paused, restarting, removing, exited, dead",
        ),
        (
            &get,
            "/containers/json?filters=%7B%22health%22%3A%5B%22x%22%5D%7D",
            None,
            400,
            "invalid filter 'health=x': invalid value for health (x): must be one of none, starting, healthy, unhealthy",
        ),
        (
            &get,
            "/containers/json?filters=%7B%22exited%22%3A%5B%22x%22%5D%7D",
            None,
            400,
            "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (&get, "/containers/json?filters=%7B%22before%22%3A%5B%22x%22%5D%7D", None, 404, "No such container: x"),
        (
            &get,
            "/containers/json?filters=%7B%22is-task%22%3A%5B%22x%22%5D%7D",
            None,
            400,
            "invalid filter 'is-task=[x]'",
        ),
        (&get, "/containers/json?limit=abc", None, 500, "strconv.Atoi: parsing \"abc\": invalid syntax"),
        (&get, "/networks/nope", None, 404, "network nope not found"),
        (&delete, "/networks/nope", None, 404, "network nope not found"),
        (&post, "/networks/create", Some("{}"), 400, "invalid name: name is empty"),
        (
            &post,
            "/networks/create",
            Some(r#"{"Name":"bridge"}"#),
            403,
            "operation is not permitted on predefined bridge network ",
        ),
        (&get, "/networks?filters=%7B%22type%22%3A%5B%22bad%22%5D%7D", None, 500, "invalid filter: 'type'='bad'"),
        (&post, "/networks/bridge/connect", Some(r#"{"Container":"nope"}"#), 404, "No such container: nope"),
        (
            &post,
            "/volumes/create",
            Some(r#"{"Name":"v"}"#),
            400,
            "create v: volume name is too short, names should be at least two alphanumeric characters",
        ),
        (
            &post,
            "/volumes/create",
            Some(r#"{"Name":"v 1"}"#),
            400,
            "create v 1: \"v 1\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
        ),
        (
            &post,
            "/volumes/create",
            Some(r#"{"Name":"v3","DriverOpts":{"bad":"x"}}"#),
            400,
            "create v3: invalid option: \"bad\"",
        ),
        (&get, "/volumes/nope", None, 404, "get nope: no such volume"),
        (&delete, "/volumes/nope", None, 404, "get nope: no such volume"),
        (
            &Method::PUT,
            "/volumes/v1",
            Some("{}"),
            503,
            "volume update only valid for cluster volumes, but swarm is unavailable",
        ),
        (&get, "/volumes?filters=%7B%22dangling%22%3A%5B%22bad%22%5D%7D", None, 400, "invalid filter 'dangling=[bad]'"),
        (
            &get,
            "/swarm",
            None,
            503,
            "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.",
        ),
        (&get, "/plugins/x/json", None, 404, "plugin \"x\" not found"),
        (&post, "/swarm/leave", None, 503, "This node is not part of a swarm"),
        (&get, "/system/df?type=bad", None, 400, "unknown object type: bad"),
        (&get, "/events?since=x", None, 500, "strconv.ParseInt: parsing \"x\": invalid syntax"),
        (&get, "/events?since=2&until=1", None, 400, "`since` time (2) cannot be after `until` time (1)"),
        (&post, "/commit", None, 400, "invalid name or ID supplied: \"\""),
        (&post, "/session", None, 400, "no upgrade proto in request"),
        (&get, "/images/nope/json", None, 404, "No such image: nope:latest"),
        (&delete, "/images/nope", None, 404, "No such image: nope:latest"),
    ];
    for (method, path, body, status, message) in cases {
        check(&daemon, (*method).clone(), path, *body, *status, message).await;
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_about_a_container_that_does_not_run() {
    let daemon = Daemon::start().await;
    let id = daemon.create("foo", json!({"Cmd": ["true"]})).await;
    let (get, post) = (Method::GET, Method::POST);
    let not_running = format!("container {id} is not running");
    let kill = format!("cannot kill container: foo: container {id} is not running");
    let cases: &[(&Method, &str, Option<&str>, u16, &str)] = &[
        (
            &post,
            "/containers/create?name=a",
            Some(r#"{"Cmd":["x"]}"#),
            400,
            "Invalid container name (a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        (&post, "/containers/foo/wait?condition=bad", None, 400, "invalid condition: \"bad\""),
        (&post, "/containers/foo/pause", None, 409, &not_running),
        (&post, "/containers/foo/kill", None, 409, &kill),
        (&post, "/containers/foo/kill?signal=BAD", None, 400, "cannot kill container: foo: invalid signal: BAD"),
        (&post, "/containers/foo/stop?t=abc", None, 500, "strconv.Atoi: parsing \"abc\": invalid syntax"),
        (&post, "/containers/foo/resize?h=a&w=1", None, 400, "invalid resize height \"a\": invalid syntax"),
        (&post, "/containers/foo/resize?h=1&w=1", None, 409, &not_running),
        (&post, "/containers/foo/exec", Some(r#"{"Cmd":["true"]}"#), 409, &not_running),
        (&post, "/containers/foo/exec", Some("{}"), 400, "No exec command specified"),
        (&post, "/containers/foo/rename", None, 400, "Neither old nor new names may be empty"),
        (
            &post,
            "/containers/foo/rename?name=foo",
            None,
            400,
            "Renaming a container with the same name as its current name",
        ),
        (
            &post,
            "/containers/foo/rename?name=b@d",
            None,
            400,
            "Error when allocating new name: Invalid container name (/b@d), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        (&get, "/containers/foo/logs", None, 400, "Bad parameters: you must choose at least one stream"),
        (&get, "/containers/foo/logs?stdout=1&since=xx", None, 500, "strconv.ParseInt: parsing \"xx\": invalid syntax"),
        (&get, "/containers/foo/top", None, 409, &not_running),
        (&get, "/containers/foo/archive", None, 400, "bad parameter: pathcannot be empty"),
        (&get, "/containers/foo/archive?path=/nope", None, 404, "Could not find the file /nope in container foo"),
        (
            &Method::PUT,
            "/containers/foo/archive?path=/nope",
            Some("x"),
            404,
            "Could not find the file /nope in container foo",
        ),
        (&post, "/containers/foo/update", Some(r#"{"Memory":1}"#), 400, "Minimum memory limit allowed is 6MB"),
        (
            &post,
            "/containers/foo/update",
            Some(r#"{"RestartPolicy":{"Name":"bad"}}"#),
            400,
            "invalid restart policy: unknown policy 'bad'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            &Method::DELETE,
            "/containers/foo?link=1",
            None,
            500,
            "Conflict, cannot remove the default link name of the container",
        ),
    ];
    for (method, path, body, status, message) in cases {
        check(&daemon, (*method).clone(), path, *body, *status, message).await;
    }
    let conflict = format!(
        "Conflict. The container name \"/foo\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    );
    check(&daemon, post, "/containers/create?name=foo", Some(r#"{"Cmd":["x"]}"#), 409, &conflict).await;
    assert_eq!(daemon.get("/containers/foo/changes").await, json!([{"Path": "/programs", "Kind": 1}]));
    assert_eq!(daemon.get("/containers/foo/stats?stream=0").await["memory_stats"], json!({}));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_carries_dockers_headers() {
    let daemon = Daemon::start().await;
    let response = daemon.send(Method::HEAD, "/_ping", None).await;
    assert_eq!(response.status(), 200);
    for (name, value) in
        [("api-version", "1.51"), ("ostype", "linux"), ("docker-experimental", "false"), ("swarm", "inactive")]
    {
        assert_eq!(response.headers()[name], value);
    }
    assert!(response.headers().contains_key("server"));
    let response = daemon.send(Method::GET, "/v1.10/version", None).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        text.as_ref(),
        b"client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n"
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_connections_leave_nothing() {
    let daemon = Daemon::start().await;
    daemon.create("box", json!({"Cmd": ["sleep"], "StopTimeout": 0})).await;
    daemon.start_container("box").await;
    let before = daemon.engine.tasks();
    for garbage in [
        &b"\x00\x01\x02"[..],
        b"GET",
        b"POST /containers/create HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{",
        b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /containers/box/wait HTTP/1.1\r\nHost: d\r\n\r\n",
    ] {
        let mut stream = daemon.raw().await;
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    let huge = format!("{{\"Image\":\"{}\"}}", "x".repeat(5 << 20));
    let mut stream = daemon.raw().await;
    let head = format!(
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        huge.len()
    );
    // It hangs up in the middle, so neither writing nor reading need succeed.
    let _ = stream.write_all(&[head.as_bytes(), huge.as_bytes()].concat()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    drop(stream);
    assert_eq!(daemon.engine.tasks(), before);
    assert_eq!(daemon.get("/containers/json").await.as_array().unwrap().len(), 1);
    daemon.stop().await;
}
