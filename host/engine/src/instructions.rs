//! Dockerfile instructions that change a config: `docker commit --change`, `docker import --change`.

use std::collections::BTreeMap;

use coracle_image::ContainerConfig;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// Applies instructions one after another.
///
/// # Errors
/// For instructions that do not change a config.
pub(crate) fn apply(config: ContainerConfig, changes: &[String]) -> Result<ContainerConfig> {
    let Value::Object(mut map) = serde_json::to_value(config)? else { return Ok(ContainerConfig::default()) };
    map.retain(|_, value| !value.is_null());
    for change in changes.iter().flat_map(|change| change.lines()).map(str::trim).filter(|line| !line.is_empty()) {
        one(&mut map, change)?;
    }
    serde_json::from_value(Value::Object(map)).map_err(Error::from)
}

fn one(config: &mut Map<String, Value>, line: &str) -> Result<()> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let missing = |name: &str| Error::Invalid(format!("{name} requires at least one argument"));
    let upper = name.to_ascii_uppercase();
    if rest.is_empty() && upper != "CMD" {
        return Err(missing(&upper));
    }
    match upper.as_str() {
        "CMD" => {
            config.insert("Cmd".into(), command(rest, config));
        }
        "ENTRYPOINT" => {
            config.insert("Entrypoint".into(), command(rest, config));
        }
        "ENV" => {
            for (key, value) in pairs(rest, true)? {
                let list = config.entry("Env").or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    let begin = format!("{key}=");
                    list.retain(|variable| !variable.as_str().is_some_and(|text| text.starts_with(&begin)));
                    list.push(json!(format!("{key}={value}")));
                }
            }
        }
        "LABEL" => {
            for (key, value) in pairs(rest, true)? {
                if let Some(labels) = config.entry("Labels").or_insert_with(|| json!({})).as_object_mut() {
                    labels.insert(key, json!(value));
                }
            }
        }
        "EXPOSE" => {
            for port in rest.split_whitespace() {
                let port = if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") };
                crate::network::ports::parse_container_port(&port)?;
                if let Some(ports) = config.entry("ExposedPorts").or_insert_with(|| json!({})).as_object_mut() {
                    ports.insert(port, json!({}));
                }
            }
        }
        "VOLUME" => {
            let volumes: Vec<String> =
                serde_json::from_str(rest).unwrap_or_else(|_| rest.split_whitespace().map(str::to_owned).collect());
            for volume in volumes {
                if let Some(map) = config.entry("Volumes").or_insert_with(|| json!({})).as_object_mut() {
                    map.insert(volume, json!({}));
                }
            }
        }
        "USER" => {
            config.insert("User".into(), json!(rest));
        }
        "WORKDIR" => {
            let before = config.get("WorkingDir").and_then(Value::as_str).unwrap_or_default();
            let path = if rest.starts_with('/') { rest.to_owned() } else { format!("{before}/{rest}") };
            config.insert("WorkingDir".into(), json!(crate::mounts::clean(&path)));
        }
        "STOPSIGNAL" => {
            config.insert("StopSignal".into(), json!(rest));
        }
        "SHELL" => {
            let shell: Vec<String> = serde_json::from_str(rest)
                .map_err(|_| Error::Invalid("SHELL requires the arguments to be in JSON form".into()))?;
            config.insert("Shell".into(), json!(shell));
        }
        "ONBUILD" => {
            if let Some(list) = config.entry("OnBuild").or_insert_with(|| json!([])).as_array_mut() {
                list.push(json!(rest));
            }
        }
        "HEALTHCHECK" => {
            config.insert("Healthcheck".into(), healthcheck(rest)?);
        }
        _ => return Err(Error::Invalid(format!("{name} is not a valid change command"))),
    }
    Ok(())
}

