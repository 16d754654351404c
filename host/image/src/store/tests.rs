use super::*;
use crate::{Builtin, ContainerConfig, RootFs};
use cap_std::ambient_authority;
use coracle_vfs::archive::{Header, TarWriter};
use coracle_vfs::overlay::{Overlay, Upper};
use coracle_vfs::{Access, Caller, FileKind, Filesystem, Name};

pub(crate) struct Scratch {
    keep: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { keep: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.keep.path()
    }

    pub(crate) fn open(&self) -> Arc<ImageStore> {
        self.open_with(StoreOptions::default())
    }

    pub(crate) fn open_with(&self, options: StoreOptions) -> Arc<ImageStore> {
        let dir = Dir::open_ambient_dir(self.keep.path(), ambient_authority()).unwrap();
        ImageStore::open(dir, options).unwrap()
    }
}

pub(crate) fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (path, contents) in files {
        let size = contents.len() as u64;
        let header = Header { size, ..Header::plain(path.as_bytes(), FileKind::Regular, 0o644) };
        writer.append(&header, &mut contents.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn make(store: &ImageStore, names: &[&str], layers: &[&[(&str, &str)]], parent: Option<ImageId>) -> ImageId {
    let diff_ids: Vec<Digest> = layers.iter().map(|files| store.add_layer(&layer(files)[..]).unwrap()).collect();
    let config = ImageConfig {
        os: "linux".into(),
        architecture: "amd64".into(),
        config: Some(ContainerConfig::default()),
        history: diff_ids.iter().map(|_| crate::History::default()).collect(),
        rootfs: RootFs { kind: "layers".into(), diff_ids },
        ..ImageConfig::default()
    };
    let id = store.create(&config, parent).unwrap();
    for name in names {
        store.tag(&id, &name.parse().unwrap()).unwrap();
    }
    id
}

fn user(image: ImageId, running: bool) -> ImageUse {
    ImageUse { image, reference: String::new(), container: "c".repeat(64), running }
}

fn builtin() -> Builtin<'static> {
    Builtin {
        busybox: b"\0asm busybox",
        shell: b"\0asm shell",
        applets: &[("ls", "/bin"), ("sh", "/bin"), ("env", "/usr/bin")],
    }
}

#[test]
fn the_builtin_image_is_the_same_on_every_machine_and_found_again() {
    let (one, two) = (Scratch::new(), Scratch::new());
    let id = one.open().builtin(&builtin()).unwrap();
    assert_eq!(two.open().builtin(&builtin()).unwrap(), id);
    let store = one.open();
    assert_eq!(store.builtin(&builtin()).unwrap(), id);
    assert_eq!(store.resolve("busybox").unwrap().id, id);
    assert_eq!(store.resolve(&id.short()).unwrap().repo_tags, ["busybox:latest", "coracle/busybox:latest"]);
    let overlay_dir = tempfile::tempdir().unwrap();
    let dir = Arc::new(Dir::open_ambient_dir(overlay_dir.path(), ambient_authority()).unwrap());
    let overlay = Overlay::new(store.layers(&id).unwrap(), Upper::open(dir)).unwrap();
    let find = |path: &str| {
        path.split('/').fold(overlay.root(), |node, name| {
            node.lookup(Name::new(name.as_bytes()).unwrap(), &Caller::root()).unwrap()
        })
    };
    let read = |path: &str| {
        let mut buffer = vec![0; 64];
        let count = find(path).open(Access::READ).unwrap().read_at(&mut buffer, 0).unwrap();
        buffer.truncate(count);
        buffer
    };
    assert_eq!(read("bin/ls"), b"\0asm busybox");
    assert_eq!(read("usr/bin/env"), b"\0asm busybox");
    for shell in ["bin/sh", "bin/ash", "bin/bash"] {
        assert_eq!(read(shell), b"\0asm shell");
    }
    assert_eq!(find("bin/ls").number().unwrap(), find("bin/busybox").number().unwrap());
    assert_eq!(find("tmp").attributes().unwrap().mode, 0o1777);
    // Another toolbox takes over the name, unless the user did.
    let other = Builtin { busybox: b"\0asm newer", ..builtin() };
    let newer = store.builtin(&other).unwrap();
    assert_eq!(store.resolve("busybox").unwrap().id, newer);
    let mine = make(&store, &["busybox"], &[&[("f", "x")]], None);
    store.builtin(&builtin()).unwrap();
    assert_eq!(store.resolve("busybox").unwrap().id, mine);
}

#[test]
fn names_resolve_as_dockers_do() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = make(&store, &["a:1", "example.org/b"], &[&[("f", "x")]], None);
    for name in [
        "a:1",
        "docker.io/library/a:1",
        "example.org/b:latest",
        &id.to_string(),
        &id.hex(),
        &id.short(),
        &id.hex()[..3],
    ] {
        assert_eq!(store.resolve(name).unwrap().id, id, "{name}");
    }
    for (name, error) in [
        ("nope", "No such image: nope:latest"),
        ("a", "No such image: a:latest"),
        ("sha256:1234", "No such image: sha256:1234"),
        ("Nope", "invalid reference format: repository name (library/Nope) must be lowercase"),
        ("a b", "invalid reference format"),
    ] {
        assert_eq!(store.resolve(name).unwrap_err().to_string(), error);
    }
}

