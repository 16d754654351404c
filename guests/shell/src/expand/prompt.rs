//! Prompts (XCU 2.5.3 PS1, PS2, PS4; bash's backslash escapes).

use super::{Expanded, FieldBuilder, Mode};
use crate::shell::Shell;
use crate::syntax::Parser;
use coracle_sdk::{process, system};

impl Shell {
    /// What a prompt variable's value shows.
    pub fn expand_prompt_text(&mut self, text: &[u8]) -> Expanded<Vec<u8>> {
        let decoded = self.decode_prompt(text);
        if self.options.bash && !self.options.promptvars {
            return Ok(decoded);
        }
        if !decoded.iter().any(|byte| matches!(byte, b'$' | b'`' | b'\\')) {
            return Ok(decoded);
        }
        let mut parser = Parser::for_text(decoded.clone(), self.line, self.parser_settings());
        let Ok(parts) = parser.prompt_parts() else { return Ok(decoded) };
        let mut builder = FieldBuilder::new(Mode::Single);
        self.expand_parts(&parts, true, &mut builder)?;
        Ok(builder.into_single())
    }

    fn decode_prompt(&self, text: &[u8]) -> Vec<u8> {
        if !text.contains(&b'\\') {
            return text.to_vec();
        }
        let mut out = Vec::new();
        let mut bytes = text.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if byte != b'\\' {
                out.push(byte);
                continue;
            }
            let Some(letter) = bytes.next() else {
                out.push(b'\\');
                break;
            };
            match letter {
                b'a' => out.push(7),
                b'e' => out.push(27),
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b'\\' => out.extend_from_slice(b"\\\\"),
                // Around what takes no place on the screen: the editor skips it.
                b'[' => out.push(1),
                b']' => out.push(2),
                b'$' => out.extend_from_slice(if process::identity().user == 0 { b"#" } else { b"\\$" }),
                b'u' => {
                    let user = process::identity().user;
                    out.extend(crate::accounts::name_of_id(user).unwrap_or_else(|| user.to_string().into_bytes()));
                }
                b'h' => out.extend(system::names().node.split('.').next().unwrap_or_default().bytes()),
                b'H' => out.extend(system::names().node.bytes()),
                b's' => out.extend_from_slice(self.arg0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()),
                b'v' => out.extend_from_slice(b"5.2"),
                b'V' => out.extend_from_slice(b"5.2.15"),
                b'j' => out.extend(self.jobs.list.len().to_string().bytes()),
                b'l' => out.extend_from_slice(b"tty"),
                b'w' | b'W' => {
                    let home = self.get(b"HOME").unwrap_or_default();
                    let mut directory = self.directory.clone();
                    if home.len() > 1
                        && directory.starts_with(&home)
                        && matches!(directory.get(home.len()), None | Some(b'/'))
                    {
                        directory.splice(..home.len(), *b"~");
                    }
                    if letter == b'W' && directory != b"/" && directory != b"~" {
                        directory = directory.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
                    }
                    out.extend(directory);
                }
                b'!' | b'#' => out.extend((self.history.len() + 1).to_string().bytes()),
                b't' => out.extend(crate::times::format_now(b"%H:%M:%S")),
                b'T' => out.extend(crate::times::format_now(b"%I:%M:%S")),
                b'@' => out.extend(crate::times::format_now(b"%I:%M %p")),
                b'A' => out.extend(crate::times::format_now(b"%H:%M")),
                b'd' => out.extend(crate::times::format_now(b"%a %b %d")),
                b'D' => {
                    let mut format = Vec::new();
                    if bytes.peek() == Some(&b'{') {
                        bytes.next();
                        for byte in bytes.by_ref() {
                            if byte == b'}' {
                                break;
                            }
                            format.push(byte);
                        }
                    }
                    if format.is_empty() {
                        format = b"%X".to_vec();
                    }
                    out.extend(crate::times::format_now(&format));
                }
                b'0'..=b'7' => {
                    let mut value = u32::from(letter - b'0');
                    for _ in 0..2 {
                        match bytes.peek() {
                            Some(digit @ b'0'..=b'7') => {
                                value = value * 8 + u32::from(digit - b'0');
                                bytes.next();
                            }
                            _ => break,
                        }
                    }
                    out.push(value as u8);
                }
                other => out.extend_from_slice(&[b'\\', other]),
            }
        }
        out
    }
}
