//! echo: prints its arguments.

use crate::applet::{Applet, Call, Outcome};
use crate::escape::{self, Dialect};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "echo",
    directory: "/bin",
    summary: "Print arguments",
    usage: "[-neE] [ARGUMENT]...

Print ARGUMENTs, separated by spaces

\t-n\tNo trailing newline
\t-e\tInterpret backslash escapes
\t-E\tDon't (default)",
    run,
};

fn run(call: &Call) -> Outcome {
    let (mut newline, mut escapes) = (true, false);
    let mut rest = call.arguments.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let letters = first.strip_prefix(b"-").unwrap_or_default();
        if letters.is_empty() || !letters.iter().all(|letter| b"neE".contains(letter)) {
            break;
        }
        for letter in letters {
            match letter {
                b'n' => newline = false,
                b'e' => escapes = true,
                _ => escapes = false,
            }
        }
        rest = after;
    }
    let mut out = Out::stdout();
    for (index, argument) in rest.iter().enumerate() {
        if index > 0 {
            out.byte(b' ')?;
        }
        if escapes {
            let (text, stop) = escape::expand(argument, Dialect::Echo);
            out.put(&text)?;
            if stop {
                return out.finish(0);
            }
        } else {
            out.put(argument)?;
        }
    }
    if newline {
        out.byte(b'\n')?;
    }
    out.finish(0)
}
