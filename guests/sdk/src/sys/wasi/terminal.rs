//! Terminals over `coracle:container/terminals`.

use super::file::File;
use super::wit::terminals as wit;
use crate::Result;
use crate::process::Pid;
use crate::terminal::{Attributes, Size, When};

pub fn is_terminal(file: &File) -> bool {
    wit::is_terminal(&file.0)
}

pub fn name(file: &File) -> Result<Vec<u8>> {
    Ok(wit::name(&file.0)?)
}

pub fn attributes(file: &File) -> Result<Attributes> {
    let theirs = wit::get_attributes(&file.0)?;
    let mut characters = [0; 19];
    for (ours, byte) in characters.iter_mut().zip(&theirs.characters) {
        *ours = *byte;
    }
    Ok(Attributes {
        input: theirs.input,
        output: theirs.output,
        control: theirs.control,
        local: theirs.local,
        characters,
        input_speed: theirs.input_speed,
        output_speed: theirs.output_speed,
    })
}

pub fn set_attributes(file: &File, attributes: &Attributes, when: When) -> Result<()> {
    let theirs = wit::Attributes {
        input: attributes.input,
        output: attributes.output,
        control: attributes.control,
        local: attributes.local,
        characters: attributes.characters[..17].to_vec(),
        input_speed: attributes.input_speed,
        output_speed: attributes.output_speed,
    };
    let when = match when {
        When::Now => wit::When::Now,
        When::Drain => wit::When::Drain,
        When::Flush => wit::When::Flush,
    };
    Ok(wit::set_attributes(&file.0, &theirs, when)?)
}

pub fn size(file: &File) -> Result<Size> {
    let size = wit::get_size(&file.0)?;
    Ok(Size { rows: size.rows, columns: size.columns })
}

pub fn set_size(file: &File, size: Size) -> Result<()> {
    Ok(wit::set_size(&file.0, wit::Size { rows: size.rows, columns: size.columns })?)
}

pub fn foreground(file: &File) -> Result<Pid> {
    Ok(wit::get_foreground(&file.0)?)
}

pub fn set_foreground(file: &File, group: Pid) -> Result<()> {
    Ok(wit::set_foreground(&file.0, group)?)
}

pub fn open_pair(size: Size) -> Result<(File, File)> {
    let (controller, terminal) = wit::open_pair(wit::Size { rows: size.rows, columns: size.columns })?;
    Ok((File(controller), File(terminal)))
}
