//! A scheduler and executors as processes of this machine, for the tests and for the example that measures.

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A process that ends when this is dropped.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // What has ended already cannot be killed.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Process {
    /// Starts `program` and waits until it answers at `address`.
    fn start(program: &Path, folder: &Path, address: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).args(["--listen", address, "--allow"]).arg(folder);
        let process = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let wait = Instant::now();
        while TcpStream::connect(address).is_err() {
            if wait.elapsed() > Duration::from_mins(1) {
                return Err(format!("{} does not answer at {address}", program.display()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(process)
    }
}

/// A scheduler and executors of one core each, which notice within seconds that one is gone.
pub(crate) struct Cluster {
    pub(crate) url: String,
    pub(crate) executors: Vec<Process>,
    _scheduler: Process,
    _work: tempfile::TempDir,
}

impl Cluster {
    /// Starts `executors` executors that may read `folder`; `program` is `anndata-cluster`.
    ///
    /// # Errors
    /// If a process does not start, or does not answer within a minute.
    pub(crate) fn start(program: &Path, folder: &Path, executors: usize) -> Result<Self> {
        let work = tempfile::tempdir()?;
        let address = free_address()?;
        let scheduler = Process::start(program, folder, &address, &["scheduler", "--executor-timeout", "4"])?;
        let executors = (0..executors).map(|executor| {
            let own = work.path().join(executor.to_string());
            std::fs::create_dir_all(&own)?;
            let own = own.to_str().ok_or("a temporary folder that is not Unicode")?;
            let arguments = ["executor", "--scheduler", &address, "--cores", "1", "--heartbeat", "1"];
            Process::start(program, folder, &free_address()?, &[&arguments[..], &["--work-folder", own]].concat())
        });
        let executors = executors.collect::<Result<_>>()?;
        Ok(Self { url: format!("df://{address}"), executors, _scheduler: scheduler, _work: work })
    }
}

/// An address on this machine whose port, and the one after it, are free now.
fn free_address() -> Result<String> {
    loop {
        let one = TcpListener::bind("127.0.0.1:0")?;
        let port = one.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(format!("127.0.0.1:{port}"));
        }
    }
}
