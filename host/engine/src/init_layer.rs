//! The layer every container has on top of its image's.
//!
//! It holds the places that are mounted on (`/proc`, `/dev`, `/etc/hosts`, …), so
//! that an image without them works and `docker diff` does not show them. Docker
//! makes such a layer per container; here one serves all.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use coracle_vfs::archive::Limits;
use coracle_vfs::layer::{Layer, unpack};

use crate::error::{Error, Result};

/// Changes whenever the content does.
const VERSION: &str = "init-1";

fn tar() -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut entry = |path: &str, kind: tar::EntryType, mode: u32| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        builder.append_data(&mut header, path, std::io::empty().take(0))
    };
    for directory in ["dev/", "dev/pts/", "dev/shm/", "proc/", "sys/", "etc/"] {
        entry(directory, tar::EntryType::Directory, 0o755)?;
    }
    for file in ["etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"] {
        entry(file, tar::EntryType::Regular, if file == ".dockerenv" { 0o755 } else { 0o644 })?;
    }
    builder.into_inner()
}

/// Opens the layer, made with the first start of a data root.
pub(crate) fn open(data_root: &Path) -> Result<Arc<Layer>> {
    let path = data_root.join(VERSION);
    if let Ok(directory) = Dir::open_ambient_dir(&path, ambient_authority()) {
        if let Ok(layer) = Layer::open(&directory) {
            return Ok(layer);
        }
        std::fs::remove_dir_all(&path)?;
    }
    let making = data_root.join(format!("{VERSION}.new"));
    let _ = std::fs::remove_dir_all(&making);
    std::fs::create_dir(&making)?;
    let directory = Dir::open_ambient_dir(&making, ambient_authority())?;
    unpack(tar()?.as_slice(), &directory, Limits::default()).map_err(Error::system)?;
    std::fs::rename(&making, &path)?;
    Ok(Layer::open(&Dir::open_ambient_dir(&path, ambient_authority())?)?)
}
