//! open(): what a path leads to, fifos, devices and terminals included.

use std::sync::Arc;

use coracle_vfs::{FileKind, OpenOptions, Opened};

use super::Process;
use crate::descriptors::Descriptor;
use crate::file::{DeviceKind, Object, fifo};
use crate::{Errno, FileAccess, OpenFile, Result, Size, StatusFlags, Terminal};

/// Flags of open() that concern the kernel rather than the namespace.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OpenFlags {
    /// O_NOCTTY: opening a terminal never makes it the controlling one.
    pub no_controlling_terminal: bool,
    /// O_NONBLOCK
    pub non_blocking: bool,
}

impl Process {
    /// open(), relative to the working directory. Opening a fifo waits for its other side unless non-blocking.
    pub async fn open(&self, path: &[u8], options: OpenOptions, flags: OpenFlags) -> Result<Descriptor> {
        self.settle().await;
        let opened = self.container.namespace().open(&self.working_directory(), path, &options, &self.caller())?;
        let file = self.describe(opened, options, flags).await?;
        self.adopt(file)
    }

    async fn describe(&self, opened: Opened, options: OpenOptions, flags: OpenFlags) -> Result<Arc<OpenFile>> {
        let access = FileAccess { read: options.read || !options.write, write: options.write };
        let status = StatusFlags { append: options.append, non_blocking: flags.non_blocking };
        match opened {
            Opened::File(file) => {
                let object = Object::Regular { file, io: Some(self.container.io.clone()) };
                Ok(OpenFile::new(object, access, status))
            }
            Opened::Directory(directory) => Ok(OpenFile::new(Object::Directory(directory), access, status)),
            Opened::Fifo { dev, ino, location } => fifo::open(Some(self), (dev, ino), location, access, status).await,
            Opened::Device { kind: FileKind::CharDevice, rdev, .. } => self.open_device(rdev, access, status, flags),
            Opened::Device { .. } => Err(Errno::NXIO),
            Opened::Descriptor { pid, fd } => {
                let process = self.container.resolve(self, pid)?;
                let file = process.descriptor(fd).ok_or(Errno::NOENT)?;
                file.reopen(access, status)
            }
        }
    }

    fn open_device(
        &self,
        number: u64,
        access: FileAccess,
        status: StatusFlags,
        flags: OpenFlags,
    ) -> Result<Arc<OpenFile>> {
        let terminal = |terminal: Arc<Terminal>| {
            if !flags.no_controlling_terminal {
                self.take_controlling_terminal(&terminal);
            }
            OpenFile::new(Object::Terminal(terminal), access, status)
        };
        match DeviceKind::of(number)? {
            DeviceKind::Plain(device) => Ok(OpenFile::new(Object::Device(device), access, status)),
            DeviceKind::ControllingTerminal => {
                let own = self.controlling_terminal().ok_or(Errno::NXIO)?;
                Ok(OpenFile::new(Object::Terminal(own), access, status))
            }
            DeviceKind::Console => Ok(terminal(self.container.console().ok_or(Errno::NXIO)?)),
            DeviceKind::Terminal(number) => Ok(terminal(self.container.terminal(number).ok_or(Errno::IO)?)),
            DeviceKind::Multiplexer => {
                let (pty, _) = self.container.open_pty(Size::default())?;
                Ok(OpenFile::new(Object::Controller(pty), access, status))
            }
        }
    }

    /// A new pseudo-terminal: its controlling side and the terminal.
    pub fn open_pair(&self, size: Size) -> Result<(Descriptor, Descriptor)> {
        let (pty, terminal) = self.container.open_pty(size)?;
        let both = FileAccess { read: true, write: true };
        let controller = OpenFile::new(Object::Controller(pty), both, StatusFlags::default());
        Ok((self.adopt(controller)?, self.adopt(terminal)?))
    }
}
