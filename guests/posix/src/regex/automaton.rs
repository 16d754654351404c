//! The automaton made deterministic while it runs: states are built when a text
//! first leads there, and forgotten when there are too many.
//!
//! What an assertion needs to know about the next byte is decided one byte
//! later: a transition says whether a match ended before its byte.

use std::collections::HashMap;

use super::program::{Instruction, NOWHERE, Program};
use super::syntax::Assertion;

/// How many states are kept.
const STATES_MOST: usize = 4000;

/// What stands before a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Before {
    TextStart,
    Newline,
    Word,
    Other,
}

impl Before {
    pub fn at(text: &[u8], position: usize) -> Before {
        match position.checked_sub(1).and_then(|at| text.get(at)) {
            None => Before::TextStart,
            Some(byte) => Before::after(*byte),
        }
    }

    fn after(byte: u8) -> Before {
        match byte {
            b'\n' => Before::Newline,
            byte if is_word(byte) => Before::Word,
            _ => Before::Other,
        }
    }
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether an assertion holds between `before` and `next` (`None`: the end).
pub fn holds(assertion: Assertion, before: Before, next: Option<u8>, newline: bool) -> bool {
    let was = before == Before::Word;
    let will = next.is_some_and(is_word);
    match assertion {
        Assertion::LineStart => before == Before::TextStart || (newline && before == Before::Newline),
        Assertion::LineEnd => next.is_none() || (newline && next == Some(b'\n')),
        Assertion::TextStart => before == Before::TextStart,
        Assertion::TextEnd => next.is_none(),
        Assertion::WordBoundary => was != will,
        Assertion::NotWordBoundary => was == will,
        Assertion::WordStart => !was && will,
        Assertion::WordEnd => was && !will,
        Assertion::NotAfterWord => !was,
        Assertion::NotBeforeWord => !will,
    }
}

type Key = (Vec<u32>, Before);

/// A transition: 0 is not known yet, else the state's number plus one, shifted
/// by one, and whether a match ended before the byte.
const UNKNOWN: u32 = 0;

pub struct Automaton {
    classes: [u8; 256],
    stride: usize,
    table: Vec<u32>,
    states: Vec<Key>,
    numbers: HashMap<Key, u32>,
    /// Every position may begin a match.
    unanchored: bool,
    newline: bool,
    stamp: Vec<u32>,
    round: u32,
    starts: [Option<u32>; 4],
}

impl Automaton {
    pub fn new(program: &Program, unanchored: bool, newline: bool) -> Automaton {
        // Bytes that no instruction tells apart share a class.
        let mut splitters: Vec<[bool; 256]> = program.sets.clone();
        for instruction in &program.instructions {
            if let Instruction::Byte(byte, _) = instruction {
                let mut table = [false; 256];
                table[usize::from(*byte)] = true;
                if !splitters.contains(&table) {
                    splitters.push(table);
                }
            }
        }
        if program.has_assertions {
            splitters.push(std::array::from_fn(|byte| byte == usize::from(b'\n')));
            splitters.push(std::array::from_fn(|byte| is_word(byte as u8)));
        }
        let mut classes = [0u8; 256];
        let mut count = 1usize;
        for splitter in &splitters {
            let mut moved: HashMap<(u8, bool), u8> = HashMap::new();
            let mut next = 0usize;
            for byte in 0..256 {
                let key = (classes[byte], splitter[byte]);
                let class = *moved.entry(key).or_insert_with(|| {
                    next += 1;
                    (next - 1) as u8
                });
                classes[byte] = class;
            }
            count = next;
            if count == 256 {
                break;
            }
        }
        Automaton {
            classes,
            stride: count + 1,
            table: Vec::new(),
            states: Vec::new(),
            numbers: HashMap::new(),
            unanchored,
            newline,
            stamp: vec![0; program.instructions.len()],
            round: 0,
            starts: [None; 4],
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        self.states.clear();
        self.numbers.clear();
        self.starts = [None; 4];
    }

    fn state(&mut self, key: Key) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.states.len() as u32;
        self.states.push(key.clone());
        self.numbers.insert(key, number);
        self.table.resize(self.table.len() + self.stride, UNKNOWN);
        number
    }

