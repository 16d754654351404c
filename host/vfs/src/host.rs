//! Directories and files of the host: binds and volumes.
