//! Applets around processes and the system.

mod date;
mod env;
mod find_processes;
mod hostname;
mod id;
mod kill;
mod machine;
mod ps;
mod run;
mod sleep;
mod test;
mod uname;
mod which;
mod xargs;

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[
    &date::APPLET,
    &find_processes::KILLALL,
    &find_processes::PGREP,
    &find_processes::PIDOF,
    &find_processes::PKILL,
    &machine::FREE,
    &machine::GETCONF,
    &machine::HOSTID,
    &machine::LOGNAME,
    &machine::MOUNT,
    &machine::MOUNTPOINT,
    &machine::NPROC,
    &machine::TTY,
    &machine::UPTIME,
    &run::NICE,
    &run::NOHUP,
    &run::SETSID,
    &run::TIME,
    &run::TIMEOUT,
    &run::USLEEP,
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
