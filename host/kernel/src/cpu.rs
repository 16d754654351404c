//! CPU time: what was used, and the bucket that makes `--cpus` true.
//!
//! The bucket belongs to the whole container. It fills at the rate of the quota and every poll of a process takes
//! out what it used, measured by the thread's CPU clock. A process can only be stopped when it yields, so a poll may
//! take more than there is: the balance then goes negative and the debt is paid back before anyone runs again,
//! which keeps the average exact however coarse the yields are. The bucket holds at most [`BURST`] of wall time, so
//! that a container that slept cannot take a second's worth at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

/// How much wall time's worth of CPU the bucket holds when full.
const BURST: u64 = 20_000_000;
/// Once empty, the bucket lets processes run again when it holds this wall time's worth: longer runs, fewer wake-ups.
const RESUME: u64 = 4_000_000;

/// Nanoseconds since an arbitrary moment; never goes back.
pub(crate) fn monotonic() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// CPU nanoseconds of the calling thread.
pub(crate) fn thread_time() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// Nanoseconds since 1970.
pub(crate) fn wall_clock() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

fn nanoseconds(time: rustix::time::Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let part = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(part)
}

/// The CPU account of a container.
#[derive(Default)]
pub(crate) struct CpuAccount {
    used: AtomicU64,
    /// Billionths of a CPU; 0 is unlimited. Outside the bucket so that an unlimited container takes no lock.
    rate: AtomicU64,
    bucket: Mutex<Bucket>,
}

#[derive(Default)]
struct Bucket {
    /// CPU nanoseconds; negative while there is debt.
    balance: i64,
    /// When `balance` was last brought up to date.
    updated: u64,
    empty: bool,
    /// Processes that wait for the refill, and since when there are any.
    waiting: u32,
    waiting_since: u64,
    throttled: u64,
    throttled_times: u64,
}

impl CpuAccount {
    /// Sets the quota in billionths of a CPU; `None` is unlimited.
    pub(crate) fn set_rate(&self, nano_cpus: Option<u64>, now: u64) {
        let mut bucket = self.bucket.lock();
        let rate = nano_cpus.unwrap_or(0);
        bucket.refill(self.rate.load(Ordering::Relaxed), now);
        self.rate.store(rate, Ordering::Relaxed);
        bucket.balance = bucket.balance.clamp(scaled(rate, BURST).saturating_neg(), scaled(rate, BURST));
        bucket.empty = false;
    }

    /// The quota in billionths of a CPU.
    pub(crate) fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    /// How long a process has to wait before it may run; `None` is not at all.
    pub(crate) fn delay(&self, now: impl FnOnce() -> u64) -> Option<Duration> {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return None;
        }
        let mut bucket = self.bucket.lock();
        bucket.refill(rate, now());
        if bucket.balance <= 0 && !bucket.empty {
            bucket.empty = true;
            bucket.throttled_times += 1;
        }
        let wanted = if bucket.empty { scaled(rate, RESUME) } else { 1 };
        if bucket.balance >= wanted {
            bucket.empty = false;
            return None;
        }
        let missing = u128::try_from(wanted.saturating_sub(bucket.balance)).unwrap_or(0);
        let wait = missing * 1_000_000_000 / u128::from(rate);
        Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX).saturating_add(1)))
    }

    /// Books CPU time that was used.
    pub(crate) fn charge(&self, nanoseconds: u64) {
        self.used.fetch_add(nanoseconds, Ordering::Relaxed);
        if self.rate.load(Ordering::Relaxed) != 0 {
            let mut bucket = self.bucket.lock();
            bucket.balance = bucket.balance.saturating_sub(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
        }
    }

    /// A process begins to wait for the refill.
    pub(crate) fn wait_begins(&self, now: u64) {
        let mut bucket = self.bucket.lock();
        if bucket.waiting == 0 {
            bucket.waiting_since = now;
        }
        bucket.waiting += 1;
    }

    /// A process that waited runs again or has ended.
    pub(crate) fn wait_ends(&self, now: u64) {
        let mut bucket = self.bucket.lock();
        bucket.waiting = bucket.waiting.saturating_sub(1);
        if bucket.waiting == 0 {
            bucket.throttled += now.saturating_sub(bucket.waiting_since);
        }
    }

    /// CPU nanoseconds used so far.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Nanoseconds during which at least one process waited for the refill, and how often the bucket ran empty.
    pub(crate) fn throttled(&self, now: u64) -> (u64, u64) {
        let bucket = self.bucket.lock();
        let current = if bucket.waiting > 0 { now.saturating_sub(bucket.waiting_since) } else { 0 };
        (bucket.throttled + current, bucket.throttled_times)
    }
}

impl Bucket {
    fn refill(&mut self, rate: u64, now: u64) {
        if self.updated == 0 {
            self.balance = scaled(rate, RESUME);
        } else {
            let earned = scaled(rate, now.saturating_sub(self.updated));
            self.balance = self.balance.saturating_add(earned).min(scaled(rate, BURST));
        }
        self.updated = now.max(self.updated);
    }
}

/// `wall` nanoseconds' worth of CPU at `rate`.
fn scaled(rate: u64, wall: u64) -> i64 {
    i64::try_from(u128::from(rate) * u128::from(wall) / 1_000_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs spinning processes that yield every `slice` against a fake clock; answers CPU over wall time.
    fn spin(nano_cpus: u64, processes: u64, slice: u64, wall: u64) -> f64 {
        let account = CpuAccount::default();
        let start = 1_000;
        let mut now = start;
        account.set_rate(Some(nano_cpus), now);
        while now < start + wall {
            match account.delay(|| now) {
                // A timer wheel wakes up to a millisecond late.
                Some(delay) => now += delay.as_nanos() as u64 + 700_000,
                None => {
                    now += slice;
                    for _ in 0..processes {
                        account.charge(slice);
                    }
                }
            }
        }
        account.used() as f64 / (now - start) as f64
    }

    #[test]
    fn the_average_over_five_seconds_is_the_quota() {
        for (quota, processes, slice) in [
            (500_000_000, 1, 2_000_000),
            (100_000_000, 1, 10_000_000),
            (1_500_000_000, 2, 2_000_000),
            (10_000_000, 4, 5_000_000),
        ] {
            let used = spin(quota, processes, slice, 5_000_000_000);
            let wanted = quota as f64 / 1e9;
            assert!((used / wanted - 1.0).abs() < 0.03, "{quota}: {used} instead of {wanted}");
        }
    }

    #[test]
    fn sleeping_saves_up_no_more_than_the_burst() {
        let account = CpuAccount::default();
        account.set_rate(Some(500_000_000), 1);
        assert_eq!(account.delay(|| 3_600_000_000_000), None);
        account.charge(BURST);
        assert!(account.delay(|| 3_600_000_000_000).is_some());
    }

    #[test]
    fn without_a_quota_nobody_waits() {
        let account = CpuAccount::default();
        account.charge(u64::MAX / 2);
        assert_eq!(account.delay(|| 1), None);
        account.set_rate(Some(1_000_000_000), 1);
        account.charge(1_000_000_000);
        assert!(account.delay(|| 2).is_some());
        account.set_rate(None, 3);
        assert_eq!(account.delay(|| 4), None);
    }

    #[test]
    fn throttled_time_counts_the_wall_once() {
        let account = CpuAccount::default();
        account.wait_begins(10);
        account.wait_begins(20);
        account.wait_ends(30);
        account.wait_ends(40);
        assert_eq!(account.throttled(50), (30, 0));
    }
}
