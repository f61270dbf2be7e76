//! SQL over annotated data matrices on many machines: the tables of `anndata-datafusion` on Ballista.
#![doc = include_str!("../README.md")]

mod cluster;
mod codec;
mod roots;
mod session;
mod wire;

pub use cluster::{ExecutorOptions, SchedulerOptions, run_executor, run_scheduler};
pub use codec::{LogicalCodec, PhysicalCodec, Stores};
pub use roots::Roots;
pub use session::{connect, session_config, standalone};
