//! Images in and out: pull, push, load, save, import, search.

use std::io::Read;
use std::sync::Arc;

use coracle_image::{
    ContainerConfig, Credential, Distribution, ImportRequest, LoadRequest, Progress, ProgressSender, PullRequest,
    PushRequest, Reference, SearchRequest, SearchResult,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::parse_platform;
use crate::Engine;
use crate::container::ArchiveDownload;
use crate::error::{Error, Result};

/// Progress of a transfer: JSON messages, one a line; an error is the last.
pub type ProgressStream = mpsc::UnboundedReceiver<Value>;

/// The query of pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `fromImage`.
    pub image: String,
    /// Tag or digest; empty: that of the image, or `latest`.
    pub tag: String,
    /// `os/architecture`.
    pub platform: String,
    /// From `X-Registry-Auth`.
    pub credential: Option<Credential>,
}

/// The query of push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// Name.
    pub image: String,
    /// Tag; empty: every tag.
    pub tag: String,
    /// `os/architecture`.
    pub platform: String,
    /// From `X-Registry-Auth`.
    pub credential: Option<Credential>,
}

/// The query of import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Name of the new image; may be empty.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Comment.
    pub message: String,
    /// Dockerfile instructions on the config.
    pub changes: Vec<String>,
    /// `os/architecture`.
    pub platform: String,
}

fn message(progress: &Progress) -> Value {
    serde_json::to_value(progress).unwrap_or_default()
}

/// Docker's last message of a transfer that failed.
fn failure(text: &str) -> Value {
    json!({ "errorDetail": { "message": text }, "error": text })
}

fn reference(name: &str, tag: &str) -> Result<Reference> {
    let reference: Reference = name.parse()?;
    Ok(match tag {
        "" => reference,
        digest if digest.contains(':') => {
            let digest = digest.parse().map_err(|_| Error::Invalid("invalid reference format".into()))?;
            reference.with_digest(digest)
        }
        tag => reference.with_tag(tag)?,
    })
}

impl Engine {
    /// Runs a transfer, its progress and its failure going to the answered stream.
    fn transfer<F>(
        self: &Arc<Self>,
        run: impl FnOnce(Arc<Self>, ProgressSender) -> F + Send + 'static,
    ) -> ProgressStream
    where
        F: Future<Output = Result<Vec<Value>>> + Send + 'static,
    {
        let (out, stream) = mpsc::unbounded_channel();
        let (progress, mut messages) = ProgressSender::channel();
        let engine = Arc::clone(self);
        self.spawn(async move {
            let forward = out.clone();
            let relay = async move {
                while let Some(progress) = messages.recv().await {
                    if forward.send(message(&progress)).is_err() {
                        break;
                    }
                }
            };
            let work = run(engine, progress);
            // Whoever asked has gone: the work is dropped.
            let whole = async { tokio::join!(work, relay).0 };
            tokio::select! {
                () = out.closed() => {}
                result = whole => match result {
                    Ok(last) => last.into_iter().for_each(|message| { let _ = out.send(message); }),
                    Err(error) => { let _ = out.send(failure(&error.to_string())); }
                },
            }
        });
        stream
    }

    /// Pulls an image.
    ///
    /// # Errors
    /// 400 for bad names; what goes wrong later is in the stream.
    pub fn image_pull(self: &Arc<Self>, options: PullOptions) -> Result<ProgressStream> {
        let mut reference = reference(&options.image, &options.tag)?;
        let all_tags = false;
        reference = reference.with_default_tag();
        let platform = parse_platform(&options.platform)?;
        let request = PullRequest { reference, all_tags, platform, credential: options.credential };
        Ok(self.transfer(move |engine, progress| async move {
            let pulled = engine.images.pull(&request, &progress).await?;
            for image in pulled {
                engine.image_event("pull", &image.reference.familiar(), &image.reference.familiar_name());
            }
            Ok(Vec::new())
        }))
    }

