//! Host side of the world `coracle:container/container`, generated from `wit/`.
//!
//! wasi:io and wasi:clocks are upstream's; everything else of a program's world
//! is served from this crate, over the container's kernel, files and network.
//! Functions are plain calls unless they can block.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "coracle:container/container",
    imports: {
        "coracle:container/files.open": async | trappable,
        "coracle:container/files.[method]file.read": async | trappable,
        "coracle:container/files.[method]file.write": async | trappable,
        "coracle:container/files.[method]file.read-at": async | trappable,
        "coracle:container/files.[method]file.write-at": async | trappable,
        "coracle:container/files.[method]file.transfer-from": async | trappable,
        "coracle:container/files.[method]file.apply-lock": async | trappable,
        "coracle:container/files.[method]file.sync": async | trappable,
        "coracle:container/processes.spawn": async | trappable,
        "coracle:container/processes.exec": async | trappable,
        "coracle:container/processes.wait": async | trappable,
        "coracle:container/terminals.set-attributes": async | trappable,
        "coracle:container/terminals.set-foreground": async | trappable,
        "wasi:filesystem/types.[method]descriptor.open-at": async | trappable,
        "wasi:filesystem/types.[method]descriptor.sync": async | trappable,
        "wasi:filesystem/types.[method]descriptor.sync-data": async | trappable,
        default: trappable,
    },
    trappable_error_type: {
        "coracle:container/errors.errno" => crate::wit::errors::Failure,
        "wasi:io/streams.stream-error" => wasmtime_wasi_io::streams::StreamError,
        "wasi:filesystem/types.error-code" => crate::wit::wasi_filesystem::FilesystemFailure,
        "wasi:sockets/network.error-code" => crate::wit::wasi_sockets::SocketFailure,
    },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:filesystem/types.descriptor": crate::files::descriptor::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::files::descriptor::DirectoryEntries,
        "wasi:sockets/network.network": crate::wit::wasi_sockets::NetworkAccess,
        "wasi:sockets/tcp.tcp-socket": crate::wit::wasi_tcp::TcpHandle,
        "wasi:sockets/udp.udp-socket": crate::wit::wasi_udp::UdpHandle,
        "wasi:sockets/udp.incoming-datagram-stream": crate::wit::wasi_udp::IncomingDatagrams,
        "wasi:sockets/udp.outgoing-datagram-stream": crate::wit::wasi_udp::OutgoingDatagrams,
        "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::wit::wasi_sockets::AddressLookup,
        "wasi:cli/terminal-input.terminal-input": crate::wit::wasi_cli::TerminalInput,
        "wasi:cli/terminal-output.terminal-output": crate::wit::wasi_cli::TerminalOutput,
        "coracle:container/files.file": crate::wit::files::FileHandle,
        "coracle:container/file-system.directory-stream": crate::wit::file_system::DirectoryListing,
        "coracle:container/file-system.watcher": crate::wit::file_system::FileWatcher,
    },
    require_store_data_send: true,
});
