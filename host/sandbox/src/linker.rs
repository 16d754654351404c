//! Every interface a program may import, put together once.

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks;

use crate::bindings::coracle::container as ours;
use crate::bindings::wasi;
use crate::guest::Guest;

/// Links the world `coracle:container/container`.
pub(crate) fn build(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;

    wasmtime_wasi_io::add_to_linker_async(l)?;
    clocks::wall_clock::add_to_linker::<Guest, WasiClocks>(l, WasiClocksView::clocks)?;
    clocks::monotonic_clock::add_to_linker::<Guest, WasiClocks>(l, WasiClocksView::clocks)?;

    macro_rules! link {
        ($($interface:path),* $(,)?) => {{
            $({
                use $interface as interface;
                interface::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
            })*
        }};
    }
    link!(
        wasi::random::random,
        wasi::random::insecure,
        wasi::random::insecure_seed,
        wasi::cli::environment,
        wasi::cli::exit,
        wasi::cli::stdin,
        wasi::cli::stdout,
        wasi::cli::stderr,
        wasi::cli::terminal_input,
        wasi::cli::terminal_output,
        wasi::cli::terminal_stdin,
        wasi::cli::terminal_stdout,
        wasi::cli::terminal_stderr,
        wasi::filesystem::types,
        wasi::filesystem::preopens,
        wasi::sockets::instance_network,
        wasi::sockets::tcp,
        wasi::sockets::tcp_create_socket,
        wasi::sockets::udp,
        wasi::sockets::udp_create_socket,
        wasi::sockets::ip_name_lookup,
        ours::errors,
        ours::files,
        ours::file_system,
        ours::signals,
        ours::processes,
        ours::terminals,
        ours::mounts,
        ours::stats,
        ours::system,
        ours::network_status,
    );
    wasi::sockets::network::add_to_linker::<Guest, HasSelf<Guest>>(
        l,
        &wasi::sockets::network::LinkOptions::default(),
        |guest| guest,
    )?;
    Ok(linker)
}