    /// Pushes an image.
    ///
    /// # Errors
    /// 400 for bad names; what goes wrong later is in the stream.
    pub fn image_push(self: &Arc<Self>, options: PushOptions) -> Result<ProgressStream> {
        let all_tags = options.tag.is_empty();
        let reference = reference(&options.image, &options.tag)?;
        let platform = parse_platform(&options.platform)?;
        let request = PushRequest { reference, all_tags, platform, credential: options.credential };
        Ok(self.transfer(move |engine, progress| async move {
            engine.images.push(&request, &progress).await?;
            engine.image_event("push", &request.reference.familiar(), &request.reference.familiar_name());
            Ok(Vec::new())
        }))
    }

    /// Loads an archive. The reader blocks; it is read where that is allowed.
    pub fn image_load(
        self: &Arc<Self>,
        archive: impl Read + Send + 'static,
        quiet: bool,
        platform: &str,
    ) -> Result<ProgressStream> {
        let request = LoadRequest { quiet, platform: parse_platform(platform)? };
        Ok(self.transfer(move |engine, progress| async move {
            let store = Arc::clone(&engine.images);
            let loaded = tokio::task::spawn_blocking(move || store.load(archive, &request, &progress))
                .await
                .map_err(Error::system)??;
            for image in loaded {
                let id = image.id.to_string();
                let name = image.reference.as_ref().map_or_else(|| id.clone(), Reference::familiar);
                engine.image_event("load", &id, &name);
            }
            Ok(Vec::new())
        }))
    }

    /// Saves images as one archive.
    ///
    /// # Errors
    /// 404.
    pub fn image_save(self: &Arc<Self>, names: Vec<String>, platform: &str) -> Result<ArchiveDownload> {
        let platform = parse_platform(platform)?;
        for name in &names {
            let image = self.images.resolve(name).map_err(|error| match Error::from(error) {
                // Here, and only here, dockerd does not add the tag to the name.
                Error::NotFound(_) => Error::NotFound(format!("No such image: {name}")),
                other => other,
            })?;
            self.image_event("save", &image.id.to_string(), name);
        }
        let store = Arc::clone(&self.images);
        Ok(self.stream_out(move |out| store.save(&names, platform.as_ref(), out).map_err(Error::from)))
    }

    /// Makes an image out of a tree of files. The reader blocks.
    ///
    /// # Errors
    /// 400 for bad names and instructions.
    pub fn image_import(
        self: &Arc<Self>,
        tree: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> Result<ProgressStream> {
        let reference = match options.repository.as_str() {
            "" => None,
            name => Some(reference(name, &options.tag)?.with_default_tag()),
        };
        let config: ContainerConfig = crate::instructions::apply(Default::default(), &options.changes)?;
        let request = ImportRequest {
            message: if options.message.is_empty() { "Imported from -".into() } else { options.message },
            config,
            reference,
            platform: parse_platform(&options.platform)?,
        };
        Ok(self.transfer(move |engine, progress| async move {
            let store = Arc::clone(&engine.images);
            let name = request.reference.as_ref().map(Reference::familiar);
            let id = tokio::task::spawn_blocking(move || store.import(tree, &request, &progress))
                .await
                .map_err(Error::system)??
                .to_string();
            engine.image_event("import", &id, name.as_deref().unwrap_or(&id));
            Ok(vec![json!({ "status": id })])
        }))
    }

    /// Searches a registry.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn image_search(
        &self,
        term: &str,
        limit: u32,
        credential: Option<Credential>,
    ) -> Result<Vec<SearchResult>> {
        let request = SearchRequest { term: term.to_owned(), limit, credential };
        Ok(self.images.search(&request).await?)
    }

    /// What a registry says about a name.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn distribution_inspect(&self, name: &str, credential: Option<Credential>) -> Result<Distribution> {
        let reference: Reference = name.parse()?;
        Ok(self.images.distribution(&reference.with_default_tag(), credential.as_ref()).await?)
    }

    /// Tries credentials at a registry.
    ///
    /// # Errors
    /// 401, or when it cannot be reached.
    pub async fn authenticate(&self, credential: &Credential) -> Result<String> {
        Ok(self.images.authenticate(credential).await?)
    }
}
