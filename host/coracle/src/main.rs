//! The Coracle daemon.

fn main() {}
