//! The tree as instructions of a nondeterministic automaton over bytes.

use super::Error;
use super::syntax::{Assertion, Node, Set};

/// Where a [`Instruction::Check`] goes that lets no iteration be empty.
pub const NOWHERE: u32 = u32::MAX;

/// How many instructions an expression may have.
const MOST: usize = 300_000;

#[derive(Clone, Copy, Debug)]
pub enum Instruction {
    /// This byte.
    Byte(u8, u32),
    /// A byte of this set.
    Set(u32, u32),
    /// Both, the first preferred.
    Split(u32, u32),
    /// Remember the position.
    Save(u32, u32),
    Assert(Assertion, u32),
    Back(u32, u32),
    /// Remember where an iteration began.
    Mark(u32, u32),
    /// Go on looping unless the iteration was empty.
    Check(u32, u32, u32),
    Match,
}

pub struct Program {
    pub instructions: Vec<Instruction>,
    pub sets: Vec<[bool; 256]>,
    pub start: u32,
    pub marks: usize,
    pub has_assertions: bool,
}

/// Compiles from the end: every piece knows what follows it.
pub fn compile(root: &Node) -> Result<Program, Error> {
    let mut compiler = Compiler {
        program: Program {
            instructions: vec![Instruction::Match],
            sets: Vec::new(),
            start: 0,
            marks: 0,
            has_assertions: false,
        },
    };
    let body = compiler.node(root, 0)?;
    compiler.program.start = body;
    Ok(compiler.program)
}

struct Compiler {
    program: Program,
}

impl Compiler {
    fn push(&mut self, instruction: Instruction) -> Result<u32, Error> {
        if self.program.instructions.len() >= MOST {
            return Err(Error("Regular expression too big"));
        }
        self.program.instructions.push(instruction);
        Ok((self.program.instructions.len() - 1) as u32)
    }

    fn node(&mut self, node: &Node, next: u32) -> Result<u32, Error> {
        match node {
            Node::Empty => Ok(next),
            Node::Set(set) => self.set(set, next),
            Node::Concat(items) => {
                let mut next = next;
                for item in items.iter().rev() {
                    next = self.node(item, next)?;
                }
                Ok(next)
            }
            Node::Alternate(branches) => {
                let mut branches = branches.iter().rev();
                let last = branches.next();
                let mut all = match last {
                    Some(last) => self.node(last, next)?,
                    None => return Ok(next),
                };
                for branch in branches {
                    let one = self.node(branch, next)?;
                    all = self.push(Instruction::Split(one, all))?;
                }
                Ok(all)
            }
            Node::Group(inside, group) => {
                let end = self.push(Instruction::Save(*group as u32 * 2 + 1, next))?;
                let inside = self.node(inside, end)?;
                self.push(Instruction::Save(*group as u32 * 2, inside))
            }
            Node::Back(group) => self.push(Instruction::Back(*group as u32, next)),
            Node::Assert(assertion) => {
                self.program.has_assertions = true;
                self.push(Instruction::Assert(*assertion, next))
            }
            Node::Repeat(inside, least, most) => {
                let mut next = match most {
                    None => self.star(inside, next, *least == 0)?,
                    Some(most) => {
                        let end = next;
                        let mut next = next;
                        for _ in *least..*most {
                            let one = self.node(inside, next)?;
                            next = self.push(Instruction::Split(one, end))?;
                        }
                        next
                    }
                };
                for _ in 0..*least {
                    next = self.node(inside, next)?;
                }
                Ok(next)
            }
        }
    }

    fn star(&mut self, inside: &Node, next: u32, may_be_empty: bool) -> Result<u32, Error> {
        let head = self.push(Instruction::Match)?;
        if nullable(inside) {
            let mark = self.program.marks as u32;
            self.program.marks += 1;
            let empty = if may_be_empty { next } else { NOWHERE };
            let check = self.push(Instruction::Check(mark, head, empty))?;
            let body = self.node(inside, check)?;
            let begin = self.push(Instruction::Mark(mark, body))?;
            self.program.instructions[head as usize] = Instruction::Split(begin, next);
        } else {
            let body = self.node(inside, head)?;
            self.program.instructions[head as usize] = Instruction::Split(body, next);
        }
        Ok(head)
    }

