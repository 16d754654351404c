//! Reading `-v`, `--mount`, `--tmpfs`, `VOLUME` and `--volumes-from` into mount points.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{HostConfig, Mount};

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are Docker's mount types")]
pub enum MountKind {
    Bind,
    Volume,
    Tmpfs,
}

/// One mount of a container; the serialised fields in capitals are what inspect shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountPoint {
    /// What is mounted.
    #[serde(rename = "Type")]
    pub kind: MountKind,
    /// Volume name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host path.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Volume driver.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Mode as it was written.
    pub mode: String,
    /// Whether writes are allowed.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// Mount propagation; recorded only.
    pub propagation: String,
    /// What inspect does not show.
    #[serde(default, rename = "x")]
    pub more: MountExtra,
}

/// What a mount point needs beyond what inspect shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountExtra {
    /// Make the bind's source directory when it is missing (`-v`, not `--mount`).
    pub create_source: bool,
    /// Do not copy the image's content into a new volume.
    pub no_copy: bool,
    /// Mount this directory of the volume.
    pub subpath: String,
    /// Bytes a tmpfs may hold.
    pub tmpfs_size: Option<u64>,
    /// Mode of a tmpfs's root.
    pub tmpfs_mode: Option<u32>,
    /// The volume was made for this mount and goes with `rm -v`.
    pub anonymous: bool,
    /// Labels of a volume that is made.
    pub labels: BTreeMap<String, String>,
    /// Driver options of a volume that is made.
    pub driver_options: BTreeMap<String, String>,
    /// From `--tmpfs`: not in inspect's `Mounts`.
    pub hidden: bool,
}

impl MountPoint {
    /// A writable mount with nothing else said.
    pub fn new(kind: MountKind, source: &str, destination: &str) -> Self {
        Self {
            kind,
            name: String::new(),
            source: source.to_owned(),
            destination: clean(destination),
            driver: String::new(),
            mode: String::new(),
            rw: true,
            propagation: if kind == MountKind::Bind { "rprivate".into() } else { String::new() },
            more: MountExtra::default(),
        }
    }

    /// An element of inspect's `Mounts`.
    pub fn inspect(&self) -> serde_json::Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        if let Some(map) = shown.as_object_mut() {
            map.remove("x");
        }
        shown
    }
}

/// A path without `.`, empty and `..` parts, from the root.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `SOURCE:DESTINATION[:MODE]`, or `DESTINATION` alone for an anonymous volume.
///
/// # Errors
/// In dockerd's words; it answers these with status 500.
pub fn parse_bind(spec: &str) -> Result<MountPoint> {
    let invalid = |why: String| Error::System(format!("invalid volume specification: '{spec}': {why}"));
    let plain = || Error::System(format!("invalid volume specification: '{spec}'"));
    let parts: Vec<&str> = spec.split(':').collect();
    let (source, destination, mode) = match parts.as_slice() {
        [destination] => ("", *destination, ""),
        [source, destination] => (*source, *destination, ""),
        [source, destination, mode] => (*source, *destination, *mode),
        _ => return Err(plain()),
    };
    if parts.iter().take(2).any(|part| part.is_empty()) {
        return Err(plain());
    }
    let bind = source.starts_with('/');
    let kind = if bind { MountKind::Bind } else { MountKind::Volume };
    let word = if bind { "bind" } else { "volume" };
    if !destination.starts_with('/') {
        return Err(invalid(format!(
            "invalid mount config for type \"{word}\": invalid mount path: '{destination}' mount path must be absolute"
        )));
    }
    if clean(destination) == "/" {
        return Err(invalid(format!(
            "invalid mount config for type \"{word}\": invalid specification: destination can't be '/'"
        )));
    }
    let mut mount = MountPoint::new(kind, if bind { source } else { "" }, destination);
    mount.mode = mode.to_owned();
    mount.more.create_source = bind;
    if !bind {
        mount.name = source.to_owned();
    } else {
        mount.source = clean(source);
    }
    let mut seen_rw = false;
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "rw" if !seen_rw => {
                seen_rw = true;
                mount.rw = option == "rw";
            }
            "z" | "Z" | "delegated" | "cached" | "consistent" | "default" => {}
            "nocopy" if !bind => mount.more.no_copy = true,
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" if bind => {
                mount.propagation = option.to_owned();
            }
            _ => return Err(Error::System(format!("invalid mode: {mode}"))),
        }
    }
    Ok(mount)
}

