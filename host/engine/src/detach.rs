//! Detach keys: `ctrl-p,ctrl-q` in a terminal's input leaves without ending anything.

use bytes::Bytes;

/// A sequence, and how much of it was typed.
#[derive(Debug, Clone)]
pub struct DetachKeys {
    keys: Vec<u8>,
    typed: usize,
}

/// The text names no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidKeys;

impl DetachKeys {
    /// Reads `a`, `ctrl-a`, `ctrl-[`, joined by commas; empty means the default.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let text = if text.is_empty() { "ctrl-p,ctrl-q" } else { text };
        let keys = text
            .split(',')
            .map(|key| match key.as_bytes() {
                [single] => Ok(*single),
                _ => match key.strip_prefix("ctrl-").map(str::as_bytes) {
                    Some([letter @ b'a'..=b'z']) => Ok(letter - b'a' + 1),
                    Some(b"@") => Ok(0),
                    Some([other @ (b'[' | b'\\' | b']' | b'^' | b'_')]) => Ok(other - 64),
                    _ => Err(InvalidKeys),
                },
            })
            .collect::<Result<Vec<u8>, _>>()?;
        Ok(Self { keys, typed: 0 })
    }

    /// Passes input through. A beginning of the sequence is held back until it is
    /// known not to be one; the second value says that it was completed.
    pub fn scan(&mut self, data: &Bytes) -> (Bytes, bool) {
        if self.typed == 0 && !data.iter().any(|byte| self.keys.first() == Some(byte)) {
            return (data.clone(), false);
        }
        let mut passed = Vec::with_capacity(data.len());
        for byte in data {
            if self.keys.get(self.typed) == Some(byte) {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    self.typed = 0;
                    return (Bytes::from(passed), true);
                }
                continue;
            }
            passed.extend_from_slice(self.keys.get(..self.typed).unwrap_or_default());
            self.typed = 0;
            if self.keys.first() == Some(byte) {
                self.typed = 1;
            } else {
                passed.push(*byte);
            }
        }
        (Bytes::from(passed), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_leaves_and_its_beginning_does_not_get_lost() {
        let mut keys = DetachKeys::parse("").unwrap();
        assert_eq!(keys.scan(&Bytes::from_static(b"ab\x10")), (Bytes::from_static(b"ab"), false));
        assert_eq!(keys.scan(&Bytes::from_static(b"c")), (Bytes::from_static(b"\x10c"), false));
        assert_eq!(keys.scan(&Bytes::from_static(b"\x10\x11z")), (Bytes::new(), true));
    }

    #[test]
    fn keys_have_names() {
        assert!(DetachKeys::parse("ctrl-a,x").is_ok());
        assert_eq!(DetachKeys::parse("zz-zz").unwrap_err(), InvalidKeys);
    }
}
