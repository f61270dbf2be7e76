//! The Rust half of `cargo xtask bench limits`: what this machine can do at most, printed as one line of JSON.
//!
//! ```text
//! bench_limits FOLDER      with a file of 256 MiB in the folder, for as long as it runs
//! ```
//!
//! Speeds are the best of several runs, on one core (`NAME_one`) and on all (`NAME_all`): `copy`, `new`, `stream`, `read`,
//! `inflate`, `deflate` in bytes a second (of what is not compressed), `gather` and `scatter` in values of 4 bytes a second, each
//! in another line of the cache. A copy is into memory that was written before; `new` is one into memory that the system gives for
//! it, as every result is made, and which the system clears first. `fsync` is the median number of seconds until a megabyte is on
//! the disk.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anndata_storage::AlignedBytes;
use libdeflater::{CompressionLvl, Compressor, Decompressor};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// More than any cache holds.
const BYTES: usize = 256 << 20;
/// What a core takes at a time.
const PIECE: usize = 1 << 20;
/// Runs, of which the best counts.
const RUNS: usize = 5;
/// The level at which `.h5ad` files are deflated in the other benchmarks.
const LEVEL: i32 = 4;
/// Values between two that are taken one after the other: a line of the cache and some more.
const STRIDE: usize = 61;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder] = arguments.as_slice() else { return Err("see the top of this example for its arguments".into()) };
    let all = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut line = serde_json::Map::from_iter([("cores".to_owned(), all.into())]);
    let values = counts();
    let file = Written::new(Path::new(folder).join("limits.tmp"), &values)?;
    for (cores, name) in [(1, "one"), (all, "all")] {
        let (gathered, scattered) = strided(&values, cores);
        let (inflated, deflated) = compression(&values, cores)?;
        for (what, speed) in [
            ("copy", copy(&values, cores)),
            ("new", new(&values, cores)),
            ("stream", stream(&values, cores)),
            ("gather", gathered),
            ("scatter", scattered),
            ("read", read(&file.0, cores)?),
            ("inflate", inflated),
            ("deflate", deflated),
        ] {
            line.insert(format!("{what}_{name}"), speed.into());
        }
    }
    line.insert("fsync".to_owned(), fsync(&file.0, &values)?.as_secs_f64().into());
    writeln!(std::io::stdout(), "{}", serde_json::Value::from(line))?;
    Ok(())
}

/// Numbers that look random.
fn random() -> impl FnMut() -> u32 {
    let mut state = 1_u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}

/// Small counts as floats, as a matrix of counts has them.
fn counts() -> Vec<f32> {
    let mut next = random();
    let ones = |random: u32| u8::try_from(random.leading_ones()).unwrap_or(u8::MAX);
    (0..BYTES / 4).map(|_| f32::from(ones(next())) + 1.0).collect()
}

/// Positions as the rows of a matrix of counts have them, in steps of up to 100 in 20,000 columns.
fn positions() -> Vec<u8> {
    let mut next = random();
    let mut at = 0;
    let position = move || {
        at = (at + 1 + next() % 100) % 20_000;
        at.to_le_bytes()
    };
    std::iter::repeat_with(position).take(PIECE / 4).flatten().collect()
}

/// A file that is removed in the end.
struct Written(PathBuf);

impl Written {
    fn new(path: PathBuf, values: &[f32]) -> Result<Self> {
        let mut file = File::create(&path)?;
        let written = Self(path);
        for piece in values.chunks(PIECE / 4) {
            file.write_all(&bytes(piece))?;
        }
        Ok(written)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// How long so many cores take that work on pieces until none is left.
fn run<T: Send>(cores: usize, pieces: impl Iterator<Item = T>, work: impl Fn(T) + Sync) -> Duration {
    let mut pieces: Vec<T> = pieces.collect();
    pieces.reverse();
    let pieces = Mutex::new(pieces);
    let next = || pieces.lock().ok().and_then(|mut pieces| pieces.pop());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(piece) = next() {
                    work(piece);
                }
            });
        }
    });
    start.elapsed()
}

#[expect(clippy::cast_precision_loss, reason = "a speed has not so many digits")]
fn speed(amount: usize, times: impl Iterator<Item = Duration>) -> f64 {
    amount as f64 / times.min().unwrap_or_default().as_secs_f64()
}

fn copy(from: &[f32], cores: usize) -> f64 {
    // Memory that was written before, so that no page is made while it is measured.
    let mut to = from.to_vec();
    let once = |_| {
        let pairs = from.chunks(PIECE / 4).zip(to.chunks_mut(PIECE / 4));
        run(cores, pairs, |(from, to)| to.copy_from_slice(from))
    };
    speed(BYTES, (0..RUNS).map(once))
}