/// JSON form as it is; shell form through the shell.
fn command(rest: &str, config: &Map<String, Value>) -> Value {
    if rest.is_empty() {
        return json!([]);
    }
    if let Ok(words) = serde_json::from_str::<Vec<String>>(rest) {
        return json!(words);
    }
    let mut shell: Vec<String> = config
        .get("Shell")
        .and_then(|shell| serde_json::from_value(shell.clone()).ok())
        .unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
    shell.push(rest.to_owned());
    json!(shell)
}

fn healthcheck(rest: &str) -> Result<Value> {
    let mut check = BTreeMap::new();
    let mut rest = rest;
    while let Some(option) = rest.strip_prefix("--") {
        let (option, tail) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let field = match key {
            "interval" => "Interval",
            "timeout" => "Timeout",
            "start-period" => "StartPeriod",
            "start-interval" => "StartInterval",
            "retries" => "Retries",
            _ => return Err(Error::Invalid(format!("unknown flag: --{key}"))),
        };
        let number = if field == "Retries" { value.parse().ok() } else { crate::time::parse_go_duration(value) };
        let number = number.ok_or_else(|| Error::Invalid(format!("invalid value {value:?} for --{key}")))?;
        check.insert(field, json!(number));
        rest = tail.trim_start();
    }
    let (kind, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let test = match kind.to_ascii_uppercase().as_str() {
        "NONE" => json!(["NONE"]),
        "CMD" => match serde_json::from_str::<Vec<String>>(tail.trim()) {
            Ok(words) => json!(std::iter::once("CMD".to_owned()).chain(words).collect::<Vec<_>>()),
            Err(_) => json!(["CMD-SHELL", tail.trim()]),
        },
        other => return Err(Error::Invalid(format!("Unknown type \"{other}\" in HEALTHCHECK (try CMD)"))),
    };
    check.insert("Test", test);
    Ok(json!(check))
}

/// `KEY=value KEY2="two words"`, or `KEY rest of the line`.
fn pairs(text: &str, old_form: bool) -> Result<Vec<(String, String)>> {
    let words = words(text);
    if old_form && !words.first().is_some_and(|word| word.contains('=')) {
        let (key, value) =
            text.split_once(char::is_whitespace).ok_or_else(|| Error::Invalid("ENV must have two arguments".into()))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    words
        .into_iter()
        .map(|word| {
            word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| {
                Error::Invalid(format!("Syntax error - can't find = in {word:?}. Must be of the form: name=value"))
            })
        })
        .collect()
}

/// Words with quotes and backslashes taken away.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut inside = false;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\\', None | Some('"')) => {
                inside = true;
                word.extend(characters.next());
            }
            (c @ ('"' | '\''), None) => {
                inside = true;
                quote = Some(c);
            }
            (c, None) if c.is_whitespace() => {
                if std::mem::take(&mut inside) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, _) => {
                inside = true;
                word.push(c);
            }
        }
    }
    if inside {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_change_the_config() {
        let changes = [
            "ENV A=1 B=\"two words\"".to_owned(),
            "CMD [\"x\", \"y\"]".to_owned(),
            "ENTRYPOINT run me".to_owned(),
            "EXPOSE 80".to_owned(),
            "WORKDIR /a\nWORKDIR b".to_owned(),
            "LABEL k=v".to_owned(),
            "HEALTHCHECK --interval=5s CMD true".to_owned(),
        ];
        let config = serde_json::to_value(apply(ContainerConfig::default(), &changes).unwrap()).unwrap();
        assert_eq!(config["Env"], json!(["A=1", "B=two words"]));
        assert_eq!(config["Cmd"], json!(["x", "y"]));
        assert_eq!(config["Entrypoint"], json!(["/bin/sh", "-c", "run me"]));
        assert_eq!(config["WorkingDir"], "/a/b");
        assert_eq!(config["Labels"]["k"], "v");
        assert_eq!(config["Healthcheck"]["Test"], json!(["CMD-SHELL", "true"]));
        assert!(apply(ContainerConfig::default(), &["RUN x".to_owned()]).is_err());
    }
}
