//! `docker system df`.

use serde_json::{Value, json};

use crate::Engine;
use crate::container::ListQuery;
use crate::error::{Error, Result};
use crate::filters::Filters;

impl Engine {
    /// What takes space on disk; `types` chooses, empty means everything.
    ///
    /// # Errors
    /// 400 for unknown types.
    pub fn disk_usage(&self, types: &[String]) -> Result<Value> {
        for kind in types {
            if !matches!(kind.as_str(), "container" | "image" | "volume" | "build-cache") {
                return Err(Error::Invalid(format!("unknown object type: {kind}")));
            }
        }
        let wanted = |kind: &str| types.is_empty() || types.iter().any(|t| t == kind);
        let mut usage = serde_json::Map::new();
        usage.insert("LayersSize".to_owned(), json!(0));
        for list in ["Images", "Containers", "Volumes", "BuildCache"] {
            usage.insert(list.to_owned(), Value::Null);
        }
        if wanted("image") {
            usage.insert("LayersSize".to_owned(), json!(self.images.usage().layers_size));
            usage.insert("Images".to_owned(), json!(self.image_list(&Filters::default(), false, true)?));
        }
        if wanted("container") {
            let query = ListQuery { all: true, size: true, ..ListQuery::default() };
            usage.insert("Containers".to_owned(), json!(self.container_list(&query)?));
        }
        if wanted("volume") {
            usage.insert("Volumes".to_owned(), json!(self.volume_usage()));
        }
        if wanted("build-cache") {
            usage.insert("BuildCache".to_owned(), json!([]));
        }
        Ok(Value::Object(usage))
    }
}
