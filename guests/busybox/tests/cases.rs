//! The cases under `cases/`: one file per applet, each case a command, its
//! input, its output and its status.
//!
//! `$ command` begins a case, `< line` is a line of input, `> line` one of output
//! (standard error included), `? N` the status when it is not 0.
//!
//! With `PROVE_WITH=/bin/busybox` the cases are run against that toolbox instead:
//! the expectations are proven before they judge ours.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Default)]
struct Case {
    place: String,
    command: String,
    input: String,
    output: String,
    status: i32,
}

fn cases(path: &Path) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    for (index, line) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
        let (mark, rest) = line.split_at(line.len().min(2));
        let case = all.last_mut();
        match (mark.trim_end(), case) {
            ("$", _) => {
                let place = format!("{}:{}", path.file_name().unwrap().to_string_lossy(), index + 1);
                all.push(Case { place, command: rest.to_string(), ..Case::default() });
            }
            ("<", Some(case)) => case.input += &format!("{rest}\n"),
            (">", Some(case)) => case.output += &format!("{rest}\n"),
            ("?", Some(case)) => case.status = rest.trim().parse().unwrap(),
            _ => assert!(line.is_empty() || line.starts_with('#'), "{}:{}: {line}", path.display(), index + 1),
        }
    }
    all
}

fn run(case: &Case, links: &Path, directory: &Path) -> (String, i32) {
    std::fs::create_dir_all(directory).unwrap();
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("{{ {}\n}} 2>&1", case.command)])
        .current_dir(directory)
        .env_clear()
        .env("PATH", links)
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = case.input.clone();
    let writer = std::thread::spawn(move || {
        // A command need not read its input.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(-1))
}

#[test]
fn every_case_gives_its_output_and_status() {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_coracle-busybox"));
    let toolbox = std::env::var_os("PROVE_WITH").map_or(own, PathBuf::from);
    let work = std::env::temp_dir().join(format!("coracle-cases-{}", std::process::id()));
    let links = work.join("bin");
    std::fs::create_dir_all(&links).unwrap();
    for applet in coracle_busybox::list() {
        std::os::unix::fs::symlink(&toolbox, links.join(applet.name)).unwrap();
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in files.iter().flat_map(|path| cases(path)) {
        count += 1;
        let (output, status) = run(&case, &links, &work.join("here"));
        if (output.as_str(), status) != (case.output.as_str(), case.status) {
            failures.push(format!("{}: {}\nstatus {status}, output:\n{output}", case.place, case.command));
        }
    }
    std::fs::remove_dir_all(&work).unwrap();
    assert!(count > 100, "only {count} cases were found");
    assert!(failures.is_empty(), "{} of {count} fail:\n{}", failures.len(), failures.join("\n"));
}
