//! A scheduler and executors as processes of this machine.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anndata_ballista::connect;

use super::stores::{QUERIES, Result, ask, local, make};

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anndata-cluster"));
    command.args(arguments).arg("--allow").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Process(command.spawn()?))
}

/// Ports that are free now, two behind each other where they are wanted.
fn port() -> Result<u16> {
    loop {
        let one = TcpListener::bind("127.0.0.1:0")?;
        let port = one.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
}

struct Cluster {
    url: String,
    _scheduler: Process,
    executors: Vec<Process>,
}

fn cluster(folder: &Path, work: &Path, executors: usize) -> Result<Cluster> {
    let scheduler_port = port()?;
    let address = format!("127.0.0.1:{scheduler_port}");
    let scheduler = start(folder, &["scheduler", "--listen", &address, "--executor-timeout", "4"])?;
    let wait = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        if wait.elapsed() > Duration::from_mins(1) {
            return Err("the scheduler does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let executors = (0..executors).map(|at| {
        let own = format!("127.0.0.1:{}", port()?);
        let work = work.join(at.to_string());
        std::fs::create_dir_all(&work)?;
        let work = work.to_str().ok_or("not Unicode")?;
        let arguments = ["executor", "--listen", &own, "--scheduler", &address, "--cores", "1", "--heartbeat", "1"];
        let executor = start(folder, &[&arguments[..], &["--work-folder", work]].concat())?;
        let wait = Instant::now();
        while std::net::TcpStream::connect(&own).is_err() {
            if wait.elapsed() > Duration::from_mins(1) {
                return Err("an executor does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(executor)
    });
    let executors = executors.collect::<Result<Vec<_>>>()?;
    Ok(Cluster { url: format!("df://{address}"), _scheduler: scheduler, executors })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_executors_answer_as_one_process_does_and_one_when_the_other_is_killed() -> Result<()> {
    let (folder, work) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let collection = make(folder.path(), 20, 60, 8)?;
    let local = local(&collection)?;
    let mut cluster = cluster(folder.path(), work.path(), 2)?;
    let context = connect(&cluster.url, 8).await?;
    anndata_datafusion::register(&context, "d", &collection)?;
    for sql in QUERIES {
        let (found, expected) = (ask(&context, sql).await, ask(&local, sql).await?);
        assert_eq!(found.map_err(|error| format!("{sql}: {error}"))?, expected, "{sql}");
    }
    // One is killed in the midst of a query: the same answer, or an error.
    let sql = "SELECT count(*), sum(a.value) FROM d.x a JOIN d.x b ON a.var_id = b.var_id WHERE a.obs_id < 400";
    let expected = ask(&local, sql).await?;
    let asked = tokio::spawn({
        let context = context.clone();
        async move { ask(&context, sql).await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    drop(cluster.executors.pop());
    match tokio::time::timeout(Duration::from_mins(2), asked).await?? {
        Ok(found) => assert_eq!(found, expected),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what it is of"),
    }
    // The other goes on.
    let again = tokio::time::timeout(Duration::from_mins(2), ask(&context, QUERIES[10])).await??;
    assert_eq!(again, ask(&local, QUERIES[10]).await?);
    Ok(())
}
