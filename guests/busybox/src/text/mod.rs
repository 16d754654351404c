//! Applets around text and streams.

mod cut;
mod echo;
mod head;
mod printf;
mod seq;
mod sort;
mod tail;
mod tee;
mod tr;
mod uniq;
mod wc;
mod yes;

use crate::applet::Applet;

pub static APPLETS: &[&Applet] = &[
    &cut::APPLET,
    &echo::APPLET,
    &head::APPLET,
    &printf::APPLET,
    &seq::APPLET,
    &sort::APPLET,
    &tail::APPLET,
    &tee::APPLET,
    &tr::APPLET,
    &uniq::APPLET,
    &wc::APPLET,
    &yes::APPLET,
];
