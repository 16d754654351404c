//! Query parameters with Docker's reading of booleans and numbers.

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use coracle_engine::{Error, Filters};
use http::request::Parts;

use crate::error::{Answer, Failure};

/// The query of a request; the first of several values counts, lists aside.
#[derive(Debug, Default)]
pub(crate) struct Query {
    values: HashMap<String, Vec<String>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let mut values: HashMap<String, Vec<String>> = HashMap::new();
        if let Some(query) = parts.uri.query() {
            for (name, value) in form_urlencoded::parse(query.as_bytes()) {
                values.entry(name.into_owned()).or_default().push(value.into_owned());
            }
        }
        Ok(Self { values })
    }
}

impl Query {
    /// The text of a parameter; empty when missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(|values| values.first()).map(String::as_str).unwrap_or_default()
    }

    /// The text of a parameter that was given.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(|values| values.first()).map(String::as_str)
    }

    /// Every value of a parameter.
    pub(crate) fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Docker's truth: anything but empty, `0`, `no`, `false`, `none`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let text = self.text(name).trim().to_ascii_lowercase();
        !matches!(text.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// Like [`Self::flag`] with a default for a missing parameter.
    pub(crate) fn flag_or(&self, name: &str, default: bool) -> bool {
        if self.values.contains_key(name) { self.flag(name) } else { default }
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Answer<Option<i64>> {
        match self.text(name) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Error::System(format!("strconv.Atoi: parsing {text:?}: invalid syntax")).into()),
            },
        }
    }

    /// The `filters` parameter.
    pub(crate) fn filters(&self) -> Answer<Filters> {
        Ok(Filters::parse(self.text("filters"))?)
    }
}
