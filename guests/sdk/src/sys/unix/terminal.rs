//! Terminals over termios.

use super::file::File;
use super::{check, last};
use crate::Result;
use crate::process::Pid;
use crate::terminal::{Attributes, Size, When};

const SPEEDS: [(u32, u32); 19] = [
    (0, libc::B0),
    (50, libc::B50),
    (75, libc::B75),
    (110, libc::B110),
    (134, libc::B134),
    (150, libc::B150),
    (200, libc::B200),
    (300, libc::B300),
    (600, libc::B600),
    (1200, libc::B1200),
    (1800, libc::B1800),
    (2400, libc::B2400),
    (4800, libc::B4800),
    (9600, libc::B9600),
    (19200, libc::B19200),
    (38400, libc::B38400),
    (57600, libc::B57600),
    (115_200, libc::B115200),
    (230_400, libc::B230400),
];

pub fn is_terminal(file: &File) -> bool {
    // SAFETY: a plain system call.
    unsafe { libc::isatty(file.fd()) == 1 }
}

pub fn name(file: &File) -> Result<Vec<u8>> {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is valid for its length.
    match unsafe { libc::ttyname_r(file.fd(), buffer.as_mut_ptr().cast(), buffer.len()) } {
        0 => Ok(buffer.iter().copied().take_while(|byte| *byte != 0).collect()),
        number => Err(crate::Errno::from_raw(number)),
    }
}

fn get(file: &File) -> Result<libc::termios> {
    // SAFETY: termios is plain data that tcgetattr fills.
    unsafe {
        let mut termios = std::mem::zeroed();
        check(libc::tcgetattr(file.fd(), &mut termios))?;
        Ok(termios)
    }
}

pub fn attributes(file: &File) -> Result<Attributes> {
    let termios = get(file)?;
    let mut characters = [0; 19];
    for (ours, theirs) in characters.iter_mut().zip(termios.c_cc) {
        *ours = theirs;
    }
    let baud = |speed| SPEEDS.iter().find(|(_, code)| *code == speed).map_or(0, |(baud, _)| *baud);
    Ok(Attributes {
        input: termios.c_iflag,
        output: termios.c_oflag,
        control: termios.c_cflag,
        local: termios.c_lflag,
        characters,
        input_speed: baud(termios.c_ispeed),
        output_speed: baud(termios.c_ospeed),
    })
}

pub fn set_attributes(file: &File, attributes: &Attributes, when: When) -> Result<()> {
    let mut termios = get(file)?;
    termios.c_iflag = attributes.input;
    termios.c_oflag = attributes.output;
    termios.c_cflag = attributes.control;
    termios.c_lflag = attributes.local;
    for (theirs, ours) in termios.c_cc.iter_mut().zip(attributes.characters) {
        *theirs = ours;
    }
    if let Some((_, code)) = SPEEDS.iter().find(|(baud, _)| *baud == attributes.output_speed) {
        // SAFETY: termios is ours.
        unsafe { libc::cfsetospeed(&mut termios, *code) };
    }
    let when = match when {
        When::Now => libc::TCSANOW,
        When::Drain => libc::TCSADRAIN,
        When::Flush => libc::TCSAFLUSH,
    };
    // SAFETY: termios was read from a terminal.
    check(unsafe { libc::tcsetattr(file.fd(), when, &termios) }).map(drop)
}

pub fn size(file: &File) -> Result<Size> {
    // SAFETY: winsize is plain data that the call fills.
    unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        check(libc::ioctl(file.fd(), libc::TIOCGWINSZ, &mut size))?;
        Ok(Size { rows: size.ws_row, columns: size.ws_col })
    }
}

pub fn set_size(file: &File, size: Size) -> Result<()> {
    let size = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call reads one winsize.
    check(unsafe { libc::ioctl(file.fd(), libc::TIOCSWINSZ, &size) }).map(drop)
}

pub fn foreground(file: &File) -> Result<Pid> {
    // SAFETY: a plain system call.
    check(unsafe { libc::tcgetpgrp(file.fd()) }).map(|group| group as Pid)
}

pub fn set_foreground(file: &File, group: Pid) -> Result<()> {
    // SAFETY: a plain system call.
    check(unsafe { libc::tcsetpgrp(file.fd(), group as libc::pid_t) }).map(drop)
}

pub fn open_pair(size: Size) -> Result<(File, File)> {
    // SAFETY: the controlling side is checked before it is used; ptsname_r
    // fills a buffer of the length given.
    unsafe {
        let controller = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        if controller < 0 {
            return Err(last());
        }
        let controller = File::from_fd(controller);
        check(libc::grantpt(controller.fd()))?;
        check(libc::unlockpt(controller.fd()))?;
        let mut name = [0u8; 128];
        if libc::ptsname_r(controller.fd(), name.as_mut_ptr().cast(), name.len()) != 0 {
            return Err(last());
        }
        let terminal = check(libc::open(name.as_ptr().cast(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC))?;
        let terminal = File::from_fd(terminal);
        set_size(&controller, size)?;
        Ok((controller, terminal))
    }
}