    fn start(&mut self, program: &Program, before: Before) -> u32 {
        let before = if program.has_assertions { before } else { Before::Other };
        if let Some(start) = self.starts[before as usize] {
            return start;
        }
        let start = self.state((vec![program.start], before));
        self.starts[before as usize] = Some(start);
        start
    }

    /// Builds a transition; the automaton may forget everything else first.
    fn build(&mut self, program: &Program, state: u32, class: usize, byte: Option<u8>) -> u32 {
        let (kernel, before) = self.states[state as usize].clone();
        self.round += 1;
        let round = self.round;
        let mut matched = false;
        let mut next: Vec<u32> = Vec::new();
        let mut todo: Vec<u32> = kernel.into_iter().rev().collect();
        while let Some(at) = todo.pop() {
            if std::mem::replace(&mut self.stamp[at as usize], round) == round {
                continue;
            }
            match program.instructions[at as usize] {
                Instruction::Byte(wanted, to) => {
                    if byte == Some(wanted) {
                        next.push(to);
                    }
                }
                Instruction::Set(index, to) => {
                    if byte.is_some_and(|byte| program.sets[index as usize][usize::from(byte)]) {
                        next.push(to);
                    }
                }
                Instruction::Split(a, b) => {
                    todo.push(b);
                    todo.push(a);
                }
                Instruction::Check(_, again, out) => {
                    todo.extend(Some(out).filter(|out| *out != NOWHERE));
                    todo.push(again);
                }
                Instruction::Save(_, to) | Instruction::Mark(_, to) | Instruction::Back(_, to) => todo.push(to),
                Instruction::Assert(assertion, to) => {
                    if holds(assertion, before, byte, self.newline) {
                        todo.push(to);
                    }
                }
                Instruction::Match => matched = true,
            }
        }
        if self.unanchored && byte.is_some() {
            next.push(program.start);
        }
        next.sort_unstable();
        next.dedup();
        let before = match byte {
            Some(byte) if program.has_assertions => Before::after(byte),
            _ => Before::Other,
        };
        if self.states.len() >= STATES_MOST {
            self.clear();
            let number = self.state((next, before));
            return ((number + 1) << 1) | u32::from(matched);
        }
        let number = self.state((next, before));
        let transition = ((number + 1) << 1) | u32::from(matched);
        self.table[state as usize * self.stride + class] = transition;
        transition
    }

    /// Where the first match to end ends, for matches from `start` on.
    pub fn earliest(&mut self, program: &Program, text: &[u8], start: usize) -> Option<usize> {
        let mut state = self.start(program, Before::at(text, start));
        let mut at = start;
        let stride = self.stride;
        while let Some(&byte) = text.get(at) {
            let class = usize::from(self.classes[usize::from(byte)]);
            let mut transition = self.table[state as usize * stride + class];
            if transition == UNKNOWN {
                transition = self.build(program, state, class, Some(byte));
            }
            if transition & 1 != 0 {
                return Some(at);
            }
            state = (transition >> 1) - 1;
            at += 1;
        }
        let transition = self.at_end(program, state);
        if transition & 1 != 0 { Some(at) } else { None }
    }

    fn at_end(&mut self, program: &Program, state: u32) -> u32 {
        let class = self.stride - 1;
        match self.table[state as usize * self.stride + class] {
            UNKNOWN => self.build(program, state, class, None),
            known => known,
        }
    }

    /// Where the longest match that begins at `start` ends.
    pub fn longest(&mut self, program: &Program, text: &[u8], start: usize) -> Option<usize> {
        let mut state = self.start(program, Before::at(text, start));
        let mut at = start;
        let mut end = None;
        let stride = self.stride;
        while let Some(&byte) = text.get(at) {
            let class = usize::from(self.classes[usize::from(byte)]);
            let mut transition = self.table[state as usize * stride + class];
            if transition == UNKNOWN {
                transition = self.build(program, state, class, Some(byte));
            }
            if transition & 1 != 0 {
                end = Some(at);
            }
            state = (transition >> 1) - 1;
            if self.states[state as usize].0.is_empty() {
                return end;
            }
            at += 1;
        }
        if self.at_end(program, state) & 1 != 0 { Some(at) } else { end }
    }
}