/// One element of `HostConfig.Mounts`.
///
/// # Errors
/// Status 400 in dockerd's words.
pub fn parse_mount(mount: &Mount) -> Result<MountPoint> {
    let kind_text = mount.kind.as_str();
    let invalid = |why: String| Error::Invalid(format!("invalid mount config for type \"{kind_text}\": {why}"));
    if mount.target.is_empty() {
        return Err(invalid("field Target must not be empty".into()));
    }
    let kind = match kind_text {
        "bind" => MountKind::Bind,
        "volume" => MountKind::Volume,
        "tmpfs" => MountKind::Tmpfs,
        _ => return Err(invalid("mount type unknown".into())),
    };
    if !mount.target.starts_with('/') {
        return Err(invalid(format!("invalid mount path: '{}' mount path must be absolute", mount.target)));
    }
    if clean(&mount.target) == "/" {
        return Err(invalid("invalid specification: destination can't be '/'".into()));
    }
    let unexpected = |field: &str| invalid(format!("field {field} must not be specified"));
    let mut point = MountPoint::new(kind, "", &mount.target);
    point.rw = !mount.read_only;
    match kind {
        MountKind::Bind => {
            if mount.source.is_empty() {
                return Err(invalid("field Source must not be empty".into()));
            }
            if mount.volume_options.is_some() {
                return Err(unexpected("VolumeOptions"));
            }
            if mount.tmpfs_options.is_some() {
                return Err(unexpected("TmpfsOptions"));
            }
            if !mount.source.starts_with('/') {
                return Err(invalid(format!("invalid mount path: '{}' mount path must be absolute", mount.source)));
            }
            point.source = clean(&mount.source);
            let options = mount.bind_options.clone().unwrap_or_default();
            point.more.create_source = options.create_mountpoint;
            if !options.propagation.is_empty() {
                point.propagation = options.propagation;
            }
            if !point.more.create_source && std::fs::symlink_metadata(&point.source).is_err() {
                return Err(invalid(format!("bind source path does not exist: {}", mount.source)));
            }
        }
        MountKind::Volume => {
            if mount.bind_options.is_some() {
                return Err(unexpected("BindOptions"));
            }
            if mount.tmpfs_options.is_some() {
                return Err(unexpected("TmpfsOptions"));
            }
            if mount.source.is_empty() && mount.read_only {
                return Err(invalid("must not set ReadOnly mode when using anonymous volumes".into()));
            }
            point.name = mount.source.clone();
            if let Some(options) = &mount.volume_options {
                point.more.no_copy = options.no_copy;
                if options.subpath.starts_with('/') || options.subpath.split('/').any(|part| part == "..") {
                    return Err(invalid("subpath must be a relative path within the volume".into()));
                }
                point.more.subpath = options.subpath.clone();
                point.more.labels = options.labels.clone().unwrap_or_default();
                if let Some(driver) = &options.driver_config {
                    point.driver = driver.name.clone();
                    point.more.driver_options = driver.options.clone().unwrap_or_default();
                }
            }
        }
        MountKind::Tmpfs => {
            if mount.bind_options.is_some() {
                return Err(unexpected("BindOptions"));
            }
            if mount.volume_options.is_some() {
                return Err(unexpected("VolumeOptions"));
            }
            if !mount.source.is_empty() {
                return Err(unexpected("Source"));
            }
            if let Some(options) = &mount.tmpfs_options {
                if options.size_bytes < 0 {
                    return Err(invalid("size must not be negative".into()));
                }
                point.more.tmpfs_size = u64::try_from(options.size_bytes).ok().filter(|size| *size > 0);
                point.more.tmpfs_mode = options.mode;
            }
        }
    }
    Ok(point)
}

