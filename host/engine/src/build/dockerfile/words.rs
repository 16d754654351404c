//! Splitting an instruction's text into words, flags and `NAME=VALUE` pairs.
//!
//! Quotes and escapes stay in the words: they mean something to
//! [`expand`](super::expand), which removes them.

/// Words separated by white space outside quotes.
pub fn words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            _ => {}
        }
        word.push(letter);
        if letter == escape
            && quote != Some('\'')
            && let Some(escaped) = letters.next()
        {
            word.push(escaped);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Leading `--name[=value]` flags and the rest of the text.
pub fn flags(text: &str) -> (Vec<(&str, Option<&str>)>, &str) {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(flag) = rest.strip_prefix("--") {
        let end = flag.find(char::is_whitespace).unwrap_or(flag.len());
        let (word, after) = flag.split_at(end);
        if word.is_empty() {
            return (found, after.trim_start());
        }
        found.push(match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        });
        rest = after.trim_start();
    }
    (found, rest)
}

/// A JSON array of strings, if the text is one.
pub fn json_strings(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// `NAME=VALUE …`, or the old form `NAME the rest`.
pub fn pairs(instruction: &str, text: &str, escape: char) -> Result<Vec<(String, String)>, String> {
    let words = words(text, escape);
    let Some(first) = words.first() else {
        return Err(format!("{instruction} requires at least one argument"));
    };
    if !first.contains('=') {
        let Some((name, value)) = text.split_once(char::is_whitespace) else {
            return Err(format!("{instruction} must have two arguments"));
        };
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) => Err(format!("{instruction} names can not be blank")),
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(format!("Syntax error - can't find = in \"{word}\". Must be of the form: name=value")),
        })
        .collect()
}