#[test]
fn images_survive_a_restart_and_rubbish_does_not() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = make(&store, &["a"], &[&[("f", "x")], &[("g", "yy")]], None);
    let unused = store.add_layer(&layer(&[("z", "unused")])[..]).unwrap();
    std::fs::write(scratch.path().join("blobs/sha256").join("0".repeat(64)), b"rubbish").unwrap();
    std::fs::create_dir(scratch.path().join("staging/half")).unwrap();
    let before = store.get(&id).unwrap();
    drop(store);
    let store = scratch.open();
    let after = store.get(&id).unwrap();
    assert_eq!((before.config_bytes, before.repo_tags, before.size), (after.config_bytes, after.repo_tags, after.size));
    assert_eq!(after.size, 3);
    assert_eq!(store.layers(&id).unwrap().len(), 2);
    assert!(!store.keep_layer(&unused));
    assert_eq!(std::fs::read_dir(scratch.path().join("layers")).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(scratch.path().join("blobs/sha256")).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(scratch.path().join("staging")).unwrap().count(), 0);
}

#[test]
fn a_damaged_image_is_not_listed() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bad = make(&store, &["bad"], &[&[("f", "x")]], None);
    let good = make(&store, &["good"], &[&[("g", "x")]], None);
    drop(store);
    std::fs::write(scratch.path().join("blobs/sha256").join(bad.hex()), b"{}").unwrap();
    let store = scratch.open();
    assert_eq!(store.list(true).iter().map(|image| image.id).collect::<Vec<_>>(), [good]);
}

#[test]
fn the_last_name_takes_the_image_and_its_layers_along() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = make(&store, &["a:1", "a:2"], &[&[("f", "x")], &[("g", "y")]], None);
    let other = make(&store, &["b"], &[&[("f", "x")]], None);
    let untagged = |name: &str| Removed::Untagged { reference: name.into(), id };
    assert_eq!(store.remove("a:1", false, false, &[]).unwrap(), [untagged("a:1")]);
    let removed = store.remove("a:2", false, false, &[]).unwrap();
    assert_eq!(removed[..2], [untagged("a:2"), Removed::Deleted(id)]);
    // Only the layer nobody else has is listed and gone.
    assert_eq!(removed.len(), 3);
    assert_eq!(std::fs::read_dir(scratch.path().join("layers")).unwrap().count(), 1);
    assert!(store.layers(&other).is_ok());
}

#[test]
fn conflicts_are_told_in_dockers_words() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = make(&store, &["a", "b"], &[&[("f", "x")]], None);
    let short = id.short();
    let error = |name: &str, force, uses: &[ImageUse]| store.remove(name, force, false, uses).unwrap_err().to_string();
    assert_eq!(
        error(&short, false, &[]),
        format!("conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories")
    );
    assert_eq!(
        error(&short, true, &[user(id, true)]),
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running container cccccccccccc"
        )
    );
    store.remove("b", false, false, &[user(id, true)]).unwrap();
    assert_eq!(
        error("a", false, &[user(id, false)]),
        format!(
            "conflict: unable to remove repository reference \"a\" (must force) - container cccccccccccc is using its \
             referenced image {short}"
        )
    );
    assert_eq!(
        error(&short, false, &[user(id, false)]),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped container cccccccccccc"
        )
    );
    // By force it goes, but the container keeps its files, also over a restart, until it goes as well.
    store.remove("a", true, false, &[user(id, false)]).unwrap();
    assert!(store.resolve(&short).is_err());
    assert_eq!(store.layers(&id).unwrap().len(), 1);
    drop(store);
    let store = scratch.open();
    assert_eq!(store.layers(&id).unwrap().len(), 1);
    store.prune(&PruneRequest::default(), &[]).unwrap();
    assert!(store.layers(&id).is_err());
    assert_eq!(std::fs::read_dir(scratch.path().join("layers")).unwrap().count(), 0);
}

#[test]
fn parents_nobody_needs_go_with_their_child_and_stay_while_needed() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let base = make(&store, &["base"], &[&[("f", "x")]], None);
    let middle = make(&store, &[], &[&[("f", "x")], &[("g", "y")]], Some(base));
    let top = make(&store, &["top"], &[&[("f", "x")], &[("g", "y")], &[("h", "z")]], Some(middle));
    assert_eq!(store.list(false).len(), 2);
    assert_eq!(store.list(true).len(), 3);
    assert_eq!(
        store.history(&top).unwrap().iter().map(|item| item.id).collect::<Vec<_>>(),
        [Some(top), Some(middle), Some(base)]
    );
    assert!(
        store
            .remove(&middle.short(), true, false, &[])
            .unwrap_err()
            .to_string()
            .ends_with("image has dependent child images")
    );
    let removed = store.remove("top", false, false, &[]).unwrap();
    let deleted: Vec<_> = removed
        .iter()
        .filter_map(|removed| match removed {
            Removed::Deleted(id) => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(deleted, [top, middle]);
    assert_eq!(store.resolve("base").unwrap().id, base);
}

#[test]
fn prune_takes_what_has_no_tag_and_all_takes_what_is_unused() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let dangling = make(&store, &[], &[&[("d", "ddd")]], None);
    let used = make(&store, &["used"], &[&[("u", "u")]], None);
    let unused = make(&store, &["unused"], &[&[("n", "nnnn")]], None);
    let pruned = store.prune(&PruneRequest::default(), &[user(used, false)]).unwrap();
    assert_eq!(pruned.removed[0], Removed::Deleted(dangling));
    assert_eq!(pruned.reclaimed, 3);
    let pruned = store.prune(&PruneRequest { all: true, ..PruneRequest::default() }, &[user(used, false)]).unwrap();
    assert!(pruned.removed.contains(&Removed::Deleted(unused)));
    assert_eq!(pruned.reclaimed, 4);
    assert_eq!(store.list(true).len(), 1);
}
