//! [`run_scheduler`] and [`run_executor`]: the processes of a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anndata_storage::{Error, ErrorKind, Result};
use ballista_core::config::TaskSchedulingPolicy;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;

use crate::{LogicalCodec, PhysicalCodec, Roots, Stores};

/// How a scheduler runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SchedulerOptions {
    /// The address that it listens on. Default: `127.0.0.1:50050`, which no other machine reaches.
    pub address: SocketAddr,
    /// The folders and URLs below which stores may be opened. Default: none.
    pub roots: Roots,
    /// After how many seconds without a word an executor is taken to be gone, and its tasks are given to others. Default: 60.
    pub executor_timeout: u64,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 50050)), roots: Roots::default(), executor_timeout: 60 }
    }
}

impl SchedulerOptions {
    /// Sets the address that it listens on.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the folders and URLs below which stores may be opened.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Sets after how many seconds an executor is taken to be gone.
    #[must_use]
    pub fn with_executor_timeout(mut self, seconds: u64) -> Self {
        self.executor_timeout = seconds;
        self
    }
}

/// How an executor runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// The address that others reach it at for results; the port after it is for tasks. Default: `127.0.0.1:50051`.
    pub address: SocketAddr,
    /// The name that others know it by, if it is not the address.
    pub external_host: Option<String>,
    /// The host and the port of the scheduler. Default: `localhost:50050`.
    pub scheduler: (String, u16),
    /// How many tasks run at a time. Default: the number of cores.
    pub cores: usize,
    /// The folders and URLs below which stores may be opened. Default: none.
    pub roots: Roots,
    /// The most bytes of memory that its tasks ask for together. Default: 70 % of what there is.
    pub memory: Option<u64>,
    /// The folder for the files that tasks exchange. Default: a new temporary folder.
    pub work_folder: Option<PathBuf>,
    /// Every how many seconds it tells the scheduler that it is there. Default: 20.
    pub heartbeat: u64,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 50051)),
            external_host: None,
            scheduler: ("localhost".to_owned(), 50050),
            // Fallback: a number of threads.
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            roots: Roots::default(),
            memory: None,
            work_folder: None,
            heartbeat: 20,
        }
    }
}

impl ExecutorOptions {
    /// Sets the address that others reach it at.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the name that others know it by.
    #[must_use]
    pub fn with_external_host(mut self, host: impl Into<Option<String>>) -> Self {
        self.external_host = host.into();
        self
    }

    /// Sets the host and the port of the scheduler.
    #[must_use]
    pub fn with_scheduler(mut self, host: impl Into<String>, port: u16) -> Self {
        self.scheduler = (host.into(), port);
        self
    }

    /// Sets how many tasks run at a time.
    #[must_use]
    pub fn with_cores(mut self, cores: usize) -> Self {
        self.cores = cores;
        self
    }

    /// Sets the folders and URLs below which stores may be opened.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Sets the most bytes of memory.
    #[must_use]
    pub fn with_memory(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.memory = bytes.into();
        self
    }

    /// Sets the folder for the files that tasks exchange.
    #[must_use]
    pub fn with_work_folder(mut self, folder: impl Into<Option<PathBuf>>) -> Self {
        self.work_folder = folder.into();
        self
    }

    /// Sets every how many seconds it tells that it is there.
    #[must_use]
    pub fn with_heartbeat(mut self, seconds: u64) -> Self {
        self.heartbeat = seconds;
        self
    }
}

/// Runs a scheduler, until the process ends or it fails.
///
/// # Errors
/// If it cannot listen.
pub async fn run_scheduler(options: SchedulerOptions) -> Result<()> {
    let stores = Stores::new(options.roots);
    let config = SchedulerConfig {
        bind_host: options.address.ip().to_string(),
        bind_port: options.address.port(),
        // Executors ask for work, so that they need not be reached.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: options.executor_timeout,
        expire_dead_executor_interval_seconds: (options.executor_timeout / 4).max(1),
        override_logical_codec: Some(Arc::new(LogicalCodec::new(&stores))),
        override_physical_codec: Some(Arc::new(PhysicalCodec::new(&stores))),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed("the scheduler"))?;
    start_server(cluster, options.address, Arc::new(config)).await.map_err(failed("the scheduler"))
}

/// Runs an executor, until the process is told to end or it fails.
///
/// # Errors
/// If it cannot listen, or cannot reach the scheduler.
pub async fn run_executor(options: ExecutorOptions) -> Result<()> {
    let stores = Stores::new(options.roots);
    let task_port = options.address.port().checked_add(1);
    let work_folder = match options.work_folder {
        Some(folder) => Some(folder.into_os_string().into_string().map_err(|folder| {
            Error::unsupported("the path of the work folder is not Unicode").in_file(PathBuf::from(folder))
        })?),
        None => None,
    };
    let config = ExecutorProcessConfig {
        bind_host: options.address.ip().to_string(),
        external_host: options.external_host,
        port: options.address.port(),
        grpc_port: task_port
            .ok_or_else(|| Error::invalid_input("the port after that of the executor is needed too"))?,
        scheduler_host: options.scheduler.0,
        scheduler_port: options.scheduler.1,
        scheduler_connect_timeout_seconds: 30,
        vcores: options.cores,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: work_folder,
        memory_pool_size: options.memory,
        executor_heartbeat_interval_seconds: options.heartbeat,
        override_logical_codec: Some(Arc::new(LogicalCodec::new(&stores))),
        override_physical_codec: Some(Arc::new(PhysicalCodec::new(&stores))),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(config)).await.map_err(failed("the executor"))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::new(ErrorKind::Io, format!("{what} ended: {error}")).with_source(error)
}
