//! From text to logical lines: parser directives, comments, continuation lines and
//! the bodies of here-documents.

use super::error::DockerfileError;
use super::instruction::Heredoc;

/// An instruction with its continuation lines joined and its here-documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogicalLine {
    /// The first physical line, counted from 1.
    pub number: usize,
    /// Without leading and trailing white space.
    pub text: String,
    /// In the order in which they are named.
    pub heredocs: Vec<Heredoc>,
}

/// The escape character and the lines.
pub fn logical_lines(text: &str) -> Result<(char, Vec<LogicalLine>), DockerfileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut physical = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate().peekable();
    let mut escape = '\\';
    let mut in_directives = true;
    let mut lines = Vec::new();
    while let Some((index, line)) = physical.next() {
        let trimmed = line.trim();
        if in_directives {
            match directive(trimmed) {
                Some((name, value)) if name == "escape" => {
                    escape = match value {
                        "\\" => '\\',
                        "`" => '`',
                        _ => {
                            let fault = format!("invalid ESCAPE '{value}'. Must be ` or \\");
                            return Err(DockerfileError::Fault(fault).at(index + 1));
                        }
                    };
                    continue;
                }
                Some(_) => continue,
                None => in_directives = false,
            }
        }
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut joined = String::new();
        let mut part = line.trim_start();
        while let Some(head) = continued(part, escape) {
            joined.push_str(head);
            // Comments and empty lines between the parts do not end the instruction.
            part = loop {
                match physical.next() {
                    None => break "",
                    Some((_, next)) if next.trim().is_empty() || next.trim_start().starts_with('#') => {}
                    Some((_, next)) => break next,
                }
            };
        }
        joined.push_str(part);
        let mut line = LogicalLine { number: index + 1, text: joined.trim().to_owned(), heredocs: Vec::new() };
        if takes_heredocs(&line.text) {
            for mut heredoc in heredoc_words(&line.text) {
                let strip = heredoc.strip_tabs;
                loop {
                    let Some((_, body)) = physical.next() else {
                        return Err(DockerfileError::UnterminatedHeredoc);
                    };
                    let body = if strip { body.trim_start_matches('\t') } else { body };
                    if body == heredoc.name {
                        break;
                    }
                    heredoc.content.push_str(body);
                    heredoc.content.push('\n');
                }
                line.heredocs.push(heredoc);
            }
        }
        lines.push(line);
    }
    Ok((escape, lines))
}

/// `# name=value`
fn directive(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.strip_prefix('#')?.split_once('=')?;
    let name = name.trim();
    let named = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
    named.then(|| (name.to_ascii_lowercase(), value.trim()))
}

/// The line without its continuation mark, if it has one.
fn continued(line: &str, escape: char) -> Option<&str> {
    line.trim_end_matches([' ', '\t']).strip_suffix(escape)
}

fn takes_heredocs(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    matches!(word.as_str(), "RUN" | "COPY" | "ADD")
        || (word == "ONBUILD"
            && line.split_once(char::is_whitespace).is_some_and(|(_, rest)| takes_heredocs(rest.trim_start())))
}

/// `<<EOF`, `<<-EOF`, `<<"EOF"`, each a word of its own or after a descriptor number.
fn heredoc_words(line: &str) -> Vec<Heredoc> {
    line.split_whitespace().filter_map(heredoc_word).collect()
}

/// A here-document's start, if the word is one.
pub fn heredoc_word(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strip_tabs) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let unquoted =
        ['"', '\''].into_iter().find_map(|quote| rest.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)));
    let name = unquoted.unwrap_or(rest);
    let plain = !name.is_empty() && !name.contains(['<', '>', '"', '\'', '(', '$']);
    plain.then(|| Heredoc { name: name.to_owned(), content: String::new(), expand: unquoted.is_none(), strip_tabs })
}
