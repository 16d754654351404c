//! Applets around network.

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[];
