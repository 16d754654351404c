//! A set of numbers kept as disjoint intervals, so that "the first free address of a /8
//! with a million taken" is one look-up and an empty /64 costs nothing.

use std::collections::BTreeMap;

/// Numbers in the set: start -> end, both inclusive, never touching one another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Intervals {
    runs: BTreeMap<u128, u128>,
}

impl Intervals {
    fn run_of(&self, number: u128) -> Option<(u128, u128)> {
        let (&start, &end) = self.runs.range(..=number).next_back()?;
        (number <= end).then_some((start, end))
    }

    pub(crate) fn contains(&self, number: u128) -> bool {
        self.run_of(number).is_some()
    }

    /// False if it was there.
    pub(crate) fn insert(&mut self, number: u128) -> bool {
        if self.contains(number) {
            return false;
        }
        let (mut start, mut end) = (number, number);
        if let Some(before) = number.checked_sub(1).and_then(|n| self.run_of(n)) {
            self.runs.remove(&before.0);
            start = before.0;
        }
        if let Some(after) = number.checked_add(1).and_then(|n| self.run_of(n)) {
            self.runs.remove(&after.0);
            end = after.1;
        }
        self.runs.insert(start, end);
        true
    }

    /// False if it was not there.
    pub(crate) fn remove(&mut self, number: u128) -> bool {
        let Some((start, end)) = self.run_of(number) else { return false };
        self.runs.remove(&start);
        if start < number {
            self.runs.insert(start, number - 1);
        }
        if number < end {
            self.runs.insert(number + 1, end);
        }
        true
    }

    /// The lowest number of `first..=last` that is not in the set.
    pub(crate) fn first_absent(&self, first: u128, last: u128) -> Option<u128> {
        let candidate = match self.run_of(first) {
            Some((_, end)) => end.checked_add(1)?,
            None => first,
        };
        (candidate <= last).then_some(candidate)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_set(operations in prop::collection::vec((any::<bool>(), 0u128..40), 0..200)) {
            let mut model = BTreeSet::new();
            let mut set = Intervals::default();
            for (insert, number) in operations {
                if insert {
                    prop_assert_eq!(set.insert(number), model.insert(number));
                } else {
                    prop_assert_eq!(set.remove(number), model.remove(&number));
                }
                prop_assert_eq!(set.first_absent(3, 30), (3..=30).find(|n| !model.contains(n)));
                prop_assert_eq!(set.contains(number), model.contains(&number));
                let runs: Vec<_> = set.runs.iter().map(|(a, b)| (*a, *b)).collect();
                prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            }
        }
    }

    #[test]
    fn the_largest_number_is_a_number() {
        let mut set = Intervals::default();
        assert!(set.insert(u128::MAX));
        assert!(set.insert(u128::MAX - 1));
        assert_eq!(set.first_absent(u128::MAX, u128::MAX), None);
        assert!(set.remove(u128::MAX));
        assert_eq!(set.first_absent(u128::MAX - 1, u128::MAX), Some(u128::MAX));
    }
}
