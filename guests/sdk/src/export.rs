//! Macros that make a crate a component of one of the worlds in `wit/`.

/// One applet of a toolbox component.
#[derive(Clone, Copy, Debug)]
pub struct Applet {
    /// Its name.
    pub name: &'static str,
    /// Where an image links it: `/bin`, `/sbin`, `/usr/bin`, `/usr/sbin`.
    pub directory: &'static str,
    /// One line for a listing.
    pub summary: &'static str,
}

#[doc(hidden)]
pub mod __private {
    pub use super::Applet;
    #[cfg(target_os = "wasi")]
    pub use crate::sys::exports::{shell, toolbox};
}

/// Exports the `toolbox` world: `toolbox!(list: my_list, run: my_run)` with
/// `fn my_list() -> Vec<coracle_sdk::Applet>` and
/// `fn my_run(arguments: Vec<Vec<u8>>) -> u8`. Nothing on other targets.
#[macro_export]
macro_rules! toolbox {
    (list: $list:path, run: $run:path) => {
        #[cfg(target_os = "wasi")]
        const _: () = {
            use $crate::__private::toolbox::exports::coracle::container::applets;
            struct Exports;
            impl applets::Guest for Exports {
                fn list_applets() -> ::std::vec::Vec<applets::Applet> {
                    $list()
                        .into_iter()
                        .map(|applet: $crate::Applet| applets::Applet {
                            name: applet.name.into(),
                            directory: applet.directory.into(),
                            summary: applet.summary.into(),
                        })
                        .collect()
                }
                fn run(arguments: ::std::vec::Vec<::std::vec::Vec<u8>>) -> u8 {
                    $run(arguments)
                }
            }
    $crate::__private::toolbox::export!(Exports with_types_in $crate::__private::toolbox);
        };
    };
}

/// Exports the `shell` world: `shell!(exec: my_exec, interactive: my_shell)`,
/// both `fn(arguments: Vec<Vec<u8>>) -> u8`. Nothing on other targets.
#[macro_export]
macro_rules! shell {
    (exec: $exec:path, interactive: $interactive:path) => {
        #[cfg(target_os = "wasi")]
        const _: () = {
            use $crate::__private::shell::exports::coracle::container;
            struct Exports;
            impl container::exec::Guest for Exports {
                fn run(arguments: ::std::vec::Vec<::std::vec::Vec<u8>>) -> u8 {
                    $exec(arguments)
                }
            }
            impl container::interactive_shell::Guest for Exports {
                fn run(arguments: ::std::vec::Vec<::std::vec::Vec<u8>>) -> u8 {
                    $interactive(arguments)
                }
            }
    $crate::__private::shell::export!(Exports with_types_in $crate::__private::shell);
        };
    };
}

/// Defines `main` of a program (the `program` world on WASI): `program!(my_main)`
/// with `fn my_main(arguments: Vec<Vec<u8>>) -> u8`.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        fn main() {
            $crate::process::exit($main($crate::args()))
        }
    };
}