fn new(from: &[f32], cores: usize) -> f64 {
    let from = bytes(from);
    let once = |_| {
        let start = Instant::now();
        let mut to = AlignedBytes::zeroed(BYTES);
        // A part for each core, far from the others': two that touch one page first both clear it.
        let part = BYTES / cores;
        let pairs = from.chunks(part).zip(to.as_mut_slice().chunks_mut(part));
        run(cores, pairs, |(from, to)| to.copy_from_slice(from));
        let taken = start.elapsed();
        black_box(to.as_slice());
        taken
    };
    // The system may have to find the memory first, which the first runs wait for.
    speed(BYTES, (0..5 * RUNS).map(once))
}

fn stream(values: &[f32], cores: usize) -> f64 {
    let sum = |piece: &[f32]| {
        // Sums beside each other, as one alone waits for each of its additions.
        let mut sums = [0.0_f32; 32];
        for block in piece.as_chunks::<32>().0 {
            sums.iter_mut().zip(block).for_each(|(sum, value)| *sum += value);
        }
        black_box(sums);
    };
    speed(BYTES, (0..RUNS).map(|_| run(cores, values.chunks(PIECE / 4), sum)))
}

/// Values of 4 bytes that are taken from, and put to, places that are not in one line of the cache.
fn strided(values: &[f32], cores: usize) -> (f64, f64) {
    let len = values.len();
    let gather = |(start, out): (usize, &mut [f32])| {
        let mut at = start * STRIDE % len;
        for value in out {
            *value = values[at];
            at += STRIDE;
            if at >= len {
                at -= len;
            }
        }
    };
    let mut out = values.to_vec();
    let once = |_| run(cores, (0..).step_by(PIECE / 4).zip(out.chunks_mut(PIECE / 4)), gather);
    let gathered = speed(len, (0..RUNS).map(once));
    // Each column of a matrix of so many columns is put by one core, so that no two put to one place.
    let columns: Vec<&mut [f32]> = out.chunks_mut(len / cores.max(1)).collect();
    let columns: Vec<Mutex<&mut [f32]>> = columns.into_iter().map(Mutex::new).collect();
    let scatter = |(own, from): (&Mutex<&mut [f32]>, &[f32])| {
        let Ok(mut own) = own.lock() else { return };
        let end = own.len();
        let mut at = 0;
        for &value in from {
            own[at] = value;
            at += STRIDE;
            if at >= end {
                at -= end;
            }
        }
    };
    let once = |_| run(cores, columns.iter().zip(values.chunks(len / cores.max(1))), scatter);
    (gathered, speed(len, (0..RUNS).map(once)))
}

/// A file that is in the memory of the system, read at positions.
fn read(path: &Path, cores: usize) -> Result<f64> {
    let failed = Mutex::new(None);
    let piece = |at: usize| {
        let read = || -> std::io::Result<Vec<u8>> {
            let (mut file, mut buffer) = (File::open(path)?, vec![0; PIECE]);
            file.seek(SeekFrom::Start((at * PIECE) as u64))?;
            file.read_exact(&mut buffer)?;
            Ok(buffer)
        };
        match (read(), failed.lock()) {
            (Err(error), Ok(mut failed)) => drop(failed.get_or_insert(error)),
            (read, _) => drop(black_box(read)),
        }
    };
    let found = speed(BYTES, (0..RUNS).map(|_| run(cores, 0..BYTES / PIECE, piece)));
    failed.into_inner().map_err(|_| "a reader panicked")?.map_or(Ok(found), |error| Err(error.into()))
}

/// How fast values are inflated and deflated.
fn compression(values: &[f32], cores: usize) -> Result<(f64, f64)> {
    // Less, as it takes long; as many positions as values.
    let positions = positions();
    let pieces: Vec<Vec<u8>> =
        values.chunks(PIECE / 4).take(BYTES / PIECE / 8).flat_map(|piece| [bytes(piece), positions.clone()]).collect();
    let level = CompressionLvl::new(LEVEL).map_err(|_| "no such level")?;
    let small = Mutex::new(Vec::new());
    let deflate = |piece: &Vec<u8>| {
        let mut compressor = Compressor::new(level);
        let mut out = vec![0; compressor.zlib_compress_bound(piece.len())];
        if let (Ok(len), Ok(mut small)) = (compressor.zlib_compress(piece, &mut out), small.lock()) {
            out.truncate(len);
            small.push(out);
        }
    };
    let amount = pieces.len() * PIECE;
    let deflated = speed(amount, (0..1).map(|_| run(cores, pieces.iter(), deflate)));
    let small = small.into_inner().map_err(|_| "a compressor panicked")?;
    let inflate = |piece: &Vec<u8>| {
        let mut out = vec![0; PIECE];
        black_box(Decompressor::new().zlib_decompress(piece, &mut out).is_ok());
    };
    Ok((speed(amount, (0..RUNS).map(|_| run(cores, small.iter(), inflate))), deflated))
}

/// How long it takes until a megabyte is on the disk.
fn fsync(path: &Path, values: &[f32]) -> Result<Duration> {
    let piece = bytes(&values[..PIECE / 4]);
    let mut file = File::options().write(true).open(path)?;
    let mut times = Vec::new();
    for _ in 0..=2 * RUNS {
        let start = Instant::now();
        file.write_all(&piece)?;
        file.sync_all()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[RUNS])
}