/// One `--tmpfs PATH:OPTIONS`; unknown options are told at start, as dockerd does.
///
/// # Errors
/// `invalid tmpfs option "…"`.
pub fn parse_tmpfs(destination: &str, options: &str) -> Result<MountPoint> {
    let mut point = MountPoint::new(MountKind::Tmpfs, "", destination);
    point.more.hidden = true;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let bad = || Error::System(format!("invalid tmpfs option {name:?}"));
        match name {
            "ro" => point.rw = false,
            "size" => point.more.tmpfs_size = Some(crate::log::parse_size(value).ok_or_else(bad)?),
            "mode" => point.more.tmpfs_mode = Some(u32::from_str_radix(value, 8).map_err(|_| bad())?),
            "rw" | "exec" | "noexec" | "suid" | "nosuid" | "dev" | "nodev" | "sync" | "async" | "atime" | "noatime"
            | "relatime" | "norelatime" | "strictatime" | "nostrictatime" | "diratime" | "nodiratime" | "nr_inodes"
            | "nr_blocks" | "uid" | "gid" | "remount" | "dirsync" | "mand" | "nomand" | "private" | "rprivate"
            | "shared" | "rshared" | "slave" | "rslave" | "unbindable" | "runbindable" | "mpol" | "defaults" => {}
            _ => return Err(bad()),
        }
    }
    Ok(point)
}

/// Every mount that the request names, before volumes are made and without
/// `--volumes-from`. Later ways of saying it may not name a path again.
///
/// # Errors
/// The first that is wrong, in dockerd's words.
pub fn collect(host: &HostConfig) -> Result<BTreeMap<String, MountPoint>> {
    let mut points = BTreeMap::new();
    for bind in host.binds.iter().flatten() {
        let point = parse_bind(bind)?;
        if points.contains_key(&point.destination) {
            return Err(Error::Invalid(format!("Duplicate mount point: {}", point.destination)));
        }
        points.insert(point.destination.clone(), point);
    }
    for mount in host.mounts.iter().flatten() {
        let point = parse_mount(mount)?;
        if points.contains_key(&point.destination) {
            return Err(Error::Invalid(format!("Duplicate mount point: {}", point.destination)));
        }
        points.insert(point.destination.clone(), point);
    }
    for destination in host.tmpfs.iter().flatten().map(|(destination, _)| clean(destination)) {
        if points.contains_key(&destination) {
            return Err(Error::Invalid(format!("Duplicate mount point: {destination}")));
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_are_told_from_volumes_by_the_slash() {
        let bind = parse_bind("/a/../b:/c:ro").unwrap();
        assert_eq!((bind.kind, bind.source.as_str(), bind.rw), (MountKind::Bind, "/b", false));
        let volume = parse_bind("data:/c/").unwrap();
        assert_eq!((volume.kind, volume.name.as_str(), volume.destination.as_str()), (MountKind::Volume, "data", "/c"));
    }

    #[test]
    fn wrong_binds_are_refused_in_dockerds_words() {
        let said = |spec: &str| parse_bind(spec).unwrap_err().to_string();
        assert_eq!(
            said("x"),
            "invalid volume specification: 'x': invalid mount config for type \"volume\": invalid mount path: 'x' mount path must be absolute"
        );
        assert_eq!(
            said("/a:x"),
            "invalid volume specification: '/a:x': invalid mount config for type \"bind\": invalid mount path: 'x' mount path must be absolute"
        );
        assert_eq!(said("/a:/b:zz"), "invalid mode: zz");
    }

    #[test]
    fn wrong_mounts_are_refused_in_dockerds_words() {
        let said = |kind: &str, source: &str| {
            let mount = Mount { kind: kind.into(), source: source.into(), target: "/x".into(), ..Mount::default() };
            parse_mount(&mount).unwrap_err().to_string()
        };
        assert_eq!(said("bad", "/y"), "invalid mount config for type \"bad\": mount type unknown");
        assert_eq!(
            said("bind", "/nonexist-yy"),
            "invalid mount config for type \"bind\": bind source path does not exist: /nonexist-yy"
        );
    }

    #[test]
    fn tmpfs_options_are_known_or_refused() {
        assert_eq!(parse_tmpfs("/x", "bad=1").unwrap_err().to_string(), "invalid tmpfs option \"bad\"");
        assert_eq!(parse_tmpfs("/x", "size=10m,mode=1777").unwrap().more.tmpfs_size, Some(10 << 20));
    }
}
