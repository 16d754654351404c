//! Every applet, one line each, and the toolbox's own face: `busybox --list`.

use crate::applet::{self, Applet, say};
use crate::output::Out;
use crate::{archives, files, network, processes, terminal, text};

/// All applets, grouped as their modules are.
pub static APPLETS: &[&[&Applet]] =
    &[files::APPLETS, text::APPLETS, processes::APPLETS, archives::APPLETS, terminal::APPLETS, network::APPLETS];

/// The applet of this name.
pub fn find(name: &[u8]) -> Option<&'static Applet> {
    APPLETS.iter().copied().flatten().find(|applet| applet.name.as_bytes() == name).copied()
}

/// The list the image builder asks for.
pub fn list() -> Vec<coracle_sdk::Applet> {
    let itself = coracle_sdk::Applet { name: "busybox", directory: "/bin", summary: "All of these in one program" };
    let mut list: Vec<_> = APPLETS
        .iter()
        .copied()
        .flatten()
        .map(|applet| coracle_sdk::Applet { name: applet.name, directory: applet.directory, summary: applet.summary })
        .collect();
    list.push(itself);
    list.sort_by_key(|applet| applet.name);
    list
}

/// `busybox …`
pub fn toolbox(name: &[u8], mut arguments: Vec<Vec<u8>>) -> u8 {
    if arguments.first().is_some_and(|argument| argument == b"--install" || argument == b"--show") {
        say("busybox: the image already has a link for every applet\n");
        return 1;
    }
    let known =
        name.starts_with(b"busybox") || name.starts_with(b"coracle-busybox") || name.starts_with(b"coracle_busybox");
    let Some(first) = arguments.first().cloned().filter(|_| known) else {
        if !known {
            say(&format!("{}: applet not found\n", String::from_utf8_lossy(name)));
            return 127;
        }
        return overview(false, false);
    };
    match first.as_slice() {
        b"--list" => overview(true, false),
        b"--list-full" => overview(true, true),
        b"--help" if arguments.len() > 1 => {
            let name = arguments.swap_remove(1);
            match find(&name) {
                Some(applet) => applet::call(applet, vec![b"--help".to_vec()]),
                None => unknown(&name),
            }
        }
        b"--help" => overview(false, false),
        _ => match find(&first) {
            Some(applet) => {
                arguments.remove(0);
                applet::call(applet, arguments)
            }
            None => unknown(&first),
        },
    }
}

fn unknown(name: &[u8]) -> u8 {
    say(&format!("{}: applet not found\n", String::from_utf8_lossy(name)));
    127
}

fn overview(list_only: bool, paths: bool) -> u8 {
    let mut text = String::new();
    if !list_only {
        text.push_str(concat!(
            "Coracle busybox v",
            env!("CARGO_PKG_VERSION"),
            " multi-call component.\n\n",
            "Usage: busybox [APPLET [ARGUMENT]...]\n",
            "   or: busybox --list[-full]\n",
            "   or: busybox --help APPLET\n\n",
            "Each applet is also run by a link of its name.\n\nApplets:\n"
        ));
    }
    for applet in list().iter().filter(|applet| applet.name != "busybox") {
        if list_only && paths {
            text.push_str(&format!("{}/{}\n", applet.directory.trim_start_matches('/'), applet.name));
        } else if list_only {
            text.push_str(&format!("{}\n", applet.name));
        } else {
            text.push_str(&format!("  {:<12} {}\n", applet.name, applet.summary));
        }
    }
    let mut out = Out::stdout();
    match out.put(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
