//! What POSIX and GNU say about matches, case by case.

use super::*;

fn spans(pattern: &str, text: &str, flags: Flags) -> Option<Vec<Span>> {
    Regex::new(pattern.as_bytes(), flags).unwrap().captures_at(text.as_bytes(), 0)
}

fn show(pattern: &str, text: &str, extended: bool) -> String {
    let flags = Flags { extended, ..Flags::default() };
    match spans(pattern, text, flags) {
        None => "no".to_string(),
        Some(spans) => spans
            .iter()
            .map(|span| span.map_or("?".to_string(), |(start, end)| format!("{start}-{end}")))
            .collect::<Vec<_>>()
            .join(","),
    }
}

#[test]
fn extended_expressions() {
    for (pattern, text, expected) in [
        ("abc", "xabcx", "1-4"),
        ("a|ab|abc", "abcd", "0-3"),
        ("(a|ab)(c|bcd)", "abcd", "0-4,0-1,1-4"),
        ("x*", "aaa", "0-0"),
        ("a+b?", "caab", "1-4"),
        ("^a", "ba", "no"),
        ("a$", "ab", "no"),
        ("(^|,)b", "a,b", "1-3,1-2"),
        ("a{2,3}", "aaaa", "0-3"),
        ("a{2}", "a", "no"),
        ("a{,2}b", "aaab", "1-4"),
        ("a{x", "a{x", "0-3"),
        ("(a*)*", "b", "0-0,0-0"),
        ("(a*)+", "aa", "0-2,0-2"),
        ("(ab)\\1", "xabab", "1-5,1-3"),
        ("[[:alpha:]]+", "12ab3", "2-4"),
        ("[^a-c]+", "abxyc", "2-4"),
        ("\\bfoo\\b", "a foo b", "2-5"),
        ("\\<a\\>", "ba a", "3-4"),
        ("\\w+", "..a_1..", "2-5"),
        ("a.c", "a\nc", "0-3"),
        ("()", "x", "0-0,0-0"),
        ("a||b", "b", "0-1"),
        ("(foo|foobar)(bar)?", "foobar", "0-6,0-3,3-6"),
        ("x(a|b)*y", "xabay", "0-5,3-4"),
        (".*foo", "a foo b foo c", "0-11"),
        ("a\\.b", "axb a.b", "4-7"),
        ("^$", "", "0-0"),
        ("(a)|b", "b", "0-1,?"),
    ] {
        assert_eq!(show(pattern, text, true), expected, "{pattern} on {text}");
    }
}

#[test]
fn basic_expressions() {
    for (pattern, text, expected) in [
        ("a*b", "aab", "0-3"),
        ("*a", "*a", "0-2"),
        ("\\(ab\\)*", "ababx", "0-4,2-4"),
        ("a\\{2\\}", "aaa", "0-2"),
        ("a+", "a+", "0-2"),
        ("a\\+", "aa", "0-2"),
        ("a\\|b", "b", "0-1"),
        ("^*a", "*a", "0-2"),
        ("a^b", "a^b", "0-3"),
        ("a$b", "a$b", "0-3"),
        ("\\(^a\\)", "a", "0-1,0-1"),
        ("\\(a$\\)", "ba", "1-2,1-2"),
        ("\\(.\\)\\1", "abccd", "2-4,2-3"),
        ("^\\(.*\\)\\n\\1$", "anab", "no"),
        ("(a)", "(a)", "0-3"),
    ] {
        assert_eq!(show(pattern, text, false), expected, "{pattern} on {text}");
    }
}

#[test]
fn errors_have_their_words() {
    for (pattern, message) in [
        ("(", "Unmatched ( or \\("),
        (")", "Unmatched ) or \\)"),
        ("[a", "Unmatched [, [^, [:, [., or [="),
        ("a\\", "Trailing backslash"),
        ("*a", "Invalid preceding regular expression"),
        ("a{2,1}", "Invalid content of \\{\\}"),
        ("\\1", "Invalid back reference"),
        ("[[:foo:]]", "Invalid character class name"),
        ("[z-a]", "Invalid range end"),
    ] {
        let flags = Flags { extended: true, ..Flags::default() };
        assert_eq!(Regex::new(pattern.as_bytes(), flags).unwrap_err().0, message, "{pattern}");
    }
}

#[test]
fn newlines_end_lines_where_asked() {
    let flags = Flags { extended: true, newline: true, ..Flags::default() };
    assert_eq!(spans("^b.*$", "a\nbc\nd", flags), Some(vec![Some((2, 4))]));
    assert_eq!(spans("a[^x]b", "a\nb", flags), None);
}

#[test]
fn case_and_utf8() {
    let fold = Flags { fold: true, utf8: true, ..Flags::default() };
    assert_eq!(spans("straße", "STRAßE", fold), Some(vec![Some((0, 7))]));
    assert_eq!(spans("[é-ü]", "xÜ", fold), Some(vec![Some((1, 3))]));
    let utf8 = Flags { utf8: true, ..Flags::default() };
    assert_eq!(spans("^.$", "é", utf8), Some(vec![Some((0, 2))]));
    assert_eq!(spans("^.$", "é", Flags::default()), None);
    assert_eq!(spans("[^x]", "日", utf8), Some(vec![Some((0, 3))]));
}

#[test]
fn long_texts_take_linear_time() {
    let text = "a".repeat(200_000);
    let regex = Regex::new(b"(a|aa)*b", Flags { extended: true, ..Flags::default() }).unwrap();
    assert!(!regex.is_match(text.as_bytes()));
    let regex = Regex::new(b"(x+x+)+y", Flags { extended: true, ..Flags::default() }).unwrap();
    assert!(!regex.is_match("x".repeat(100_000).as_bytes()));
}
