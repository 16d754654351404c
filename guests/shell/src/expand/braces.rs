//! Brace expansion (bash): `{a,b}` and `{1..9..2}`, before every other
//! expansion and purely textual.

use crate::syntax::ast::{Part, Word};

/// More words than this from one word are not made.
const LIMIT: usize = 1_000_000;

/// One element of a word as brace expansion sees it.
#[derive(Debug, Clone)]
enum Piece {
    Byte(u8),
    Part(Part),
}

/// The words that `word` stands for; itself when no brace expands.
pub fn expand(word: &Word) -> Vec<Word> {
    let mut pieces = Vec::new();
    for part in &word.parts {
        match part {
            Part::Text(text) => pieces.extend(text.iter().map(|byte| Piece::Byte(*byte))),
            other => pieces.push(Piece::Part(other.clone())),
        }
    }
    let mut out = Vec::new();
    expand_pieces(&pieces, &mut out, 0);
    out.into_iter().map(join).collect()
}

fn join(pieces: Vec<Piece>) -> Word {
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        match (piece, parts.last_mut()) {
            (Piece::Byte(byte), Some(Part::Text(text))) => text.push(byte),
            (Piece::Byte(byte), _) => parts.push(Part::Text(vec![byte])),
            (Piece::Part(part), _) => parts.push(part),
        }
    }
    // A tilde that brace expansion moved to the front counts.
    if let Some(Part::Text(text)) = parts.first()
        && text.first() == Some(&b'~')
    {
        let single = parts.len() == 1;
        let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
        if single || end < text.len() {
            let (user, rest) = text.split_at(end);
            let user = user.get(1..).unwrap_or_default().to_vec();
            let rest = rest.to_vec();
            if user.iter().all(|byte| crate::syntax::is_name_byte(*byte) || *byte == b'-' || *byte == b'+') {
                parts.remove(0);
                if !rest.is_empty() {
                    parts.insert(0, Part::Text(rest));
                }
                parts.insert(0, Part::Tilde(user));
            }
        }
    }
    Word { parts, braces: false, plain: false }
}

fn is(piece: Option<&Piece>, byte: u8) -> bool {
    matches!(piece, Some(Piece::Byte(other)) if *other == byte)
}

/// The place of the brace that closes the one at `open`, and the commas of its
/// own level.
fn matching(pieces: &[Piece], open: usize) -> Option<(usize, Vec<usize>)> {
    let mut depth = 0_u32;
    let mut commas = Vec::new();
    for (at, piece) in pieces.iter().enumerate().skip(open) {
        match piece {
            Piece::Byte(b'{') => depth += 1,
            Piece::Byte(b'}') => {
                depth -= 1;
                if depth == 0 {
                    return Some((at, commas));
                }
            }
            Piece::Byte(b',') if depth == 1 => commas.push(at),
            _ => {}
        }
    }
    None
}

fn expand_pieces(pieces: &[Piece], out: &mut Vec<Vec<Piece>>, depth: u32) {
    let mut from = 0;
    while let Some(open) = (from..pieces.len()).find(|at| is(pieces.get(*at), b'{')) {
        from = open + 1;
        if depth > 60 {
            break;
        }
        let Some((close, commas)) = matching(pieces, open) else { continue };
        let inner = pieces.get(open + 1..close).unwrap_or_default();
        let mut alternatives: Vec<Vec<Piece>> = Vec::new();
        if commas.is_empty() {
            match sequence(inner) {
                Some(words) => {
                    alternatives.extend(words.into_iter().map(|word| word.into_iter().map(Piece::Byte).collect()))
                }
                None => continue,
            }
        } else {
            let mut start = open + 1;
            for end in commas.iter().copied().chain(std::iter::once(close)) {
                expand_pieces(pieces.get(start..end).unwrap_or_default(), &mut alternatives, depth + 1);
                start = end + 1;
            }
        }
        let before = pieces.get(..open).unwrap_or_default();
        let mut rests = Vec::new();
        expand_pieces(pieces.get(close + 1..).unwrap_or_default(), &mut rests, depth + 1);
        if alternatives.len().saturating_mul(rests.len()) + out.len() > LIMIT {
            break;
        }
        for alternative in &alternatives {
            for rest in &rests {
                let mut word = before.to_vec();
                word.extend(alternative.iter().cloned());
                word.extend(rest.iter().cloned());
                out.push(word);
            }
        }
        return;
    }
    out.push(pieces.to_vec());
}

/// The words of `a..b` or `a..b..step`.
fn sequence(inner: &[Piece]) -> Option<Vec<Vec<u8>>> {
    let text: Vec<u8> = inner
        .iter()
        .map(|piece| if let Piece::Byte(byte) = piece { Some(*byte) } else { None })
        .collect::<Option<_>>()?;
    let text = String::from_utf8(text).ok()?;
    let mut fields = text.split("..");
    let (first, last, step) = (fields.next()?, fields.next()?, fields.next());
    if fields.next().is_some() {
        return None;
    }
    let step: i64 = match step {
        Some(step) => step.parse().ok()?,
        None => 1,
    };
    let step = step.unsigned_abs().max(1);
    let (low, high, numeric) = match (first.parse::<i64>(), last.parse::<i64>()) {
        (Ok(low), Ok(high)) => (low, high, true),
        _ => match (first.as_bytes(), last.as_bytes()) {
            ([a], [b]) if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => (i64::from(*a), i64::from(*b), false),
            _ => return None,
        },
    };
    let count = low.abs_diff(high) / step + 1;
    if count > LIMIT as u64 {
        return None;
    }
    let padded = |field: &str| {
        let digits = field.strip_prefix('-').unwrap_or(field);
        digits.len() > 1 && digits.starts_with('0')
    };
    let width = if numeric && (padded(first) || padded(last)) { first.len().max(last.len()) } else { 0 };
    let mut words = Vec::with_capacity(count as usize);
    for index in 0..count {
        let distance = index.saturating_mul(step) as i64;
        let value = if low <= high { low.wrapping_add(distance) } else { low.wrapping_sub(distance) };
        words.push(if numeric { format!("{value:0width$}").into_bytes() } else { vec![value as u8] });
    }
    Some(words)
}
