//! Whether characters are UTF-8: what LC_ALL, LC_CTYPE and LANG say.

use coracle_sdk::env;

/// True for a locale such as `C.UTF-8`; characters are bytes otherwise.
pub fn utf8() -> bool {
    let mut names = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let name = names.find_map(|name| env::get(name).filter(|value| !value.is_empty())).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    name.ends_with(b"utf-8") || name.ends_with(b"utf8")
}
