//! `docker images`, `docker image inspect`, `docker history`, `docker tag`.

use std::collections::BTreeMap;

use coracle_image::{Image, Reference};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::model::Config;
use crate::time::Time;

/// An element of list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct ImageSummary {
    pub containers: i64,
    pub created: i64,
    pub id: String,
    pub labels: Option<BTreeMap<String, String>>,
    pub parent_id: String,
    pub repo_digests: Vec<String>,
    pub repo_tags: Vec<String>,
    pub shared_size: i64,
    pub size: u64,
}

/// A row of history.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the field names are Docker's and documented in its API reference")]
pub struct HistoryRow {
    pub comment: String,
    pub created: i64,
    pub created_by: String,
    pub id: String,
    pub size: u64,
    pub tags: Option<Vec<String>>,
}

fn created(image: &Image) -> Time {
    i64::try_from(image.config.created_at().as_nanosecond()).map(Time).unwrap_or_default()
}

impl Engine {
    /// The images that the filters admit, newest first.
    ///
    /// # Errors
    /// For unknown filters.
    pub fn image_list(&self, filters: &Filters, all: bool, shared: bool) -> Result<Vec<ImageSummary>> {
        filters.accept(&["before", "dangling", "label", "label!", "reference", "since", "until"])?;
        let dangling = filters.boolean("dangling")?;
        let edge = |name: &str| filters.get(name).last().map(|name| self.images.resolve(name)).transpose();
        let (before, since) = (edge("before")?, edge("since")?);
        let until = crate::container::until(filters)?;
        let sizes: BTreeMap<String, u64> = if shared {
            self.images.usage().items.into_iter().map(|item| (item.image.id.to_string(), item.shared_size)).collect()
        } else {
            BTreeMap::new()
        };
        let uses = self.image_uses();
        let mut found = Vec::new();
        for image in self.images.list(all) {
            let labels = image.config.config.as_ref().and_then(|config| config.labels.clone());
            let is_dangling = image.repo_tags.is_empty() && image.repo_digests.is_empty();
            let time = created(&image);
            let patterns = filters.get("reference");
            let matches = |name: &String| patterns.iter().any(|pattern| reference_matches(pattern, name));
            let repo_tags: Vec<String> =
                image.repo_tags.iter().filter(|name| patterns.is_empty() || matches(name)).cloned().collect();
            let admitted = dangling.is_none_or(|wanted| wanted == is_dangling)
                && filters.labels(labels.as_ref().unwrap_or(&BTreeMap::new()))
                && before.as_ref().is_none_or(|other| time < self::created(other))
                && since.as_ref().is_none_or(|other| time > self::created(other))
                && until.is_none_or(|until| time <= until)
                && (patterns.is_empty() || !repo_tags.is_empty());
            if !admitted {
                continue;
            }
            let id = image.id.to_string();
            found.push(ImageSummary {
                containers: i64::try_from(uses.iter().filter(|u| u.image == image.id).count()).unwrap_or(0),
                created: time.seconds(),
                labels,
                parent_id: image.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
                repo_digests: image.repo_digests.clone(),
                repo_tags,
                shared_size: if shared {
                    sizes.get(&id).and_then(|size| i64::try_from(*size).ok()).unwrap_or(0)
                } else {
                    -1
                },
                size: image.size,
                id,
            });
        }
        found.sort_by_key(|image| std::cmp::Reverse(image.created));
        Ok(found)
    }

    /// Everything about an image.
    ///
    /// # Errors
    /// 404.
    pub fn image_inspect(&self, name: &str) -> Result<Value> {
        let image = self.images.resolve(name)?;
        let config = image.config.config.as_ref().map(Config::from_image);
        let mut shown = json!({
            "Id": image.id.to_string(),
            "RepoTags": image.repo_tags,
            "RepoDigests": image.repo_digests,
            "Parent": image.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            "Comment": image.config.comment,
            "Created": created(&image).to_string(),
            "DockerVersion": image.config.docker_version,
            "Author": image.config.author,
            "Architecture": image.config.architecture,
            "Os": image.config.os,
            "Size": image.size,
            "GraphDriver": {"Data": null, "Name": "overlay"},
            "RootFS": {"Type": "layers", "Layers": image.config.rootfs.diff_ids},
            "Metadata": {"LastTagTime": image.last_tagged.map_or(Time::ZERO, |time| {
                Time(i64::try_from(time.as_nanosecond()).unwrap_or_default())
            }).to_string()},
            "Config": config.as_ref().map(image_config),
        });
        if let Some(map) = shown.as_object_mut() {
            if !image.config.variant.is_empty() {
                map.insert("Variant".into(), json!(image.config.variant));
            }
            if !image.config.os_version.is_empty() {
                map.insert("OsVersion".into(), json!(image.config.os_version));
            }
        }
        Ok(shown)
    }

    /// The steps an image was made in, newest first.
    ///
    /// # Errors
    /// 404.
    pub fn image_history(&self, name: &str) -> Result<Vec<HistoryRow>> {
        let image = self.images.resolve(name)?;
        let rows = self.images.history(&image.id)?;
        Ok(rows
            .into_iter()
            .map(|row| HistoryRow {
                comment: row.comment,
                created: row.created.as_second(),
                created_by: row.created_by,
                id: row.id.map_or_else(|| "<missing>".to_owned(), |id| id.to_string()),
                size: row.size,
                tags: (!row.tags.is_empty()).then_some(row.tags),
            })
            .collect())
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// 404, 400.
    pub fn image_tag(&self, name: &str, repository: &str, tag: &str) -> Result<()> {
        let reference: Reference = repository.parse().map_err(Error::from)?;
        let reference = if tag.is_empty() { reference.with_default_tag() } else { reference.with_tag(tag)? };
        let image = self.images.resolve(name)?;
        self.images.tag(&image.id, &reference)?;
        self.image_event("tag", &image.id.to_string(), &reference.familiar());
        Ok(())
    }
}

/// An image's config without the fields that belong to containers.
fn image_config(config: &Config) -> Value {
    let mut value = serde_json::to_value(config).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        for name in [
            "Hostname",
            "Domainname",
            "AttachStdin",
            "AttachStdout",
            "AttachStderr",
            "Tty",
            "OpenStdin",
            "StdinOnce",
            "Image",
        ] {
            map.remove(name);
        }
    }
    value
}

/// `busybox`, `busybox:latest`, `foo/*:1.*`, as Docker's familiar match.
fn reference_matches(pattern: &str, name: &str) -> bool {
    let repository = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    };
    glob(pattern.as_bytes(), name.as_bytes()) || glob(pattern.as_bytes(), repository.as_bytes())
}

/// `path.Match`: `*` and `?` do not match a slash.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob(rest, text) || text.split_first().is_some_and(|(byte, tail)| *byte != b'/' && glob(pattern, tail))
        }
        (Some((b'?', rest)), Some((byte, tail))) if *byte != b'/' => glob(rest, tail),
        (Some((wanted, rest)), Some((byte, tail))) if wanted == byte => glob(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_match_with_and_without_tag() {
        assert!(reference_matches("busybox", "busybox:latest"));
        assert!(reference_matches("busy*:latest", "busybox:latest"));
        assert!(!reference_matches("foo", "foo/bar:latest"));
        assert!(reference_matches("foo/*", "foo/bar:latest"));
        assert!(reference_matches("localhost:5000/x", "localhost:5000/x:1"));
    }
}
