//! The namespace against a model: random operations, and random paths through farms of symbolic links.
//!
//! The model keeps everything in one vector and resolves paths by a different method (a list of components still to
//! do, and the stack of directories above), so that a mistake would have to be made twice.

use crate::namespace::tests::options;
use crate::tmpfs::Tmpfs;
use crate::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Directory(BTreeMap<String, usize>),
    File(String),
    Symlink(String),
}

/// Node 0 is the root.
struct Model(Vec<Body>);

#[derive(Debug)]
enum Found {
    /// The nodes from the root down to what was found.
    There(Vec<usize>),
    /// The directory, and the name that is not in it.
    Missing(usize, String),
}

fn components(path: &str) -> impl Iterator<Item = String> {
    let directory = path.ends_with('/').then(|| ".".to_owned());
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).chain(directory).collect::<Vec<_>>().into_iter()
}

impl Model {
    fn new() -> Self {
        Self(vec![Body::Directory(BTreeMap::new())])
    }

    fn names(&mut self, node: usize) -> &mut BTreeMap<String, usize> {
        match &mut self.0[node] {
            Body::Directory(names) => names,
            _ => panic!("no directory"),
        }
    }

    fn is_directory(&self, node: usize) -> bool {
        matches!(self.0[node], Body::Directory(_))
    }

