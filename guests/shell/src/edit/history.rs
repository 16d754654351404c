//! The lines typed so far.

/// Lines, oldest first, with the number of the first.
#[derive(Debug, Default, Clone)]
pub struct History {
    lines: Vec<Vec<u8>>,
    first: usize,
}

/// How many lines are kept unless HISTSIZE says otherwise.
const LIMIT: usize = 500;

impl History {
    /// Adds a line; the oldest goes when there are too many.
    pub fn add(&mut self, line: &[u8], limit: Option<usize>) {
        self.lines.push(line.to_vec());
        let limit = limit.unwrap_or(LIMIT);
        while self.lines.len() > limit {
            self.lines.remove(0);
            self.first += 1;
        }
    }
    /// How many lines were ever added.
    pub fn len(&self) -> usize {
        self.first + self.lines.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
    /// The lines that are kept.
    pub fn lines(&self) -> &[Vec<u8>] {
        &self.lines
    }
    /// Number and text of every kept line.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &Vec<u8>)> {
        self.lines.iter().enumerate().map(|(index, line)| (self.first + index + 1, line))
    }
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.first = 0;
    }
    /// Removes a line by its number.
    pub fn remove(&mut self, number: usize) -> bool {
        match number.checked_sub(self.first + 1) {
            Some(index) if index < self.lines.len() => {
                self.lines.remove(index);
                true
            }
            _ => false,
        }
    }
}
