//! What must be refused: ways out of a container, and requests no client sends.

use std::io::Write;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result};
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use coracle_tests::container;
use coracle_tests::daemon::Daemon;
use coracle_tests::http;

/// A file outside every container that nothing inside may read, change or replace.
struct Secret {
    directory: tempfile::TempDir,
}

impl Secret {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("secret"), "the host's")?;
        std::fs::create_dir(directory.path().join("mounted"))?;
        Ok(Self { directory })
    }

    fn path(&self) -> String {
        self.directory.path().display().to_string()
    }

    fn is_untouched(&self) -> Result<bool> {
        let names: Vec<_> = std::fs::read_dir(self.directory.path())?.collect::<Result<Vec<_>, _>>()?;
        Ok(names.len() == 2 && std::fs::read(self.directory.path().join("secret"))? == b"the host's")
    }
}

#[tokio::test]
async fn no_path_inside_a_container_leads_out() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let secret = Secret::new()?;
    // Prepared on the host: links inside the bind that point out of it.
    let mounted = secret.directory.path().join("mounted");
    std::os::unix::fs::symlink("../secret", mounted.join("relative"))?;
    std::os::unix::fs::symlink(secret.directory.path().join("secret"), mounted.join("absolute"))?;
    std::os::unix::fs::symlink("/proc/self/root", mounted.join("root"))?;
    let script = format!(
        "s={}; cd /mnt
         for path in relative absolute root$s/secret ../secret ../../../..$s/secret $s/secret \
                     /proc/self/root$s/secret /proc/1/root$s/secret /proc/self/cwd/../secret /proc/self/fd/0/../secret \
                     /proc/1/cwd/../..$s/secret; do
             cat $path 2>/dev/null && echo READ $path
             echo changed > $path 2>/dev/null
         done
         ln -s .. up; cat up/secret 2>/dev/null && echo READ up
         ln relative hard 2>/dev/null; cat hard 2>/dev/null && echo READ hard
         mv relative /tmp/moved; cat /tmp/moved 2>/dev/null && echo READ moved
         rm -rf ../secret up/secret
         cd /tmp; mkdir -p d/e; cd d/e; mv /tmp/d /tmp/f; cat ../../..$s/secret 2>/dev/null && echo READ renamed
         echo done",
        secret.path()
    );
    let bind = format!("{}:/mnt", mounted.display());
    let body = container::body_with_binds(&["sh", "-c", &script], &[bind]);
    let outcome = container::run(&daemon.bollard()?, body, b"").await?;
    // What it reads may be files of its own that have such names; never the host's.
    assert!(outcome.stdout.ends_with("done\n"), "{outcome:?}");
    assert!(!outcome.stdout.contains("the host's"), "{outcome:?}");
    assert!(secret.is_untouched()?);
    Ok(())
}

#[tokio::test]
async fn a_read_only_bind_cannot_be_changed_by_any_operation() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("file"), "kept")?;
    let before = std::fs::metadata(directory.path().join("file"))?;
    let script = "cd /mnt; echo x > file; echo x >> file; true > file; truncate -s 0 file; rm -f file; mv file other; \
                  ln file hard; ln -s file soft; mkdir d; touch file; chmod 777 file; chown 1:1 file; \
                  echo x > new; mv /etc/passwd .; ls";
    let bind = format!("{}:/mnt:ro", directory.path().display());
    let body = container::body_with_binds(&["sh", "-c", script], &[bind]);
    let outcome = container::run(&daemon.bollard()?, body, b"").await?;
    assert_eq!(outcome.stdout, "file\n", "{outcome:?}");
    assert!(outcome.stderr.contains("Read-only file system"), "{outcome:?}");
    let after = std::fs::metadata(directory.path().join("file"))?;
    assert_eq!(std::fs::read(directory.path().join("file"))?, b"kept");
    assert_eq!(before.modified()?, after.modified()?);
    assert_eq!(before.permissions(), after.permissions());
    Ok(())
}

fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>) -> Result<()>) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    build(&mut builder)?;
    Ok(builder.into_inner()?)
}

