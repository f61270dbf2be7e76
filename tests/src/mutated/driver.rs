//! [`Driver`]: starts processes, listens to what they say, and counts how they end.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};

use anndata::{Error, Result};

use super::sources::{made, make, put};
use super::worker::{FOLDER, ORDER, Order, mutated};
use super::{Kind, Look, PATIENCE, Report};

/// Makes the command that starts this program again, so that it calls [`act`](super::act()).
pub type Program<'a> = &'a (dyn Fn() -> Result<Command> + Sync);

/// How many inputs a process looks at before the next one is started.
const BATCH: u64 = 500;

/// Starting, and making the sound inputs, takes longer than a look.
const START: u32 = 24;

/// The memory that a process may map, in KiB.
const MEMORY: u64 = 6 << 20;

/// Runs processes that look at mutated inputs.
pub struct Driver<'a> {
    program: Program<'a>,
    seed: u64,
    folder: PathBuf,
    /// How many processes run at once.
    pub jobs: usize,
    /// Each so many-th input that is read is kept in the folder `kept`; 0 for none.
    pub sample: u64,
    /// How a process ends, to see that it is counted: nothing, `panic`, `abort` or `hang`.
    pub planted: &'static str,
}

/// How a process ended before it was through.
struct Fault {
    number: u64,
    look: Look,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Panic,
    Signal,
    Hang,
}

impl fmt::Debug for Driver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("seed", &self.seed).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl<'a> Driver<'a> {
    /// A driver that makes its inputs in a folder.
    pub fn new(program: Program<'a>, seed: u64, folder: impl Into<PathBuf>) -> Self {
        Self { program, seed, folder: folder.into(), jobs: 1, sample: 0, planted: "" }
    }

