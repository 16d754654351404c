//! Applets around files and directories.

mod basename;
mod cat;
mod chmod;
mod copy;
mod cp;
mod dirname;
mod ln;
mod ls;
mod mkdir;
mod mktemp;
mod mv;
mod pwd;
mod readlink;
mod realpath;
mod rm;
mod rmdir;
mod stat;
mod touch;

pub use ls::{terminal_width, version};
pub use rm::confirm;

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[
    &basename::APPLET,
    &cat::APPLET,
    &chmod::APPLET,
    &cp::APPLET,
    &dirname::APPLET,
    &ln::APPLET,
    &ls::APPLET,
    &mkdir::APPLET,
    &mktemp::APPLET,
    &mv::APPLET,
    &pwd::APPLET,
    &readlink::APPLET,
    &realpath::APPLET,
    &rm::APPLET,
    &rmdir::APPLET,
    &stat::APPLET,
    &touch::APPLET,
];
