//! Image references: `[registry/]repository[:tag][@digest]`, with Docker's short forms and Docker's error texts.
//!
//! Grammar and normal forms are those of the distribution project's `reference` package, which every client and
//! registry goes by: `busybox` is `docker.io/library/busybox:latest`.

use crate::{Digest, ImageError};
use std::fmt;
use std::str::FromStr;

const DEFAULT_REGISTRY: &str = "docker.io";
const LEGACY_REGISTRY: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// A parsed reference in its normal form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's host and port: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's path in the registry: `library/busybox`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository alone.
    #[must_use]
    pub fn name_only(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// With the tag `latest` if neither tag nor digest was given.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".into());
        }
        self
    }

    /// The same repository with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ImageError> {
        if !is_tag(tag) {
            return Err(invalid_format());
        }
        Ok(Self { tag: Some(tag.into()), digest: None, ..self.clone() })
    }

    /// The same repository with this digest and no tag.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The name as Docker shows it: without `docker.io/` and `library/`.
    pub fn familiar_name(&self) -> String {
        if self.registry == DEFAULT_REGISTRY {
            let repository = &self.repository;
            return repository.strip_prefix(OFFICIAL).filter(|rest| !rest.contains('/')).unwrap_or(repository).into();
        }
        format!("{}/{}", self.registry, self.repository)
    }

    /// The whole reference as Docker shows it.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_name())
    }

    fn with_suffix(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

/// The normal form, as it is stored: `docker.io/library/busybox:latest`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffix(format!("{}/{}", self.registry, self.repository)))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Reference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        if is_hex_id(text) {
            return Err(ImageError::InvalidReference(format!(
                "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )));
        }
        let (registry, remainder) = split_registry(text);
        let remote = remainder.split_once(':').map_or(remainder.as_str(), |(remote, _)| remote);
        if remote.chars().any(char::is_uppercase) {
            return Err(ImageError::InvalidReference(format!(
                "invalid reference format: repository name ({remote}) must be lowercase"
            )));
        }
        let (rest, digest) = match remainder.split_once('@') {
            Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
            None => (remainder.as_str(), None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let good = is_registry(&registry) && repository.split('/').all(is_component) && tag.is_none_or(is_tag);
        if !good {
            return Err(invalid_format());
        }
        if repository.len() > NAME_MAX {
            return Err(ImageError::InvalidReference(format!(
                "repository name must not be more than {NAME_MAX} characters"
            )));
        }
        Ok(Self { registry, repository: repository.into(), tag: tag.map(Into::into), digest })
    }
}

fn invalid_format() -> ImageError {
    ImageError::InvalidReference("invalid reference format".into())
}

/// Whether the text is a whole image id without `sha256:`.
pub(crate) fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn split_registry(text: &str) -> (String, String) {
    let (registry, remote) = match text.split_once('/') {
        Some((first, rest))
            if first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase) =>
        {
            (if first == LEGACY_REGISTRY { DEFAULT_REGISTRY } else { first }, rest)
        }
        _ => (DEFAULT_REGISTRY, text),
    };
    if registry == DEFAULT_REGISTRY && !remote.contains('/') {
        return (registry.into(), format!("{OFFICIAL}{remote}"));
    }
    (registry.into(), remote.into())
}

fn parse_digest(text: &str) -> Result<Digest, ImageError> {
    let (algorithm, digits) = text.split_once(':').ok_or_else(invalid_format)?;
    let plausible = digits.len() >= 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && algorithm.starts_with(|first: char| first.is_ascii_alphabetic());
    if !plausible {
        return Err(invalid_format());
    }
    if algorithm != "sha256" {
        return Err(ImageError::InvalidReference("unsupported digest algorithm".into()));
    }
    text.parse()
}

/// Letters and digits, with single dots, one or two underscores or any dashes between them.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if !ends.iter().all(|end| end.is_some_and(|end| alphanumeric(*end))) {
        return false;
    }
    bytes
        .split(|byte| alphanumeric(*byte))
        .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=TAG_MAX).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            return port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    port.is_none_or(is_port)
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Reference, String> {
        text.parse::<Reference>().map_err(|error| error.to_string())
    }

    #[test]
    fn short_names_become_whole_ones_and_back() {
        for (short, whole) in [
            ("busybox", "docker.io/library/busybox"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("library/busybox", "docker.io/library/busybox"),
            ("foo/bar", "docker.io/foo/bar"),
            ("index.docker.io/foo/bar", "docker.io/foo/bar"),
            ("localhost/x", "localhost/x"),
            ("localhost:5000/a/b:t", "localhost:5000/a/b:t"),
            ("[::1]:5000/a", "[::1]:5000/a"),
            ("UPPER.example/a", "UPPER.example/a"),
        ] {
            assert_eq!(parse(short).unwrap().to_string(), whole, "{short}");
        }
        assert_eq!(parse("docker.io/library/busybox:x").unwrap().familiar(), "busybox:x");
        assert_eq!(parse("localhost:5000/a/b").unwrap().familiar(), "localhost:5000/a/b");
        assert_eq!(parse("busybox").unwrap().with_default_tag().familiar(), "busybox:latest");
    }

    #[test]
    fn a_digest_stands_behind_the_tag() {
        let digest = Digest::of(b"");
        let reference = parse(&format!("a:b@{digest}")).unwrap();
        assert_eq!(reference.tag(), Some("b"));
        assert_eq!(reference.digest(), Some(&digest));
        assert_eq!(reference.familiar(), format!("a:b@{digest}"));
    }

    #[test]
    fn bad_names_are_refused_in_dockers_words() {
        let hex = "a".repeat(64);
        for (text, error) in [
            ("", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a b", "invalid reference format"),
            ("-a", "invalid reference format"),
            ("a..b", "invalid reference format"),
            ("a/../b", "invalid reference format"),
            ("a@sha256:12", "invalid reference format"),
            ("Foo", "invalid reference format: repository name (library/Foo) must be lowercase"),
            ("a/B:x", "invalid reference format: repository name (a/B) must be lowercase"),
            (&hex, &format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings")),
        ] {
            assert_eq!(parse(text), Err(error.to_string()), "{text:?}");
        }
        assert!(parse(&format!("a:{}", "t".repeat(128))).is_ok());
        assert!(parse(&format!("a:{}", "t".repeat(129))).is_err());
    }
}
