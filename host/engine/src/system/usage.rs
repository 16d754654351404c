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
        let mut usage = json!({
            "LayersSize": 0, "Images": null, "Containers": null, "Volumes": null, "BuildCache": null
        });
        if wanted("image") {
            usage["LayersSize"] = json!(self.images.usage().layers_size);
            usage["Images"] = json!(self.image_list(&Filters::default(), false, true)?);
        }
        if wanted("container") {
            let query = ListQuery { all: true, size: true, ..ListQuery::default() };
            usage["Containers"] = json!(self.container_list(&query)?);
        }
        if wanted("volume") {
            usage["Volumes"] = json!(self.volume_usage());
        }
        if wanted("build-cache") {
            usage["BuildCache"] = json!([]);
        }
        Ok(usage)
    }
}
