//! basename: the last component of a path.

use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;
use crate::paths::base_name;

pub static APPLET: Applet = Applet {
    name: "basename",
    directory: "/usr/bin",
    summary: "Strip directory and suffix from paths",
    usage: "PATH [SUFFIX]
       basename -a [-s SUFFIX] PATH...

Print the last component of PATH, without SUFFIX

\t-a\tEvery operand is a PATH
\t-s SUFFIX\tRemove SUFFIX (implies -a)
\t-z\tEnd lines with a zero byte",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("+ a,multiple s:,suffix z,zero")?;
    let many = options.has("a") || options.has("s");
    let end = if options.has("z") { 0 } else { b'\n' };
    let operands = &options.operands;
    let (paths, suffix) = match operands.as_slice() {
        [] => return Err(call.misuse("missing operand")),
        paths if many => (paths, options.value("s").unwrap_or_default()),
        [path] => (std::slice::from_ref(path), b"".as_slice()),
        [path, suffix] => (std::slice::from_ref(path), suffix.as_slice()),
        _ => return Err(call.misuse("extra operand")),
    };
    let mut out = Out::stdout();
    for path in paths {
        let name = base_name(path);
        let name = match name.strip_suffix(suffix) {
            Some(rest) if !rest.is_empty() => rest,
            _ => name,
        };
        out.put(name)?;
        out.byte(end)?;
    }
    out.finish(0)
}
