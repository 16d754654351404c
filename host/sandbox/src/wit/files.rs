//! `coracle:container/files`: open file descriptions.

use std::sync::Arc;

use bytes::Bytes;
use coracle_kernel::{
    Descriptor, LockKind, OpenFile, OpenFlags as KernelOpenFlags, StatusFlags as KernelStatus, Whence as KernelWhence,
};
use coracle_vfs::OpenOptions;
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

use super::Failure;
use super::file_system::{attributes_to_wit, figures_to_wit, new_time};
use crate::bindings::coracle::container::files::{
    Access, Attributes, FileTimes, FilesystemFigures, Host, HostFile, Lock, OpenFlags, StatusFlags, Whence,
};
use crate::guest::Guest;

/// Most bytes one `read` answers, as the interface says.
const MAX_READ: u64 = 1 << 20;

/// A process's handle to an open file description.
pub struct FileHandle(pub(crate) Descriptor);

/// Waits for a description to become readable or writable.
struct Readiness {
    file: Arc<OpenFile>,
    write: bool,
}

#[async_trait]
impl Pollable for Readiness {
    async fn ready(&mut self) {
        if self.write {
            self.file.writable().await;
        } else {
            self.file.readable().await;
        }
    }
}

type Answer<T> = Result<T, Failure>;

impl Guest {
    /// The description behind a handle.
    pub(crate) fn file(&self, handle: &Resource<FileHandle>) -> wasmtime::Result<Arc<OpenFile>> {
        Ok(Arc::clone(self.table.get(handle)?.0.file()))
    }

    /// A new handle to a description.
    pub(crate) fn handle(&mut self, file: Descriptor) -> Answer<Resource<FileHandle>> {
        Ok(self.table.push(FileHandle(file))?)
    }

    /// A pollable that owns what it waits for.
    pub(crate) fn pollable<P: Pollable>(&mut self, waits: P) -> wasmtime::Result<Resource<DynPollable>> {
        let waits = self.table.push(waits)?;
        subscribe(&mut self.table, waits)
    }
}

fn length(max: u64) -> usize {
    usize::try_from(max.min(MAX_READ)).unwrap_or(usize::MAX)
}

/// `flag` where it applies; flag sets of interfaces are empty by default.
pub(crate) fn given<F: Default>(applies: bool, flag: F) -> F {
    if applies { flag } else { F::default() }
}

fn status_from_wit(flags: StatusFlags) -> KernelStatus {
    KernelStatus {
        append: flags.contains(StatusFlags::APPEND),
        non_blocking: flags.contains(StatusFlags::NON_BLOCKING),
    }
}

impl Host for Guest {
    async fn open(
        &mut self,
        path: Vec<u8>,
        access: Access,
        flags: OpenFlags,
        status: StatusFlags,
        mode: u32,
    ) -> Answer<Resource<FileHandle>> {
        let options = OpenOptions {
            read: access.contains(Access::READ),
            write: access.contains(Access::WRITE),
            append: status.contains(StatusFlags::APPEND),
            create: flags.contains(OpenFlags::CREATE),
            exclusive: flags.contains(OpenFlags::EXCLUSIVE),
            truncate: flags.contains(OpenFlags::TRUNCATE),
            directory: flags.contains(OpenFlags::DIRECTORY),
            no_follow: flags.contains(OpenFlags::NO_FOLLOW),
            mode,
        };
        let file = self
            .process
            .open(
                &path,
                options,
                KernelOpenFlags {
                    no_controlling_terminal: flags.contains(OpenFlags::NO_CONTROLLING_TERMINAL),
                    non_blocking: status.contains(StatusFlags::NON_BLOCKING),
                },
            )
            .await?;
        self.handle(file)
    }

    fn pipe(&mut self) -> Answer<(Resource<FileHandle>, Resource<FileHandle>)> {
        let (reader, writer) = self.process.pipe()?;
        Ok((self.handle(reader)?, self.handle(writer)?))
    }

    fn temporary(&mut self) -> Answer<Resource<FileHandle>> {
        let file = self.process.temporary()?;
        self.handle(file)
    }

    fn inherited(&mut self) -> wasmtime::Result<Vec<(u32, Resource<FileHandle>)>> {
        self.process
            .inherited()
            .into_iter()
            .map(|file| Ok((file.number(), self.table.push(FileHandle(file))?)))
            .collect()
    }
}

impl HostFile for Guest {
    async fn read(&mut self, file: Resource<FileHandle>, max: u64) -> Answer<Vec<u8>> {
        let file = self.file(&file)?;
        Ok(file.read(Some(&self.process), length(max)).await?.into())
    }