fn entry(kind: tar::EntryType, name: &str, link: Option<&str>, size: u64) -> Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o777);
    // Names as they are, which the tar crate's own setters refuse.
    let field = &mut header.as_gnu_mut().context("a GNU header")?.name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    if let Some(link) = link {
        let field = &mut header.as_gnu_mut().context("a GNU header")?.linkname;
        field[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_cksum();
    Ok(header)
}

#[tokio::test]
async fn an_archive_copied_in_cannot_write_outside_its_container() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let docker = daemon.bollard()?;
    let secret = Secret::new()?;
    let id = docker
        .create_container(
            None::<bollard::query_parameters::CreateContainerOptions>,
            container::body(&["tail", "-f", "/dev/null"]),
        )
        .await?
        .id;
    let up = "../".repeat(20);
    let target = format!("{up}{}/secret", secret.path());
    let hostile = [
        archive(|tar| Ok(tar.append(&entry(tar::EntryType::Regular, &target, None, 3)?, &b"bad"[..])?))?,
        archive(|tar| {
            let absolute = format!("{}/secret", secret.path());
            Ok(tar.append(&entry(tar::EntryType::Regular, &absolute, None, 3)?, &b"bad"[..])?)
        })?,
        archive(|tar| {
            tar.append(&entry(tar::EntryType::Symlink, "link", Some(&secret.path()), 0)?, &b""[..])?;
            Ok(tar.append(&entry(tar::EntryType::Regular, "link/secret", None, 3)?, &b"bad"[..])?)
        })?,
        archive(|tar| {
            tar.append(&entry(tar::EntryType::Link, "hard", Some(&target), 0)?, &b""[..])?;
            Ok(tar.append(&entry(tar::EntryType::Regular, "hard", None, 3)?, &b"bad"[..])?)
        })?,
        archive(|tar| Ok(tar.append(&entry(tar::EntryType::Regular, "cut", None, 1 << 20)?, &b"short"[..])?))?,
        b"this is no archive at all, but it is longer than one block".repeat(20),
    ];
    for body in hostile {
        let options = UploadToContainerOptionsBuilder::default().path("/tmp").build();
        // Refused or kept inside: either is right, harm is not.
        let _ = docker.upload_to_container(&id, Some(options), bollard::body_full(body.into())).await;
        assert!(secret.is_untouched()?);
    }
    assert!(docker.ping().await.is_ok());
    Ok(())
}

#[test]
fn bad_requests_get_dockers_status_and_text() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let socket = daemon.socket();
    let answer = http::request(socket, "POST", "/v1.47/containers/create", "{")?;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.message().contains("JSON"), "{answer:?}");
    let answer = http::request(socket, "GET", "/v1.47/containers/nosuch/json", "")?;
    assert_eq!((answer.status, answer.message().as_str()), (404, "No such container: nosuch"));
    let answer = http::request(socket, "GET", "/v1.99/info", "")?;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text().contains("client version 1.99 is too new"), "{answer:?}");
    let answer = http::request(socket, "GET", "/v1.1/info", "")?;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text().contains("client version 1.1 is too old"), "{answer:?}");
    let answer = http::request(socket, "GET", "/v1.47/no/such/page", "")?;
    assert_eq!((answer.status, answer.message().as_str()), (404, "page not found"));
    let answer = http::request(socket, "POST", "/v1.47/containers/create?name=-bad", r#"{"Image":"busybox"}"#)?;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.message().contains("Invalid container name (-bad)"), "{answer:?}");
    let answer = http::request(socket, "GET", "/_ping", "")?;
    assert_eq!((answer.status, answer.text().as_str()), (200, "OK"));
    let head = answer.head.to_ascii_lowercase();
    for header in ["api-version: 1.51", "ostype: linux", "server: ", "docker-experimental: false"] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    Ok(())
}

#[test]
fn broken_connections_leave_the_daemon_unharmed() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let open = || -> Result<usize> { Ok(std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))?.count()) };
    http::request(daemon.socket(), "GET", "/_ping", "")?;
    let before = open()?;
    for bytes in [
        &b""[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1.47/info",
        b"POST /v1.47/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\n{\"Image\":",
        b"POST /v1.47/build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1.47/events HTTP/1.1\r\nHost: d\r\n\r\n",
    ] {
        let mut stream = UnixStream::connect(daemon.socket())?;
        stream.write_all(bytes)?;
        drop(stream);
    }
    let huge = format!(r#"{{"Image":"{}"}}"#, "x".repeat(32 << 20));
    // The daemon may answer 4xx or hang up on the way; it must not take it in.
    if let Ok(answer) = http::request(daemon.socket(), "POST", "/v1.47/containers/create", &huge) {
        assert!((400..500).contains(&answer.status), "{}", answer.head);
    }
    let mut after = usize::MAX;
    for _ in 0..2000 {
        http::request(daemon.socket(), "GET", "/_ping", "")?;
        after = open()?;
        if after <= before {
            break;
        }
    }
    assert!(after <= before, "{before} descriptors before, {after} after");
    Ok(())
}

#[tokio::test]
async fn a_spinning_guest_delays_neither_the_api_nor_its_own_death() -> Result<()> {
    let daemon = Daemon::ephemeral()?;
    let socket = daemon.socket().to_owned();
    let create = |name: &str| {
        let body = r#"{"Image":"busybox","Cmd":["sh","-c","while :; do :; done"]}"#;
        http::request(&socket, "POST", &format!("/containers/create?name={name}"), body)
    };
    for name in ["spin1", "spin2", "spin3", "spin4"] {
        assert_eq!(create(name)?.status, 201);
        assert_eq!(http::request(&socket, "POST", &format!("/containers/{name}/start"), "")?.status, 204);
    }
    assert_eq!(http::request(&socket, "GET", "/containers/json", "")?.json()?.as_array().map(Vec::len), Some(4));
    for name in ["spin1", "spin2", "spin3", "spin4"] {
        assert_eq!(http::request(&socket, "POST", &format!("/containers/{name}/kill"), "")?.status, 204);
        let answer = http::request(&socket, "POST", &format!("/containers/{name}/wait"), "")?.json()?;
        assert_eq!(answer["StatusCode"], 137);
    }
    Ok(())
}
