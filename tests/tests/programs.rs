//! Programs that users bring: a wasip2 component and a wasip1 core module, mounted
//! and executed by path.

use std::path::Path;

use anyhow::Result;
use coracle_tests::container::{self, Outcome};
use coracle_tests::daemon::Daemon;
use coracle_tests::probe;

struct Program {
    daemon: Daemon,
    directory: tempfile::TempDir,
}

impl Program {
    fn new(target: &str) -> Result<Option<Self>> {
        let Some(file) = probe::build(target) else { return Ok(None) };
        let directory = tempfile::tempdir()?;
        let copy = directory.path().join("probe");
        std::fs::copy(file, &copy)?;
        make_executable(&copy)?;
        Ok(Some(Self { daemon: Daemon::ephemeral()?, directory }))
    }

    async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Outcome> {
        let command: Vec<&str> = std::iter::once("/opt/bin/probe").chain(arguments.iter().copied()).collect();
        let bind = format!("{}:/opt/bin", self.directory.path().display());
        container::run(&self.daemon.bollard()?, container::body_with_binds(&command, &[bind]), input).await
    }
}

fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?)
}

async fn sees_what_a_program_sees(program: &Program) -> Result<()> {
    let outcome = program.run(&["arguments", "a b", "", "ü"], b"").await?;
    assert_eq!(outcome.stdout, "/opt/bin/probe\narguments\na b\n\nü\n", "{outcome:?}");
    assert_eq!(outcome.status, 0);

    let outcome = program.run(&["environment"], b"").await?;
    assert!(outcome.stdout.lines().any(|line| line.starts_with("PATH=/usr/local/sbin:")), "{outcome:?}");
    assert!(outcome.stdout.lines().any(|line| line.starts_with("HOSTNAME=")), "{outcome:?}");

    let outcome = program.run(&["echo"], b"line 1\nline 2").await?;
    assert_eq!(outcome.stdout, "line 1\nline 2");
    assert_eq!(outcome.stderr, "13 bytes\n", "the two streams are apart");

    let large = "0123456789abcdef".repeat(64 * 1024);
    let outcome = program.run(&["echo"], large.as_bytes()).await?;
    assert_eq!(outcome.stdout.len(), large.len());
    assert!(outcome.stdout == large, "1 MiB goes through unchanged");
    Ok(())
}

async fn works_with_files(program: &Program) -> Result<()> {
    let script = "p=/opt/bin/probe; cd /tmp && $p write a one && $p append a two && $p read a && echo && \
                  $p size a && $p mkdir d && $p rename a d/b && $p list /tmp/d && $p remove d/b && $p list d && \
                  ls -A d && $p read /no/such; echo $?; $p read ../../../../etc/hostname >/dev/null; echo $?";
    let bind = format!("{}:/opt/bin", program.directory.path().display());
    let body = container::body_with_binds(&["sh", "-c", script], &[bind]);
    let outcome = container::run(&program.daemon.bollard()?, body, b"").await?;
    assert_eq!(outcome.stdout, "onetwo\n6\nb\n1\n0\n", "{outcome:?}");
    assert!(outcome.stderr.contains("No such file"), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn a_wasip2_component_runs_by_path() -> Result<()> {
    let Some(program) = Program::new("wasm32-wasip2")? else { return Ok(()) };
    sees_what_a_program_sees(&program).await?;
    works_with_files(&program).await?;
    // Its libc knows only success and failure (wasi:cli/exit before 0.2.12).
    assert_eq!(program.run(&["exit", "0"], b"").await?.status, 0);
    assert_eq!(program.run(&["exit", "1"], b"").await?.status, 1);
    Ok(())
}

#[tokio::test]
async fn a_wasip1_module_runs_by_path_and_keeps_its_exit_status() -> Result<()> {
    let Some(program) = Program::new("wasm32-wasip1")? else { return Ok(()) };
    sees_what_a_program_sees(&program).await?;
    works_with_files(&program).await?;
    for status in [0, 1, 2, 42, 126, 127, 128, 137, 255] {
        let outcome = program.run(&["exit", &status.to_string()], b"").await?;
        assert_eq!(outcome.status, status, "{outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_panic_is_an_abort_and_harms_nobody() -> Result<()> {
    let Some(program) = Program::new("wasm32-wasip2")? else { return Ok(()) };
    let outcome = program.run(&["panic"], b"").await?;
    assert_eq!(outcome.status, 134, "{outcome:?}");
    assert!(outcome.stderr.contains("as asked"), "{outcome:?}");
    assert_eq!(program.run(&["arguments"], b"").await?.status, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_no_program_is_refused_as_linux_says() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for (name, content) in [("elf", &b"\x7fELF\x02\x01\x01"[..]), ("cut", b"\0asm\x01\0\0\0\xff\xff"), ("empty", b"")] {
        let file = directory.path().join(name);
        std::fs::write(&file, content)?;
        make_executable(&file)?;
    }
    let daemon = Daemon::ephemeral()?;
    let bind = format!("{}:/opt:ro", directory.path().display());
    let script = "for name in elf cut; do /opt/$name; echo $?; done";
    let body = container::body_with_binds(&["sh", "-c", script], &[bind]);
    let outcome = container::run(&daemon.bollard()?, body, b"").await?;
    assert_eq!(outcome.stdout, "126\n126\n", "{outcome:?}");
    assert_eq!(outcome.stderr.to_lowercase().matches("exec format error").count(), 2, "{outcome:?}");
    Ok(())
}
