//! Signals over sigaction: the handler only counts and wakes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use super::check;
use crate::Result;
use crate::signal::{Disposition, Signal};

static QUEUED: AtomicU64 = AtomicU64::new(0);
static QUEUES: AtomicBool = AtomicBool::new(false);
static CHILD_QUEUED: AtomicBool = AtomicBool::new(false);
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Whether this process ever asked for a signal to be queued.
pub fn any_queued() -> bool {
    QUEUES.load(Ordering::Relaxed)
}

pub(super) fn pending() -> bool {
    QUEUED.load(Ordering::SeqCst) != 0
}

extern "C" fn handle(number: libc::c_int) {
    if number != libc::SIGCHLD || CHILD_QUEUED.load(Ordering::SeqCst) {
        QUEUED.fetch_or(1 << (number - 1).clamp(0, 63), Ordering::SeqCst);
    }
    let wake = WAKE.load(Ordering::SeqCst);
    if wake >= 0 {
        // SAFETY: write(2) is async-signal-safe; errno is put back.
        unsafe {
            let saved = *libc::__errno_location();
            libc::write(wake, [0u8].as_ptr().cast(), 1);
            *libc::__errno_location() = saved;
        }
    }
}

/// The reading end of the pipe that every handled signal writes to.
pub(super) fn wake_pipe() -> Result<&'static super::file::File> {
    static PIPE: OnceLock<(super::file::File, super::file::File)> = OnceLock::new();
    if let Some((reader, _)) = PIPE.get() {
        return Ok(reader);
    }
    let (reader, writer) = super::file::pipe()?;
    let high = (reader.share()?, writer.share()?);
    for end in [&high.0, &high.1] {
        end.set_status_flags(crate::StatusFlags { append: false, non_blocking: true })?;
    }
    let (reader, writer) = PIPE.get_or_init(|| high);
    WAKE.store(writer.fd(), Ordering::SeqCst);
    Ok(reader)
}

/// Lets SIGCHLD end a poll without queueing it.
pub(super) fn watch_children() -> Result<()> {
    if disposition(Signal::CHLD) == Disposition::Default && !CHILD_QUEUED.load(Ordering::SeqCst) {
        install(libc::SIGCHLD, handle as *const () as libc::sighandler_t)?;
    }
    Ok(())
}

fn install(number: libc::c_int, action: libc::sighandler_t) -> Result<()> {
    // SAFETY: sigaction is plain data; the handler is async-signal-safe.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = action;
        check(libc::sigaction(number, &new, std::ptr::null_mut())).map(drop)
    }
}

pub fn set_disposition(signal: Signal, disposition: Disposition) -> Result<Disposition> {
    let before = self::disposition(signal);
    let number = i32::from(signal.number());
    let action = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Queue => {
            QUEUES.store(true, Ordering::Relaxed);
            wake_pipe()?;
            handle as *const () as libc::sighandler_t
        }
    };
    if signal == Signal::CHLD {
        CHILD_QUEUED.store(disposition == Disposition::Queue, Ordering::SeqCst);
    }
    install(number, action)?;
    Ok(before)
}

pub fn disposition(signal: Signal) -> Disposition {
    // SAFETY: sigaction is plain data that the call fills.
    let action = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(i32::from(signal.number()), std::ptr::null(), &mut now);
        now.sa_sigaction
    };
    match action {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignore,
        _ if signal == Signal::CHLD && !CHILD_QUEUED.load(Ordering::SeqCst) => Disposition::Default,
        _ => Disposition::Queue,
    }
}

pub fn take() -> Option<Signal> {
    loop {
        let queued = QUEUED.load(Ordering::SeqCst);
        if queued == 0 {
            return None;
        }
        let bit = queued.trailing_zeros();
        if QUEUED.compare_exchange(queued, queued & !(1 << bit), Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return Signal::from_number(bit as u8 + 1);
        }
    }
}

pub fn set_blocked(signals: &[Signal]) -> Vec<Signal> {
    // SAFETY: signal sets are plain data that the calls fill.
    unsafe {
        let mut new: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut new);
        for signal in signals {
            libc::sigaddset(&mut new, i32::from(signal.number()));
        }
        libc::sigprocmask(libc::SIG_SETMASK, &new, &mut old);
        (1..=64)
            .filter(|number| libc::sigismember(&old, i32::from(*number)) == 1)
            .filter_map(Signal::from_number)
            .collect()
    }
}

pub fn alarm(after: Duration) -> Duration {
    // SAFETY: itimerval is plain data that the call fills.
    unsafe {
        let new = libc::itimerval {
            it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
            it_value: libc::timeval {
                tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                tv_usec: i64::from(after.subsec_micros()),
            },
        };
        let mut old: libc::itimerval = std::mem::zeroed();
        libc::setitimer(libc::ITIMER_REAL, &new, &mut old);
        Duration::new(old.it_value.tv_sec as u64, old.it_value.tv_usec as u32 * 1000)
    }
}
