//! `cargo xtask asan`: the tests that reach `unsafe` code or C, with `AddressSanitizer`, on the stable toolchain.

use crate::env::{Tools, anndata_python};
use crate::sh::{Result, cargo, host, option, step, target};

/// What has `unsafe` code, or calls the HDF5 library, blosc, LZF and zstd.
const PACKAGES: [&str; 5] =
    ["anndata-storage", "anndata-array", "anndata-codecs", "anndata-io-hdf5", "anndata-io-zarr"];

/// Frames and variables are kept where the sanitizer can name them.
const RUST: &str = "-Zsanitizer=address -Cforce-frame-pointers=yes";

/// The same for what is compiled from C, so that its own reads and writes are looked at too. GCC takes a constant table within a function
/// of zstd for a variable of the stack, whose scope ends.
const C: &str = "-fsanitize=address -fno-sanitize-address-use-after-scope -fno-omit-frame-pointer -g1";

/// Bytes of the stack of a test: frames are larger.
const STACK: &str = "67108864";

/// What the HDF5 library keeps until the process ends is no fault, nor that libdeflate compiles one source for several processors, so that
/// tables within it have one name. A failed allocation is an error, as it is without the sanitizer.
const OPTIONS: &str = "detect_leaks=0:detect_odr_violation=0:detect_stack_use_after_return=1:strict_string_checks=1:\
    allocator_may_return_null=1";

/// Build the tests with the sanitizer, in a folder of their own, and run them.
///
/// # Errors
///
/// When memory was used that must not be, a test fails, or the build does.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let wanted = option(arguments, "--python", &["--python"])?;
    let host = host()?;
    let mut tests = cargo();
    tests.args(["test", "--no-fail-fast", "--lib", "--tests", "--target", &host]);
    tests.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    if let Some(python) = anndata_python(wanted)? {
        tests.env("ANNDATA_PYTHON", python);
    }
    let of_host = host.replace('-', "_");
    // The flag is not in the stable compiler's list, but what it stands for is in the toolchain.
    tests.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", RUST).env("ASAN_OPTIONS", OPTIONS).env("RUST_MIN_STACK", STACK);
    tests.env(format!("CFLAGS_{of_host}"), C).env(format!("CXXFLAGS_{of_host}"), C);
    tests.env("CARGO_TARGET_DIR", target().join("asan"));
    step("tests with AddressSanitizer", Tools::bring()?.apply(&mut tests))
}
