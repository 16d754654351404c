//! struct termios with Linux's bit values (asm-generic/termbits.h), which guests see as they are.

/// Rows and columns of a terminal; 0 means unknown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

/// When tcsetattr() changes a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetWhen {
    /// TCSANOW
    Now,
    /// TCSADRAIN: when everything written has been passed on.
    Drain,
    /// TCSAFLUSH: as `Drain`, and what was typed but not read is discarded.
    Flush,
}

/// struct termios.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Termios {
    /// c_iflag
    pub input: u32,
    /// c_oflag
    pub output: u32,
    /// c_cflag
    pub control: u32,
    /// c_lflag
    pub local: u32,
    /// c_cc: intr quit erase kill eof time min swtc start stop susp eol reprint discard werase lnext eol2; 0 for none.
    pub characters: [u8; 17],
    /// Baud.
    pub input_speed: u32,
    /// Baud.
    pub output_speed: u32,
}

macro_rules! bits {
    ($($name:ident = $value:literal),* $(,)?) => { $(pub(crate) const $name: u32 = $value;)* };
}

// c_iflag
bits! {
    ISTRIP = 0o40, INLCR = 0o100, IGNCR = 0o200, ICRNL = 0o400, IUCLC = 0o1000, IXON = 0o2000, IXANY = 0o4000,
    IMAXBEL = 0o20000, IUTF8 = 0o40000,
}
// c_oflag
bits! {
    OPOST = 0o1, OLCUC = 0o2, ONLCR = 0o4, OCRNL = 0o10, ONOCR = 0o20, ONLRET = 0o40, TABDLY = 0o14000,
    XTABS = 0o14000,
}
// c_cflag: B38400, CS8 and CREAD are all a pseudo-terminal has.
bits! { CONTROL = 0o277 }
// c_lflag
bits! {
    ISIG = 0o1, ICANON = 0o2, ECHO = 0o10, ECHOE = 0o20, ECHOK = 0o40, ECHONL = 0o100, NOFLSH = 0o200, TOSTOP = 0o400,
    ECHOCTL = 0o1000, ECHOKE = 0o4000, IEXTEN = 0o100000,
}

/// Index into [`Termios::characters`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Special {
    Intr = 0,
    Quit = 1,
    Erase = 2,
    Kill = 3,
    Eof = 4,
    Time = 5,
    Min = 6,
    Start = 8,
    Stop = 9,
    Susp = 10,
    Eol = 11,
    Reprint = 12,
    WordErase = 14,
    LiteralNext = 15,
    Eol2 = 16,
}

impl Default for Termios {
    /// What a new pseudo-terminal has on Linux (`tty_std_termios`).
    fn default() -> Self {
        Termios {
            input: ICRNL | IXON,
            output: OPOST | ONLCR,
            control: CONTROL,
            local: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
            characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0],
            input_speed: 38_400,
            output_speed: 38_400,
        }
    }
}

impl Termios {
    pub(crate) fn input(&self, flag: u32) -> bool {
        self.input & flag != 0
    }

    pub(crate) fn output(&self, flag: u32) -> bool {
        self.output & flag != 0
    }

    pub(crate) fn local(&self, flag: u32) -> bool {
        self.local & flag != 0
    }

    pub(crate) fn character(&self, special: Special) -> u8 {
        self.characters.get(special as usize).copied().unwrap_or(0)
    }

    /// Whether `byte` is the special character; 0 is none.
    pub(crate) fn is(&self, special: Special, byte: u8) -> bool {
        byte != 0 && self.character(special) == byte
    }
}
