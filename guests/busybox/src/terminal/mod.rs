//! Applets around terminal.

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[];
