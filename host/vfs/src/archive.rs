//! Tar streams in and out of a namespace.