    fn find(&self, path: &str, follow: bool) -> Result<Found> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        let mut stack = vec![0];
        let mut todo: VecDeque<String> = components(path).collect();
        let mut links = 0;
        while let Some(part) = todo.pop_front() {
            let Body::Directory(names) = &self.0[stack[stack.len() - 1]] else { return Err(Errno::NOTDIR) };
            match part.as_str() {
                "." => {}
                ".." => {
                    if stack.len() > 1 {
                        stack.pop();
                    }
                }
                name => match names.get(name) {
                    None if todo.is_empty() => return Ok(Found::Missing(stack[stack.len() - 1], part)),
                    None => return Err(Errno::NOENT),
                    Some(&node) => match &self.0[node] {
                        Body::Symlink(contents) if follow || !todo.is_empty() => {
                            links += 1;
                            if links > 40 {
                                return Err(Errno::LOOP);
                            }
                            if contents.starts_with('/') {
                                stack.truncate(1);
                            }
                            for part in components(contents).collect::<Vec<_>>().into_iter().rev() {
                                todo.push_front(part);
                            }
                        }
                        _ => stack.push(node),
                    },
                },
            }
        }
        Ok(Found::There(stack))
    }

    fn existing(&self, path: &str, follow: bool) -> Result<usize> {
        match self.find(path, follow)? {
            Found::There(stack) => Ok(stack[stack.len() - 1]),
            Found::Missing(..) => Err(Errno::NOENT),
        }
    }

    /// The nodes down to the directory that the last name is in, and that name; `None` for `.`, `..` and `/`.
    fn parent(&self, path: &str) -> Result<(Vec<usize>, Option<String>)> {
        let (before, last) = path.rsplit_once('/').map_or(("", path), |(before, last)| (before, last));
        let prefix = if path.starts_with('/') { format!("/{before}/") } else { format!("./{before}/") };
        let Found::There(stack) = self.find(&prefix, true)? else { return Err(Errno::NOENT) };
        if !self.is_directory(stack[stack.len() - 1]) {
            return Err(Errno::NOTDIR);
        }
        Ok((stack, Some(last.to_owned()).filter(|last| !matches!(last.as_str(), "" | "." | ".."))))
    }

    fn add(&mut self, path: &str, body: Body) -> Result<()> {
        let (stack, Some(name)) = self.parent(path)? else { return Err(Errno::EXIST) };
        let node = self.0.len();
        self.0.push(body);
        let names = self.names(stack[stack.len() - 1]);
        if names.contains_key(&name) {
            return Err(Errno::EXIST);
        }
        names.insert(name, node);
        Ok(())
    }

    fn write(&mut self, path: &str, text: &str) -> Result<()> {
        let last = path.rsplit('/').next().unwrap_or("");
        match self.find(path, true)? {
            Found::There(stack) => match &mut self.0[stack[stack.len() - 1]] {
                Body::File(contents) => {
                    *contents = text.into();
                    Ok(())
                }
                _ => Err(Errno::ISDIR),
            },
            Found::Missing(..) if last.is_empty() => Err(Errno::ISDIR),
            Found::Missing(directory, name) => {
                let node = self.0.len();
                self.0.push(Body::File(text.into()));
                self.names(directory).insert(name, node);
                Ok(())
            }
        }
    }

    fn remove(&mut self, path: &str, directory: bool) -> Result<()> {
        let special = match path.rsplit('/').next() {
            _ if !directory => Errno::ISDIR,
            Some(".") => Errno::INVAL,
            Some("..") => Errno::NOTEMPTY,
            _ => Errno::BUSY,
        };
        let (stack, Some(name)) = self.parent(path)? else { return Err(special) };
        let parent = stack[stack.len() - 1];
        let node = *self.names(parent).get(&name).ok_or(Errno::NOENT)?;
        match (&self.0[node], directory) {
            (Body::Directory(_), false) => return Err(Errno::ISDIR),
            (Body::Directory(names), true) if !names.is_empty() => return Err(Errno::NOTEMPTY),
            (Body::File(_) | Body::Symlink(_), true) => return Err(Errno::NOTDIR),
            _ => {}
        }
        self.names(parent).remove(&name);
        Ok(())
    }

    fn link(&mut self, from: &str, to: &str) -> Result<()> {
        let node = self.existing(from, false)?;
        let (stack, Some(name)) = self.parent(to)? else { return Err(Errno::EXIST) };
        let parent = stack[stack.len() - 1];
        if self.names(parent).contains_key(&name) {
            return Err(Errno::EXIST);
        }
        if self.is_directory(node) {
            return Err(Errno::PERM);
        }
        self.names(parent).insert(name, node);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str, flags: RenameFlags) -> Result<()> {
        let (from_stack, from_name) = self.parent(from)?;
        let (to_stack, to_name) = self.parent(to)?;
        let from_name = from_name.ok_or(Errno::BUSY)?;
        let no_replace = flags.contains(RenameFlags::NO_REPLACE);
        let to_name = to_name.ok_or(if no_replace { Errno::EXIST } else { Errno::BUSY })?;
        let (from_parent, to_parent) = (from_stack[from_stack.len() - 1], to_stack[to_stack.len() - 1]);
        let old = *self.names(from_parent).get(&from_name).ok_or(Errno::NOENT)?;
        let new = self.names(to_parent).get(&to_name).copied();
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        if no_replace && new.is_some() {
            return Err(Errno::EXIST);
        }
        if exchange && new.is_none() {
            return Err(Errno::NOENT);
        }
        if to_stack.contains(&old) {
            return Err(Errno::INVAL);
        }
        if new.is_some_and(|new| from_stack.contains(&new)) {
            return Err(if exchange { Errno::INVAL } else { Errno::NOTEMPTY });
        }
        if new == Some(old) {
            return Ok(());
        }
        if let Some(new) = new
            && !exchange
        {
            match (self.is_directory(old), &self.0[new]) {
                (true, Body::Directory(names)) if !names.is_empty() => return Err(Errno::NOTEMPTY),
                (true, Body::Directory(_)) => {}
                (true, _) => return Err(Errno::NOTDIR),
                (false, Body::Directory(_)) => return Err(Errno::ISDIR),
                _ => {}
            }
        }
        self.names(from_parent).remove(&from_name);
        self.names(to_parent).insert(to_name, old);
        if let Some(new) = new.filter(|_| exchange) {
            self.names(from_parent).insert(from_name, new);
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Mkdir(String),
    Write(String, String),
    Symlink(String, String),
    Unlink(String),
    Rmdir(String),
    Link(String, String),
    Rename(String, String, RenameFlags),
    Stat(String, bool),
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![10 => "[abc]", 1 => Just(".".to_owned()), 2 => Just("..".to_owned())]
}

fn path() -> impl Strategy<Value = String> {
    (any::<bool>(), proptest::collection::vec(part(), 1..4))
        .prop_map(|(absolute, parts)| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
}

fn flags() -> impl Strategy<Value = RenameFlags> {
    prop_oneof![3 => Just(RenameFlags::empty()), 1 => Just(RenameFlags::NO_REPLACE), 1 => Just(RenameFlags::EXCHANGE)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => path().prop_map(Step::Mkdir),
        3 => (path(), "[xyz]{0,3}").prop_map(|(path, text)| Step::Write(path, text)),
        2 => (path(), path()).prop_map(|(contents, path)| Step::Symlink(contents, path)),
        2 => path().prop_map(Step::Unlink),
        1 => path().prop_map(Step::Rmdir),
        2 => (path(), path()).prop_map(|(from, to)| Step::Link(from, to)),
        4 => (path(), path(), flags()).prop_map(|(from, to, flags)| Step::Rename(from, to, flags)),
        2 => (path(), any::<bool>()).prop_map(|(path, follow)| Step::Stat(path, follow)),
    ]
}

/// Part of a larger tree, so that leaving the root would find something.
struct Part(Arc<dyn Node>);

impl Filesystem for Part {
    fn root(&self) -> Arc<dyn Node> {
        self.0.clone()
    }
}

fn part_of_a_tree() -> Namespace {
    let whole = Tmpfs::new(None, 0o755).unwrap();
    let directory = NewNode { kind: NewKind::Directory, mode: 0o755, uid: 0, gid: 0 };
    let outside = whole.root();
    for name in [&b"a"[..], b"b", b"c", b"outside"] {
        outside.create(Name::new(name).unwrap(), &directory).unwrap();
    }
    let inside = outside.create(Name::new(b"root").unwrap(), &directory).unwrap();
    Namespace::new(Arc::new(Part(inside)), options(MountKind::Bind, false), WatchHub::new())
}

fn write(ns: &Namespace, path: &str, text: &str, caller: &Caller) -> Result<()> {
    let options = OpenOptions { write: true, create: true, truncate: true, mode: 0o644, ..Default::default() };
    match ns.open(&ns.root(), path.as_bytes(), &options, caller)? {
        Opened::File(file) => file.write_at(text.as_bytes(), 0).map(drop),
        _ => Err(Errno::INVAL),
    }
}

fn read(ns: &Namespace, path: &str, caller: &Caller) -> String {
    let options = OpenOptions { read: true, ..Default::default() };
    let Ok(Opened::File(file)) = ns.open(&ns.root(), path.as_bytes(), &options, caller) else { panic!("{path}") };
    let mut buf = [0; 16];
    let length = file.read_at(&mut buf, 0).unwrap();
    String::from_utf8(buf[..length].to_vec()).unwrap()
}

fn describe(model: &Model, node: usize) -> (FileKind, u64) {
    match &model.0[node] {
        Body::Directory(_) => (FileKind::Directory, 0),
        Body::File(text) => (FileKind::Regular, text.len() as u64),
        Body::Symlink(contents) => (FileKind::Symlink, contents.len() as u64),
    }
}

fn stat(ns: &Namespace, path: &str, follow: bool, caller: &Caller) -> Result<(FileKind, u64)> {
    let attributes = ns.stat(&ns.root(), path.as_bytes(), follow, caller)?;
    Ok((attributes.kind, if attributes.kind == FileKind::Directory { 0 } else { attributes.size }))
}

/// Compares a directory and everything below, and counts the links of each node.
fn compare(ns: &Namespace, model: &Model, node: usize, path: &str, links: &mut BTreeMap<usize, (u64, u64)>) {
    let caller = Caller::root();
    let Body::Directory(names) = &model.0[node] else { panic!("no directory") };
    let entries = ns.read_dir(&ns.root(), format!("{path}/").as_bytes(), &caller).unwrap();
    let mut found: Vec<_> = entries.iter().map(|entry| String::from_utf8(entry.name.clone()).unwrap()).collect();
    found.sort();
    assert_eq!(found, names.keys().cloned().collect::<Vec<_>>(), "names in {path}/");
    for (name, child) in names {
        let path = format!("{path}/{name}");
        assert_eq!(stat(ns, &path, false, &caller), Ok(describe(model, *child)), "{path}");
        match &model.0[*child] {
            Body::Directory(_) => compare(ns, model, *child, &path, links),
            Body::File(text) => assert_eq!(read(ns, &path, &caller), *text, "{path}"),
            Body::Symlink(contents) => {
                assert_eq!(ns.read_link(&ns.root(), path.as_bytes(), &caller).unwrap(), contents.as_bytes());
            }
        }
        let told = ns.stat(&ns.root(), path.as_bytes(), false, &caller).unwrap().nlink;
        if !model.is_directory(*child) {
            links.entry(*child).or_insert((0, told)).0 += 1;
        }
    }
    let directories = names.values().filter(|child| model.is_directory(**child)).count() as u64;
    let told = ns.stat(&ns.root(), format!("{path}/").as_bytes(), true, &caller).unwrap().nlink;
    assert_eq!(told, directories + 2, "links of {path}/");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn operations_agree_with_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        let ns = part_of_a_tree();
        let (root, caller) = (ns.root(), Caller::root());
        let mut model = Model::new();
        for step in steps {
            let (ours, theirs) = match &step {
                Step::Mkdir(path) => (
                    ns.mkdir(&root, path.as_bytes(), 0o755, &caller),
                    model.add(path, Body::Directory(BTreeMap::new())),
                ),
                Step::Write(path, text) => (write(&ns, path, text, &caller), model.write(path, text)),
                Step::Symlink(contents, path) => (
                    ns.symlink(contents.as_bytes(), &root, path.as_bytes(), &caller),
                    model.add(path, Body::Symlink(contents.clone())),
                ),
                Step::Unlink(path) => (ns.unlink(&root, path.as_bytes(), &caller), model.remove(path, false)),
                Step::Rmdir(path) => (ns.rmdir(&root, path.as_bytes(), &caller), model.remove(path, true)),
                Step::Link(from, to) => (
                    ns.link(&root, from.as_bytes(), &root, to.as_bytes(), false, &caller),
                    model.link(from, to),
                ),
                Step::Rename(from, to, flags) => (
                    ns.rename(&root, from.as_bytes(), &root, to.as_bytes(), *flags, &caller),
                    model.rename(from, to, *flags),
                ),
                Step::Stat(path, follow) => {
                    let theirs = model.existing(path, *follow).map(|node| describe(&model, node));
                    prop_assert_eq!(stat(&ns, path, *follow, &caller), theirs, "{:?}", step);
                    continue;
                }
            };
            prop_assert_eq!(ours, theirs, "{:?}", step);
        }
        let mut links = BTreeMap::new();
        compare(&ns, &model, 0, "", &mut links);
        prop_assert!(links.values().all(|(counted, told)| counted == told));
    }

    #[test]
    fn paths_through_link_farms_end_where_the_model_says_and_never_outside(
        directories in proptest::collection::vec("[abcm](/[abcm]){0,3}", 0..12),
        links in proptest::collection::vec(("/?((\\.\\./)|(\\./)|([abcm]/)){0,5}[abcm./]{0,3}", "[abcm](/[abcm]){0,2}"), 0..16),
        paths in proptest::collection::vec("/?((\\.\\./)|(\\./)|([abcm]/)|/){0,8}[abcm.]{0,2}/?", 1..40),
    ) {
        let ns = part_of_a_tree();
        let (root, caller) = (ns.root(), Caller::root());
        let mut model = Model::new();
        ns.mkdir(&root, b"m", 0o755, &caller).unwrap();
        ns.mount(b"/m", Tmpfs::new(None, 0o755).unwrap(), options(MountKind::Tmpfs, false)).unwrap();
        model.add("m", Body::Directory(BTreeMap::new())).unwrap();
        for path in &directories {
            let made = ns.mkdir(&root, path.as_bytes(), 0o755, &caller);
            prop_assert_eq!(made, model.add(path, Body::Directory(BTreeMap::new())));
        }
        for (contents, path) in links.iter().filter(|(contents, _)| !contents.is_empty()) {
            let made = ns.symlink(contents.as_bytes(), &root, path.as_bytes(), &caller);
            prop_assert_eq!(made, model.add(path, Body::Symlink(contents.clone())));
        }
        for path in &paths {
            for follow in [false, true] {
                let ours = ns.locate(&root, path.as_bytes(), follow, &caller);
                let theirs = model.existing(path, follow);
                prop_assert_eq!(
                    ours.as_ref().map(|at| at.kind()).map_err(|error| *error),
                    theirs.map(|node| describe(&model, node).0),
                    "{:?}", path
                );
                let (Ok(ours), Ok(node)) = (ours, theirs) else { continue };
                // The path it tells leads to the same node, in the model too, without links and dots.
                let told = String::from_utf8(ours.path()).unwrap();
                prop_assert!(!told.contains("outside") && !told.contains("/."), "{}", told);
                prop_assert_eq!(model.existing(&told, false), Ok(node), "{}", told);
                let again = ns.locate(&root, told.as_bytes(), false, &caller).unwrap();
                prop_assert!(again.same(&ours));
            }
        }
    }
}
