//! uname and arch: what the system calls itself.

use coracle_sdk::system;

use crate::applet::{Applet, Call, Outcome};
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "uname",
    directory: "/bin",
    summary: "Print system information",
    usage: "[-amnrspvio]

Print system information

\t-a\tPrint all
\t-m\tThe machine (hardware) type
\t-n\tHostname
\t-r\tKernel release
\t-s\tKernel name (default)
\t-p\tProcessor type
\t-v\tKernel version
\t-i\tThe hardware platform
\t-o\tOS name",
    run,
};

pub static ARCH: Applet = Applet {
    name: "arch",
    directory: "/bin",
    summary: "Print the machine type",
    usage: "

Print the machine type, as uname -m",
    run: arch,
};

fn arch(call: &Call) -> Outcome {
    call.options("")?;
    let mut out = Out::stdout();
    out.line(system::names().machine.as_bytes())?;
    out.finish(0)
}

fn run(call: &Call) -> Outcome {
    let options = call.options(
        "a,all m,machine n,nodename r,kernel-release s,kernel-name p,processor v,kernel-version i,hardware-platform \
         o,operating-system release:",
    )?;
    if let Some(extra) = options.operands.first() {
        return Err(call.misuse(format!("extra operand '{}'", crate::applet::lossy(extra))));
    }
    let names = system::names();
    let all = options.has("a");
    let any = ["a", "m", "n", "r", "s", "p", "v", "i", "o"].iter().any(|name| options.has(name));
    let mut parts: Vec<&str> = Vec::new();
    for (option, text, with_all) in [
        ("s", names.system.as_str(), true),
        ("n", &names.node, true),
        ("r", &names.release, true),
        ("v", &names.version, true),
        ("m", &names.machine, true),
        ("p", "unknown", false),
        ("i", "unknown", false),
        ("o", "GNU/Linux", true),
    ] {
        if options.has(option) || (all && with_all) || (!any && option == "s") {
            parts.push(text);
        }
    }
    let mut out = Out::stdout();
    out.line(parts.join(" ").as_bytes())?;
    out.finish(0)
}
