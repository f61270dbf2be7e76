//! [`Driver`]: starts processes, kills them, and looks at what they left.

use std::fmt;
use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anndata::{Error, Result};

use super::jobs::{FOUND, Order};
use super::process::{Ended, limited, start, until_ready, wait};
use super::target::{Target, files};
use super::{Job, OPERATIONS, Operation, Random, Report};

/// Makes the command that starts this program again, so that it calls [`act`](super::act()).
pub type Program<'a> = &'a dyn Fn() -> Result<Command>;

/// Every so many rounds of an operation one goes on to its end, and nothing may be left over.
const CLEAN: u32 = 4;

/// Starts, kills and counts.
pub struct Driver<'a> {
    program: Program<'a>,
    random: Random,
    report: Report,
    targets: Vec<Target>,
}

/// What befalls a process.
#[derive(Clone, Copy)]
enum Fault {
    Kill(Duration),
    /// No file gets longer than so many blocks of 512 bytes.
    Full(u64),
    None,
}

/// What is found at a target.
enum Found {
    State(usize),
    Mixture(String),
    Error(String),
    /// A panic, a signal or a process that hangs.
    Died(String),
}

impl fmt::Debug for Driver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("report", &self.report).finish_non_exhaustive()
    }
}

impl<'a> Driver<'a> {
    /// A driver of the operations that are wanted, whose instants depend on the seed.
    ///
    /// # Errors
    /// If the objects cannot be written.
    pub fn new(program: Program<'a>, seed: u64, wanted: impl Fn(&Operation) -> bool) -> Result<Self> {
        let targets = OPERATIONS.into_iter().filter(wanted).map(Target::new).collect::<Result<_>>()?;
        Ok(Self { program, random: Random(seed), report: Report::default(), targets })
    }

    /// Kills, and fills the disk, so many times, each operation in turn.
    ///
    /// # Errors
    /// If a process cannot be started. What breaks a promise is in the report.
    pub fn run(mut self, kills: u32, full_disks: u32) -> Result<Report> {
        let mut targets = std::mem::take(&mut self.targets);
        let turns = |count: u32, targets: usize| (0..count as usize).map(move |turn| turn % targets.max(1));
        for at in turns(kills, targets.len()) {
            if let Some(target) = targets.get_mut(at) {
                self.kill(target)?;
            }
        }
        for target in &mut targets {
            self.finish(target)?;
        }
        for at in turns(full_disks, targets.len()) {
            if let Some(target) = targets.get_mut(at) {
                self.fill(target)?;
            }
        }
        self.report.rows = targets.iter().map(|target| target.killed.clone()).collect();
        self.report
            .rows
            .extend(targets.iter().filter(|target| target.full.faults > 0).map(|target| target.full.clone()));
        Ok(self.report)
    }

    /// Kills once. A process that ended before is no kill: then another one is started.
    fn kill(&mut self, target: &mut Target) -> Result<()> {
        for _ in 0..50 {
            let most = u64::try_from(target.takes.as_micros()).unwrap_or(u64::MAX);
            let after = Duration::from_micros(self.random.below(most));
            let next = target.next()?;
            let ended = self.work(target, next, Fault::Kill(after))?;
            let killed = ended.killed;
            if !killed && !ended.status.success() {
                self.broke(target, &format!("it failed without a fault: {}, {}", ended.status, ended.stderr));
            }
            if killed {
                target.killed.faults += 1;
            } else {
                target.takes = (target.takes + ended.took) / 2;
            }
            self.judge(target, next, if killed { "kill" } else { "" }, &ended)?;
            target.rounds += 1;
            if target.rounds.is_multiple_of(CLEAN) {
                self.finish(target)?;
            }
            if killed {
                return Ok(());
            }
        }
        Err(Error::bug(format!("{}: it always ends before it is killed", target.operation)))
    }

    /// Lets the disk be full once, at any length of the largest file.
    fn fill(&mut self, target: &mut Target) -> Result<()> {
        for _ in 0..50 {
            let next = target.next()?;
            let blocks = self.random.below(target.largest(next)?.div_ceil(512));
            let ended = self.work(target, next, Fault::Full(blocks))?;
            let failed = !ended.status.success();
            if failed {
                target.full.faults += 1;
                if ended.status.code() != Some(2) {
                    let message = format!("no room for more than {blocks} blocks: {}, {}", ended.status, ended.stderr);
                    self.broke(target, &message);
                } else if !ended.stderr.contains(&target.path().display().to_string()) {
                    self.broke(target, &format!("the error does not name the target: {}", ended.stderr));
                }
            }
            self.judge(target, next, if failed { "full disk" } else { "" }, &ended)?;
            if failed {
                return Ok(());
            }
        }
        Err(Error::bug(format!("{}: it always finds room", target.operation)))
    }

