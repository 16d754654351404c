//! Variables: values and attributes, local scopes, and the log that lets a
//! subshell run in this process and leave no trace.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Attributes of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags(pub u16);

#[allow(missing_docs, reason = "the letters of declare")]
impl Flags {
    pub const EXPORT: Self = Self(1);
    pub const READONLY: Self = Self(2);
    pub const INTEGER: Self = Self(4);
    pub const LOWER: Self = Self(8);
    pub const UPPER: Self = Self(16);
    pub const NAMEREF: Self = Self(32);
    pub const TRACE: Self = Self(64);
    /// Computed when it is read.
    pub const DYNAMIC: Self = Self(128);
    /// Declared an indexed or associative array, perhaps without elements.
    pub const INDEXED: Self = Self(256);
    pub const ASSOCIATIVE: Self = Self(512);
    pub const CAPITALIZE: Self = Self(1024);

    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    pub fn set(&mut self, other: Self, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }
}

/// An associative array, iterated in the order bash has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Associative {
    /// By bash's bucket, newest first within one.
    order: BTreeMap<(u32, u32), (Vec<u8>, Vec<u8>)>,
    next: u32,
}

impl Associative {
    fn bucket(key: &[u8]) -> u32 {
        let mut hash = 2_166_136_261_u32;
        for byte in key {
            hash = hash.wrapping_mul(16_777_619) ^ u32::from(*byte);
        }
        hash & 1023
    }
    fn place(&self, key: &[u8]) -> Option<(u32, u32)> {
        let bucket = Self::bucket(key);
        self.order.range((bucket, 0)..=(bucket, u32::MAX)).find(|(_, (name, _))| name == key).map(|(place, _)| *place)
    }
    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        self.order.get(&self.place(key)?).map(|(_, value)| value)
    }
    /// Sets `key`.
    pub fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        match self.place(&key) {
            Some(place) => {
                if let Some((_, old)) = self.order.get_mut(&place) {
                    *old = value;
                }
            }
            None => {
                self.next += 1;
                self.order.insert((Self::bucket(&key), u32::MAX - self.next), (key, value));
            }
        }
    }
    /// Removes `key`.
    pub fn remove(&mut self, key: &[u8]) {
        if let Some(place) = self.place(key) {
            self.order.remove(&place);
        }
    }
    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.order.values().map(|(key, value)| (key, value))
    }
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Value {
    /// Declared without a value.
    #[default]
    Unset,
    /// A string.
    Scalar(Vec<u8>),
    /// An indexed array.
    Indexed(Rc<BTreeMap<i64, Vec<u8>>>),
    /// An associative array.
    Associative(Rc<Associative>),
}

impl Value {
    /// The value of the variable's plain name: for arrays element 0.
    pub fn scalar(&self) -> Option<&Vec<u8>> {
        match self {
            Self::Unset => None,
            Self::Scalar(text) => Some(text),
            Self::Indexed(elements) => elements.get(&0),
            Self::Associative(elements) => elements.get(b"0"),
        }
    }
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Variable {
    /// Its value.
    pub value: Value,
    /// Its attributes.
    pub flags: Flags,
}

/// What a scope puts back at its end.
#[derive(Debug, Default)]
pub struct Scope {
    saved: FxHashMap<Box<[u8]>, Option<Variable>>,
    /// Every change is logged, not only those of local variables.
    subshell: bool,
    /// Names declared local here, whatever was saved.
    locals: Vec<Box<[u8]>>,
}

/// What changed that something else depends on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stale {
    /// IFS
    pub ifs: bool,
    /// PATH
    pub path: bool,
    /// LC_ALL, LC_CTYPE, LANG
    pub locale: bool,
    /// OPTIND
    pub options: bool,
}

/// All variables.
#[derive(Debug, Default)]
pub struct Variables {
    map: FxHashMap<Box<[u8]>, Variable>,
    scopes: Vec<Scope>,
    /// Index of the innermost subshell scope plus one; 0 for none.
    logging: usize,
    /// What depends on a variable that changed.
    pub stale: Stale,
    environment: Option<Rc<Vec<Vec<u8>>>>,
}

impl Variables {
    /// The variable, if it was ever mentioned.
    pub fn get(&self, name: &[u8]) -> Option<&Variable> {
        self.map.get(name)
    }

    /// The string value.
    pub fn scalar(&self, name: &[u8]) -> Option<&Vec<u8>> {
        self.map.get(name)?.value.scalar()
    }

    fn log(&mut self, name: &[u8]) {
        if self.logging > 0
            && let Some(scope) = self.scopes.get_mut(self.logging - 1)
            && !scope.saved.contains_key(name)
        {
            scope.saved.insert(name.into(), self.map.get(name).cloned());
        }
    }

    fn touched(&mut self, name: &[u8]) {
        match name {
            b"IFS" => self.stale.ifs = true,
            b"PATH" => self.stale.path = true,
            b"OPTIND" => self.stale.options = true,
            b"LC_ALL" | b"LC_CTYPE" | b"LANG" => self.stale.locale = true,
            _ => {}
        }
    }

