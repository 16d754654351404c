//! The files of a container: image layers under its upper directory, and the
//! mounts on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_image::ImageId;
use coracle_vfs::host::HostFs;
use coracle_vfs::overlay::{Overlay, Upper};
use coracle_vfs::tmpfs::Tmpfs;
use coracle_vfs::{
    Access, Caller, Errno, FileKind, Filesystem, MountKind as VfsMountKind, MountOptions, Name, Namespace, NewKind,
    NewNode, Node,
};

use super::{Container, Run, Spec};
use crate::Engine;
use crate::error::{Error, Result, errno_text};
use crate::mounts::{self, MountKind, MountPoint};

/// An opened overlay. It outlives runs, so that `cp`, `diff` and `commit` of a
/// stopped container see what it wrote.
pub(crate) struct Root {
    pub overlay: Arc<Overlay>,
}

/// `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of one run.
#[derive(Clone)]
pub(crate) struct GeneratedFiles {
    hosts: Arc<dyn Node>,
    resolver: Arc<dyn Node>,
    hostname: Arc<dyn Node>,
}

/// A single node as a file system, to mount a file or a directory of another one.
struct Single(Arc<dyn Node>);

impl Filesystem for Single {
    fn root(&self) -> Arc<dyn Node> {
        Arc::clone(&self.0)
    }
}

fn plain(kind: VfsMountKind, source: &[u8], read_only: bool) -> MountOptions {
    MountOptions { kind, source: source.to_vec(), read_only, options: String::new() }
}

impl GeneratedFiles {
    fn new() -> Result<Self, Errno> {
        let memory = Tmpfs::new(None, 0o755)?;
        let file = |name: &[u8]| {
            let new = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };
            memory.root().create(Name::new(name)?, &new)
        };
        Ok(Self { hosts: file(b"hosts")?, resolver: file(b"resolv.conf")?, hostname: file(b"hostname")? })
    }

    fn mount(&self, namespace: &Namespace) -> Result<(), Errno> {
        for (target, node) in [
            (&b"/etc/resolv.conf"[..], &self.resolver),
            (&b"/etc/hostname"[..], &self.hostname),
            (&b"/etc/hosts"[..], &self.hosts),
        ] {
            namespace.mount(target, Arc::new(Single(Arc::clone(node))), plain(VfsMountKind::Bind, target, false))?;
        }
        Ok(())
    }

    fn write(&self, run: &crate::network::Attachment, hostname: &str) -> Result<(), Errno> {
        put(&self.hosts, run.stack.hosts_file().as_bytes())?;
        put(&self.resolver, run.stack.resolver_file().as_bytes())?;
        put(&self.hostname, format!("{hostname}\n").as_bytes())
    }
}

fn put(node: &Arc<dyn Node>, text: &[u8]) -> Result<(), Errno> {
    let handle = node.open(Access::READ | Access::WRITE)?;
    handle.set_len(0)?;
    handle.write_at(text, 0).map(drop)
}

impl Engine {
    /// Where upper directories are.
    pub(crate) fn uppers(&self) -> PathBuf {
        self.data_root.join("overlay")
    }

    /// Where the log of a container is.
    pub(crate) fn log_path(&self, id: &str) -> PathBuf {
        self.container_directory(id).join(format!("{id}-json.log"))
    }

    /// Where whatever else belongs to a container is.
    pub(crate) fn container_directory(&self, id: &str) -> PathBuf {
        self.data_root.join("containers").join(id)
    }

