//! Backtracking over the program: where groups matched, and back-references,
//! which no finite automaton knows.

use super::automaton::{Before, holds};
use super::program::{Instruction, NOWHERE, Program};

/// How many steps a search with back-references may take.
const STEPS_MOST: usize = 20_000_000;

/// How many bits of memory a search for groups may take.
const VISITED_MOST: usize = 1 << 28;

pub type Slots = Vec<Option<usize>>;

enum Job {
    Go(u32, usize),
    Restore(usize, Option<usize>),
}

pub struct Search<'a> {
    pub program: &'a Program,
    pub text: &'a [u8],
    pub slots: usize,
    pub fold: bool,
    pub newline: bool,
}

impl Search<'_> {
    /// The groups of the match from `start` to `end`, preferred paths first.
    pub fn groups(&self, start: usize, end: usize) -> Option<Slots> {
        let width = end - start + 1;
        let size = self.program.instructions.len().checked_mul(width)?;
        if size > VISITED_MOST {
            return None;
        }
        let mut visited = vec![0u64; size / 64 + 1];
        self.run(
            start,
            &mut |at, position| {
                if position > end {
                    return false;
                }
                let bit = at as usize * width + (position - start);
                let fresh = visited[bit / 64] & (1 << (bit % 64)) == 0;
                visited[bit / 64] |= 1 << (bit % 64);
                fresh
            },
            &mut |position| position == end,
        )
        .map(|(_, slots)| slots)
    }

    /// The longest match from `start` of an expression with back-references.
    pub fn longest(&self, start: usize, steps: &mut usize) -> Option<(usize, Slots)> {
        let mut best: Option<(usize, Slots)> = None;
        let mut left = STEPS_MOST.saturating_sub(*steps);
        let all = self.text.len();
        self.run_all(
            start,
            &mut |_, _| {
                left = left.saturating_sub(1);
                left > 0
            },
            &mut |position, slots| {
                if best.as_ref().is_none_or(|(end, _)| position > *end) {
                    best = Some((position, slots.clone()));
                }
                position == all
            },
        );
        *steps = STEPS_MOST - left;
        best
    }

    fn run(
        &self,
        start: usize,
        enter: &mut dyn FnMut(u32, usize) -> bool,
        accept: &mut dyn FnMut(usize) -> bool,
    ) -> Option<(usize, Slots)> {
        let mut found = None;
        self.run_all(start, enter, &mut |position, slots| {
            let good = accept(position);
            if good {
                found = Some((position, slots.clone()));
            }
            good
        });
        found
    }

    /// Depth first; `accept` ends the search by answering true.
    fn run_all(
        &self,
        start: usize,
        enter: &mut dyn FnMut(u32, usize) -> bool,
        accept: &mut dyn FnMut(usize, &Slots) -> bool,
    ) {
        let mut slots: Slots = vec![None; self.slots + self.program.marks];
        let mut jobs = vec![Job::Go(self.program.start, start)];
        while let Some(job) = jobs.pop() {
            let (mut at, mut position) = match job {
                Job::Go(at, position) => (at, position),
                Job::Restore(slot, value) => {
                    slots[slot] = value;
                    continue;
                }
            };
            loop {
                if !enter(at, position) {
                    break;
                }
                let next = self.text.get(position).copied();
                match self.program.instructions[at as usize] {
                    Instruction::Byte(wanted, to) => {
                        if next != Some(wanted) {
                            break;
                        }
                        (at, position) = (to, position + 1);
                    }
                    Instruction::Set(index, to) => {
                        if !next.is_some_and(|byte| self.program.sets[index as usize][usize::from(byte)]) {
                            break;
                        }
                        (at, position) = (to, position + 1);
                    }
                    Instruction::Split(first, second) => {
                        jobs.push(Job::Go(second, position));
                        at = first;
                    }
                    Instruction::Save(slot, to) => {
                        let slot = slot as usize;
                        jobs.push(Job::Restore(slot, slots[slot]));
                        slots[slot] = Some(position);
                        at = to;
                    }
                    Instruction::Mark(mark, to) => {
                        let slot = self.slots + mark as usize;
                        jobs.push(Job::Restore(slot, slots[slot]));
                        slots[slot] = Some(position);
                        at = to;
                    }
                    Instruction::Check(mark, again, out) => {
                        let empty = slots[self.slots + mark as usize] == Some(position);
                        at = if empty { out } else { again };
                        if at == NOWHERE {
                            break;
                        }
                    }
                    Instruction::Assert(assertion, to) => {
                        if !holds(assertion, Before::at(self.text, position), next, self.newline) {
                            break;
                        }
                        at = to;
                    }
                    Instruction::Back(group, to) => {
                        let range = slots[group as usize * 2].zip(slots[group as usize * 2 + 1]);
                        let Some(wanted) = range.and_then(|(start, end)| self.text.get(start..end)) else { break };
                        let Some(there) = self.text.get(position..position + wanted.len()) else { break };
                        let same = if self.fold { wanted.eq_ignore_ascii_case(there) } else { wanted == there };
                        if !same {
                            break;
                        }
                        (at, position) = (to, position + wanted.len());
                    }
                    Instruction::Match => {
                        if accept(position, &slots) {
                            return;
                        }
                        break;
                    }
                }
            }
        }
    }
}
