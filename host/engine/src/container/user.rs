//! `-u user:group`: names become numbers by the container's own files.

use std::sync::Arc;

use coracle_vfs::{Caller, Credentials, Namespace, OpenOptions, Opened};

use crate::error::{Error, Result};

/// Larger files are not read to the end: a bound on what an image can cost.
const LARGEST: usize = 1 << 20;

/// A user as a process needs it.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub credentials: Credentials,
    /// From passwd; `/` for a number nobody has.
    pub home: String,
}

/// Looks up `user[:group]` and the groups of `--group-add`.
///
/// # Errors
/// In dockerd's words.
pub(crate) fn lookup(namespace: &Namespace, wanted: &str, more_groups: &[String]) -> Result<User> {
    let (user, group) = wanted.split_once(':').unwrap_or((wanted, ""));
    let user = if user.is_empty() { "0" } else { user };
    let passwd = read(namespace, b"/etc/passwd");
    let groups_file = read(namespace, b"/etc/group");

    let by_name = lines(&passwd).find(|fields| fields.first() == Some(&user));
    let number = user.parse::<i64>().ok();
    let entry = by_name.or_else(|| {
        number.and_then(|n| lines(&passwd).find(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(n)))
    });
    let field = |index: usize| entry.as_ref().and_then(|fields| fields.get(index).copied());
    let uid = match (field(2).and_then(|id| id.parse::<i64>().ok()), number) {
        (Some(uid), _) | (None, Some(uid)) => in_range(uid)?,
        (None, None) => {
            return Err(Error::System(format!("unable to find user {user}: no matching entries in passwd file")));
        }
    };
    let mut gid = field(3).and_then(|id| id.parse().ok()).unwrap_or(0);
    let home = field(5).unwrap_or("/").to_owned();
    let name = field(0).unwrap_or_default();

    let find_group = |wanted: &str| -> Result<u32> {
        let found = lines(&groups_file)
            .find(|fields| fields.first() == Some(&wanted))
            .and_then(|fields| fields.get(2).and_then(|id| id.parse::<i64>().ok()));
        match (found, wanted.parse::<i64>()) {
            (Some(gid), _) | (None, Ok(gid)) => in_range(gid),
            (None, Err(_)) => {
                Err(Error::System(format!("unable to find group {wanted}: no matching entries in group file")))
            }
        }
    };
    let mut groups = Vec::new();
    if group.is_empty() {
        for fields in lines(&groups_file) {
            let member = fields.get(3).is_some_and(|members| !name.is_empty() && members.split(',').any(|m| m == name));
            if let (true, Some(id)) = (member, fields.get(2).and_then(|id| id.parse().ok())) {
                groups.push(id);
            }
        }
    } else {
        gid = find_group(group)?;
    }
    for more in more_groups {
        groups.push(find_group(more)?);
    }
    Ok(User { credentials: Credentials { uid, gid, groups: Arc::from(groups) }, home })
}

fn in_range(id: i64) -> Result<u32> {
    u32::try_from(id)
        .ok()
        .filter(|id| i32::try_from(*id).is_ok())
        .ok_or_else(|| Error::System("uids and gids must be in range 0-2147483647".into()))
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(':').collect())
}

fn read(namespace: &Namespace, path: &[u8]) -> String {
    let options = OpenOptions { read: true, ..OpenOptions::default() };
    let Ok(Opened::File(file)) = namespace.open(&namespace.root(), path, &options, &Caller::root()) else {
        return String::new();
    };
    let mut text = Vec::new();
    let mut block = [0u8; 4096];
    while text.len() < LARGEST {
        match file.read_at(&mut block, text.len() as u64) {
            Ok(0) | Err(_) => break,
            Ok(count) => text.extend_from_slice(block.get(..count).unwrap_or_default()),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use coracle_vfs::tmpfs::Tmpfs;
    use coracle_vfs::{MountKind, MountOptions, WatchHub};

    use super::*;

    fn namespace() -> Namespace {
        let options =
            MountOptions { kind: MountKind::Tmpfs, source: Vec::new(), read_only: false, options: String::new() };
        let namespace = Namespace::new(Tmpfs::new(None, 0o755).unwrap(), options, WatchHub::new());
        let caller = Caller::root();
        namespace.mkdir(&namespace.root(), b"/etc", 0o755, &caller).unwrap();
        for (path, text) in [
            (&b"/etc/passwd"[..], "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n"),
            (&b"/etc/group"[..], "root:x:0:\nweb:x:34:\nlogs:x:40:web,other\n"),
        ] {
            let create = OpenOptions { write: true, create: true, mode: 0o644, ..OpenOptions::default() };
            let Ok(Opened::File(file)) = namespace.open(&namespace.root(), path, &create, &caller) else {
                panic!("not a file")
            };
            file.write_at(text.as_bytes(), 0).unwrap();
        }
        namespace
    }

    #[test]
    fn names_are_looked_up_with_their_groups() {
        let user = lookup(&namespace(), "web", &[]).unwrap();
        assert_eq!((user.credentials.uid, user.credentials.gid, user.credentials.groups.to_vec()), (33, 34, vec![40]));
        assert_eq!(user.home, "/var/www");
        let user = lookup(&namespace(), "33:logs", &["7".into()]).unwrap();
        assert_eq!((user.credentials.gid, user.credentials.groups.to_vec()), (40, vec![7]));
        let user = lookup(&namespace(), "1234", &[]).unwrap();
        assert_eq!((user.credentials.uid, user.credentials.gid, user.home.as_str()), (1234, 0, "/"));
    }

    #[test]
    fn who_is_not_there_is_named_as_dockerd_names_it() {
        let said = |user: &str| lookup(&namespace(), user, &[]).unwrap_err().to_string();
        assert_eq!(said("nobodyx"), "unable to find user nobodyx: no matching entries in passwd file");
        assert_eq!(said("root:nogrp"), "unable to find group nogrp: no matching entries in group file");
        assert_eq!(said("-1"), "uids and gids must be in range 0-2147483647");
    }
}