    /// The overlay of a container, opened with the first use.
    pub(crate) fn root(&self, container: &Container) -> Result<Arc<Root>> {
        let mut root = container.root.lock();
        if let Some(root) = root.as_ref() {
            return Ok(Arc::clone(root));
        }
        let spec = container.spec();
        let mut layers = vec![Arc::clone(&self.init_layer)];
        if !spec.image.is_empty() {
            let id: ImageId = spec.image.parse().map_err(|_| Error::NoSuchImage(spec.image.clone()))?;
            layers.extend(self.images.layers(&id)?);
        }
        let mut upper = Upper::within(Arc::clone(&self.upper_directory), &container.id);
        if let Some(size) = spec.host.storage_opt.as_ref().and_then(|options| options.get("size")) {
            let size = crate::log::parse_size(size).ok_or_else(|| Error::Invalid(format!("invalid size: '{size}'")))?;
            upper = upper.limit(size);
        }
        let opened = Arc::new(Root { overlay: Overlay::new(layers, upper)? });
        *root = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// The namespace of a container's root and mounts. `generated` are the
    /// network's files of a run; a container that does not run has none.
    pub(crate) fn namespace(
        &self,
        container: &Container,
        spec: &Spec,
        generated: Option<&GeneratedFiles>,
    ) -> Result<Namespace> {
        let root = self.root(container)?;
        let overlay: Arc<dyn Filesystem> = root.overlay.clone();
        let watches = Arc::clone(&self.watches);
        let bare =
            || Namespace::new(Arc::clone(&overlay), plain(VfsMountKind::Overlay, b"overlay", false), watches.clone());
        let mut points: Vec<MountPoint> = spec.mounts.clone();
        for (destination, options) in spec.host.tmpfs.iter().flatten() {
            points.push(mounts::parse_tmpfs(destination, options)?);
        }
        points.sort_by(|a, b| a.destination.cmp(&b.destination));
        let namespace = if spec.host.readonly_rootfs {
            // Mount points are made although the root is read-only.
            let writable = bare();
            for point in &points {
                let (_, directory) = self.source_of(point)?;
                make_target(&writable, point, directory)?;
            }
            Namespace::new(Arc::clone(&overlay), plain(VfsMountKind::Overlay, b"overlay", true), watches.clone())
        } else {
            bare()
        };
        for point in &points {
            let (source, directory) = self.source_of(point)?;
            // Below an earlier mount, or on the writable root: made there.
            let _ = make_target(&namespace, point, directory);
            let kind = match point.kind {
                MountKind::Bind => VfsMountKind::Bind,
                MountKind::Volume => VfsMountKind::Volume,
                MountKind::Tmpfs => VfsMountKind::Tmpfs,
            };
            let label = if point.kind == MountKind::Tmpfs { "tmpfs" } else { &point.source };
            namespace
                .mount(point.destination.as_bytes(), source, plain(kind, label.as_bytes(), !point.rw))
                .map_err(|errno| mount_failure(point, errno))?;
        }
        if let Some(generated) = generated {
            generated.mount(&namespace)?;
        }
        Ok(namespace)
    }

    /// The file system of a mount, and whether it is a directory.
    fn source_of(&self, point: &MountPoint) -> Result<(Arc<dyn Filesystem>, bool)> {
        match point.kind {
            MountKind::Tmpfs => {
                let size = point.more.tmpfs_size;
                let mode = point.more.tmpfs_mode.unwrap_or(0o1777);
                Ok((Tmpfs::new(size, mode)?, true))
            }
            MountKind::Bind => {
                let path = Path::new(&point.source);
                if !path.exists() && point.more.create_source {
                    std::fs::create_dir_all(path).map_err(|error| {
                        Error::System(format!(
                            "error while creating mount source path '{}': mkdir {}: {}",
                            point.source,
                            point.source,
                            error.to_string().split(" (os").next().unwrap_or_default().to_lowercase()
                        ))
                    })?;
                }
                let metadata = std::fs::metadata(path).map_err(|_| {
                    Error::Invalid(format!(
                        "invalid mount config for type \"bind\": bind source path does not exist: {}",
                        point.source
                    ))
                })?;
                Ok((HostFs::bind(path)?, metadata.is_dir()))
            }
            MountKind::Volume => {
                let volume = self.volume_filesystem(&point.name)?;
                if point.more.subpath.is_empty() {
                    return Ok((volume, true));
                }
                let inside = Namespace::new(volume, plain(VfsMountKind::Volume, b"", false), Arc::clone(&self.watches));
                let caller = Caller::root();
                let found =
                    inside.locate(&inside.root(), point.more.subpath.as_bytes(), true, &caller).map_err(|errno| {
                        Error::System(format!(
                            "failed to get volume subpath {}: {}",
                            point.more.subpath,
                            errno_text(errno)
                        ))
                    })?;
                let directory = found.kind() == FileKind::Directory;
                Ok((Arc::new(Single(Arc::clone(found.node()))), directory))
            }
        }
    }

    /// What must be in place before a container is first shown: its working
    /// directory, and the image's content in new volumes.
    pub(crate) fn prepare_root(&self, container: &Container) -> Result<()> {
        let spec = container.spec();
        let copies = spec.mounts.iter().any(|point| point.kind == MountKind::Volume && !point.more.no_copy);
        let directory = mounts::clean(&spec.config.working_dir);
        if directory == "/" && !copies || spec.image.is_empty() {
            return Ok(());
        }
        let root = self.root(container)?;
        let overlay: Arc<dyn Filesystem> = root.overlay.clone();
        let namespace =
            Namespace::new(overlay, plain(VfsMountKind::Overlay, b"overlay", false), Arc::clone(&self.watches));
        let caller = Caller::root();
        if directory != "/" {
            match namespace.stat(&namespace.root(), directory.as_bytes(), true, &caller) {
                Ok(found) if found.kind == FileKind::Directory => {}
                Ok(_) => return Err(Error::System(format!("Cannot mkdir: {directory} is not a directory"))),
                Err(_) => make_directories(&namespace, &directory)
                    .map_err(|errno| Error::System(format!("mkdir {directory}: {}", errno_text(errno))))?,
            }
        }
        for point in spec.mounts.iter().filter(|point| point.kind == MountKind::Volume && !point.more.no_copy) {
            if point.more.subpath.is_empty() {
                self.copy_up(&namespace, point)?;
            }
        }
        Ok(())
    }

    /// Copies what the image has at the mount point into an empty volume.
    fn copy_up(&self, namespace: &Namespace, point: &MountPoint) -> Result<()> {
        let caller = Caller::root();
        let Ok(from) = namespace.locate(&namespace.root(), point.destination.as_bytes(), true, &caller) else {
            return Ok(());
        };
        if from.kind() != FileKind::Directory {
            return Ok(());
        }
        let volume = self.volume_filesystem(&point.name)?;
        if !volume.root().read_dir(&caller)?.is_empty() {
            return Ok(());
        }
        let inside = Namespace::new(volume, plain(VfsMountKind::Volume, b"", false), Arc::clone(&self.watches));
        let attributes = from.attributes()?;
        inside.set_mode(&inside.root(), b"/", attributes.mode, true, &caller)?;
        inside.set_owner(&inside.root(), b"/", Some(attributes.uid), Some(attributes.gid), true, &caller)?;
        if namespace.read_dir(&namespace.root(), point.destination.as_bytes(), &caller)?.is_empty() {
            return Ok(());
        }
        let (reader, writer) = std::io::pipe()?;
        let options = coracle_vfs::archive::ExtractOptions::default();
        std::thread::scope(|scope| {
            let packing = scope.spawn(|| {
                let pack = coracle_vfs::archive::PackOptions { name: Vec::new(), one_file_system: true };
                coracle_vfs::archive::pack(namespace, &from, writer, &pack)
            });
            coracle_vfs::archive::extract(&inside, &inside.root(), reader, &options).map_err(Error::system)?;
            match packing.join() {
                Ok(packed) => packed.map_err(Error::system),
                Err(_) => Err(Error::System("copying into the volume failed".into())),
            }
        })
    }

    /// Makes the generated files of a run and fills them.
    pub(crate) fn generated_files(&self, spec: &Spec, network: &crate::network::Attachment) -> Result<GeneratedFiles> {
        let files = GeneratedFiles::new()?;
        files.write(network, &spec.config.hostname)?;
        Ok(files)
    }

    /// Rewrites `/etc/hosts` and the rest after networks changed.
    pub(crate) fn refresh_network_files(&self, container: &Container, run: &Run) {
        if let Err(errno) = run.files.write(&run.network, &container.spec().config.hostname) {
            tracing::debug!(container = container.id, %errno, "network files");
        }
    }

    /// Deletes what a container has on disk.
    pub(crate) fn discard_root(&self, id: &str) {
        for directory in [self.uppers().join(id), self.container_directory(id)] {
            match std::fs::remove_dir_all(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(directory = %directory.display(), %error, "cannot be removed"),
            }
        }
    }
}

/// Makes the place a mount goes to, if it is not there.
fn make_target(namespace: &Namespace, point: &MountPoint, directory: bool) -> Result<()> {
    let caller = Caller::root();
    let target = point.destination.as_str();
    if namespace.stat(&namespace.root(), target.as_bytes(), true, &caller).is_ok() {
        return Ok(());
    }
    let made = if directory {
        make_directories(namespace, target)
    } else {
        let parent = target.rsplit_once('/').map_or("", |(parent, _)| parent);
        make_directories(namespace, parent)
            .and_then(|()| namespace.mknod(&namespace.root(), target.as_bytes(), FileKind::Regular, 0o755, 0, &caller))
    };
    made.map_err(|errno| mount_failure(point, errno))
}

/// mkdir -p.
pub(crate) fn make_directories(namespace: &Namespace, path: &str) -> Result<(), Errno> {
    let caller = Caller::root();
    let mut so_far = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        so_far.push('/');
        so_far.push_str(part);
        match namespace.mkdir(&namespace.root(), so_far.as_bytes(), 0o755, &caller) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn mount_failure(point: &MountPoint, errno: Errno) -> Error {
    let hint = if errno == Errno::NOTDIR {
        ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
    } else {
        ""
    };
    Error::Invalid(format!(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: \
         unable to start container process: error during container init: error mounting \"{}\" to rootfs at \"{}\": mount {}:{}: {}{hint}",
        point.source,
        point.destination,
        point.source,
        point.destination,
        errno_text(errno)
    ))
}
