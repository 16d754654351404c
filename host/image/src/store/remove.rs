//! `docker rmi` and `docker image prune`, by Docker's rules (moby, `daemon/images/image_delete.go`, API 1.51): a name
//! is removed first, the image with its last name; hard conflicts stay, soft ones give way to force.

use super::{Image, ImageStore, ImageUse, PruneRequest, Pruned, Removed, State, find, image};
use crate::{Digest, ImageError, ImageId, Reference, Result};
use sha2::{Digest as _, Sha256};

/// What stands against deleting an image.
struct Conflict {
    error: ImageError,
    /// A container uses it.
    used: bool,
}

#[derive(Clone, Copy)]
struct Checks {
    references: bool,
    stopped: bool,
}

impl ImageStore {
    /// `docker rmi`: takes the name away, and with the last name the image, its parents that nothing else needs
    /// (unless `keep_parents`), and its layers. `Conflict` in Docker's words while containers use it.
    pub fn remove(&self, name: &str, force: bool, keep_parents: bool, uses: &[ImageUse]) -> Result<Vec<Removed>> {
        let mut state = self.state.lock();
        let mut gone = Vec::new();
        let removed = remove(&mut state, name, force, !keep_parents, uses, &mut gone);
        self.finish(&mut state, uses, gone)?;
        removed
    }

