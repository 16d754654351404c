//! sed: the stream editor, with GNU's language.

mod execute;
mod script;

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::input::Input;
use crate::{locale, numbers};

pub static APPLET: Applet = Applet {
    name: "sed",
    directory: "/bin",
    summary: "Edit streams of text",
    usage: "[-i[SUFFIX]] [-nrEszu] [-e CMD]... [-f FILE]... [CMD] [FILE]...

Edit streams, line by line

\t-e CMD\tAdd CMD to the commands to be executed
\t-f FILE\tAdd FILE's content to the commands
\t-i[SUFFIX]\tEdit FILEs in place (make a backup if SUFFIX is given)
\t-n\tSuppress automatic printing of the pattern space
\t-r,-E\tUse extended regular expressions
\t-s\tTreat FILEs apart, not as one stream
\t-z\tLines end with a zero byte
\t-u\tFlush after every line
\t-l N\tLine length of the l command",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "e:,expression f:,file i::,in-place n,quiet,silent r,E,regexp-extended s,separate z,null-data,zero-terminated \
         u,unbuffered l:,line-length posix debug sandbox follow-symlinks b,binary version",
    )?;
    if options.has("version") {
        let mut out = crate::output::Out::stdout();
        out.put(b"This is not GNU sed version 4.8\n")?;
        return out.finish(0);
    }
    let mut text: Option<Vec<u8>> = None;
    let mut add = |part: &[u8]| {
        let whole = text.get_or_insert_with(Vec::new);
        if !whole.is_empty() {
            whole.push(b'\n');
        }
        whole.extend_from_slice(part);
    };
    for (name, value) in options.in_order() {
        match (name, value) {
            ("e", Some(part)) => add(part),
            ("f", Some(path)) => {
                let about = |errno| Failure::about(path, errno);
                let file = Input::open(path).map_err(about)?.rest().map_err(about)?;
                add(file.strip_suffix(b"\n").unwrap_or(&file));
            }
            _ => {}
        }
    }
    let mut files = options.operands.clone();
    let text = match text {
        Some(text) => text,
        None if files.is_empty() => return Err(call.misuse("")),
        None => files.remove(0),
    };
    // `#n` as the whole first line.
    let silent = options.has("n") || text == b"#n" || text.starts_with(b"#n\n");
    let script = script::parse(&text, options.has("r"), locale::utf8(), options.has("sandbox"))
        .map_err(|message| Failure::new(format!("-e expression #1, {message}")))?;
    let in_place = options.has("i").then(|| options.value("i").map(<[u8]>::to_vec).unwrap_or_default());
    let line_length = options.value("l").map(numbers::parse::<usize>).transpose()?.unwrap_or(70);
    let settings = execute::Settings {
        silent,
        separate: options.has("s") || in_place.is_some(),
        in_place,
        delimiter: if options.has("z") { 0 } else { b'\n' },
        unbuffered: options.has("u"),
        posix: options.has("posix"),
        line_length,
    };
    if files.is_empty() && options.has("i") {
        return Err(Failure::new("no input files"));
    }
    if files.is_empty() {
        files.push(b"-".to_vec());
    }
    execute::run(call, &script, settings, files)
}
