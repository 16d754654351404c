//! `wasi:filesystem`, with one directory found open: the container's root.

use std::sync::Arc;

use coracle_vfs::{Attributes, Errno, FileKind, NewTime, OpenOptions, RenameFlags, Timestamp};
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, Error as IoError};

use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use crate::files::blocking::{BlockingInput, BlockingOutput};
use crate::files::descriptor::{self, Descriptor, DirectoryEntries};
use crate::files::preopened::Preopened;
use crate::files::stream::{ErrnoError, FileInput, FileOutput, MAX_TRANSFER};
use crate::guest::Guest;
use crate::wit::files::given;

/// How a call of `wasi:filesystem` fails.
#[derive(Debug)]
pub enum FilesystemFailure {
    /// The answer of the call.
    Errno(Errno),
    /// The guest broke the rules of the interface.
    Trap(wasmtime::Error),
}

impl std::fmt::Display for FilesystemFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errno(errno) => std::fmt::Display::fmt(errno, f),
            Self::Trap(error) => std::fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for FilesystemFailure {}

impl From<Errno> for FilesystemFailure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<ResourceTableError> for FilesystemFailure {
    fn from(error: ResourceTableError) -> Self {
        match error {
            ResourceTableError::Full => Self::Errno(Errno::MFILE),
            error => Self::Trap(error.into()),
        }
    }
}

type Answer<T> = Result<T, FilesystemFailure>;

impl preopens::Host for Guest {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let root = Preopened::new(&self.process, Arc::clone(&self.knows_directory));
        Ok(vec![(self.table.push(Descriptor::Preopened(root))?, "/".to_owned())])
    }
}

impl types::Host for Guest {
    fn convert_error_code(&mut self, failure: FilesystemFailure) -> wasmtime::Result<ErrorCode> {
        match failure {
            FilesystemFailure::Errno(errno) => Ok(error_code(errno)),
            FilesystemFailure::Trap(error) => Err(error),
        }
    }

    fn filesystem_error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<ErrnoError>().map(|ErrnoError(errno)| error_code(*errno)))
    }
}

