//! Processes: started, limited, waited for.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anndata::Result;

use super::jobs::{FOLDER, ORDER, Order, READY};

/// After this time a process is taken to hang. A machine with much else to do may let one wait long.
const PATIENCE: Duration = Duration::from_mins(5);

/// A process that ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stderr: String,
    pub(super) took: Duration,
    /// Whether it was killed by the driver.
    pub(super) killed: bool,
}

/// A command in a shell that keeps files short. The signal that tells of it is ignored, so that writing fails instead.
pub(super) fn limited(command: &Command, blocks: u64) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f "$0" && exec "$@""#]);
    shell.arg(blocks.to_string()).arg(command.get_program()).args(command.get_args());
    shell
}

pub(super) fn start(command: &mut Command, order: Order, folder: &Path) -> Result<Child> {
    command.env(ORDER, order.text()).env(FOLDER, folder);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// Reads what a process says until it is ready, or ends.
pub(super) fn until_ready(child: &mut Child) -> Result<Option<BufReader<ChildStdout>>> {
    let Some(out) = child.stdout.take() else { return Ok(None) };
    let mut out = BufReader::new(out);
    let mut line = String::new();
    while out.read_line(&mut line)? > 0 && !line.trim_end().ends_with(READY) {
        line.clear();
    }
    Ok(Some(out))
}

/// Waits for a process; one that hangs is killed by a signal of which it dies as of a fault of its own.
pub(super) fn wait(child: &mut Child) -> Result<Ended> {
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            Command::new("kill").args(["-ABRT", &child.id().to_string()]).status()?;
            break child.wait()?;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let mut stderr = String::new();
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut stderr)?;
    }
    Ok(Ended { status, stderr, took: start.elapsed(), killed: false })
}