    /// Makes one input again and returns where it stands, in the folder.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn again(&self, kind: Kind, number: u64) -> Result<PathBuf> {
        make(&self.folder, kind)?;
        let (files, ending) = mutated(&made(&self.folder, kind)?, self.seed, number)?;
        let path = self.folder.join(format!("{}-{}-{number}.{ending}", kind.name(), self.seed));
        put(&files, &path)?;
        Ok(path)
    }

    /// Looks at so many inputs of a kind.
    ///
    /// # Errors
    /// If a process cannot be started, or does not do what it should.
    pub fn run(&self, kind: Kind, inputs: u64) -> Result<Report> {
        make(&self.folder, kind)?;
        let (next, total) = (AtomicU64::new(0), Mutex::new(Ok(Report::default())));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    loop {
                        let start = next.fetch_add(BATCH, Ordering::Relaxed);
                        if start >= inputs {
                            return;
                        }
                        let part = self.batch(kind, start..inputs.min(start + BATCH));
                        let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        match (&mut *total, part) {
                            (Ok(total), Ok(part)) => total.add(part),
                            (Ok(_), Err(error)) => *total = Err(error),
                            (Err(_), _) => return,
                        }
                    }
                });
            }
        });
        total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Looks at some inputs. Where a process ends early, the next one goes on after the input that it ended at.
    fn batch(&self, kind: Kind, numbers: Range<u64>) -> Result<Report> {
        let mut report = Report::default();
        let mut start = numbers.start;
        while start < numbers.end {
            let (fault, text) = self.process(kind, start..numbers.end, &mut report)?;
            let Some(Fault { number, look, how }) = fault else { break };
            start = number + 1;
            // A machine with much else to do may let one wait: alone and again, it has to be as slow.
            if how == How::Hang && self.process(kind, number..number + 1, &mut Report::default())?.0.is_none() {
                report.row(kind, look).done += 1;
                continue;
            }
            let row = report.row(kind, look);
            match how {
                How::Panic => row.panics += 1,
                How::Signal => row.signals += 1,
                How::Hang => row.hangs += 1,
            }
            let last: Vec<&str> = text.lines().rev().take(3).collect();
            report.faults.push(format!("{how:?} in {}, input {}: {last:?}", look.name(), self.input(kind, number)));
        }
        Ok(report)
    }

    /// What makes an input again.
    fn input(&self, kind: Kind, number: u64) -> String {
        format!("{} {number} of seed {}", kind.name(), self.seed)
    }

    /// Runs one process, and returns how it ended if that was early, with what it wrote to its standard error.
    fn process(&self, kind: Kind, numbers: Range<u64>, report: &mut Report) -> Result<(Option<Fault>, String)> {
        let place = tempfile::tempdir_in(&self.folder)?;
        let errors = place.path().join("stderr");
        let order = Order { kind, seed: self.seed, numbers, sample: self.sample, planted: self.planted.to_owned() };
        let mut child = self.start(&order, place.path(), &errors)?;
        let fault = self.listen(&order, &mut child, report);
        // A process that hangs is ended; one that ended is gone.
        let _ = child.kill();
        child.wait()?;
        Ok((fault?, String::from_utf8_lossy(&fs::read(errors)?).into_owned()))
    }

    fn start(&self, order: &Order, place: &Path, errors: &Path) -> Result<Child> {
        let command = (self.program)()?;
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"ulimit -v "$0" && ulimit -c 0 && exec "$@""#]).arg(MEMORY.to_string());
        shell.arg(command.get_program()).args(command.get_args());
        shell.env(ORDER, order.text()).env(FOLDER, &self.folder).env("TMPDIR", place).env("RAYON_NUM_THREADS", "2");
        Ok(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(errors)?).spawn()?)
    }

    /// Counts what a process says.
    fn listen(&self, order: &Order, child: &mut Child, report: &mut Report) -> Result<Option<Fault>> {
        let kind = order.kind;
        let lines = lines(child)?;
        let mut now: Option<(u64, Look)> = None;
        let mut patience = PATIENCE * START;
        let mut through = order.numbers.start;
        loop {
            let said = lines.recv_timeout(patience);
            patience = PATIENCE;
            let how = match said {
                Ok(line) => {
                    let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
                    match (word, now) {
                        ("begin", _) => {
                            now = begun(rest);
                            if let Some((_, look)) = now {
                                report.row(kind, look).inputs += 1;
                            }
                        }
                        ("end", _) => (now, through) = (None, through + 1),
                        ("done", Some((_, look))) => report.row(kind, look).done += 1,
                        ("refused", Some((_, look))) => report.row(kind, look).refused += 1,
                        ("nameless", Some((number, look))) => {
                            let row = report.row(kind, look);
                            (row.refused, row.nameless) = (row.refused + 1, row.nameless + 1);
                            report.tell(&format!("{}: {rest}", look.name()), self.input(kind, number));
                        }
                        ("wrong", Some((number, look))) => {
                            report.row(kind, look).wrong += 1;
                            report.tell(rest, self.input(kind, number));
                        }
                        // What the harness of tests prints.
                        _ => {}
                    }
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => How::Hang,
                Err(mpsc::RecvTimeoutError::Disconnected) if through == order.numbers.end => return Ok(None),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    // 101 is how a panic ends a process.
                    if child.wait()?.code() == Some(101) { How::Panic } else { How::Signal }
                }
            };
            let Some((number, look)) = now else {
                return Err(Error::bug(format!("a process ended between two looks, by {how:?}: {}", order.text())));
            };
            return Ok(Some(Fault { number, look, how }));
        }
    }
}

/// The number of an input and the look at it.
fn begun(text: &str) -> Option<(u64, Look)> {
    let (number, name) = text.split_once(' ')?;
    Some((number.parse().ok()?, Look::ALL.into_iter().find(|look| look.name() == name)?))
}

/// What a process says, line by line, until it ends.
fn lines(child: &mut Child) -> Result<Receiver<String>> {
    let out = child.stdout.take().ok_or_else(|| Error::bug("the output of a process is a pipe"))?;
    let (send, receive) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        for line in BufReader::new(out).lines().map_while(std::result::Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(receive)
}
