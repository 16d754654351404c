//! hostname: shows or sets the container's name.

use coracle_sdk::system;

use crate::applet::{Applet, Call, Failure, Outcome};
use crate::input::Input;
use crate::output::Out;

pub static APPLET: Applet = Applet {
    name: "hostname",
    directory: "/bin",
    summary: "Show or set the host name",
    usage: "[-sidf] [HOSTNAME | -F FILE]

Show or set the host name

\t-s\tUp to the first dot
\t-i\tThe addresses of the name
\t-d\tThe domain
\t-f\tThe full name
\t-F FILE\tUse FILE's content as the name",
    run,
};

fn run(call: &Call) -> Outcome {
    let options = call.options("s,short i,ip-address I,all-ip-addresses d,domain f,fqdn,long F:,file")?;
    let mut name = options.operands.first().cloned();
    if let Some(path) = options.value("F") {
        let mut input = Input::open(path).map_err(|errno| Failure::about(path, errno))?;
        let text = input.rest().map_err(|errno| Failure::about(path, errno))?;
        name = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .find(|line| !line.is_empty() && !line.starts_with(b"#"))
            .map(<[u8]>::to_vec);
    }
    if let Some(name) = name {
        system::set_node_name(&name).map_err(|errno| Failure::about("sethostname", errno))?;
        return Ok(0);
    }
    let names = system::names();
    let node = names.node;
    let domain = if names.domain == "(none)" { "" } else { &names.domain };
    let text = match options.last_of(&["s", "i", "I", "d", "f"]) {
        Some("s") => node.split('.').next().unwrap_or_default().to_string(),
        Some("d") => node.split_once('.').map_or(domain, |(_, rest)| rest).to_string(),
        Some("f") if !node.contains('.') && !domain.is_empty() => format!("{node}.{domain}"),
        Some("i" | "I") => {
            let addresses: Vec<String> = system::interfaces()
                .into_iter()
                .filter(|interface| !interface.loopback)
                .flat_map(|interface| interface.addresses)
                .map(|(address, _)| address)
                .collect();
            addresses.join(" ")
        }
        _ => node,
    };
    let mut out = Out::stdout();
    out.line(text.as_bytes())?;
    out.finish(0)
}
