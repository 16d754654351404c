//! The state that outlives the daemon.
//!
//! One SQLite database in WAL mode: what a caller was told is in the WAL before
//! the answer goes out, so `kill -9` loses nothing, and nothing waits for the
//! disk (`synchronous=NORMAL` syncs at checkpoints only). Objects are JSON
//! documents keyed by id; a container's often-written state is apart from its
//! seldom-written specification, so that a start or an exit writes little.

use std::path::Path;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Version of the layout, in SQLite's `user_version`.
const FORMAT: i64 = 1;

/// Objects of one kind.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Table {
    Volume,
    Network,
    Setting,
}

impl Table {
    fn sql(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Volume => (
                "INSERT OR REPLACE INTO volume(id, document) VALUES(?1, ?2)",
                "DELETE FROM volume WHERE id = ?1",
                "SELECT document FROM volume ORDER BY rowid",
            ),
            Self::Network => (
                "INSERT OR REPLACE INTO network(id, document) VALUES(?1, ?2)",
                "DELETE FROM network WHERE id = ?1",
                "SELECT document FROM network ORDER BY rowid",
            ),
            Self::Setting => (
                "INSERT OR REPLACE INTO setting(id, document) VALUES(?1, ?2)",
                "DELETE FROM setting WHERE id = ?1",
                "SELECT document FROM setting ORDER BY rowid",
            ),
        }
    }
}

/// The database.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens or creates the database.
    ///
    /// # Errors
    /// When it cannot be opened, or was written by a later version.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        connection.set_prepared_statement_cache_capacity(32);
        let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if format > FORMAT {
            return Err(Error::System(format!(
                "the data root was written by a later version (format {format}, this one reads up to {FORMAT})"
            )));
        }
        connection.execute_batch(
            "BEGIN;
             CREATE TABLE IF NOT EXISTS container(id TEXT NOT NULL UNIQUE, spec TEXT NOT NULL, state TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS volume(id TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS network(id TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS setting(id TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
             COMMIT;",
        )?;
        connection.pragma_update(None, "user_version", FORMAT)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Adds or replaces a container.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_container<S: Serialize, T: Serialize>(&self, id: &str, spec: &S, state: &T) -> Result<()> {
        let (spec, state) = (serde_json::to_string(spec)?, serde_json::to_string(state)?);
        self.connection
            .lock()
            .prepare_cached("INSERT OR REPLACE INTO container(id, spec, state) VALUES(?1, ?2, ?3)")?
            .execute(params![id, spec, state])?;
        Ok(())
    }

    /// Replaces the state of a container; one that is gone stays gone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_container_state<T: Serialize>(&self, id: &str, state: &T) -> Result<()> {
        let state = serde_json::to_string(state)?;
        self.connection
            .lock()
            .prepare_cached("UPDATE container SET state = ?2 WHERE id = ?1")?
            .execute(params![id, state])?;
        Ok(())
    }

    /// Forgets a container.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove_container(&self, id: &str) -> Result<()> {
        self.connection.lock().prepare_cached("DELETE FROM container WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Every container, in the order of creation.
    ///
    /// # Errors
    /// When the database cannot be read. A document that cannot be understood is
    /// skipped with a warning: one bad record must not keep the daemon down.
    pub fn containers<S: DeserializeOwned, T: DeserializeOwned>(&self) -> Result<Vec<(String, S, T)>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare("SELECT id, spec, state FROM container ORDER BY rowid")?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
        let mut found = Vec::new();
        for row in rows {
            let (id, spec, state) = row?;
            match (serde_json::from_str(&spec), serde_json::from_str(&state)) {
                (Ok(spec), Ok(state)) => found.push((id, spec, state)),
                (Err(error), _) | (_, Err(error)) => tracing::warn!(container = id, %error, "unreadable record"),
            }
        }
        Ok(found)
    }

    /// Adds or replaces an object.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put<T: Serialize>(&self, table: Table, id: &str, object: &T) -> Result<()> {
        let document = serde_json::to_string(object)?;
        self.connection.lock().prepare_cached(table.sql().0)?.execute(params![id, document])?;
        Ok(())
    }

    /// Forgets an object.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove(&self, table: Table, id: &str) -> Result<()> {
        self.connection.lock().prepare_cached(table.sql().1)?.execute([id])?;
        Ok(())
    }

    /// Every object of a table, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn all<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<T>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare(table.sql().2)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let mut found = Vec::new();
        for row in rows {
            match serde_json::from_str(&row?) {
                Ok(object) => found.push(object),
                Err(error) => tracing::warn!(?table, %error, "unreadable record"),
            }
        }
        Ok(found)
    }

    /// One setting of the daemon.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        let connection = self.connection.lock();
        let text: Option<String> =
            connection.query_row("SELECT document FROM setting WHERE id = ?1", [name], |row| row.get(0)).optional()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        {
            let store = Store::open(&path).unwrap();
            store.put_container("c1", &"spec", &1).unwrap();
            store.put_container("c2", &"spec", &1).unwrap();
            store.put_container_state("c1", &2).unwrap();
            store.remove_container("c2").unwrap();
            store.put_container_state("c2", &3).unwrap();
            store.put(Table::Setting, "id", &"x").unwrap();
        }
        let store = Store::open(&path).unwrap();
        assert_eq!(store.containers::<String, i32>().unwrap(), vec![("c1".into(), "spec".into(), 2)]);
        assert_eq!(store.setting("id").unwrap().as_deref(), Some("x"));
    }

    #[test]
    fn a_later_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        drop(Store::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", FORMAT + 1).unwrap();
        assert!(Store::open(&path).unwrap_err().to_string().contains("later version"));
    }
}