impl types::HostDescriptor for Guest {
    fn read_via_stream(&mut self, descriptor: Resource<Descriptor>, offset: u64) -> Answer<Resource<DynInputStream>> {
        let stream: DynInputStream = match self.table.get(&descriptor)? {
            Descriptor::File(file) if !file.readable() => return Err(Errno::BADF.into()),
            Descriptor::File(file) => Box::new(FileInput { file: file.clone(), position: offset }),
            Descriptor::Directory { .. } | Descriptor::Preopened(_) => return Err(Errno::ISDIR.into()),
            Descriptor::Other(file) => Box::new(BlockingInput::open(Arc::clone(&self.process), Arc::clone(file))),
        };
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(&mut self, descriptor: Resource<Descriptor>, offset: u64) -> Answer<Resource<DynOutputStream>> {
        self.output(&descriptor, Some(offset))
    }

    fn append_via_stream(&mut self, descriptor: Resource<Descriptor>) -> Answer<Resource<DynOutputStream>> {
        self.output(&descriptor, None)
    }

    fn advise(&mut self, descriptor: Resource<Descriptor>, _offset: u64, _length: u64, _advice: Advice) -> Answer<()> {
        self.table.get(&descriptor)?.file()?;
        Ok(())
    }

    async fn sync_data(&mut self, descriptor: Resource<Descriptor>) -> Answer<()> {
        Ok(self.table.get(&descriptor)?.sync(true).await?)
    }

    fn get_flags(&mut self, descriptor: Resource<Descriptor>) -> Answer<DescriptorFlags> {
        let (read, write, change) = match self.table.get(&descriptor)? {
            Descriptor::File(file) => (file.readable(), file.writable(), false),
            Descriptor::Directory { mutable, .. } => (true, false, *mutable),
            Descriptor::Preopened(_) => (true, false, true),
            Descriptor::Other(file) => {
                let access = file.access();
                (access.read, access.write, false)
            }
        };
        Ok(given(read, DescriptorFlags::READ)
            | given(write, DescriptorFlags::WRITE)
            | given(change, DescriptorFlags::MUTATE_DIRECTORY))
    }

    fn get_type(&mut self, descriptor: Resource<Descriptor>) -> Answer<DescriptorType> {
        let descriptor = self.table.get(&descriptor)?;
        Ok(match descriptor {
            Descriptor::File(_) => DescriptorType::RegularFile,
            Descriptor::Directory { .. } | Descriptor::Preopened(_) => DescriptorType::Directory,
            Descriptor::Other(file) => descriptor_type(file.attributes()?.kind),
        })
    }

    fn set_size(&mut self, descriptor: Resource<Descriptor>, size: u64) -> Answer<()> {
        Ok(self.table.get(&descriptor)?.file()?.set_len(size)?)
    }

    fn set_times(
        &mut self,
        descriptor: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer<()> {
        let descriptor = self.table.get(&descriptor)?;
        Ok(descriptor.set_times(
            self.process.container().namespace(),
            new_time(accessed)?,
            new_time(modified)?,
            &self.process.caller(),
        )?)
    }

    fn read(&mut self, descriptor: Resource<Descriptor>, length: u64, offset: u64) -> Answer<(Vec<u8>, bool)> {
        let file = self.table.get(&descriptor)?.file()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut buffer = vec![0; length.min(MAX_TRANSFER)];
        let read = file.read_at(&mut buffer, offset)?;
        buffer.truncate(read);
        Ok((buffer, read == 0 && length > 0))
    }

    fn write(&mut self, descriptor: Resource<Descriptor>, buffer: Vec<u8>, offset: u64) -> Answer<u64> {
        let file = self.table.get(&descriptor)?.file()?;
        Ok(file.write_at(&buffer, offset)? as u64)
    }

    fn read_directory(&mut self, descriptor: Resource<Descriptor>) -> Answer<Resource<DirectoryEntries>> {
        let entries =
            self.table.get(&descriptor)?.entries(self.process.container().namespace(), &self.process.caller())?;
        Ok(self.table.push(DirectoryEntries::new(entries))?)
    }

    async fn sync(&mut self, descriptor: Resource<Descriptor>) -> Answer<()> {
        Ok(self.table.get(&descriptor)?.sync(false).await?)
    }

    fn create_directory_at(&mut self, descriptor: Resource<Descriptor>, path: String) -> Answer<()> {
        let at = self.table.get(&descriptor)?.change_at(&self.process, &path)?;
        let namespace = self.process.container().namespace();
        Ok(namespace.mkdir(&at.base, at.path, 0o777, &self.process.caller())?)
    }

    fn stat(&mut self, descriptor: Resource<Descriptor>) -> Answer<DescriptorStat> {
        Ok(stat(&self.table.get(&descriptor)?.attributes()?))
    }

    fn stat_at(&mut self, descriptor: Resource<Descriptor>, flags: PathFlags, path: String) -> Answer<DescriptorStat> {
        Ok(stat(&self.attributes_at(&descriptor, flags, &path)?))
    }

    fn set_times_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer<()> {
        let at = self.table.get(&descriptor)?.change_at(&self.process, &path)?;
        Ok(self.process.container().namespace().set_times(
            &at.base,
            at.path,
            new_time(accessed)?,
            new_time(modified)?,
            follows(flags),
            &self.process.caller(),
        )?)
    }

    fn link_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        old: String,
        new_descriptor: Resource<Descriptor>,
        new: String,
    ) -> Answer<()> {
        let from = self.table.get(&descriptor)?.at(&self.process, &old)?;
        let to = self.table.get(&new_descriptor)?.change_at(&self.process, &new)?;
        Ok(self.process.container().namespace().link(
            &from.base,
            from.path,
            &to.base,
            to.path,
            follows(flags),
            &self.process.caller(),
        )?)
    }

    async fn open_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Answer<Resource<Descriptor>> {
        let directory = self.table.get(&descriptor)?;
        let mutable = flags.contains(DescriptorFlags::MUTATE_DIRECTORY);
        let changes =
            flags.contains(DescriptorFlags::WRITE) || open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let at = if changes || mutable {
            directory.change_at(&self.process, &path)?
        } else {
            directory.at(&self.process, &path)?
        };
        let options = OpenOptions {
            read: flags.contains(DescriptorFlags::READ),
            write: flags.contains(DescriptorFlags::WRITE),
            append: false,
            create: open_flags.contains(OpenFlags::CREATE),
            exclusive: open_flags.contains(OpenFlags::EXCLUSIVE),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
            directory: open_flags.contains(OpenFlags::DIRECTORY),
            no_follow: !follows(path_flags),
            mode: 0o666,
        };
        let opened = descriptor::open(&self.process, at, &options, mutable).await?;
        Ok(self.table.push(opened)?)
    }

    fn readlink_at(&mut self, descriptor: Resource<Descriptor>, path: String) -> Answer<String> {
        let at = self.table.get(&descriptor)?.at(&self.process, &path)?;
        let namespace = self.process.container().namespace();
        let contents = namespace.read_link(&at.base, at.path, &self.process.caller())?;
        Ok(String::from_utf8(contents).map_err(|_| Errno::ILSEQ)?)
    }

    fn remove_directory_at(&mut self, descriptor: Resource<Descriptor>, path: String) -> Answer<()> {
        let at = self.table.get(&descriptor)?.change_at(&self.process, &path)?;
        let namespace = self.process.container().namespace();
        Ok(namespace.rmdir(&at.base, at.path, &self.process.caller())?)
    }

    fn rename_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        old: String,
        new_descriptor: Resource<Descriptor>,
        new: String,
    ) -> Answer<()> {
        let from = self.table.get(&descriptor)?.change_at(&self.process, &old)?;
        let to = self.table.get(&new_descriptor)?.change_at(&self.process, &new)?;
        Ok(self.process.container().namespace().rename(
            &from.base,
            from.path,
            &to.base,
            to.path,
            RenameFlags::empty(),
            &self.process.caller(),
        )?)
    }

