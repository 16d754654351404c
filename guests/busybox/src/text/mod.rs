//! Applets around text and streams.

mod awk;
mod base;
mod cut;
mod digest;
mod echo;
mod grep;
mod head;
mod lines;
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
    &base::BASE32,
    &base::BASE64,
    &cut::APPLET,
    &digest::B2,
    &digest::MD5,
    &digest::SHA1,
    &digest::SHA224,
    &digest::SHA256,
    &digest::SHA3,
    &digest::SHA384,
    &digest::SHA512,
    &lines::EXPAND,
    &lines::FOLD,
    &lines::NL,
    &lines::PASTE,
    &lines::REV,
    &lines::SHUF,
    &lines::STRINGS,
    &lines::TAC,
    &lines::UNEXPAND,
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
