//! Applets around files and directories.

mod basename;
mod cat;
mod chmod;
mod chown;
mod copy;
mod cp;
mod dd;
mod df;
mod dirname;
mod du;
mod find;
mod install;
mod link;
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
    &chown::APPLET,
    &chown::CHGRP,
    &dd::APPLET,
    &df::APPLET,
    &du::APPLET,
    &install::APPLET,
    &link::FSYNC,
    &link::LINK,
    &link::MKFIFO,
    &link::MKNOD,
    &link::SYNC,
    &link::TRUNCATE,
    &link::UNLINK,
    &cp::APPLET,
    &dirname::APPLET,
    &find::APPLET,
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