    /// Lets an operation come to its end: then nothing is left of all that was interrupted.
    fn finish(&mut self, target: &mut Target) -> Result<()> {
        let next = target.next()?;
        target.age()?;
        let ended = self.work(target, next, Fault::None)?;
        if !ended.status.success() {
            self.broke(target, &format!("it fails after it was interrupted: {}", ended.stderr));
        }
        self.judge(target, next, "", &ended)?;
        let left = target.left()?;
        if !left.is_empty() {
            self.broke(target, &format!("left after it came to its end: {left:?}"));
        }
        let within = target.within()?;
        if !within.is_empty() {
            self.broke(target, &format!("left within it after it came to its end: {within:?}"));
        }
        Ok(())
    }

    /// Looks at what is there after a fault (or none), and counts it.
    fn judge(&mut self, target: &mut Target, next: usize, fault: &str, ended: &Ended) -> Result<()> {
        let found = self.look(target)?;
        let old = 1 - next;
        if fault.is_empty() && ended.status.success() && !matches!(found, Found::State(state) if state == next) {
            self.broke(target, &format!("it came to its end, and its target holds {}", found.text()));
        }
        if fault == "full disk" && !matches!(found, Found::State(state) if state == old) {
            self.broke(target, &format!("it failed, and its target holds {}", found.text()));
        }
        let left = target.left()?;
        let is_ours = |name: &String| name.starts_with(".cells.");
        let is_full = fault == "full disk" && left.iter().any(|name| !name.ends_with(".resume"));
        if is_full || !left.iter().all(is_ours) {
            self.broke(target, &format!("left after a {fault}: {left:?}"));
        }
        let within = !target.within()?.is_empty();
        let row = if fault == "full disk" { &mut target.full } else { &mut target.killed };
        if !fault.is_empty() {
            row.left += u32::from(!left.is_empty() || within);
            match &found {
                Found::State(state) if *state == old => row.old += 1,
                Found::State(_) => row.new += 1,
                Found::Mixture(_) => row.mixtures += 1,
                Found::Error(_) | Found::Died(_) => row.errors += 1,
            }
        }
        target.state = if let Found::State(state) = found { Some(state) } else { None };
        if !matches!(found, Found::State(_)) {
            self.broke(target, &format!("after a {fault}: {}", found.text()));
        }
        if files(&target.folder().join("in"))? != target.inputs {
            self.broke(target, "an input was changed");
        }
        Ok(())
    }

    fn broke(&mut self, target: &Target, what: &str) {
        let (operation, rounds) = (target.operation, target.rounds);
        self.report.broken.push(format!("{operation}, round {rounds}: {}", what.trim_end()));
    }

    /// Starts the operation, and lets a fault befall it once it is ready.
    fn work(&mut self, target: &Target, state: usize, fault: Fault) -> Result<Ended> {
        let durable = self.random.below(2) == 1 || target.operation.job == Job::Resume;
        let mut command = (self.program)()?;
        if let Fault::Full(blocks) = fault {
            command = limited(&command, blocks);
        }
        let order = Order::Work { operation: target.operation, state, durable };
        let mut child = start(&mut command, order, target.folder())?;
        // It says nothing more that is wanted, but a pipe that nobody reads any more would end it.
        let _out = until_ready(&mut child)?;
        let start = Instant::now();
        let mut killed = false;
        if let Fault::Kill(after) = fault {
            std::thread::sleep(after);
            killed = child.try_wait()?.is_none();
            child.kill()?;
        }
        let ended = wait(&mut child)?;
        // It may have ended in the last moment.
        killed &= !ended.status.success();
        Ok(Ended { took: start.elapsed(), killed, ..ended })
    }

    fn look(&self, target: &Target) -> Result<Found> {
        let order = Order::Look { operation: target.operation };
        let mut child = start(&mut (self.program)()?, order, target.folder())?;
        let out = child.stdout.take();
        let ended = wait(&mut child)?;
        let mut said = String::new();
        if let Some(mut out) = out {
            out.read_to_string(&mut said)?;
        }
        let found = said.lines().find_map(|line| line.split_once(FOUND)).map(|(_, found)| found.trim());
        Ok(match (ended.status.code(), found) {
            (Some(0), Some("0")) => Found::State(0),
            (Some(0), Some("1")) => Found::State(1),
            (Some(0), Some(found)) => Found::Mixture(found.to_owned()),
            (Some(2), _) => Found::Error(ended.stderr.trim().to_owned()),
            _ => Found::Died(format!("the reader died: {}, {}", ended.status, ended.stderr)),
        })
    }
}

impl Found {
    fn text(&self) -> String {
        match self {
            Self::State(state) => format!("object {state}"),
            Self::Mixture(what) => what.clone(),
            Self::Error(error) => format!("nothing readable: {error}"),
            Self::Died(how) => how.clone(),
        }
    }
}
