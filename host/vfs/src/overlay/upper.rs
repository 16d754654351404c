//! The directory of an upper on the host: made with the first change, holding the journal and the contents of files.

use super::journal::{self, Record, Replayed};
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

const JOURNAL: &str = "journal";
const JOURNAL_NEW: &str = "journal.new";
const CONTENT: &str = "content";

/// Where an overlay keeps what was changed. It belongs to one daemon; nothing is made on the host before the first
/// change.
pub struct Upper {
    parent: Arc<Dir>,
    /// The directory in `parent`; none: `parent` itself.
    name: Option<String>,
    directory: OnceLock<Arc<Dir>>,
    content: OnceLock<Dir>,
    pub(super) limit: Option<u64>,
}

impl Upper {
    /// An upper in `directory`, new or as an earlier daemon left it.
    pub fn open(directory: Arc<Dir>) -> Self {
        Self { parent: directory, name: None, directory: OnceLock::new(), content: OnceLock::new(), limit: None }
    }

    /// An upper in the directory `name` of `parent`, new or as an earlier daemon left it; the directory is made with
    /// the first change. `name` is one component.
    pub fn within(parent: Arc<Dir>, name: &str) -> Self {
        Self { name: Some(name.into()), ..Self::open(parent) }
    }

    /// No more than so many bytes of files (`--storage-opt size=`); then `ENOSPC`.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// The directory, or none if nothing was changed yet.
    fn existing(&self) -> io::Result<Option<&Arc<Dir>>> {
        if let Some(directory) = self.directory.get() {
            return Ok(Some(directory));
        }
        let directory = match &self.name {
            None => Arc::clone(&self.parent),
            Some(name) => match self.parent.open_dir(name) {
                Ok(directory) => Arc::new(directory),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        Ok(Some(self.directory.get_or_init(|| directory)))
    }

    fn directory(&self) -> io::Result<&Arc<Dir>> {
        if let (None, Some(name)) = (self.directory.get(), &self.name) {
            make(&self.parent, name)?;
        }
        self.existing()?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn content(&self) -> io::Result<&Dir> {
        if let Some(content) = self.content.get() {
            return Ok(content);
        }
        let directory = self.directory()?;
        make(directory, CONTENT)?;
        let content = directory.open_dir(CONTENT)?;
        Ok(self.content.get_or_init(|| content))
    }

    /// The host's directory, for figures; the parent as long as it is not made.
    pub(super) fn place(&self) -> &Dir {
        self.directory.get().unwrap_or(&self.parent)
    }

    /// A new, empty contents file.
    pub(super) fn create_content(&self, ino: u64) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(self.content()?.open_with(file_name(ino), &options)?.into_std())
    }

    pub(super) fn open_content(&self, ino: u64) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        Ok(self.content()?.open_with(file_name(ino), &options)?.into_std())
    }

    pub(super) fn content_metadata(&self, ino: u64) -> io::Result<Option<cap_std::fs::Metadata>> {
        match self.content()?.symlink_metadata(file_name(ino)) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next user of the number starts from nothing anyway, so a failure is no more than lost space.
    pub(super) fn remove_content(&self, ino: u64) {
        let removed = self.content().and_then(|content| content.remove_file(file_name(ino)));
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, ino, "removing contents of a deleted file");
        }
    }

    /// Reads the journal, if there is one, and gives it back open for appending.
    pub(super) fn replay(&self, chain: [u8; 32]) -> io::Result<(Replayed, Journal)> {
        let mut open = Journal { file: None, chain, length: 0, compacted: 0 };
        let Some(directory) = self.existing()? else { return Ok((Replayed::default(), open)) };
        let bytes = match directory.read(JOURNAL) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Replayed::default(), open)),
            Err(error) => return Err(error),
        };
        let replayed = journal::replay(&bytes, &chain)?;
        if replayed.length > 0 {
            let mut options = OpenOptions::new();
            options.append(true);
            let file = directory.open_with(JOURNAL, &options)?.into_std();
            if replayed.length < bytes.len() as u64 {
                tracing::warn!(lost = bytes.len() as u64 - replayed.length, "cutting off a torn end of a journal");
                file.set_len(replayed.length)?;
            }
            open.file = Some(file);
            open.length = replayed.length;
            open.compacted = replayed.length;
        }
        Ok((replayed, open))
    }
}

/// The open journal.
pub(super) struct Journal {
    file: Option<File>,
    chain: [u8; 32],
    length: u64,
    /// Its length when it was last written anew.
    compacted: u64,
}

impl Journal {
    /// Writes a record down.
    pub(super) fn append(&mut self, upper: &Upper, record: &Record) -> io::Result<()> {
        if record.is_empty() {
            return Ok(());
        }
        let mut bytes = record.framed();
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                // What may be there is shorter than a header: the start of one that was never finished.
                upper.directory()?.remove_file(JOURNAL).or_else(not_found_is_fine)?;
                options.append(true).create(true).mode(0o600);
                self.file.insert(upper.directory()?.open_with(JOURNAL, &options)?.into_std())
            }
        };
        if self.length == 0 {
            bytes.splice(0..0, journal::header(&self.chain));
        }
        if let Err(error) = file.write_all(&bytes) {
            // Half a record must not stand before the next.
            let _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether it has grown far beyond what it says.
    pub(super) fn is_bloated(&self) -> bool {
        self.length > (1 << 20) + self.compacted * 8
    }

    /// Puts a record of everything in the place of all records.
    pub(super) fn rewrite(&mut self, upper: &Upper, records: impl Iterator<Item = Record>) -> io::Result<()> {
        let directory = upper.directory()?;
        let mut bytes = journal::header(&self.chain);
        for record in records {
            bytes.extend_from_slice(&record.framed());
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = directory.open_with(JOURNAL_NEW, &options)?.into_std();
        file.write_all(&bytes)?;
        directory.rename(JOURNAL_NEW, directory, JOURNAL)?;
        let mut options = OpenOptions::new();
        options.append(true);
        self.file = Some(directory.open_with(JOURNAL, &options)?.into_std());
        self.length = bytes.len() as u64;
        self.compacted = self.length;
        Ok(())
    }
}

fn file_name(ino: u64) -> String {
    format!("{ino:x}")
}

fn make(parent: &Dir, name: &str) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    match parent.create_dir_with(name, &builder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn not_found_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
