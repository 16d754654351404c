//! seq: prints numbers from first to last.

use crate::applet::{Applet, Call, Failure, Outcome, lossy};
use crate::output::Out;
use crate::text::printf;

pub static APPLET: Applet = Applet {
    name: "seq",
    directory: "/usr/bin",
    summary: "Print a sequence of numbers",
    usage: "[-w] [-s SEP] [-f FORMAT] [FIRST [INC]] LAST

Print numbers from FIRST (default 1) to LAST, in steps of INC (default 1)

\t-w\tPad with leading zeros
\t-s SEP\tString separator (default newline)
\t-f FMT\tprintf format with one of %e %f %g",
    run,
};

fn run(call: &Call) -> Outcome {
    // Negative numbers are operands, not options.
    let is_number = |text: &[u8]| text.len() > 1 && text[0] == b'-' && (text[1].is_ascii_digit() || text[1] == b'.');
    let split = call.arguments.iter().position(|argument| is_number(argument)).unwrap_or(call.arguments.len());
    let (head, tail) = call.arguments.split_at(split);
    let head = Call { applet: call.applet, arguments: head.to_vec() };
    let options = head.options("+ w,equal-width s:,separator f:,format")?;
    let operands: Vec<Vec<u8>> = options.operands.iter().chain(tail).cloned().collect();
    let (first, step, last) = match operands.as_slice() {
        [last] => (b"1".as_slice(), b"1".as_slice(), last.as_slice()),
        [first, last] => (first.as_slice(), b"1".as_slice(), last.as_slice()),
        [first, step, last] => (first.as_slice(), step.as_slice(), last.as_slice()),
        [] => return Err(call.misuse("missing operand")),
        _ => return Err(call.misuse(format!("extra operand '{}'", lossy(&operands[3])))),
    };
    let separator = options.value("s").unwrap_or(b"\n");
    let mut out = Out::stdout();
    let whole = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    if let (Some(first), Some(step), Some(last), false) = (whole(first), whole(step), whole(last), options.has("f")) {
        let width = if options.has("w") { operands.iter().map(Vec::len).max().unwrap_or(0) } else { 0 };
        integers(first, step, last, width, separator, &mut out)?;
        return out.finish(0);
    }
    let number = |text: &[u8]| {
        let value = std::str::from_utf8(text).ok().and_then(|text| text.trim_start_matches('+').parse::<f64>().ok());
        value.filter(|value| !value.is_nan()).ok_or_else(|| Failure::new(format!("invalid number '{}'", lossy(&text))))
    };
    let (start, increment, end) = (number(first)?, number(step)?, number(last)?);
    let digits = |text: &[u8]| {
        if text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
            return None;
        }
        Some(text.iter().position(|byte| *byte == b'.').map_or(0, |at| text.len() - at - 1))
    };
    let precision = digits(first).zip(digits(step)).map(|(a, b)| a.max(b));
    let show = |value: f64| -> Vec<u8> {
        if let Some(format) = options.value("f") {
            return printf::one_float(format, value);
        }
        match precision {
            Some(precision) => format!("{value:.precision$}").into_bytes(),
            None => printf::one_float(b"%g", value),
        }
    };
    let width = if options.has("w") {
        let last_shown = start + increment * ((end - start) / increment + 1e-10).floor().max(0.0);
        // Zeros that were written count, and the point of every number.
        let written = |text: &[u8]| {
            let whole = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
            whole + precision.filter(|precision| *precision > 0).map_or(0, |precision| precision + 1)
        };
        show(start).len().max(show(last_shown).len()).max(written(first)).max(written(last))
    } else {
        0
    };
    let mut index = 0u64;
    loop {
        let value = start + index as f64 * increment;
        // What is as near to the end as the text shows counts as the end.
        let slack = increment.abs() * 1e-10;
        if (increment >= 0.0 && value > end + slack) || (increment < 0.0 && value < end - slack) {
            break;
        }
        if index > 0 {
            out.put(separator)?;
        }
        let mut text = show(if value == 0.0 && !(index == 0 && first.starts_with(b"-")) { 0.0 } else { value });
        if text.len() < width {
            let at = usize::from(text.first() == Some(&b'-'));
            let missing = width - text.len();
            text.splice(at..at, std::iter::repeat_n(b'0', missing));
        }
        out.put(&text)?;
        index += 1;
    }
    if index > 0 {
        out.byte(b'\n')?;
    }
    out.finish(0)
}

fn integers(
    first: i64,
    step: i64,
    last: i64,
    width: usize,
    separator: &[u8],
    out: &mut Out<'_>,
) -> Result<(), Failure> {
    let mut value = first;
    let mut printed = false;
    let mut digits = [0u8; 24];
    while (step >= 0 && value <= last) || (step < 0 && value >= last) {
        if printed {
            out.put(separator)?;
        }
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let negative = usize::from(value < 0);
        if negative == 1 {
            out.byte(b'-')?;
        }
        for _ in digits.len() - at + negative..width {
            out.byte(b'0')?;
        }
        out.put(&digits[at..])?;
        printed = true;
        match value.checked_add(step) {
            Some(next) => value = next,
            None => break,
        }
    }
    if printed { out.byte(b'\n') } else { Ok(()) }
}
