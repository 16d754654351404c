//! Every case of `cases/*.txt`, run by the shell as a program. The expectations
//! were recorded from the shells each file's first line names; with
//! `CORACLE_CASES_SHELL=/bin/bash` that shell is put to the test instead.
#![cfg(unix)]

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

struct Case {
    script: String,
    status: i32,
    output: String,
}

fn cases(text: &str) -> Vec<Case> {
    let body = text.split_once("%%%% case\n").map_or("", |(_, body)| body);
    body.split("%%%% case\n")
        .map(|block| {
            let (script, rest) = block.split_once("\n%%%% status ").expect("a status");
            let (status, output) = rest.split_once('\n').expect("a line");
            let output = match output.strip_suffix("\n%%%% no newline\n") {
                Some(output) => output.to_string(),
                None => output.to_string(),
            };
            Case { script: script.to_string(), status: status.parse().expect("a number"), output }
        })
        .collect()
}

fn run_all(name: &str, file: &str) {
    let program = std::env::var("CORACLE_CASES_SHELL").unwrap_or_else(|_| env!("CARGO_BIN_EXE_coracle-sh").to_string());
    let path = std::env::var("PATH").unwrap_or_default();
    let mut wrong = Vec::new();
    for (index, case) in cases(file).iter().enumerate() {
        let directory = std::env::temp_dir().join(format!("coracle-case-{}-{name}-{index}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let ran = Command::new(&program)
            .arg0(name)
            .args(["-c", &case.script])
            .current_dir(&directory)
            .env_clear()
            .env("PATH", &path)
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        std::fs::remove_dir_all(&directory).expect("removes the directory");
        let output = String::from_utf8_lossy(&ran.stdout).into_owned();
        if ran.status.code() != Some(case.status) || output != case.output {
            let errors = String::from_utf8_lossy(&ran.stderr);
            wrong.push(format!(
                "--- {}\nwanted {} {:?}\ngot {:?} {output:?}\n{errors}",
                case.script,
                case.status,
                case.output,
                ran.status.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn posix_cases_give_what_the_posix_shells_agree_on() {
    run_all("sh", include_str!("../cases/posix.txt"));
}

#[test]
fn bash_cases_give_what_bash_gives() {
    run_all("bash", include_str!("../cases/bash.txt"));
}
