//! The line discipline byte by byte.

use proptest::prelude::*;

use super::discipline::{Discipline, LINE_MAX};
use super::termios::{
    ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ICANON, ICRNL, IGNCR, IMAXBEL, INLCR, ISIG, IUTF8, NOFLSH, OPOST, Special,
    Termios, XTABS,
};
use crate::Signal;

struct Desk {
    discipline: Discipline,
    signals: Vec<Signal>,
}

impl Desk {
    fn new(change: impl FnOnce(&mut Termios)) -> Desk {
        let mut discipline = Discipline::default();
        let mut termios = Termios::default();
        change(&mut termios);
        discipline.set_termios(termios);
        Desk { discipline, signals: Vec::new() }
    }

    fn types(&mut self, bytes: &[u8]) -> &mut Desk {
        assert_eq!(self.discipline.input(bytes, &mut self.signals), bytes.len());
        self
    }

    fn reads(&mut self) -> Option<Vec<u8>> {
        self.discipline.read(usize::MAX).map(|data| data.to_vec())
    }

    fn shows(&mut self) -> String {
        String::from_utf8_lossy(&self.discipline.take_output(usize::MAX)).into_owned()
    }
}

#[test]
fn a_line_can_be_read_when_it_is_finished_and_no_sooner() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"ab");
    assert_eq!(desk.reads(), None);
    assert!(!desk.discipline.is_readable());
    desk.types(b"c\rnext\n");
    assert!(desk.discipline.is_readable());
    assert_eq!(desk.discipline.read(2).as_deref(), Some(&b"ab"[..]));
    assert_eq!(desk.reads(), Some(b"c\n".to_vec()));
    assert_eq!(desk.reads(), Some(b"next\n".to_vec()));
    assert_eq!(desk.shows(), "abc\r\nnext\r\n");
}

#[test]
fn end_of_file_ends_a_line_or_the_file() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"half\x04\x04");
    assert_eq!(desk.reads(), Some(b"half".to_vec()));
    assert_eq!(desk.reads(), Some(Vec::new()));
    assert_eq!(desk.reads(), None);
    assert_eq!(desk.shows(), "half");
}

#[test]
fn erase_takes_back_what_is_seen() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"ab\x7f");
    assert_eq!(desk.shows(), "ab\x08 \x08");
    desk.types(b"\x01\x7f");
    assert_eq!(desk.shows(), "^A\x08 \x08\x08 \x08");
    desk.types(b"\t\x7f");
    assert_eq!(desk.shows(), "\t\x08\x08\x08\x08\x08\x08\x08");
    desk.types(b"\x7f\x7f\x7f\n");
    assert_eq!(desk.shows(), "\x08 \x08\r\n");
    assert_eq!(desk.reads(), Some(b"\n".to_vec()));
}

#[test]
fn erase_takes_a_whole_utf8_character() {
    let mut desk = Desk::new(|termios| termios.input |= IUTF8);
    desk.types("xé\x7f\n".as_bytes());
    assert_eq!(desk.reads(), Some(b"x\n".to_vec()));
    assert_eq!(desk.shows(), "xé\x08 \x08\r\n");
}

#[test]
fn word_erase_takes_blanks_and_a_word() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"one two_2 ; \x17\n");
    assert_eq!(desk.reads(), Some(b"one \n".to_vec()));
    desk.types(b" ;\x17x\n");
    assert_eq!(desk.reads(), Some(b"x\n".to_vec()));
}

#[test]
fn kill_clears_the_line_as_the_flags_say() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"ab\x15c\n");
    assert_eq!(desk.shows(), "ab\x08 \x08\x08 \x08c\r\n");
    assert_eq!(desk.reads(), Some(b"c\n".to_vec()));
    let mut desk = Desk::new(|termios| termios.local &= !ECHOKE);
    desk.types(b"ab\x15c\n");
    assert_eq!(desk.shows(), "ab^U\r\nc\r\n");
    let mut desk = Desk::new(|termios| termios.local &= !(ECHOK | ECHOE | ECHOCTL));
    desk.types(b"ab\x15");
    assert_eq!(desk.shows(), "ab\x15");
}

