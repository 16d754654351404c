//! All containers, by id, by name and in the order of creation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

use super::Container;
use crate::error::{Error, Result};

#[derive(Debug, Default)]
struct Maps {
    by_id: BTreeMap<String, Arc<Container>>,
    names: HashMap<String, String>,
}

/// The containers of the daemon.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    maps: RwLock<Maps>,
}

impl Registry {
    /// Finds by full id, name, or unambiguous beginning of an id, in that order.
    pub fn find(&self, wanted: &str) -> Result<Arc<Container>> {
        let maps = self.maps.read();
        let name = wanted.strip_prefix('/').unwrap_or(wanted);
        if wanted.is_empty() {
            return Err(Error::Invalid("invalid name or ID supplied: \"\"".into()));
        }
        if let Some(container) = maps.by_id.get(wanted) {
            return Ok(Arc::clone(container));
        }
        if let Some(container) = maps.names.get(name).and_then(|id| maps.by_id.get(id)) {
            return Ok(Arc::clone(container));
        }
        let mut matching = maps.by_id.range(wanted.to_owned()..).take_while(|(id, _)| id.starts_with(wanted));
        match (matching.next(), matching.next()) {
            (Some((_, container)), None) => Ok(Arc::clone(container)),
            (Some(_), Some(_)) => Err(Error::NotFound(format!("multiple IDs found with provided prefix: {wanted}"))),
            (None, _) => Err(Error::NoSuchContainer(wanted.to_owned())),
        }
    }

    /// Takes a name for an id, or says who has it.
    pub fn reserve(&self, name: &str, id: &str) -> Result<()> {
        let mut maps = self.maps.write();
        if let Some(owner) = maps.names.get(name) {
            return Err(Error::Conflict(format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". \
                 You have to remove (or rename) that container to be able to reuse that name."
            )));
        }
        maps.names.insert(name.to_owned(), id.to_owned());
        Ok(())
    }

    /// Gives a name back if it still belongs to the id.
    pub fn release(&self, name: &str, id: &str) {
        let mut maps = self.maps.write();
        if maps.names.get(name).is_some_and(|owner| owner == id) {
            maps.names.remove(name);
        }
    }

    /// Adds a container whose name is reserved.
    pub fn insert(&self, container: Arc<Container>) {
        self.maps.write().by_id.insert(container.id.clone(), container);
    }

    /// Forgets a container and its names.
    pub fn remove(&self, id: &str) {
        let mut maps = self.maps.write();
        if let Some(container) = maps.by_id.remove(id) {
            let name = container.spec().name.clone();
            if maps.names.get(&name).is_some_and(|owner| owner == id) {
                maps.names.remove(&name);
            }
        }
    }

    /// Every container, newest first.
    pub fn newest_first(&self) -> Vec<Arc<Container>> {
        let mut all: Vec<_> = self.maps.read().by_id.values().cloned().collect();
        all.sort_by_cached_key(|container| std::cmp::Reverse(container.spec().created));
        all
    }

    /// Every container, in no order.
    pub fn all(&self) -> Vec<Arc<Container>> {
        self.maps.read().by_id.values().cloned().collect()
    }
}
