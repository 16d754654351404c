//! Terminals (POSIX XBD 11): attributes, size, foreground group, raw mode.

use crate::process::Pid;
use crate::{File, Result, sys};

/// struct termios with Linux's bit values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// c_iflag
    pub input: u32,
    /// c_oflag
    pub output: u32,
    /// c_cflag
    pub control: u32,
    /// c_lflag
    pub local: u32,
    /// c_cc: intr quit erase kill eof time min swtc start stop susp eol reprint
    /// discard werase lnext eol2; 0 for none.
    pub characters: [u8; 19],
    /// Baud.
    pub input_speed: u32,
    /// Baud.
    pub output_speed: u32,
}

/// Bits of [`Attributes`].
#[allow(missing_docs)]
pub mod flags {
    pub const IGNBRK: u32 = 0o1;
    pub const BRKINT: u32 = 0o2;
    pub const IGNPAR: u32 = 0o4;
    pub const PARMRK: u32 = 0o10;
    pub const INPCK: u32 = 0o20;
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IUCLC: u32 = 0o1000;
    pub const IXON: u32 = 0o2000;
    pub const IXANY: u32 = 0o4000;
    pub const IXOFF: u32 = 0o10000;
    pub const IMAXBEL: u32 = 0o20000;
    pub const IUTF8: u32 = 0o40000;
    pub const OPOST: u32 = 0o1;
    pub const OLCUC: u32 = 0o2;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
    pub const OFILL: u32 = 0o100;
    pub const OFDEL: u32 = 0o200;
    pub const CSIZE: u32 = 0o60;
    pub const CS5: u32 = 0;
    pub const CS6: u32 = 0o20;
    pub const CS7: u32 = 0o40;
    pub const CS8: u32 = 0o60;
    pub const CSTOPB: u32 = 0o100;
    pub const CREAD: u32 = 0o200;
    pub const PARENB: u32 = 0o400;
    pub const PARODD: u32 = 0o1000;
    pub const HUPCL: u32 = 0o2000;
    pub const CLOCAL: u32 = 0o4000;
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const XCASE: u32 = 0o4;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOPRT: u32 = 0o2000;
    pub const ECHOKE: u32 = 0o4000;
    pub const IEXTEN: u32 = 0o100000;

    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VTIME: usize = 5;
    pub const VMIN: usize = 6;
    pub const VSWTC: usize = 7;
    pub const VSTART: usize = 8;
    pub const VSTOP: usize = 9;
    pub const VSUSP: usize = 10;
    pub const VEOL: usize = 11;
    pub const VREPRINT: usize = 12;
    pub const VDISCARD: usize = 13;
    pub const VWERASE: usize = 14;
    pub const VLNEXT: usize = 15;
    pub const VEOL2: usize = 16;
}

impl Attributes {
    /// As cfmakeraw() changes them: every key at once, nothing interpreted.
    pub fn make_raw(&mut self) {
        use flags::*;
        self.input &= !(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        self.output &= !OPOST;
        self.local &= !(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
        self.control = (self.control & !(CSIZE | PARENB)) | CS8;
        self.characters[VMIN] = 1;
        self.characters[VTIME] = 0;
    }
}

/// Rows and columns of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Size {
    pub rows: u16,
    pub columns: u16,
}

/// TCSANOW, TCSADRAIN, TCSAFLUSH
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum When {
    Now,
    Drain,
    Flush,
}

/// isatty()
pub fn is_terminal(file: &File) -> bool {
    sys::terminal::is_terminal(&file.0)
}

/// ttyname(): `/dev/pts/0`; `ENOTTY` when it is none.
pub fn name(file: &File) -> Result<Vec<u8>> {
    sys::terminal::name(&file.0)
}

/// tcgetattr()
pub fn attributes(file: &File) -> Result<Attributes> {
    sys::terminal::attributes(&file.0)
}

/// tcsetattr()
pub fn set_attributes(file: &File, attributes: &Attributes, when: When) -> Result<()> {
    sys::terminal::set_attributes(&file.0, attributes, when)
}

/// TIOCGWINSZ
pub fn size(file: &File) -> Result<Size> {
    sys::terminal::size(&file.0)
}

/// TIOCSWINSZ; raises SIGWINCH in the foreground group when it changes something.
pub fn set_size(file: &File, size: Size) -> Result<()> {
    sys::terminal::set_size(&file.0, size)
}

/// tcgetpgrp()
pub fn foreground(file: &File) -> Result<Pid> {
    sys::terminal::foreground(&file.0)
}

/// tcsetpgrp()
pub fn set_foreground(file: &File, group: Pid) -> Result<()> {
    sys::terminal::set_foreground(&file.0, group)
}

/// A new pseudo-terminal: its controlling side and the terminal.
pub fn open_pair(size: Size) -> Result<(File, File)> {
    sys::terminal::open_pair(size).map(|(controller, terminal)| (File(controller), File(terminal)))
}

/// A terminal in raw mode; dropping it restores what was.
#[derive(Debug)]
pub struct Raw<'a> {
    file: &'a File,
    before: Attributes,
}

impl<'a> Raw<'a> {
    /// Switches to raw mode.
    pub fn enter(file: &'a File) -> Result<Raw<'a>> {
        Self::enter_with(file, Attributes::make_raw)
    }

    /// Switches to a mode of the caller's making.
    pub fn enter_with(file: &'a File, change: impl FnOnce(&mut Attributes)) -> Result<Raw<'a>> {
        let before = attributes(file)?;
        let mut raw = before.clone();
        change(&mut raw);
        set_attributes(file, &raw, When::Drain)?;
        Ok(Raw { file, before })
    }

    /// The attributes that will be restored.
    pub fn before(&self) -> &Attributes {
        &self.before
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // Nothing can be done for a terminal that is gone.
        let _ = set_attributes(self.file, &self.before, When::Drain);
    }
}
