//! Applets around text and streams.

mod awk;
mod cut;
mod echo;
mod grep;
mod head;
mod printf;
mod sed;
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
    &awk::APPLET,
    &cut::APPLET,
    &echo::APPLET,
    &grep::APPLET,
    &grep::EGREP,
    &grep::FGREP,
    &head::APPLET,
    &printf::APPLET,
    &sed::APPLET,
    &seq::APPLET,
    &sort::APPLET,
    &tail::APPLET,
    &tee::APPLET,
    &tr::APPLET,
    &uniq::APPLET,
    &wc::APPLET,
    &yes::APPLET,
];
