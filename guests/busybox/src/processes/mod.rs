//! Applets around processes and the system.

mod date;
mod env;
mod hostname;
mod id;
mod kill;
mod ps;
mod sleep;
mod test;
mod uname;
mod which;
mod xargs;

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[
    &date::APPLET,
    &env::APPLET,
    &env::PRINTENV,
    &hostname::APPLET,
    &id::APPLET,
    &id::GROUPS,
    &id::WHOAMI,
    &kill::APPLET,
    &ps::APPLET,
    &sleep::APPLET,
    &test::APPLET,
    &test::BRACKET,
    &test::DOUBLE_BRACKET,
    &test::FALSE,
    &test::TRUE,
    &uname::APPLET,
    &uname::ARCH,
    &which::APPLET,
    &xargs::APPLET,
];