    fn set(&mut self, set: &Set, next: u32) -> Result<u32, Error> {
        let mut paths = Vec::new();
        let mut bytes = set.bytes.iter().enumerate().filter(|(_, inside)| **inside).map(|(byte, _)| byte as u8);
        match (bytes.next(), bytes.next()) {
            (None, _) => {}
            (Some(only), None) => paths.push(self.push(Instruction::Byte(only, next))?),
            _ => {
                let index = self.table(set.bytes);
                paths.push(self.push(Instruction::Set(index, next))?);
            }
        }
        let mut sequences = Vec::new();
        for (start, end) in &set.wide {
            utf8_sequences(*start, *end, &mut sequences);
        }
        for sequence in sequences {
            let mut next = next;
            for (low, high) in sequence.into_iter().rev() {
                next = if low == high {
                    self.push(Instruction::Byte(low, next))?
                } else {
                    let mut table = [false; 256];
                    table[usize::from(low)..=usize::from(high)].fill(true);
                    let index = self.table(table);
                    self.push(Instruction::Set(index, next))?
                };
            }
            paths.push(next);
        }
        let mut paths = paths.into_iter();
        let Some(mut all) = paths.next() else {
            // Nothing can match an empty set.
            let index = self.table([false; 256]);
            return self.push(Instruction::Set(index, next));
        };
        for path in paths {
            all = self.push(Instruction::Split(path, all))?;
        }
        Ok(all)
    }

    fn table(&mut self, table: [bool; 256]) -> u32 {
        let sets = &mut self.program.sets;
        let index = sets.iter().position(|known| *known == table).unwrap_or_else(|| {
            sets.push(table);
            sets.len() - 1
        });
        index as u32
    }
}

/// Whether a node can match nothing.
pub fn nullable(node: &Node) -> bool {
    match node {
        Node::Empty | Node::Assert(_) | Node::Back(_) => true,
        Node::Set(_) => false,
        Node::Concat(items) => items.iter().all(nullable),
        Node::Alternate(branches) => branches.iter().any(nullable),
        Node::Repeat(inside, least, _) => *least == 0 || nullable(inside),
        Node::Group(inside, _) => nullable(inside),
    }
}

/// The byte ranges whose concatenations are the UTF-8 forms of a range.
fn utf8_sequences(start: u32, end: u32, out: &mut Vec<Vec<(u8, u8)>>) {
    let mut todo = vec![(start, end.min(0x10_ffff))];
    while let Some((start, end)) = todo.pop() {
        if start > end {
            continue;
        }
        // Surrogates have no form.
        if start < 0xe000 && end > 0xd7ff {
            todo.push((start, 0xd7ff.min(end)));
            todo.push((0xe000.max(start), end));
            if start > 0xd7ff || end < 0xe000 {
                todo.truncate(todo.len() - 2);
                if start <= 0xd7ff {
                    todo.push((start, 0xd7ff));
                }
                if end >= 0xe000 {
                    todo.push((0xe000, end));
                }
            }
            continue;
        }
        let mut split = false;
        for limit in [0x7f, 0x7ff, 0xffff] {
            if start <= limit && limit < end {
                todo.push((limit + 1, end));
                todo.push((start, limit));
                split = true;
                break;
            }
        }
        if split {
            continue;
        }
        if end < 0x80 {
            out.push(vec![(start as u8, end as u8)]);
            continue;
        }
        for bits in [6, 12, 18] {
            let mask = (1u32 << bits) - 1;
            if start & !mask != end & !mask {
                if start & mask != 0 {
                    todo.push(((start | mask) + 1, end));
                    todo.push((start, start | mask));
                    split = true;
                    break;
                }
                if end & mask != mask {
                    todo.push((end & !mask, end));
                    todo.push((start, (end & !mask) - 1));
                    split = true;
                    break;
                }
            }
        }
        if split {
            continue;
        }
        let encode = |character: u32| {
            let mut buffer = [0; 4];
            char::from_u32(character).map(|c| c.encode_utf8(&mut buffer).as_bytes().to_vec()).unwrap_or_default()
        };
        let (low, high) = (encode(start), encode(end));
        out.push(low.into_iter().zip(high).collect());
    }
}
