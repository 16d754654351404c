//! Variables that are computed when they are read: LINENO, RANDOM, SECONDS and
//! bash's view of the call stack.

use crate::shell::Shell;
use coracle_sdk::{process, system, time};
use std::cell::Cell;

thread_local! {
    /// RANDOM's state; reading the variable changes it, and reading is shared.
    static RANDOM: Cell<Option<u32>> = const { Cell::new(None) };
}

fn next_random() -> u32 {
    RANDOM.with(|state| {
        let seed = state.get().unwrap_or_else(|| {
            let mut bytes = [0; 4];
            system::random(&mut bytes);
            u32::from_le_bytes(bytes)
        });
        // Park and Miller's minimal standard, as bash has it.
        let seed = if seed == 0 { 123_459_876 } else { seed };
        let (high, low) = (i64::from(seed) / 127_773, i64::from(seed) % 127_773);
        let next = 16_807 * low - 2_836 * high;
        let next = if next < 0 { next + 0x7fff_ffff } else { next } as u32;
        state.set(Some(next));
        ((next >> 16) ^ (next & 0xffff)) & 0x7fff
    })
}

impl Shell {
    /// The value of a variable that nobody has set.
    pub fn dynamic(&self, name: &[u8]) -> Option<Vec<u8>> {
        let number = |value: u64| Some(value.to_string().into_bytes());
        match name {
            b"LINENO" => number(u64::from(self.line)),
            b"RANDOM" => number(u64::from(next_random())),
            b"PPID" => number(u64::from(process::parent_id())),
            b"SECONDS" if self.bash() => Some(
                (time::monotonic().saturating_sub(self.started).as_secs() as i64 + self.seconds_offset)
                    .to_string()
                    .into_bytes(),
            ),
            b"EPOCHSECONDS" => number(time::now().seconds.unsigned_abs()),
            b"EPOCHREALTIME" => {
                let now = time::now();
                Some(format!("{}.{:06}", now.seconds, now.nanoseconds / 1000).into_bytes())
            }
            _ if !self.bash() => None,
            b"SRANDOM" => {
                let mut bytes = [0; 4];
                system::random(&mut bytes);
                number(u64::from(u32::from_le_bytes(bytes)))
            }
            b"BASHPID" => number(u64::from(process::id())),
            b"BASH_SUBSHELL" => number(u64::from(self.subshell)),
            b"UID" | b"EUID" => number(u64::from(process::identity().user)),
            b"HOSTNAME" => Some(system::names().node.into_bytes()),
            b"HOSTTYPE" => Some(system::names().machine.into_bytes()),
            b"OSTYPE" => Some(b"linux-gnu".to_vec()),
            b"MACHTYPE" => Some(format!("{}-pc-linux-gnu", system::names().machine).into_bytes()),
            b"BASH_VERSION" => Some(b"5.2.15(1)-release".to_vec()),
            b"BASH" => Some(b"/bin/bash".to_vec()),
            b"BASH_EXECUTION_STRING" => None,
            b"BASH_COMMAND" => self.current_command.as_ref().map(|command| crate::syntax::print::simple(command)),
            b"SHELLOPTS" => {
                let mut options = self.options;
                let names: Vec<&str> = crate::options::Options::SET
                    .iter()
                    .filter(|(name, _)| options.by_name(name.as_bytes()).is_some_and(|on| *on))
                    .map(|(name, _)| *name)
                    .collect();
                Some(names.join(":").into_bytes())
            }
            b"BASHOPTS" => {
                let mut options = self.options;
                let names: Vec<&str> = crate::options::Options::SHOPT
                    .iter()
                    .filter(|name| options.by_shopt(name.as_bytes()).is_some_and(|on| *on))
                    .copied()
                    .collect();
                Some(names.join(":").into_bytes())
            }
            b"_" => Some(self.last_argument.clone()),
            b"FUNCNAME" | b"BASH_SOURCE" | b"BASH_LINENO" | b"PIPESTATUS" | b"DIRSTACK" | b"GROUPS"
            | b"BASH_VERSINFO" => self.dynamic_array(name)?.into_iter().next(),
            b"COLUMNS" | b"LINES" => None,
            _ => None,
        }
    }

    /// The elements of an array that nobody has set.
    pub fn dynamic_array(&self, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        if !self.bash() {
            return None;
        }
        match name {
            b"PIPESTATUS" => Some(self.pipe_status.iter().map(|status| status.to_string().into_bytes()).collect()),
            b"FUNCNAME" => {
                if !self.frames.iter().any(|frame| frame.is_function) {
                    return None;
                }
                Some(self.frames.iter().rev().map(|frame| frame.function.to_vec()).collect())
            }
            b"BASH_SOURCE" => Some(
                self.frames
                    .iter()
                    .rev()
                    .filter(|frame| !frame.source.is_empty())
                    .map(|frame| frame.source.to_vec())
                    .collect(),
            ),
            b"BASH_LINENO" => {
                Some(self.frames.iter().rev().map(|frame| frame.call_line.to_string().into_bytes()).collect())
            }
            b"DIRSTACK" => Some(self.directory_stack_with_current()),
            b"GROUPS" => {
                let identity = process::identity();
                let mut groups = vec![identity.group.to_string().into_bytes()];
                groups.extend(
                    identity
                        .groups
                        .iter()
                        .filter(|group| **group != identity.group)
                        .map(|group| group.to_string().into_bytes()),
                );
                Some(groups)
            }
            b"BASH_VERSINFO" => Some(
                [&b"5"[..], b"2", b"15", b"1", b"release", b"x86_64-pc-linux-gnu"]
                    .iter()
                    .map(|part| part.to_vec())
                    .collect(),
            ),
            _ => None,
        }
    }

    /// An assignment to a variable that is computed; `false` when `name` is
    /// none of those that understand one.
    pub fn assign_dynamic(&mut self, name: &[u8], value: &[u8]) -> bool {
        match name {
            b"RANDOM" => {
                let seed = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
                RANDOM.with(|state| state.set(Some(seed as u32)));
                true
            }
            b"SECONDS" if self.bash() => {
                self.seconds_offset = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                self.started = time::monotonic();
                true
            }
            b"BASHPID" | b"FUNCNAME" | b"BASH_SOURCE" | b"BASH_LINENO" | b"PIPESTATUS" | b"GROUPS" => self.bash(),
            _ => false,
        }
    }
}
