//! The process that looks at inputs, and says what it is about to do and how it came out.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anndata::{Error, Result};
use serde_json::{Map, Value};

use super::Kind;
use super::changes::change;
use super::looks::{Input, Look, Outcome};
use super::sources::{Files, Source, made, put};
use crate::crash::Random;
use crate::describe::describe;

/// Where a process that the driver starts finds what it has to do, and in which folder.
pub(super) const ORDER: &str = "ANNDATA_MUTATED_ORDER";
pub(super) const FOLDER: &str = "ANNDATA_MUTATED_FOLDER";

/// What a process is told to do.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    pub(super) numbers: Range<u64>,
    /// Each so many-th input that is read is kept with its description; 0 for none.
    pub(super) sample: u64,
    /// How a process ends that is started to see that it is counted: nothing, `panic`, `abort` or `hang`.
    pub(super) planted: String,
}

impl Order {
    /// The order as one line.
    pub(super) fn text(&self) -> String {
        let Self { kind, seed, numbers, sample, planted } = self;
        format!("{} {seed} {} {} {sample} {planted}", kind.name(), numbers.start, numbers.end)
    }

    fn parse(text: &str) -> Option<Self> {
        let [kind, seed, start, end, sample, planted] = text.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let kind = [Kind::H5ad, Kind::Zarr].into_iter().find(|one| one.name() == kind)?;
        let number = |text: &str| text.parse::<u64>().ok();
        let (seed, sample, numbers) = (number(seed)?, number(sample)?, number(start)?..number(end)?);
        Some(Self { kind, seed, numbers, sample, planted: planted.to_owned() })
    }
}

/// Does what the driver ordered, if it started this process, and returns the status to end with.
pub fn act() -> Option<i32> {
    let (order, folder) = (std::env::var(ORDER).ok()?, PathBuf::from(std::env::var_os(FOLDER)?));
    let order = Order::parse(&order).ok_or_else(|| Error::invalid_input(format!("'{order}' is not an order")));
    let Err(error) = order.and_then(|order| run(&order, &folder)) else { return Some(0) };
    // Nobody is left to tell if even that fails.
    let _ = writeln!(std::io::stderr(), "{error}");
    Some(2)
}

fn run(order: &Order, folder: &Path) -> Result<()> {
    let sources = made(folder, order.kind)?;
    let mut out = std::io::stdout();
    // What a harness of tests began to print ends here.
    writeln!(out)?;
    for number in order.numbers.clone() {
        let (files, ending) = mutated(&sources, order.seed, number)?;
        let place = tempfile::tempdir()?;
        let path = place.path().join(format!("cells.{ending}"));
        put(&files, &path)?;
        let mut input = Input { path: &path, read: None };
        for look in Look::ALL {
            writeln!(out, "begin {number} {}", look.name())?;
            out.flush()?;
            plant(order);
            match input.look(look) {
                Outcome::Done => writeln!(out, "done")?,
                Outcome::Refused => writeln!(out, "refused")?,
                Outcome::Nameless(text) => writeln!(out, "nameless {}", text.replace('\n', " "))?,
                Outcome::Wrong(text) => writeln!(out, "wrong {}", text.replace('\n', " "))?,
            }
            if look == Look::Read && order.sample > 0 && number % order.sample == 0 {
                keep(&input, folder, &format!("{}-{}-{number}", order.kind.name(), order.seed), &ending, &files)?;
            }
        }
        writeln!(out, "end {number}")?;
        out.flush()?;
    }
    Ok(())
}

/// The input of that number and seed, and what its name ends in.
pub(super) fn mutated(sources: &[Source], seed: u64, number: u64) -> Result<(Files, String)> {
    // Neighbours in number are strangers in what is drawn.
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let which = usize::try_from(random.below(sources.len() as u64)).unwrap_or(0);
    let source = sources.get(which).ok_or_else(|| Error::bug("there are no sources"))?;
    let mut files = source.files()?;
    change(&mut files, &mut random);
    Ok((files, source.ending()))
}

/// Keeps an input that could be read, and what was read, for Python to compare.
fn keep(input: &Input, folder: &Path, name: &str, ending: &str, files: &Files) -> Result<()> {
    let Some(read) = &input.read else { return Ok(()) };
    // What cannot be described has elements that cannot be read.
    let Ok(described) = describe(read, None) else { return Ok(()) };
    let kept = folder.join("kept");
    std::fs::create_dir_all(&kept)?;
    put(files, &kept.join(format!("{name}.{ending}")))?;
    let text = Value::Object(Map::from_iter(described)).to_string();
    Ok(std::fs::write(kept.join(format!("{name}.json")), text)?)
}

/// Ends the process as it was ordered to, so that the count of such ends is tested.
#[allow(clippy::panic, reason = "it is what is ordered")]
fn plant(order: &Order) {
    match order.planted.as_str() {
        "panic" => panic!("planted"),
        "abort" => std::process::abort(),
        "hang" => std::thread::sleep(super::PATIENCE * 10),
        _ => {}
    }
}
