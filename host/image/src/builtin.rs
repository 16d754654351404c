//! The image that is always there: `busybox:latest`, made from the guests the daemon carries.
//!
//! It is one layer with one file for all applets and one for the shell, and hard links to them; the same components give
//! the same image id on every machine.

use crate::store::{BuiltinRecord, Publication};
use crate::{
    ContainerConfig, Digest, History, ImageConfig, ImageError, ImageId, ImageStore, Reference, Result, RootFs,
};
use coracle_vfs::archive::{Header, TarWriter};
use coracle_vfs::{FileKind, Timestamp};
use std::collections::BTreeSet;
use std::io;

/// What the built-in image is made of. The same input gives the same image id.
#[derive(Clone, Copy, Debug)]
pub struct Builtin<'a> {
    /// The component of the applets.
    pub busybox: &'a [u8],
    /// The component of the shell.
    pub shell: &'a [u8],
    /// Applets and the directory each is found in (`/bin`).
    pub applets: &'a [(&'a str, &'a str)],
}

/// A configuration for [`ImageStore::synthesize`].
pub type SyntheticConfig = Option<ImageConfig>;

/// The image's date is part of its id, so it is that of its recipe, not of the build.
const CREATED: &str = "2026-11-23T00:00:00Z";
const CREATED_SECONDS: i64 = 1_795_392_000;
/// Changes with the recipe below, so that an older daemon's image is made anew.
const RECIPE: &str = "coracle-busybox 1";
const NAMES: [&str; 2] = ["busybox:latest", "coracle/busybox:latest"];
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SHELL_NAMES: [&str; 3] = ["sh", "ash", "bash"];

