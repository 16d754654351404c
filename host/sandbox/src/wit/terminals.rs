//! `coracle:container/terminals`.

use std::sync::Arc;

use coracle_kernel::{OpenFile, SetWhen, Size as KernelSize, Terminal, Termios};
use coracle_vfs::Errno;
use wasmtime::component::Resource;

use super::Failure;
use super::files::FileHandle;
use crate::bindings::coracle::container::terminals::{Attributes, Host, Size, When};
use crate::guest::Guest;

type Answer<T> = Result<T, Failure>;

/// The terminal behind a file.
fn terminal(file: &OpenFile) -> Result<&Arc<Terminal>, Errno> {
    file.terminal().ok_or(Errno::NOTTY)
}

impl Host for Guest {
    fn is_terminal(&mut self, file: Resource<FileHandle>) -> wasmtime::Result<bool> {
        Ok(self.file(&file)?.terminal().is_some())
    }

    fn name(&mut self, file: Resource<FileHandle>) -> Answer<Vec<u8>> {
        Ok(terminal(&*self.file(&file)?)?.name())
    }

    fn get_attributes(&mut self, file: Resource<FileHandle>) -> Answer<Attributes> {
        let attributes = terminal(&*self.file(&file)?)?.attributes();
        Ok(Attributes {
            input: attributes.input,
            output: attributes.output,
            control: attributes.control,
            local: attributes.local,
            characters: attributes.characters.to_vec(),
            input_speed: attributes.input_speed,
            output_speed: attributes.output_speed,
        })
    }

    async fn set_attributes(&mut self, file: Resource<FileHandle>, attributes: Attributes, when: When) -> Answer<()> {
        let file = self.file(&file)?;
        let terminal = terminal(&file)?;
        let attributes = Termios {
            input: attributes.input,
            output: attributes.output,
            control: attributes.control,
            local: attributes.local,
            characters: attributes.characters.try_into().map_err(|_| Errno::INVAL)?,
            input_speed: attributes.input_speed,
            output_speed: attributes.output_speed,
        };
        let when = match when {
            When::Now => SetWhen::Now,
            When::Drain => SetWhen::Drain,
            When::Flush => SetWhen::Flush,
        };
        Ok(terminal.set_attributes(Some(&self.process), attributes, when).await?)
    }

    fn get_size(&mut self, file: Resource<FileHandle>) -> Answer<Size> {
        let size = terminal(&*self.file(&file)?)?.size();
        Ok(Size { rows: size.rows, columns: size.columns })
    }

    fn set_size(&mut self, file: Resource<FileHandle>, size: Size) -> Answer<()> {
        terminal(&*self.file(&file)?)?.set_size(size_from_wit(size));
        Ok(())
    }

    fn get_foreground(&mut self, file: Resource<FileHandle>) -> Answer<u32> {
        Ok(self.process.foreground(&*self.file(&file)?)?)
    }

    async fn set_foreground(&mut self, file: Resource<FileHandle>, group: u32) -> Answer<()> {
        let file = self.file(&file)?;
        Ok(self.process.set_foreground(&file, group).await?)
    }

    fn open_pair(&mut self, size: Size) -> Answer<(Resource<FileHandle>, Resource<FileHandle>)> {
        let (controller, terminal) = self.process.open_pair(size_from_wit(size))?;
        Ok((self.handle(controller)?, self.handle(terminal)?))
    }
}

fn size_from_wit(size: Size) -> KernelSize {
    KernelSize { rows: size.rows, columns: size.columns }
}
