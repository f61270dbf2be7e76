//! `anndata-cluster scheduler` and `anndata-cluster executor`: the processes of a cluster that answers SQL over annotated data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anndata_ballista::{ExecutorOptions, Roots, SchedulerOptions, run_executor, run_scheduler};
use clap::{Parser, Subcommand};

/// A cluster that answers SQL over .h5ad files and zarr stores.
#[derive(Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    process: Process,
}

#[derive(Subcommand)]
enum Process {
    /// Takes queries and gives tasks to executors.
    Scheduler {
        /// The address to listen on.
        #[arg(long, default_value = "127.0.0.1:50050")]
        listen: SocketAddr,
        /// A folder or URL that stores may be below; may be given more than once.
        #[arg(long, required = true)]
        allow: Vec<String>,
        /// After how many seconds without a word an executor is taken to be gone.
        #[arg(long, default_value_t = 60)]
        executor_timeout: u64,
    },
    /// Carries out tasks.
    Executor {
        /// The address to listen on; the port after it is used too.
        #[arg(long, default_value = "127.0.0.1:50051")]
        listen: SocketAddr,
        /// The name that other machines know this one by, if it is not the address.
        #[arg(long)]
        host: Option<String>,
        /// The scheduler.
        #[arg(long, default_value = "localhost:50050", value_name = "HOST:PORT")]
        scheduler: String,
        /// How many tasks run at a time [default: the number of cores]
        #[arg(long)]
        cores: Option<usize>,
        /// A folder or URL that stores may be below; may be given more than once.
        #[arg(long, required = true)]
        allow: Vec<String>,
        /// The most bytes of memory that tasks ask for [default: 70 % of what there is]
        #[arg(long)]
        memory: Option<u64>,
        /// The folder for the files that tasks exchange [default: a temporary folder]
        #[arg(long)]
        work_folder: Option<PathBuf>,
        /// Every how many seconds the scheduler is told that this is there.
        #[arg(long, default_value_t = 20)]
        heartbeat: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Command::parse().process).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a command tells on standard error")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(process: Process) -> anndata_core::Result<()> {
    match process {
        Process::Scheduler { listen, allow, executor_timeout } => {
            let options = SchedulerOptions::default()
                .with_address(listen)
                .with_roots(Roots::new(allow)?)
                .with_executor_timeout(executor_timeout);
            run_scheduler(options).await
        }
        Process::Executor { listen, host, scheduler, cores, allow, memory, work_folder, heartbeat } => {
            let (name, port) = scheduler
                .rsplit_once(':')
                .and_then(|(name, port)| Some((name.to_owned(), port.parse().ok()?)))
                .ok_or_else(|| anndata_core::Error::invalid_input("expected the scheduler as HOST:PORT"))?;
            let mut options = ExecutorOptions::default()
                .with_address(listen)
                .with_external_host(host)
                .with_scheduler(name, port)
                .with_roots(Roots::new(allow)?)
                .with_memory(memory)
                .with_work_folder(work_folder)
                .with_heartbeat(heartbeat);
            if let Some(cores) = cores {
                options = options.with_cores(cores);
            }
            run_executor(options).await
        }
    }
}
