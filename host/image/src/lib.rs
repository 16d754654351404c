//! Images: content store, layers, manifests, registry client, archives.
