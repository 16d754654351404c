//! Here-documents (XCU 2.7.4): the delimiter is noted at the operator, the
//! body is read after the newline that ends the line.

use super::ast::{HereBody, HereDocument, Part, Word};
use super::parser::{Parsed, Parser, PendingHere};

impl Parser {
    /// Reads the delimiter after `<<` or `<<-` and queues the document.
    pub(super) fn here_document(&mut self, strip_tabs: bool) -> Parsed<HereDocument> {
        self.skip_blanks()?;
        let mark = self.mark();
        let word = self.word()?;
        if word.parts.is_empty() {
            self.reset(mark);
            return Err(self.unexpected(None));
        }
        let raw = self.text_since(mark);
        let (delimiter, quoted) = remove_quotes(&raw);
        let document = HereDocument::default();
        self.pending.push(PendingHere { document: document.clone(), delimiter, quoted, strip_tabs });
        Ok(document)
    }

    /// Reads the bodies of every queued document, in order.
    pub(super) fn read_here_documents(&mut self) -> Parsed<()> {
        for pending in std::mem::take(&mut self.pending) {
            let first_line = self.line;
            let mut text = Vec::new();
            let mut joined = false;
            loop {
                let line_start = text.len();
                let mut any = false;
                let mut ended = false;
                let mut leading = pending.strip_tabs;
                while let Some(byte) = self.peek_raw()? {
                    any = true;
                    self.bump();
                    if leading && byte == b'\t' {
                        continue;
                    }
                    leading = false;
                    if byte == b'\n' {
                        ended = true;
                        break;
                    }
                    text.push(byte);
                }
                if !any {
                    if !joined || text.len() == line_start {
                        self.unterminated_here.push((first_line, pending.delimiter.clone()));
                    }
                    break;
                }
                if !joined && text.get(line_start..) == Some(pending.delimiter.as_slice()) {
                    text.truncate(line_start);
                    break;
                }
                joined = !pending.quoted
                    && text.iter().skip(line_start).rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
                if ended {
                    text.push(b'\n');
                }
            }
            let word = if pending.quoted {
                Word { parts: vec![Part::Quoted(text)], braces: false, plain: true }
            } else {
                let mut inner = Parser::for_text(text, first_line, self.settings.clone());
                inner.depth = self.depth;
                inner.begun = true;
                let parts = inner.here_parts()?;
                Word { parts: vec![Part::Double(parts)], braces: false, plain: false }
            };
            pending.document.set(HereBody { word, delimiter: pending.delimiter, quoted: pending.quoted });
        }
        Ok(())
    }
}

/// Quote removal on a here-document's delimiter; whether there was any.
fn remove_quotes(raw: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut quoted = false;
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(b'\n') => {}
                Some(next) => {
                    quoted = true;
                    out.push(next);
                }
                None => out.push(b'\\'),
            },
            b'\'' => {
                quoted = true;
                for next in bytes.by_ref() {
                    if next == b'\'' {
                        break;
                    }
                    out.push(next);
                }
            }
            b'$' if matches!(bytes.peek(), Some(b'\'' | b'"')) => {}
            b'"' => {
                quoted = true;
                while let Some(next) = bytes.next() {
                    match next {
                        b'"' => break,
                        b'\\' if matches!(bytes.peek(), Some(b'"' | b'\\' | b'$' | b'`')) => out.extend(bytes.next()),
                        b'\\' if bytes.peek() == Some(&b'\n') => {
                            bytes.next();
                        }
                        other => out.push(other),
                    }
                }
            }
            other => out.push(other),
        }
    }
    (out, quoted)
}