#[test]
fn a_literal_character_loses_its_meaning() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"\x16\x03\n");
    assert!(desk.signals.is_empty());
    assert_eq!(desk.reads(), Some(b"\x03\n".to_vec()));
    assert_eq!(desk.shows(), "^\x08^C\r\n");
}

#[test]
fn reprint_shows_the_line_anew() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"ab\x12");
    assert_eq!(desk.shows(), "ab^R\r\nab");
}

#[test]
fn keyboard_signals_flush_and_are_echoed() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"done\nhalf\x03\x1c\x1a");
    assert_eq!(desk.signals, [Signal::INT, Signal::QUIT, Signal::TSTP]);
    assert_eq!(desk.reads(), None);
    assert_eq!(desk.shows(), "^Z");
    let mut desk = Desk::new(|termios| termios.local |= NOFLSH);
    desk.types(b"done\n\x03");
    assert_eq!(desk.reads(), Some(b"done\n".to_vec()));
    assert_eq!(desk.shows(), "done\r\n^C");
    let mut desk = Desk::new(|termios| termios.local &= !ISIG);
    desk.types(b"\x03\n");
    assert!(desk.signals.is_empty());
    assert_eq!(desk.reads(), Some(b"\x03\n".to_vec()));
}

#[test]
fn stop_holds_output_until_start() {
    let mut desk = Desk::new(|_| {});
    desk.discipline.output(b"text");
    desk.types(b"\x13");
    assert!(!desk.discipline.has_output());
    assert_eq!(desk.shows(), "");
    desk.types(b"\x11");
    assert!(desk.discipline.has_output());
    assert_eq!(desk.shows(), "text");
}

#[test]
fn carriage_returns_and_newlines_are_mapped() {
    let mut desk = Desk::new(|termios| termios.input = INLCR);
    desk.types(b"\n\r");
    assert_eq!(desk.reads(), None);
    let mut desk = Desk::new(|termios| termios.input = IGNCR | ICRNL);
    desk.types(b"a\r\n");
    assert_eq!(desk.reads(), Some(b"a\n".to_vec()));
}

#[test]
fn raw_mode_passes_every_byte_at_once() {
    let mut desk = Desk::new(|termios| {
        termios.input = 0;
        termios.local = 0;
    });
    let all: Vec<u8> = (0..=255).collect();
    desk.types(&all);
    assert_eq!(desk.reads(), Some(all));
    assert_eq!(desk.shows(), "");
}

#[test]
fn raw_mode_is_readable_with_min_bytes() {
    let mut desk = Desk::new(|termios| {
        termios.local = 0;
        termios.characters[Special::Min as usize] = 3;
    });
    desk.types(b"ab");
    assert!(!desk.discipline.is_readable());
    desk.types(b"c");
    assert!(desk.discipline.is_readable());
}

#[test]
fn a_change_of_mode_keeps_what_was_typed() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"line\nhalf");
    let mut raw = Termios::default();
    raw.local &= !ICANON;
    desk.discipline.set_termios(raw);
    assert_eq!(desk.discipline.read(6).as_deref(), Some(&b"line\nh"[..]));
    desk.discipline.set_termios(Termios::default());
    assert_eq!(desk.reads(), Some(b"alf".to_vec()));
}

#[test]
fn a_line_that_is_too_long_rings_and_can_still_be_finished() {
    let mut desk = Desk::new(|termios| {
        termios.input |= IMAXBEL;
        termios.local &= !ECHO;
    });
    desk.types(&[b'x'; LINE_MAX + 10]);
    desk.types(b"\n");
    assert_eq!(desk.shows(), "\x07".repeat(11));
    assert_eq!(desk.reads().map(|line| line.len()), Some(LINE_MAX));
}

