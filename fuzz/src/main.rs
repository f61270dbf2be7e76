//! The fuzzer of one target, which `ANNDATA_FUZZ_TARGET` names: `cargo xtask fuzz` builds and runs it.

#![no_main]

use std::sync::OnceLock;

use anndata_fuzz::Target;

fn target() -> Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("ANNDATA_FUZZ_TARGET").unwrap_or_default();
        Target::named(&name).unwrap_or_else(|| {
            eprintln!("ANNDATA_FUZZ_TARGET names none of the targets: '{name}'");
            std::process::exit(2)
        })
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (target().run)(bytes));
