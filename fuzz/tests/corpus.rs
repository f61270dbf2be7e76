//! The inputs that are kept, one after the other, without a fuzzer.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail anywhere")]

use std::fs;
use std::path::{Path, PathBuf};

use anndata_fuzz::TARGETS;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

#[test]
fn what_is_kept_breaks_nothing() {
    for target in TARGETS {
        let inputs = fs::read_dir(corpus(target.name)).unwrap();
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            eprintln!("{}", path.display());
            (target.run)(&fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} has no inputs", target.name);
    }
}

/// Not a test: writes the seeds of each target, beside what else is in its folder.
#[test]
#[ignore = "it writes the seeds anew"]
fn writes_seeds() {
    for target in TARGETS {
        fs::create_dir_all(corpus(target.name)).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(corpus(target.name).join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
}
