//! Path names as bytes: last component, directory part, joining.

/// The last component without trailing slashes: `usr` of `/usr/`, `/` of `//`.
pub fn base_name(path: &[u8]) -> &[u8] {
    let trimmed = trim_slashes(path);
    if trimmed.is_empty() {
        return if path.is_empty() { path } else { b"/" };
    }
    match trimmed.iter().rposition(|byte| *byte == b'/') {
        Some(at) => &trimmed[at + 1..],
        None => trimmed,
    }
}

/// What dirname prints: `/usr` of `/usr/bin/`, `.` of `bin`.
pub fn dir_name(path: &[u8]) -> &[u8] {
    let trimmed = trim_slashes(path);
    if trimmed.is_empty() {
        return if path.is_empty() { b"." } else { b"/" };
    }
    match trimmed.iter().rposition(|byte| *byte == b'/') {
        Some(at) => {
            let directory = trim_slashes(&trimmed[..at]);
            if directory.is_empty() { b"/" } else { directory }
        }
        None => b".",
    }
}

/// Without trailing slashes; empty for the root.
pub fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    &path[..end]
}

/// `directory/name` with one slash between them.
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + name.len() + 1);
    path.extend_from_slice(directory);
    if !directory.is_empty() && directory.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_as_posix_says() {
        for (path, directory, base) in [
            ("/usr/bin/", "/usr", "bin"),
            ("bin", ".", "bin"),
            ("/", "/", "/"),
            ("//", "/", "/"),
            ("", ".", ""),
            ("/usr", "/", "usr"),
            ("a//b", "a", "b"),
        ] {
            assert_eq!(dir_name(path.as_bytes()), directory.as_bytes(), "{path}");
            assert_eq!(base_name(path.as_bytes()), base.as_bytes(), "{path}");
        }
    }
}
