//! The `filters` query parameter: a JSON map of names to wanted values.
//!
//! Two encodings exist, `{"status":["running"]}` and the older
//! `{"status":{"running":true}}`; both are accepted, as dockerd does.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Result};

/// Parsed filters. Values of one name are alternatives unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters {
    fields: BTreeMap<String, Vec<String>>,
}

impl Filters {
    /// Reads the parameter; an empty text is no filter.
    ///
    /// # Errors
    /// `invalid filter` when it is not JSON of one of the two shapes.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let invalid = || Error::Invalid("invalid filter".into());
        let Ok(Value::Object(map)) = serde_json::from_str::<Value>(text) else { return Err(invalid()) };
        let mut fields = BTreeMap::new();
        for (name, wanted) in map {
            let values = match wanted {
                Value::Object(set) => set
                    .into_iter()
                    .map(|(value, on)| on.as_bool().map(|on| (value, on)).ok_or_else(invalid))
                    .filter_map(|entry| match entry {
                        Ok((value, true)) => Some(Ok(value)),
                        Ok((_, false)) => None,
                        Err(error) => Some(Err(error)),
                    })
                    .collect::<Result<Vec<_>>>()?,
                Value::Array(list) => list
                    .into_iter()
                    .map(|value| value.as_str().map(str::to_owned).ok_or_else(invalid))
                    .collect::<Result<Vec<_>>>()?,
                Value::Null => Vec::new(),
                _ => return Err(invalid()),
            };
            fields.insert(name, values);
        }
        Ok(Self { fields })
    }

    /// Refuses names that the operation does not know.
    ///
    /// # Errors
    /// `invalid filter 'NAME'`.
    pub fn accept(&self, names: &[&str]) -> Result<()> {
        match self.fields.keys().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => Err(Error::InvalidFilter(unknown.clone())),
            None => Ok(()),
        }
    }

    /// The values of a name.
    pub fn get(&self, name: &str) -> &[String] {
        self.fields.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the name was given with at least one value.
    pub fn contains(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// No filter at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Adds one value.
    pub fn add(&mut self, name: &str, value: &str) {
        self.fields.entry(name.to_owned()).or_default().push(value.to_owned());
    }

    /// One of the values is exactly `text`, or there are none.
    pub fn exact(&self, name: &str, text: &str) -> bool {
        let wanted = self.get(name);
        wanted.is_empty() || wanted.iter().any(|value| value == text)
    }

    /// One of the values occurs in `text` (Docker matches a regular expression;
    /// plain words and the anchors `^` and `$` are what people write).
    pub fn matches(&self, name: &str, text: &str) -> bool {
        let wanted = self.get(name);
        wanted.is_empty() || wanted.iter().any(|value| pattern_matches(value, text))
    }

    /// One of the values begins `text`.
    pub fn prefix(&self, name: &str, text: &str) -> bool {
        let wanted = self.get(name);
        wanted.is_empty() || wanted.iter().any(|value| text.starts_with(value.as_str()))
    }

    /// A boolean filter: `true`, `1`, `false`, `0`; `None` when absent.
    ///
    /// # Errors
    /// `invalid filter 'NAME=[VALUES]'` for anything else or a contradiction.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>> {
        let wanted = self.get(name);
        let yes = wanted.iter().any(|v| v == "1" || v == "true");
        let no = wanted.iter().any(|v| v == "0" || v == "false");
        match (wanted.is_empty(), yes, no) {
            (true, ..) => Ok(None),
            (_, true, false) => Ok(Some(true)),
            (_, false, true) => Ok(Some(false)),
            _ => Err(Error::InvalidFilter(format!("{name}=[{}]", wanted.join(" ")))),
        }
    }

    /// Every wanted `key` or `key=value` is among the labels, and none of `label!`.
    pub fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|have| have == value),
            None => labels.contains_key(wanted),
        };
        self.get("label").iter().all(has) && !self.get("label!").iter().any(has)
    }
}

/// A small part of regular expressions: anchors, and `.*` between literal parts.
fn pattern_matches(pattern: &str, text: &str) -> bool {
    if pattern.bytes().any(|b| matches!(b, b'|')) && !pattern.contains('(') {
        return pattern.split('|').any(|part| pattern_matches(part, text));
    }
    let (start, pattern) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (end, pattern) = match pattern.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let parts: Vec<String> = pattern.split(".*").map(|part| part.replace('\\', "")).collect();
    let mut rest = text;
    let last = parts.len().saturating_sub(1);
    for (position, part) in parts.iter().enumerate() {
        if position == last && end {
            if position == 0 && start {
                return rest == part;
            }
            return rest.ends_with(part.as_str());
        }
        if position == 0 && start {
            match rest.strip_prefix(part.as_str()) {
                Some(tail) => rest = tail,
                None => return false,
            }
        } else {
            match rest.find(part.as_str()).and_then(|at| rest.get(at + part.len()..)) {
                Some(tail) => rest = tail,
                None => return false,
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read() {
        let new = Filters::parse(r#"{"status":["running"]}"#).unwrap();
        let old = Filters::parse(r#"{"status":{"running":true,"dead":false}}"#).unwrap();
        assert_eq!(new, old);
        assert!(Filters::parse("xx").is_err());
        assert!(Filters::parse(r#"{"a":"b"}"#).is_err());
    }

    #[test]
    fn unknown_names_are_named() {
        let error = Filters::parse(r#"{"bad":["x"]}"#).unwrap().accept(&["id"]).unwrap_err();
        assert_eq!(error.to_string(), "invalid filter 'bad'");
    }

    #[test]
    fn labels_are_all_wanted_and_negative_ones_unwanted() {
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())]);
        let ask = |text: &str| Filters::parse(text).unwrap().labels(&labels);
        assert!(ask(r#"{"label":["a=b","c"]}"#));
        assert!(!ask(r#"{"label":["a=b","d"]}"#));
        assert!(!ask(r#"{"label!":["a=b"]}"#));
        assert!(ask(r#"{"label!":["a=x"]}"#));
    }

    #[test]
    fn name_patterns_know_anchors() {
        assert!(pattern_matches("^/web$", "/web"));
        assert!(!pattern_matches("^/web$", "/web1"));
        assert!(pattern_matches("eb", "/web1"));
        assert!(pattern_matches("^/w.*1$", "/web1"));
    }
}
