//! Read-only layers under a writable upper directory.
