//! Identifiers: 64 hexadecimal digits, of which people type the first few.

use rand::RngCore;

/// A fresh 64-digit identifier.
///
/// As Docker does, one whose first twelve digits read as a decimal number is
/// thrown away: it could be taken for a number where the short form is used.
pub fn generate() -> String {
    loop {
        let mut bytes = [0u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        let id = hex::encode(bytes);
        if short(&id).bytes().any(|digit| !digit.is_ascii_digit()) {
            return id;
        }
    }
}

/// The first twelve digits, as `docker ps` shows them.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_64_lower_case_hex_digits() {
        let id = generate();
        assert_eq!(id.len(), 64);
        assert!(id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        assert_ne!(id, generate());
    }
}
