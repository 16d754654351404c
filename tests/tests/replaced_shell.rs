//! The shell is replaceable: a shell written in Python, as daemon-wide shell, by an
//! image's label and by a container's label.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use bollard::models::ContainerCreateBody;
use coracle_tests::container;
use coracle_tests::daemon::{self, Daemon};
use coracle_tests::docker;

/// Builds examples/python-shell once, unless componentize-py is not installed.
fn python_shell() -> Result<Option<PathBuf>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = daemon::binary()?.with_file_name("pysh.wasm");
    let built = Command::new("componentize-py")
        .args(["-d", "wit", "-w", "shell", "componentize", "-p", "examples/python-shell", "app", "-o"])
        .arg(&output)
        .current_dir(top)
        .output();
    match built {
        Err(_) => {
            docker::skip("componentize-py is not installed (pip install componentize-py)");
            Ok(None)
        }
        Ok(built) if built.status.success() => Ok(Some(output)),
        Ok(built) => anyhow::bail!("componentize-py: {}", String::from_utf8_lossy(&built.stderr)),
    }
}

#[tokio::test]
async fn a_shell_in_python_takes_the_place_of_the_built_in_one() -> Result<()> {
    let Some(shell) = python_shell()? else { return Ok(()) };
    let shell = shell.to_str().context("the path is UTF-8")?;

    // Daemon-wide.
    let daemon = Daemon::with_arguments(&["--ephemeral", "--shell", shell])?;
    let client = daemon.bollard()?;
    let script = "cd /etc && pwd; nosuch; echo $?; seq 3 | tail -n 1 > /tmp/x; cat /tmp/x | wc -l; exit 9";
    let outcome = container::run(&client, container::body(&["sh", "-c", script]), b"").await?;
    assert_eq!(outcome.stdout, "/etc\n127\n1\n", "{outcome:?}");
    assert_eq!(outcome.stderr, "pysh: nosuch: not found\n", "{outcome:?}");
    assert_eq!(outcome.status, 9);
    let outcome = container::run(&client, container::body(&["sh"]), b"echo from stdin\n").await?;
    assert_eq!(outcome.stdout, "from stdin\n", "{outcome:?}");
    drop(daemon);

    // By the container's label; another container of the same daemon keeps the built-in shell.
    let daemon = Daemon::ephemeral()?;
    let client = daemon.bollard()?;
    let bind = format!("{shell}:/opt/pysh.wasm:ro");
    let labelled = ContainerCreateBody {
        labels: Some([("io.coracle.shell".to_owned(), "/opt/pysh.wasm".to_owned())].into()),
        ..container::body_with_binds(&["sh", "-c", "nosuch"], &[bind])
    };
    let outcome = container::run(&client, labelled, b"").await?;
    assert_eq!((outcome.status, outcome.stderr.as_str()), (127, "pysh: nosuch: not found\n"));
    let outcome = container::run(&client, container::body(&["sh", "-c", "nosuch"]), b"").await?;
    assert_eq!(outcome.stderr, "sh: 1: nosuch: not found\n", "the built-in shell's words");
    Ok(())
}
