//! The exported halves of the worlds; the imports are in `bindings`.

#[allow(missing_docs, clippy::all)]
pub mod toolbox {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package coracle:sdk-toolbox; world toolbox-exports { export coracle:container/applets@0.1.0; }",
        world: "coracle:sdk-toolbox/toolbox-exports",
        generate_all,
        pub_export_macro: true,
    });
}

#[allow(missing_docs, clippy::all)]
pub mod shell {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package coracle:sdk-shell; world shell-exports {
            export coracle:container/exec@0.1.0;
            export coracle:container/interactive-shell@0.1.0;
        }",
        world: "coracle:sdk-shell/shell-exports",
        generate_all,
        pub_export_macro: true,
    });
}
