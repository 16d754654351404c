//! Applets around archives.

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[];