    /// `docker image prune`.
    pub fn prune(&self, request: &PruneRequest, uses: &[ImageUse]) -> Result<Pruned> {
        let mut state = self.state.lock();
        let mut pruned = Pruned::default();
        let mut gone = Vec::new();
        for candidate in candidates(&state, request) {
            let references = state.references_of(&candidate.id);
            let names: Vec<String> = if references.is_empty() {
                vec![candidate.id.hex()]
            } else if request.all || references.iter().all(|reference| reference.tag().is_none()) {
                references.iter().map(Reference::to_string).collect()
            } else {
                continue;
            };
            for name in names {
                match remove(&mut state, &name, false, true, uses, &mut gone) {
                    Ok(removed) => pruned.removed.extend(removed),
                    Err(ImageError::Conflict(reason)) => tracing::debug!(%reason, "not pruned"),
                    Err(ImageError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        pruned.reclaimed = self.finish(&mut state, uses, gone)?;
        Ok(pruned)
    }

    /// Writes down what was removed, then removes the files; answers the bytes of files that went.
    fn finish(&self, state: &mut State, uses: &[ImageUse], gone: Vec<Gone>) -> Result<u64> {
        let kept_before = state.record.kept.len();
        let released: Vec<Digest> = state
            .record
            .kept
            .iter()
            .filter(|(id, _)| !uses.iter().any(|user| user.image == **id))
            .flat_map(|(_, layers)| layers.iter().copied())
            .collect();
        state.record.kept.retain(|id, _| uses.iter().any(|user| user.image == *id));
        let mut layers: Vec<Digest> =
            gone.iter().flat_map(|gone| gone.layers.iter().copied()).chain(released).collect();
        layers.sort_unstable();
        layers.dedup();
        layers.retain(|layer| !state.is_layer_used(layer));
        let mut reclaimed = 0;
        for layer in &layers {
            reclaimed += state.record.layers.remove(layer).map_or(0, |layer| layer.size);
        }
        if !gone.is_empty() || kept_before != state.record.kept.len() || !layers.is_empty() {
            state.save(&self.disk.root)?;
        }
        for gone in &gone {
            if !state.configs.contains_key(&gone.id) {
                self.disk.remove_blob(&gone.id);
            }
        }
        for layer in &layers {
            self.disk.remove_layer(layer);
        }
        Ok(reclaimed)
    }
}

/// An image (or only a name of it) that was taken out of the state.
struct Gone {
    id: ImageId,
    layers: Vec<Digest>,
}

fn remove(
    state: &mut State,
    name: &str,
    force: bool,
    prune: bool,
    uses: &[ImageUse],
    gone: &mut Vec<Gone>,
) -> Result<Vec<Removed>> {
    let id = find(state, name)?;
    let mut removed = Vec::new();
    let references = state.references_of(&id);
    let by_name = !is_id_prefix(&id, name);
    if by_name {
        let user = uses.iter().find(|user| user.image == id);
        if let Some(user) = user.filter(|_| !force && is_single(&references)) {
            return Err(ImageError::Conflict(format!(
                "conflict: unable to remove repository reference {name:?} (must force) - container {} is using its \
                 referenced image {}",
                user.container.get(..12).unwrap_or(&user.container),
                id.short()
            )));
        }
        let reference: Reference = name.parse()?;
        let reference = reference.with_default_tag();
        let reference = match reference.digest() {
            Some(digest) => reference.with_digest(*digest),
            None => reference,
        };
        untag(state, &reference, id, &mut removed, gone);
        let left = state.references_of(&id);
        let same_name = |other: &&Reference| other.name_only() == reference.name_only();
        let tagged = left.iter().filter(same_name).any(|other| other.digest().is_none());
        if reference.digest().is_none() && !tagged {
            // The digests of a repository go with its last tag.
            for other in left.iter().filter(same_name) {
                untag(state, other, id, &mut removed, gone);
            }
        }
        if !state.references_of(&id).is_empty() {
            return Ok(removed);
        }
    } else if is_single(&references) {
        let checks = Checks { references: false, stopped: !force };
        if let Some(conflict) = conflict(state, &id, checks, uses) {
            return Err(conflict.error);
        }
        for reference in &references {
            untag(state, reference, id, &mut removed, gone);
        }
    }
    delete(state, id, force, prune, false, uses, &mut removed, gone)?;
    Ok(removed)
}

#[allow(clippy::too_many_arguments, reason = "the recursion's state")]
fn delete(
    state: &mut State,
    id: ImageId,
    force: bool,
    prune: bool,
    quiet: bool,
    uses: &[ImageUse],
    removed: &mut Vec<Removed>,
    gone: &mut Vec<Gone>,
) -> Result<()> {
    let checks = Checks { references: !force, stopped: !force };
    if let Some(conflict) = conflict(state, &id, checks, uses) {
        let dangling = state.references_of(&id).is_empty() && state.children_of(&id).is_empty();
        return if quiet && (!dangling || conflict.used) { Ok(()) } else { Err(conflict.error) };
    }
    for reference in state.references_of(&id) {
        untag(state, &reference, id, removed, gone);
    }
    let parent = state.record.images.remove(&id).and_then(|image| image.parent);
    let layers = state.configs.remove(&id).map(|loaded| loaded.config.rootfs.diff_ids.clone()).unwrap_or_default();
    if uses.iter().any(|user| user.image == id) {
        state.record.kept.insert(id, layers.clone());
    }
    removed.push(Removed::Deleted(id));
    // Layers are listed by chain id, top first, as far as nothing else needs them.
    let mut chains = Vec::new();
    for layer in &layers {
        chains.push(chain(chains.last(), layer));
    }
    for (layer, chain) in layers.iter().zip(&chains).rev() {
        if state.is_layer_used(layer) {
            break;
        }
        removed.push(Removed::Layer(*chain));
    }
    gone.push(Gone { id, layers });
    match parent {
        Some(parent) if prune && state.record.images.contains_key(&parent) => {
            delete(state, parent, false, true, true, uses, removed, gone)
        }
        _ => Ok(()),
    }
}

fn untag(state: &mut State, reference: &Reference, id: ImageId, removed: &mut Vec<Removed>, gone: &mut Vec<Gone>) {
    if state.record.references.remove(&reference.to_string()).is_some() {
        removed.push(Removed::Untagged { reference: reference.familiar(), id });
        gone.push(Gone { id, layers: Vec::new() });
    }
}

fn conflict(state: &State, id: &ImageId, checks: Checks, uses: &[ImageUse]) -> Option<Conflict> {
    let conflict = |how: &str, used: bool, reason: String| {
        let error = ImageError::Conflict(format!("conflict: unable to delete {} ({how}) - {reason}", id.short()));
        Some(Conflict { error, used })
    };
    let short = |user: &ImageUse| user.container.get(..12).unwrap_or(&user.container).to_owned();
    if !state.children_of(id).is_empty() {
        return conflict("cannot be forced", false, "image has dependent child images".into());
    }
    if let Some(user) = uses.iter().find(|user| user.image == *id && user.running) {
        let reason = format!("image is being used by running container {}", short(user));
        return conflict("cannot be forced", true, reason);
    }
    if checks.references && !state.references_of(id).is_empty() {
        return conflict("must be forced", false, "image is referenced in multiple repositories".into());
    }
    if let Some(user) = uses.iter().find(|user| checks.stopped && user.image == *id) {
        let reason = format!("image is being used by stopped container {}", short(user));
        return conflict("must be forced", true, reason);
    }
    None
}

fn is_id_prefix(id: &ImageId, name: &str) -> bool {
    id.hex().starts_with(name.strip_prefix("sha256:").unwrap_or(name))
}

/// At most one tag, and digests only of the same repository.
fn is_single(references: &[Reference]) -> bool {
    let (digests, tags): (Vec<_>, Vec<_>) = references.iter().partition(|reference| reference.digest().is_some());
    let one_name = |names: &[&Reference]| {
        names.windows(2).all(|pair| match pair {
            [one, two] => one.name_only() == two.name_only(),
            _ => true,
        })
    };
    references.len() <= 1
        || (tags.len() <= 1
            && one_name(&digests)
            && tags.iter().all(|tag| digests.first().is_none_or(|digest| digest.name_only() == tag.name_only())))
}

/// OCI image spec, "Layer ChainID".
fn chain(below: Option<&Digest>, layer: &Digest) -> Digest {
    match below {
        None => *layer,
        Some(below) => Digest::from_sum(Sha256::digest(format!("{below} {layer}")).into()),
    }
}

fn candidates(state: &State, request: &PruneRequest) -> Vec<Image> {
    let label = |image: &Image, wanted: &str| {
        let labels = image.config.config.as_ref().and_then(|config| config.labels.as_ref());
        let (key, value) = match wanted.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (wanted, None),
        };
        labels.and_then(|labels| labels.get(key)).is_some_and(|found| value.is_none_or(|value| found == value))
    };
    state
        .record
        .images
        .keys()
        .filter_map(|id| image(state, id))
        .filter(|image| {
            let named = !image.repo_tags.is_empty() || !image.repo_digests.is_empty();
            (named || state.children_of(&image.id).is_empty())
                && request.until.is_none_or(|until| image.config.created_at() <= until)
                && request.labels.iter().all(|wanted| label(image, wanted))
                && !request.not_labels.iter().any(|unwanted| label(image, unwanted))
        })
        .collect()
}