    /// The variable for changing it; made when it is not there.
    pub fn slot(&mut self, name: &[u8]) -> &mut Variable {
        self.log(name);
        self.touched(name);
        if !self.map.contains_key(name) {
            self.map.insert(name.into(), Variable::default());
        }
        // Present: inserted above where it was missing.
        let Some(variable) = self.map.get_mut(name) else { unreachable!("inserted above") };
        if variable.flags.has(Flags::EXPORT) {
            self.environment = None;
        }
        variable
    }

    /// Marks the environment as changed.
    pub fn environment_changed(&mut self) {
        self.environment = None;
    }

    /// Sets a string without looking at attributes.
    pub fn set(&mut self, name: &[u8], value: impl Into<Vec<u8>>) {
        self.slot(name).value = Value::Scalar(value.into());
    }

    /// Removes the variable.
    pub fn remove(&mut self, name: &[u8]) {
        self.log(name);
        self.touched(name);
        if let Some(old) = self.map.remove(name)
            && old.flags.has(Flags::EXPORT)
        {
            self.environment = None;
        }
    }

    /// Names and variables in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Variable)> {
        self.map.iter().map(|(name, variable)| (&**name, variable))
    }

    /// Begins the scope of a function, a temporary assignment or a subshell.
    pub fn push_scope(&mut self, subshell: bool) {
        self.scopes.push(Scope { subshell, ..Scope::default() });
        if subshell {
            self.logging = self.scopes.len();
        }
    }

    /// Ends the innermost scope and puts back what it saved.
    pub fn pop_scope(&mut self) {
        let Some(scope) = self.scopes.pop() else { return };
        if scope.subshell {
            self.logging = self.scopes.iter().rposition(|scope| scope.subshell).map_or(0, |at| at + 1);
        }
        for (name, old) in scope.saved {
            self.touched(&name);
            if !scope.subshell {
                self.log(&name);
            }
            self.environment = None;
            match old {
                Some(variable) => {
                    self.map.insert(name, variable);
                }
                None => {
                    self.map.remove(&name);
                }
            }
        }
    }

    /// Makes `name` local to the innermost scope: its value comes back at the
    /// scope's end. Answers what it was before, unless it was local already.
    pub fn make_local(&mut self, name: &[u8]) -> Option<Variable> {
        self.make_local_at(self.scopes.len().saturating_sub(1), name)
    }

    fn make_local_at(&mut self, at: usize, name: &[u8]) -> Option<Variable> {
        let scope = self.scopes.get_mut(at)?;
        if scope.locals.iter().any(|local| **local == *name) {
            return None;
        }
        scope.locals.push(name.into());
        if !scope.saved.contains_key(name) {
            scope.saved.insert(name.into(), self.map.get(name).cloned());
        }
        self.map.get(name).cloned()
    }

    /// Whether `name` is local to the innermost scope.
    pub fn is_local(&self, name: &[u8]) -> bool {
        self.scopes.last().is_some_and(|scope| scope.locals.iter().any(|local| **local == *name))
    }

    /// The names local to the innermost scope.
    pub fn local_names(&self) -> Vec<Vec<u8>> {
        self.scopes.last().map(|scope| scope.locals.iter().map(|name| name.to_vec()).collect()).unwrap_or_default()
    }

    /// The variable as it is outside every function, for `declare -g`.
    pub fn global_slot(&mut self, name: &[u8]) -> &mut Variable {
        let outermost =
            self.scopes.iter().position(|scope| !scope.subshell && scope.locals.iter().any(|local| **local == *name));
        match outermost {
            Some(at) if self.scopes.get(at).is_some_and(|scope| scope.saved.contains_key(name)) => {
                let Some(saved) = self.scopes.get_mut(at).and_then(|scope| scope.saved.get_mut(name)) else {
                    unreachable!("just seen")
                };
                saved.get_or_insert_with(Variable::default)
            }
            _ => self.slot(name),
        }
    }

    /// `NAME=VALUE` for every exported variable that has a value.
    pub fn environment(&mut self) -> Rc<Vec<Vec<u8>>> {
        if let Some(environment) = &self.environment {
            return environment.clone();
        }
        let mut entries: Vec<Vec<u8>> = self
            .map
            .iter()
            .filter(|(_, variable)| variable.flags.has(Flags::EXPORT) && !variable.flags.has(Flags::NAMEREF))
            .filter_map(|(name, variable)| match &variable.value {
                Value::Scalar(value) => {
                    let mut entry = Vec::with_capacity(name.len() + value.len() + 1);
                    entry.extend_from_slice(name);
                    entry.push(b'=');
                    entry.extend_from_slice(value);
                    Some(entry)
                }
                _ => None,
            })
            .collect();
        entries.sort_unstable();
        let environment = Rc::new(entries);
        self.environment = Some(environment.clone());
        environment
    }
}
