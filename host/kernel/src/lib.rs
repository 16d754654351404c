//! Processes: tables, open files, pipes, terminals, signals, accounting.