#[test]
fn finished_lines_that_nobody_reads_make_the_keyboard_wait() {
    let mut desk = Desk::new(|_| {});
    let taken = desk.discipline.input(&b"x\n".repeat(10_000), &mut desk.signals);
    assert_eq!(taken, 4_096);
    assert!(desk.discipline.is_input_full());
    desk.reads();
    assert!(!desk.discipline.is_input_full());
}

#[test]
fn output_is_processed() {
    let mut desk = Desk::new(|termios| termios.output |= XTABS);
    desk.discipline.output(b"ab\tc\n\td\r\n");
    assert_eq!(desk.shows(), "ab      c\r\n        d\r\r\n");
    let mut desk = Desk::new(|termios| termios.output &= !OPOST);
    desk.discipline.output(b"a\n\t");
    assert_eq!(desk.shows(), "a\n\t");
}

#[test]
fn a_flooded_screen_makes_the_writer_wait_but_not_the_keyboard() {
    let mut desk = Desk::new(|_| {});
    let taken = desk.discipline.output(&[b'x'; 200_000]);
    assert_eq!(taken, 65_536);
    assert!(!desk.discipline.has_output_room());
    desk.types(b"\x03");
    assert_eq!(desk.signals, [Signal::INT]);
}

#[test]
fn what_was_read_can_be_put_back() {
    let mut desk = Desk::new(|_| {});
    desk.types(b"one\ntwo\n");
    let one = desk.discipline.read(100).unwrap();
    desk.discipline.unread(&one);
    assert_eq!(desk.reads(), Some(b"one\n".to_vec()));
    let part = desk.discipline.read(2).unwrap();
    desk.discipline.unread(&part);
    assert_eq!(desk.reads(), Some(b"two\n".to_vec()));
}

proptest! {
    /// Whatever is typed under whatever flags: nothing panics, memory stays bounded, and a read never answers more
    /// than was typed.
    #[test]
    fn any_input_under_any_flags_is_bounded(
        bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
        input in any::<u32>(), output in any::<u32>(), local in any::<u32>(),
        characters in any::<[u8; 17]>(), switch in any::<u32>(),
    ) {
        let mut desk = Desk::new(|termios| {
            *termios = Termios { input, output, local, characters, ..*termios };
        });
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let mut typed = desk.discipline.input(first, &mut desk.signals);
        desk.discipline.output(first);
        desk.discipline.set_termios(Termios { local: switch, ..*desk.discipline.termios() });
        typed += desk.discipline.input(second, &mut desk.signals);
        let mut read = 0;
        while let Some(data) = desk.discipline.read(100) {
            read += data.len();
        }
        prop_assert!(read <= typed);
        let mut shown = 0;
        loop {
            let data = desk.discipline.take_output(1_000);
            if data.is_empty() {
                break;
            }
            shown += data.len();
        }
        prop_assert!(shown <= 65_536 + 4_096 + 64);
    }

    /// Typing a text and erasing all of it leaves the screen's cursor where it was.
    #[test]
    fn erasing_everything_comes_back_to_the_first_column(text in "[a-z\t\u{1}\u{2} é]{0,60}") {
        let mut desk = Desk::new(|termios| {
            termios.input |= IUTF8;
        });
        desk.types(text.as_bytes());
        desk.types(&vec![0x7f; text.chars().count()]);
        let mut column = 0_usize;
        for character in desk.shows().chars() {
            match character {
                '\x08' => column -= 1,
                '\t' => column += 8 - column % 8,
                _ => column += 1,
            }
        }
        prop_assert_eq!(column, 0);
        desk.types(b"\n");
        prop_assert_eq!(desk.reads(), Some(b"\n".to_vec()));
    }

    /// In canonical mode without special characters the bytes that are read are those that were typed.
    #[test]
    fn lines_come_through_as_they_were_typed(lines in proptest::collection::vec("[a-zA-Z0-9 ]{0,100}", 0..20)) {
        let mut desk = Desk::new(|_| {});
        for line in &lines {
            desk.types(line.as_bytes()).types(b"\n");
        }
        for line in &lines {
            prop_assert_eq!(desk.reads(), Some(format!("{line}\n").into_bytes()));
        }
    }
}
