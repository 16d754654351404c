//! id, whoami, groups: who a process or a user is.

use coracle_sdk::process::{self, Identity};

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::users::Database;

pub static APPLET: Applet = Applet {
    name: "id",
    directory: "/usr/bin",
    summary: "Print user and group ids",
    usage: "[-ugGnrz] [USER]

Print information about USER or the current user

\t-u\tUser id
\t-g\tGroup id
\t-G\tAll group ids
\t-n\tNames instead of numbers
\t-r\tReal ids, which are the same here
\t-z\tSeparate with zero bytes",
    run,
};

pub static WHOAMI: Applet = Applet {
    name: "whoami",
    directory: "/usr/bin",
    summary: "Print the current user's name",
    usage: "

Print the name of the effective user",
    run: whoami,
};

pub static GROUPS: Applet = Applet {
    name: "groups",
    directory: "/usr/bin",
    summary: "Print the groups of a user",
    usage: "[USER]

Print the groups USER is in",
    run: groups,
};

fn whoami(call: &Call) -> Outcome {
    call.options("")?;
    let user = process::identity().user;
    let users = Database::default();
    let name = users.user(user).ok_or_else(|| Failure::new(format!("unknown uid {user}")))?;
    let mut out = Out::stdout();
    out.line(&name.name)?;
    out.finish(0)
}

/// The identity of the process, or of a named user.
fn subject(users: &Database, name: Option<&Vec<u8>>) -> Result<Identity, Failure> {
    let Some(name) = name else {
        let mut identity = process::identity();
        if !identity.groups.contains(&identity.group) {
            identity.groups.insert(0, identity.group);
        }
        return Ok(identity);
    };
    let found = users.user_named(name).or_else(|| {
        let id = std::str::from_utf8(name).ok()?.parse().ok()?;
        users.user(id)
    });
    let user = found.ok_or_else(|| Failure::new(format!("unknown user {}", lossy(name))))?;
    let mut groups = vec![user.group];
    for group in users.groups() {
        if group.members.contains(&user.name) && !groups.contains(&group.id) {
            groups.push(group.id);
        }
    }
    Ok(Identity { user: user.id, group: user.group, groups })
}

fn groups(call: &Call) -> Outcome {
    let options = call.options("")?;
    let users = Database::default();
    let identity = subject(&users, options.operands.first())?;
    let names: Vec<Vec<u8>> = identity.groups.iter().map(|id| users.group_name(*id)).collect();
    let mut out = Out::stdout();
    out.line(&names.join(&b' '))?;
    out.finish(0)
}

fn run(call: &Call) -> Outcome {
    let options = call.options("u,user g,group G,groups n,name r,real z,zero Z")?;
    let users = Database::default();
    let identity = subject(&users, options.operands.first())?;
    let names = options.has("n");
    let user = |id| if names { users.user_name(id) } else { u32::to_string(&id).into_bytes() };
    let group = |id| if names { users.group_name(id) } else { u32::to_string(&id).into_bytes() };
    let end = if options.has("z") { 0 } else { b'\n' };
    let between = if options.has("z") { 0 } else { b' ' };
    let mut out = Out::stdout();
    if options.has("u") {
        out.put(&user(identity.user))?;
    } else if options.has("g") {
        out.put(&group(identity.group))?;
    } else if options.has("G") {
        out.put(&identity.groups.iter().map(|id| group(*id)).collect::<Vec<_>>().join(&between))?;
    } else if names {
        return Err(Failure::new("can't print only names or real ids in default format"));
    } else {
        let named = |id: u32, name: Option<&Vec<u8>>| match name {
            Some(name) => [format!("{id}(").as_bytes(), name, b")"].concat(),
            None => id.to_string().into_bytes(),
        };
        out.put(b"uid=")?;
        out.put(&named(identity.user, users.user(identity.user).map(|user| &user.name)))?;
        out.put(b" gid=")?;
        out.put(&named(identity.group, users.group(identity.group).map(|group| &group.name)))?;
        let shown: Vec<Vec<u8>> =
            identity.groups.iter().map(|id| named(*id, users.group(*id).map(|group| &group.name))).collect();
        if !shown.is_empty() {
            out.put(b" groups=")?;
            out.put(&shown.join(&b','))?;
        }
    }
    out.byte(end)?;
    out.finish(0)
}
