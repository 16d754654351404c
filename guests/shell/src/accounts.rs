//! /etc/passwd as far as a shell asks: home directories and names.

/// The lines' fields.
fn entries() -> Vec<Vec<Vec<u8>>> {
    let mut text = Vec::new();
    if let Ok(file) = coracle_sdk::open(b"/etc/passwd") {
        // What could be read is used.
        let _ = file.read_all(&mut text);
    }
    text.split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b':').map(<[u8]>::to_vec).collect())
        .collect()
}

/// The home directory of a user by name.
pub fn home(user: &[u8]) -> Option<Vec<u8>> {
    entries().into_iter().find(|fields| fields.first().is_some_and(|name| name == user))?.get(5).cloned()
}

/// The home directory of a user by number.
pub fn home_of_id(id: u32) -> Option<Vec<u8>> {
    let id = id.to_string().into_bytes();
    entries().into_iter().find(|fields| fields.get(2) == Some(&id))?.get(5).cloned()
}

/// The name of a user by number.
pub fn name_of_id(id: u32) -> Option<Vec<u8>> {
    let id = id.to_string().into_bytes();
    entries().into_iter().find(|fields| fields.get(2) == Some(&id))?.into_iter().next()
}

/// Every user's name, for completion.
pub fn names() -> Vec<Vec<u8>> {
    entries().into_iter().filter_map(|fields| fields.into_iter().next()).filter(|name| !name.is_empty()).collect()
}
