//! Images as containers and clients see them, over the image store.

mod error;
mod list;
mod remove;
mod transfer;

use coracle_image::{Image, ImageUse, Platform};

pub use list::{HistoryRow, ImageSummary};
pub use remove::{PrunedImages, Removal};
pub use transfer::{ImportOptions, ProgressStream, PullOptions, PushOptions};

use crate::Engine;
use crate::container::Spec;
use crate::error::{Error, Result};

impl Engine {
    /// How many images there are.
    pub fn image_count(&self) -> usize {
        self.images.list(false).len()
    }

    /// The image of a create request.
    pub(crate) fn image_for_create(&self, name: &str, platform: &str) -> Result<Image> {
        let platform = parse_platform(platform)?;
        let image = self.images.resolve(name)?;
        if let Some(wanted) = platform {
            let (os, architecture) = (&image.config.os, &image.config.architecture);
            let matching = wanted.os == *os && (wanted.architecture.is_empty() || wanted.architecture == *architecture);
            if !matching {
                return Err(Error::NotFound(format!(
                    "image with reference {name} was found but its platform ({}) does not match the specified platform ({})",
                    image.config.platform(),
                    platform_text(&wanted)
                )));
            }
        }
        Ok(image)
    }

    /// What list calls the image of a container: its name, or the id when the name went to another image.
    pub(crate) fn image_name_now(&self, spec: &Spec) -> String {
        match self.images.resolve(&spec.config.image) {
            Ok(image) if image.id.to_string() == spec.image => spec.config.image.clone(),
            _ if spec.image.is_empty() => spec.config.image.clone(),
            _ => spec.image.clone(),
        }
    }

    /// The ids of an image and of all that were made from it: what `ancestor` admits.
    pub(crate) fn image_and_descendants(&self, name: &str) -> Vec<String> {
        let Ok(image) = self.images.resolve(name) else { return Vec::new() };
        let mut ids = vec![image.id];
        let mut at = 0;
        while let Some(id) = ids.get(at).cloned() {
            for child in self.images.children(&id) {
                if !ids.contains(&child.id) {
                    ids.push(child.id);
                }
            }
            at += 1;
        }
        ids.iter().map(ToString::to_string).collect()
    }

    /// Which containers use which images.
    pub(crate) fn image_uses(&self) -> Vec<ImageUse> {
        self.containers
            .all()
            .iter()
            .filter_map(|container| {
                let spec = container.spec();
                Some(ImageUse {
                    image: spec.image.parse().ok()?,
                    reference: spec.config.image.clone(),
                    container: container.id.clone(),
                    running: container.with_state(|state| state.phase.is_running()),
                })
            })
            .collect()
    }

    /// Emits an event about an image.
    pub(crate) fn image_event(&self, action: &str, id: &str, name: &str) {
        let mut attributes = std::collections::BTreeMap::new();
        if let Ok(image) = self.images.resolve(id) {
            let labels = image.config.config.as_ref().and_then(|config| config.labels.clone());
            attributes.extend(labels.unwrap_or_default());
        }
        attributes.insert("name".into(), name.to_owned());
        self.events.emit(crate::events::Kind::Image, action, id, attributes);
    }
}

/// `os[/architecture[/variant]]`.
pub(crate) fn parse_platform(text: &str) -> Result<Option<Platform>> {
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || Error::Invalid(format!("{text:?}: cannot parse platform specifier: invalid argument"));
    let parts: Vec<&str> = text.split('/').collect();
    let valid =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if parts.len() > 3 || !parts.iter().all(valid) {
        return Err(bad());
    }
    let part = |index: usize| parts.get(index).map(|part| part.to_ascii_lowercase()).unwrap_or_default();
    let architecture = match part(1).as_str() {
        "x86_64" | "x86-64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        other => other.to_owned(),
    };
    Ok(Some(Platform { os: part(0), architecture, variant: part(2) }))
}

fn platform_text(platform: &Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("/")
}
