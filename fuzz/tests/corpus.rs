//! The inputs that are kept, one after the other, without a fuzzer.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail anywhere")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

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

/// The inputs that are kept, changed at random for `ANNDATA_FUZZ_SECONDS` for each target, or for that which
/// `ANNDATA_FUZZ_TARGET` names: what finds most without coverage, and without a compiler of C++.
#[test]
#[ignore = "it takes as long as it is told to"]
fn changed_inputs_break_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, seed) = (number("ANNDATA_FUZZ_SECONDS").unwrap_or(60), number("ANNDATA_FUZZ_SEED").unwrap_or(1));
    let one = std::env::var("ANNDATA_FUZZ_TARGET").ok();
    for target in TARGETS.into_iter().filter(|target| one.as_ref().is_none_or(|one| one == target.name)) {
        let inputs: Vec<Vec<u8>> =
            fs::read_dir(corpus(target.name)).unwrap().map(|input| fs::read(input.unwrap().path()).unwrap()).collect();
        let (mut random, mut count) = (Random(seed), 0_u64);
        let start = Instant::now();
        while start.elapsed().as_secs() < seconds {
            let mut input = inputs[random.below(inputs.len())].clone();
            for _ in 0..=random.below(6) {
                random.change(&mut input, &inputs);
            }
            // What breaks something is printed by the panic; what ends the process is left here.
            fs::write(std::env::temp_dir().join(format!("anndata-fuzz-{}", target.name)), &input).unwrap();
            assert!(std::panic::catch_unwind(|| (target.run)(&input)).is_ok(), "{}: {input:?}", target.name);
            count += 1;
        }
        eprintln!("{}: {count} inputs in {seconds} s", target.name);
    }
}

/// Numbers that look random, the same for the same seed.
struct Random(u64);

impl Random {
    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// One change of an input.
    fn change(&mut self, input: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let byte = u8::try_from(self.below(256)).unwrap();
        match self.below(7) {
            0 => input.insert(at, byte),
            1 if at < input.len() => drop(input.remove(at)),
            2 => {
                let other = &others[self.below(others.len())];
                let from = self.below(other.len() + 1);
                let end = from + self.below(other.len() - from + 1);
                input.splice(at..at, other[from..end].iter().copied());
            }
            3 => input.truncate(at.max(1)),
            4 if at < input.len() => input[at] ^= 1 << (byte % 8),
            _ if at < input.len() => input[at] = byte,
            _ => input.push(byte),
        }
        input.truncate(1 << 14);
    }
}
