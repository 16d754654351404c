//! What POSIX gives every utility and the shell alike: patterns (fnmatch),
//! regular expressions, calendar times in a time zone.
//!
//! Everything works on bytes and depends on nothing, so that a pattern means the
//! same natively and in a component, whatever C library stands below.

pub mod bracket;
pub mod calendar;
pub mod pattern;
pub mod regex;
pub mod zone;
