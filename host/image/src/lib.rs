//! Images: content store, layers, manifests, registry client, archives.
//!
//! [`ImageStore`] is the whole of it for the engine: everything `docker images`, `inspect`, `history`, `tag`, `rmi`,
//! `save`, `load`, `import`, `commit`, `pull`, `push`, `search`, `prune` and `system df` need. Methods that read or write
//! archives block and belong on a blocking thread; those that talk to a registry are async; all others answer from
//! memory.

mod archive;
mod builtin;
mod commit;
mod config;
mod digest;
mod error;
mod progress;
mod reference;
mod registry;
mod store;

pub use archive::{ImportRequest, LoadRequest, Loaded, decompress};
pub use builtin::{Builtin, SyntheticConfig};
pub use commit::CommitRequest;
pub use config::{ContainerConfig, Empty, Healthcheck, History, ImageConfig, RootFs};
pub use digest::{Digest, ImageId};
pub use error::ImageError;
pub use progress::{Progress, ProgressDetail, ProgressSender, size};
pub use reference::Reference;
pub use registry::{
    Credential, Distribution, Platform, PullRequest, Pulled, PushRequest, RegistryOptions, SearchRequest, SearchResult,
};
pub use store::{
    HistoryItem, Image, ImageStore, ImageUse, PruneRequest, Pruned, Removed, StoreOptions, Usage, UsageItem,
};

/// The result of an operation on images.
pub type Result<T, E = ImageError> = std::result::Result<T, E>;