const DIRECTORIES: [(&str, u32); 23] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("lib", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/lib", 0o755),
    ("usr/local", 0o755),
    ("usr/local/bin", 0o755),
    ("usr/sbin", 0o755),
    ("usr/share", 0o755),
    ("var", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

const FILES: [(&str, u32, &str); 10] = [
    (
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nbin:x:2:2:bin:/bin:/bin/false\n\
         sys:x:3:3:sys:/dev:/bin/false\nsync:x:4:100:sync:/bin:/bin/sync\nmail:x:8:8:mail:/var/spool/mail:/bin/false\n\
         www-data:x:33:33:www-data:/var/www:/bin/false\noperator:x:37:37:Operator:/var:/bin/false\n\
         nobody:x:65534:65534:nobody:/home:/bin/false\n",
    ),
    (
        "etc/group",
        0o644,
        "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nmail:x:8:\nkmem:x:9:\n\
         wheel:x:10:root\ncdrom:x:11:\ndialout:x:18:\nfloppy:x:19:\nvideo:x:28:\naudio:x:29:\ntape:x:32:\n\
         www-data:x:33:\noperator:x:37:\nutmp:x:43:\nplugdev:x:46:\nstaff:x:50:\nlock:x:54:\nnetdev:x:82:\n\
         users:x:100:\nnobody:x:65534:\n",
    ),
    (
        "etc/shadow",
        0o600,
        "root:*:10933:0:99999:7:::\ndaemon:*:10933:0:99999:7:::\nbin:*:10933:0:99999:7:::\nsys:*:10933:0:99999:7:::\n\
         sync:*:10933:0:99999:7:::\nmail:*:10933:0:99999:7:::\nwww-data:*:10933:0:99999:7:::\n\
         operator:*:10933:0:99999:7:::\nnobody:*:10933:0:99999:7:::\n",
    ),
    (
        "etc/profile",
        0o644,
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PAGER=more\n\
         for script in /etc/profile.d/*.sh; do\n\tif [ -r \"$script\" ]; then . \"$script\"; fi\ndone\nunset script\n",
    ),
    ("etc/shells", 0o644, "/bin/sh\n/bin/ash\n/bin/bash\n"),
    ("etc/hostname", 0o644, "localhost\n"),
    ("etc/hosts", 0o644, "127.0.0.1\tlocalhost\n::1\tlocalhost\n"),
    ("etc/nsswitch.conf", 0o644, "hosts: files dns\n"),
    ("etc/localtime", 0o644, UTC),
    (
        "etc/os-release",
        0o644,
        "ID=coracle\nNAME=\"Coracle\"\nPRETTY_NAME=\"Coracle built-in userland\"\nVERSION_ID=1\n",
    ),
];

/// A time zone file of version 1 that says UTC (RFC 8536).
const UTC: &str =
    "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\u{1}\0\0\0\u{4}\0\0\0\0\0\0UTC\0";

impl ImageStore {
    /// Makes sure the built-in image is there under `busybox:latest` (unless the user gave that name to another image)
    /// and `coracle/busybox:latest`. Quick when nothing changed since the last start.
    pub fn builtin(&self, builtin: &Builtin<'_>) -> Result<ImageId> {
        let key = key(builtin);
        let before = self.state.lock().record.builtin.clone();
        if let Some(before) = &before
            && before.key == key
            && self.get(&before.id).is_ok()
        {
            self.name_builtin(before.id, Some(before.id))?;
            return Ok(before.id);
        }
        let tar = pack(builtin)?;
        let layer = self.add_layer(&tar[..])?;
        let id = self.create(&config(layer), None)?;
        self.state.lock().record.builtin = Some(BuiltinRecord { key, id });
        self.name_builtin(id, before.map(|before| before.id))?;
        Ok(id)
    }

    /// Gives the built-in image those of its names that are free or belong to its predecessor.
    fn name_builtin(&self, id: ImageId, before: Option<ImageId>) -> Result<()> {
        for name in NAMES {
            let reference: Reference = name.parse()?;
            let holder = self.state.lock().record.references.get(&reference.to_string()).copied();
            if holder.is_none() || (holder != Some(id) && holder == before) {
                self.tag(&id, &reference)?;
            }
        }
        Ok(())
    }

    /// `--images=synthetic`: an image of that name over the built-in userland, with `config` or the built-in one. Each
    /// name has an image of its own.
    pub fn synthesize(&self, reference: &Reference, config: SyntheticConfig) -> Result<ImageId> {
        let reference = reference.clone().with_default_tag();
        let base = self.state.lock().record.builtin.clone();
        let base = base.ok_or_else(|| ImageError::no_such_image("busybox:latest"))?;
        let base = self.get(&base.id)?;
        let mut synthetic = config.unwrap_or_else(|| (*base.config).clone());
        synthetic.rootfs = base.config.rootfs.clone();
        synthetic.history = base.config.history.clone();
        synthetic.comment = format!("synthetic image of {}", reference.familiar());
        let bytes = serde_json::to_vec(&synthetic)?;
        let digest = reference.digest().copied().unwrap_or_else(|| Digest::of(&bytes));
        for layer in &synthetic.rootfs.diff_ids {
            self.keep_layer(layer);
        }
        let references = vec![reference.clone(), reference.with_digest(digest)];
        let ids = self.publish(&[Publication { config: bytes.into(), parent: None, references }])?;
        ids.first().copied().ok_or(ImageError::Canceled)
    }
}

fn key(builtin: &Builtin<'_>) -> Digest {
    use std::fmt::Write;
    let mut recipe = format!("{RECIPE}\n{}\n{}\n", Digest::of(builtin.busybox), Digest::of(builtin.shell));
    for (name, directory) in builtin.applets {
        let _ = writeln!(recipe, "{directory}/{name}");
    }
    Digest::of(recipe.as_bytes())
}

fn config(layer: Digest) -> ImageConfig {
    ImageConfig {
        // The operating system is what other engines check when they load the image.
        architecture: "wasm".into(),
        os: "linux".into(),
        created: Some(CREATED.into()),
        config: Some(ContainerConfig {
            env: Some(vec![PATH.into()]),
            cmd: Some(vec!["sh".into()]),
            ..ContainerConfig::default()
        }),
        rootfs: RootFs { kind: "layers".into(), diff_ids: vec![layer] },
        history: vec![
            History {
                created: Some(CREATED.into()),
                created_by: "Coracle: the built-in shell and applets as WebAssembly components".into(),
                ..History::default()
            },
            History {
                created: Some(CREATED.into()),
                created_by: r#"CMD ["sh"]"#.into(),
                empty_layer: true,
                ..History::default()
            },
        ],
        ..ImageConfig::default()
    }
}

fn pack(builtin: &Builtin<'_>) -> Result<Vec<u8>> {
    let mut writer = TarWriter::new(Vec::with_capacity(builtin.busybox.len() + builtin.shell.len() + (64 << 10)));
    let mtime = Timestamp { seconds: CREATED_SECONDS, nanoseconds: 0 };
    for (path, mode) in DIRECTORIES {
        let header = Header { mtime, ..Header::plain(path.as_bytes(), FileKind::Directory, mode) };
        writer.append(&header, &mut io::empty())?;
    }
    for (path, mode, contents) in FILES {
        let size = contents.len() as u64;
        let header = Header { mtime, size, ..Header::plain(path.as_bytes(), FileKind::Regular, mode) };
        writer.append(&header, &mut contents.as_bytes())?;
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (path, component) in [("bin/busybox", builtin.busybox), ("bin/sh", builtin.shell)] {
        let size = component.len() as u64;
        let header = Header { mtime, size, ..Header::plain(path.as_bytes(), FileKind::Regular, 0o755) };
        writer.append(&header, &mut &*component)?;
        names.insert(path.into());
    }
    let shells = SHELL_NAMES.iter().map(|name| (*name, "/bin", "bin/sh"));
    let applets = builtin.applets.iter().map(|(name, directory)| (*name, *directory, "bin/busybox"));
    for (name, directory, target) in shells.chain(applets) {
        let path = format!("{}/{name}", directory.trim_matches('/'));
        if names.insert(path.clone()) {
            let header = Header {
                mtime,
                link: target.as_bytes(),
                hard_link: true,
                ..Header::plain(path.as_bytes(), FileKind::Regular, 0o755)
            };
            writer.append(&header, &mut io::empty())?;
        }
    }
    writer.append(
        &Header { mtime, link: b"/proc/mounts", ..Header::plain(b"etc/mtab", FileKind::Symlink, 0o777) },
        &mut io::empty(),
    )?;
    Ok(writer.finish()?)
}
