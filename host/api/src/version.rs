//! API versions: `/v1.43/…` in front of a path, or none for the newest.

/// The newest version spoken here.
pub const MAXIMUM_VERSION: ApiVersion = ApiVersion { major: 1, minor: 51 };
/// The oldest one.
pub const MINIMUM_VERSION: ApiVersion = ApiVersion { major: 1, minor: 24 };

/// The version of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u32,
    minor: u32,
}

impl ApiVersion {
    /// Version 1.`minor` of the API.
    pub const fn v1(minor: u32) -> Self {
        Self { major: 1, minor }
    }

    /// Whether the request speaks at least 1.`minor`.
    pub fn at_least(self, minor: u32) -> bool {
        self >= Self::v1(minor)
    }

    /// Splits `/v1.43/info` into its version and `/info`. `None` when the path
    /// does not begin with a version.
    pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
        let rest = path.strip_prefix("/v")?;
        let end = rest.find('/')?;
        let (version, path) = rest.split_at_checked(end)?;
        let digits = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        digits.then_some((version, path))
    }

    /// Reads `1.43`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let minor = minor.split('.').next().unwrap_or_default();
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(ApiVersion::v1(9) < ApiVersion::v1(24));
        assert_eq!(ApiVersion::parse("1.43"), Some(ApiVersion::v1(43)));
        assert_eq!(ApiVersion::split("/v1.43/info"), Some(("1.43", "/info")));
        assert_eq!(ApiVersion::split("/v1.x/info"), None);
        assert_eq!(ApiVersion::split("/volumes/x"), None);
        assert_eq!(ApiVersion::split("/version"), None);
    }
}
