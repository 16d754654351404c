//! Archives go to a real engine and come from one. Runs where `REFERENCE_HOST` names one and the docker command line is
//! on the path; says so where not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use coracle_image::{ImageStore, ImportRequest, LoadRequest, ProgressSender, StoreOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

fn docker(arguments: &[&str], input: Option<&[u8]>) -> Option<Vec<u8>> {
    let host = std::env::var("REFERENCE_HOST").ok()?;
    let mut command = Command::new("docker");
    command.args(["-H", &host]).args(arguments).stdout(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().ok()?;
    if let Some(input) = input {
        child.stdin.take()?.write_all(input).ok()?;
    }
    let output = child.wait_with_output().ok()?;
    assert!(output.status.success(), "docker {arguments:?}");
    Some(output.stdout)
}

fn store(directory: &tempfile::TempDir) -> Arc<ImageStore> {
    let dir = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    ImageStore::open(dir, StoreOptions::default()).unwrap()
}

#[test]
fn archives_of_docker_load_here_and_ours_load_there() {
    if docker(&["version"], None).is_none() {
        println!("skipped: no REFERENCE_HOST, or no docker command line");
        return;
    }
    let name = format!("coracle-exchange-{}", std::process::id());
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    // Theirs.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o4750);
    header.set_uid(3_000_000);
    tar.append_data(&mut header, "d/".to_owned() + &"long".repeat(60), &b"hello"[..]).unwrap();
    let tree = tar.into_inner().unwrap();
    let theirs = docker(&["import", "-c", "CMD [\"x\"]", "-", &format!("{name}:theirs")], Some(&tree)).unwrap();
    let theirs = String::from_utf8(theirs).unwrap().trim().to_owned();
    let saved = docker(&["save", &format!("{name}:theirs")], None).unwrap();
    let loaded = store.load(&saved[..], &LoadRequest::default(), &ProgressSender::none()).unwrap();
    assert_eq!(loaded[0].id.to_string(), theirs);
    let inspected = docker(&["image", "inspect", "-f", "{{.Size}} {{json .RootFS.Layers}}", &theirs], None).unwrap();
    let image = store.resolve(&theirs).unwrap();
    let layers = serde_json::to_string(&image.config.rootfs.diff_ids).unwrap();
    assert_eq!(String::from_utf8(inspected).unwrap().trim(), format!("{} {layers}", image.size));
    // Back again, after it was removed there.
    docker(&["rmi", &theirs], None).unwrap();
    let mut ours = Vec::new();
    store.save(&[format!("{name}:theirs")], None, &mut ours).unwrap();
    docker(&["load"], Some(&ours)).unwrap();
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", &format!("{name}:theirs")], None).unwrap();
    assert_eq!(String::from_utf8(id).unwrap().trim(), theirs);
    docker(&["rmi", &theirs], None).unwrap();
    // Ours.
    let request =
        ImportRequest { reference: Some(format!("{name}:ours").parse().unwrap()), ..ImportRequest::default() };
    let id = store.import(&tree[..], &request, &ProgressSender::none()).unwrap();
    let mut ours = Vec::new();
    store.save(&[id.to_string(), format!("{name}:ours")], None, &mut ours).unwrap();
    docker(&["load"], Some(&ours)).unwrap();
    let there = docker(&["image", "inspect", "-f", "{{.Id}}", &format!("{name}:ours")], None).unwrap();
    assert_eq!(String::from_utf8(there).unwrap().trim(), id.to_string());
    docker(&["rmi", &id.to_string()], None).unwrap();
}