    fn symlink_at(&mut self, descriptor: Resource<Descriptor>, contents: String, path: String) -> Answer<()> {
        let at = self.table.get(&descriptor)?.change_at(&self.process, &path)?;
        Ok(self.process.container().namespace().symlink(
            contents.as_bytes(),
            &at.base,
            at.path,
            &self.process.caller(),
        )?)
    }

    fn unlink_file_at(&mut self, descriptor: Resource<Descriptor>, path: String) -> Answer<()> {
        let at = self.table.get(&descriptor)?.change_at(&self.process, &path)?;
        let namespace = self.process.container().namespace();
        Ok(namespace.unlink(&at.base, at.path, &self.process.caller())?)
    }

    fn is_same_object(&mut self, one: Resource<Descriptor>, other: Resource<Descriptor>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&one)?.same(self.table.get(&other)?))
    }

    fn metadata_hash(&mut self, descriptor: Resource<Descriptor>) -> Answer<MetadataHashValue> {
        Ok(metadata_hash(&self.table.get(&descriptor)?.attributes()?))
    }

    fn metadata_hash_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<MetadataHashValue> {
        Ok(metadata_hash(&self.attributes_at(&descriptor, flags, &path)?))
    }

    fn drop(&mut self, descriptor: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(descriptor)?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for Guest {
    fn read_directory_entry(&mut self, stream: Resource<DirectoryEntries>) -> Answer<Option<DirectoryEntry>> {
        let entries = self.table.get_mut(&stream)?;
        let Some(entry) = entries.next() else {
            return Ok(None);
        };
        Ok(Some(DirectoryEntry {
            type_: descriptor_type(entry.kind),
            name: String::from_utf8(entry.name).map_err(|_| Errno::ILSEQ)?,
        }))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntries>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl Guest {
    fn attributes_at(&self, descriptor: &Resource<Descriptor>, flags: PathFlags, path: &str) -> Answer<Attributes> {
        let at = self.table.get(descriptor)?.at(&self.process, path)?;
        Ok(self.process.container().namespace().stat(&at.base, at.path, follows(flags), &self.process.caller())?)
    }

    fn output(
        &mut self,
        descriptor: &Resource<Descriptor>,
        position: Option<u64>,
    ) -> Answer<Resource<DynOutputStream>> {
        let stream: DynOutputStream = match self.table.get(descriptor)? {
            Descriptor::File(file) if !file.writable() => return Err(Errno::BADF.into()),
            Descriptor::File(file) => Box::new(FileOutput { file: file.clone(), position }),
            Descriptor::Directory { .. } | Descriptor::Preopened(_) => return Err(Errno::ISDIR.into()),
            Descriptor::Other(file) => Box::new(BlockingOutput::open(Arc::clone(&self.process), Arc::clone(file))),
        };
        Ok(self.table.push(stream)?)
    }
}

fn follows(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

fn descriptor_type(kind: FileKind) -> DescriptorType {
    match kind {
        FileKind::Regular => DescriptorType::RegularFile,
        FileKind::Directory => DescriptorType::Directory,
        FileKind::Symlink => DescriptorType::SymbolicLink,
        FileKind::Fifo => DescriptorType::Fifo,
        FileKind::CharDevice => DescriptorType::CharacterDevice,
        FileKind::BlockDevice => DescriptorType::BlockDevice,
        FileKind::Socket => DescriptorType::Socket,
    }
}

/// WASI's times are unsigned: a file from before 1970 has none.
fn datetime(time: Timestamp) -> Option<Datetime> {
    Some(Datetime { seconds: u64::try_from(time.seconds).ok()?, nanoseconds: time.nanoseconds })
}

fn new_time(time: NewTimestamp) -> Result<NewTime, Errno> {
    Ok(match time {
        NewTimestamp::NoChange => NewTime::Keep,
        NewTimestamp::Now => NewTime::Now,
        NewTimestamp::Timestamp(time) => {
            if time.nanoseconds >= 1_000_000_000 {
                return Err(Errno::INVAL);
            }
            NewTime::At(Timestamp {
                seconds: i64::try_from(time.seconds).map_err(|_| Errno::OVERFLOW)?,
                nanoseconds: time.nanoseconds,
            })
        }
    })
}

fn stat(attributes: &Attributes) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(attributes.kind),
        link_count: attributes.nlink,
        size: attributes.size,
        data_access_timestamp: datetime(attributes.atime),
        data_modification_timestamp: datetime(attributes.mtime),
        status_change_timestamp: datetime(attributes.ctime),
    }
}

/// Programs take it for device and inode number, so that is what it is.
fn metadata_hash(attributes: &Attributes) -> MetadataHashValue {
    MetadataHashValue { lower: attributes.ino, upper: attributes.dev }
}

fn error_code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::ACCESS => ErrorCode::Access,
        Errno::AGAIN => ErrorCode::WouldBlock,
        Errno::ALREADY => ErrorCode::Already,
        Errno::BADF => ErrorCode::BadDescriptor,
        Errno::BUSY => ErrorCode::Busy,
        Errno::DEADLK => ErrorCode::Deadlock,
        Errno::DQUOT => ErrorCode::Quota,
        Errno::EXIST => ErrorCode::Exist,
        Errno::FBIG => ErrorCode::FileTooLarge,
        Errno::ILSEQ => ErrorCode::IllegalByteSequence,
        Errno::INPROGRESS => ErrorCode::InProgress,
        Errno::INTR => ErrorCode::Interrupted,
        Errno::INVAL => ErrorCode::Invalid,
        Errno::ISDIR => ErrorCode::IsDirectory,
        Errno::LOOP => ErrorCode::Loop,
        Errno::MLINK => ErrorCode::TooManyLinks,
        Errno::MSGSIZE => ErrorCode::MessageSize,
        Errno::NAMETOOLONG => ErrorCode::NameTooLong,
        Errno::NODEV => ErrorCode::NoDevice,
        Errno::NOENT => ErrorCode::NoEntry,
        Errno::NOLCK => ErrorCode::NoLock,
        Errno::NOMEM => ErrorCode::InsufficientMemory,
        Errno::NOSPC => ErrorCode::InsufficientSpace,
        Errno::NOTDIR => ErrorCode::NotDirectory,
        Errno::NOTEMPTY => ErrorCode::NotEmpty,
        Errno::NOTRECOVERABLE => ErrorCode::NotRecoverable,
        Errno::NOTSUP | Errno::NOSYS => ErrorCode::Unsupported,
        Errno::NOTTY => ErrorCode::NoTty,
        Errno::NXIO => ErrorCode::NoSuchDevice,
        Errno::OVERFLOW => ErrorCode::Overflow,
        Errno::PERM => ErrorCode::NotPermitted,
        Errno::PIPE => ErrorCode::Pipe,
        Errno::ROFS => ErrorCode::ReadOnly,
        Errno::SPIPE => ErrorCode::InvalidSeek,
        Errno::TXTBSY => ErrorCode::TextFileBusy,
        Errno::XDEV => ErrorCode::CrossDevice,
        _ => ErrorCode::Io,
    }
}
