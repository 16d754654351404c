//! `coracle:container/mounts`.

use coracle_vfs::MountKind;

use crate::bindings::coracle::container::mounts::{Host, Kind, Mount};
use crate::guest::Guest;

impl Host for Guest {
    fn list_mounts(&mut self) -> wasmtime::Result<Vec<Mount>> {
        let mounts = self.process.container().namespace().mounts();
        Ok(mounts
            .into_iter()
            .map(|mount| Mount {
                target: mount.target,
                kind: match mount.options.kind {
                    MountKind::Overlay => Kind::Overlay,
                    MountKind::Bind => Kind::Bind,
                    MountKind::Volume => Kind::Volume,
                    MountKind::Tmpfs => Kind::Tmpfs,
                    // The interface knows no kind for sysfs; both show the kernel.
                    MountKind::Proc | MountKind::Sys => Kind::Proc,
                    MountKind::Dev => Kind::Devices,
                },
                source: mount.options.source,
                read_only: mount.options.read_only,
                options: mount.options.options,
            })
            .collect())
    }
}