    async fn read_at(&mut self, file: Resource<FileHandle>, max: u64, offset: u64) -> Answer<Vec<u8>> {
        let file = self.file(&file)?;
        Ok(file.read_at(length(max), offset).await?.into())
    }

    async fn write(&mut self, file: Resource<FileHandle>, contents: Vec<u8>) -> Answer<u64> {
        let file = self.file(&file)?;
        Ok(file.write(Some(&self.process), Bytes::from(contents)).await? as u64)
    }

    async fn write_at(&mut self, file: Resource<FileHandle>, contents: Vec<u8>, offset: u64) -> Answer<u64> {
        let file = self.file(&file)?;
        Ok(file.write_at(Some(&self.process), Bytes::from(contents), offset).await? as u64)
    }

    async fn transfer_from(
        &mut self,
        file: Resource<FileHandle>,
        source: Resource<FileHandle>,
        max: u64,
    ) -> Answer<u64> {
        let (to, from) = (self.file(&file)?, self.file(&source)?);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Ok(OpenFile::transfer(Some(&self.process), &from, &to, max).await? as u64)
    }

    fn seek(&mut self, file: Resource<FileHandle>, offset: i64, whence: Whence) -> Answer<u64> {
        let whence = match whence {
            Whence::Start => KernelWhence::Start,
            Whence::Current => KernelWhence::Current,
            Whence::End => KernelWhence::End,
        };
        Ok(self.file(&file)?.seek(offset, whence)?)
    }

    fn set_size(&mut self, file: Resource<FileHandle>, size: u64) -> Answer<()> {
        Ok(self.file(&file)?.set_len(size)?)
    }

    async fn sync(&mut self, file: Resource<FileHandle>) -> Answer<()> {
        let file = self.file(&file)?;
        Ok(file.sync(false).await?)
    }

    fn attributes(&mut self, file: Resource<FileHandle>) -> Answer<Attributes> {
        Ok(attributes_to_wit(&self.file(&file)?.attributes()?))
    }

    fn set_mode(&mut self, file: Resource<FileHandle>, mode: u32) -> Answer<()> {
        Ok(self.file(&file)?.set_mode(&self.process.caller(), mode)?)
    }

    fn set_owner(&mut self, file: Resource<FileHandle>, user: Option<u32>, group: Option<u32>) -> Answer<()> {
        Ok(self.file(&file)?.set_owner(&self.process.caller(), user, group)?)
    }

    fn set_times(&mut self, file: Resource<FileHandle>, times: FileTimes) -> Answer<()> {
        Ok(self.file(&file)?.set_times(&self.process.caller(), new_time(times.accessed)?, new_time(times.modified)?)?)
    }

    fn figures(&mut self, file: Resource<FileHandle>) -> Answer<FilesystemFigures> {
        Ok(figures_to_wit(&self.file(&file)?.figures()?))
    }

    fn access(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<Access> {
        let allowed = self.file(&file)?.access();
        Ok(given(allowed.read, Access::READ) | given(allowed.write, Access::WRITE))
    }

    fn status_flags(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<StatusFlags> {
        let status = self.file(&file)?.status_flags();
        Ok(given(status.append, StatusFlags::APPEND) | given(status.non_blocking, StatusFlags::NON_BLOCKING))
    }

    fn set_status_flags(&mut self, file: Resource<FileHandle>, flags: StatusFlags) -> Answer<()> {
        self.file(&file)?.set_status_flags(status_from_wit(flags));
        Ok(())
    }

    async fn apply_lock(&mut self, file: Resource<FileHandle>, kind: Lock, wait: bool) -> Answer<()> {
        let kind = match kind {
            Lock::Shared => LockKind::Shared,
            Lock::Exclusive => LockKind::Exclusive,
            Lock::Unlock => LockKind::Unlock,
        };
        let file = self.file(&file)?;
        Ok(file.lock(Some(&self.process), kind, wait).await?)
    }

    fn readable(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<Resource<DynPollable>> {
        let file = self.file(&file)?;
        self.pollable(Readiness { file, write: false })
    }

    fn writable(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<Resource<DynPollable>> {
        let file = self.file(&file)?;
        self.pollable(Readiness { file, write: true })
    }

    fn share(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<Resource<FileHandle>> {
        let file = self.file(&file)?;
        let file = self.process.adopt(file)?;
        Ok(self.table.push(FileHandle(file))?)
    }

    fn same(&mut self, file: Resource<FileHandle>, other: Resource<FileHandle>) -> wasmtime::Result<bool> {
        Ok(Arc::ptr_eq(&self.file(&file)?, &self.file(&other)?))
    }

    fn drop(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<()> {
        self.table.delete(file)?;
        Ok(())
    }
}
