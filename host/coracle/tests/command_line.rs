//! The command line as a user meets it.

use std::process::Command;

fn coracle(arguments: &[&str]) -> (bool, String) {
    match Command::new(env!("CARGO_BIN_EXE_coracle")).args(arguments).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8_lossy(&text).into_owned())
        }
        Err(error) => (false, error.to_string()),
    }
}

#[test]
fn help_says_what_it_is_and_how_to_start_it() {
    let (done, text) = coracle(&["--help"]);
    assert!(done, "{text}");
    assert!(text.contains("Docker Engine whose containers are WebAssembly"), "{text}");
    assert!(text.contains("serve"), "{text}");
}

#[test]
fn a_bad_address_is_refused_with_what_to_say_instead() {
    let (done, text) = coracle(&["serve", "--ephemeral", "--host", "http://x"]);
    assert!(!done);
    assert!(text.contains("say unix://PATH or tcp://ADDRESS:PORT"), "{text}");
}

#[test]
fn an_open_tcp_port_needs_a_word() {
    let (done, text) = coracle(&["serve", "--ephemeral", "--host", "tcp://0.0.0.0:0"]);
    assert!(!done);
    assert!(text.contains("--allow-insecure-tcp"), "{text}");
}
