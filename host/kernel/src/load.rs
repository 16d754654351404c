//! The load average, without a timer.
//!
//! Linux samples the number of runnable processes every five seconds. Ten thousand containers must not have ten
//! thousand timers, so the sample of an interval is what is known anyway when somebody asks: CPU time used in the
//! interval divided by its length.

use parking_lot::Mutex;

/// Nanoseconds between samples.
const INTERVAL: u64 = 5_000_000_000;
/// Samples beyond which an average has forgotten everything.
const FORGOTTEN: u64 = 2_000;

#[derive(Default)]
pub(crate) struct Load {
    averages: Mutex<Averages>,
}

#[derive(Default)]
struct Averages {
    sampled: u64,
    used: u64,
    values: [f64; 3],
}

impl Load {
    /// Averages over 1, 5 and 15 minutes, given the CPU nanoseconds used so far.
    pub(crate) fn averages(&self, now: u64, started: u64, used: u64) -> [f64; 3] {
        let mut averages = self.averages.lock();
        if averages.sampled == 0 {
            averages.sampled = started;
        }
        let elapsed = now.saturating_sub(averages.sampled);
        let intervals = elapsed / INTERVAL;
        if intervals > 0 {
            let active = used.saturating_sub(averages.used) as f64 / elapsed as f64;
            let steps = i32::try_from(intervals.min(FORGOTTEN)).unwrap_or(i32::MAX);
            for (value, minutes) in averages.values.iter_mut().zip([1.0, 5.0, 15.0]) {
                let decay = f64::exp(-5.0 / (60.0 * minutes)).powi(steps);
                *value = *value * decay + active * (1.0 - decay);
            }
            averages.sampled += intervals * INTERVAL;
            averages.used = used;
        }
        averages.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_spins_for_a_minute_shows_as_linux_would_show_it() {
        let load = Load::default();
        let minute = 60_000_000_000;
        let [one, five, fifteen] = load.averages(1 + minute, 1, minute);
        assert!((one - 0.632).abs() < 0.01 && (five - 0.181).abs() < 0.01 && (fifteen - 0.064).abs() < 0.01);
        let [one, _, _] = load.averages(1 + 11 * minute, 1, minute);
        assert!(one < 0.001);
    }
}
