//! The user and group database: /etc/passwd and /etc/group.

use coracle_sdk::file;

use crate::applet::{Failure, lossy};

/// A line of /etc/passwd.
#[derive(Debug, Clone, Default)]
pub struct User {
    pub name: Vec<u8>,
    pub id: u32,
    pub group: u32,
}

/// A line of /etc/group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    pub name: Vec<u8>,
    pub id: u32,
    pub members: Vec<Vec<u8>>,
}

/// Both files, read when first asked for.
#[derive(Debug, Default)]
pub struct Database {
    users: std::cell::OnceCell<Vec<User>>,
    groups: std::cell::OnceCell<Vec<Group>>,
}

fn read(path: &str) -> Vec<u8> {
    let mut text = Vec::new();
    if let Ok(file) = file::open(path)
        && file.read_all(&mut text).is_err()
    {
        text.clear();
    }
    text
}

fn number(field: Option<&&[u8]>) -> Option<u32> {
    std::str::from_utf8(field?).ok()?.parse().ok()
}

impl Database {
    pub fn users(&self) -> &[User] {
        self.users.get_or_init(|| {
            let parse = |line: &[u8]| {
                let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
                let text = |index: usize| fields.get(index).map(|field| field.to_vec()).unwrap_or_default();
                Some(User { name: text(0), id: number(fields.get(2))?, group: number(fields.get(3))? })
            };
            read("/etc/passwd").split(|byte| *byte == b'\n').filter_map(parse).collect()
        })
    }

    pub fn groups(&self) -> &[Group] {
        self.groups.get_or_init(|| {
            let parse = |line: &[u8]| {
                let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
                let members = fields.get(3).copied().unwrap_or_default();
                Some(Group {
                    name: fields.first()?.to_vec(),
                    id: number(fields.get(2))?,
                    members: members
                        .split(|byte| *byte == b',')
                        .filter(|name| !name.is_empty())
                        .map(<[u8]>::to_vec)
                        .collect(),
                })
            };
            read("/etc/group").split(|byte| *byte == b'\n').filter_map(parse).collect()
        })
    }

    pub fn user(&self, id: u32) -> Option<&User> {
        self.users().iter().find(|user| user.id == id)
    }

    pub fn user_named(&self, name: &[u8]) -> Option<&User> {
        self.users().iter().find(|user| user.name == name)
    }

    pub fn group(&self, id: u32) -> Option<&Group> {
        self.groups().iter().find(|group| group.id == id)
    }

    pub fn group_named(&self, name: &[u8]) -> Option<&Group> {
        self.groups().iter().find(|group| group.name == name)
    }

    /// The user's name, or the number where there is none.
    pub fn user_name(&self, id: u32) -> Vec<u8> {
        self.user(id).map_or_else(|| id.to_string().into_bytes(), |user| user.name.clone())
    }

    /// The group's name, or the number where there is none.
    pub fn group_name(&self, id: u32) -> Vec<u8> {
        self.group(id).map_or_else(|| id.to_string().into_bytes(), |group| group.name.clone())
    }

    /// A user by name or number.
    pub fn user_id(&self, text: &[u8]) -> Result<u32, Failure> {
        if let Some(user) = self.user_named(text) {
            return Ok(user.id);
        }
        number(Some(&text)).ok_or_else(|| Failure::new(format!("unknown user {}", lossy(&text))))
    }

    /// A group by name or number.
    pub fn group_id(&self, text: &[u8]) -> Result<u32, Failure> {
        if let Some(group) = self.group_named(text) {
            return Ok(group.id);
        }
        number(Some(&text)).ok_or_else(|| Failure::new(format!("unknown group {}", lossy(&text))))
    }

    /// `user`, `user:group`, `:group`, `user:` as chown reads them.
    pub fn owner(&self, text: &[u8]) -> Result<(Option<u32>, Option<u32>), Failure> {
        let at = text.iter().position(|byte| *byte == b':');
        let at = at.or_else(|| {
            let dot = text.iter().position(|byte| *byte == b'.')?;
            if self.user_named(text).is_some() { None } else { Some(dot) }
        });
        let Some(at) = at else { return Ok((Some(self.user_id(text)?), None)) };
        let (user, group) = (&text[..at], &text[at + 1..]);
        let user_id = if user.is_empty() { None } else { Some(self.user_id(user)?) };
        let group_id = match (user_id, group.is_empty()) {
            (_, false) => Some(self.group_id(group)?),
            (Some(id), true) => self.user(id).map(|user| user.group),
            (None, true) => None,
        };
        Ok((user_id, group_id))
    }
}
