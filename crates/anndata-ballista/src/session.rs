//! Sessions that know how to send the tables of `anndata-datafusion` to a cluster.

use std::sync::Arc;

use ballista::prelude::{SessionConfigExt, SessionContextExt};
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::{LogicalCodec, PhysicalCodec, Roots, Stores};

/// What a session needs to send tables to a cluster, and a process to open what is sent to it: stores below the roots.
pub fn session_config(roots: Roots) -> SessionConfig {
    let stores = Stores::new(roots);
    SessionConfig::new_with_ballista()
        .with_ballista_logical_extension_codec(Arc::new(LogicalCodec::new(&stores)))
        .with_ballista_physical_extension_codec(Arc::new(PhysicalCodec::new(&stores)))
}

/// A session on the cluster of a scheduler, `df://host:50050`, with so many partitions in each table.
///
/// Register collections with [`anndata_datafusion::register`]. Their stores are opened here, by the scheduler and by the
/// executors, so that places are to be the same on all machines: a shared file system, or URLs.
///
/// # Errors
/// If the URL is malformed.
pub async fn connect(url: &str, partitions: usize) -> Result<SessionContext> {
    let config = session_config(Roots::default()).with_target_partitions(partitions);
    let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    SessionContext::remote_with_state(url, state).await
}

/// A session on a cluster in this process, with a scheduler and one executor that has so many cores: to try queries.
///
/// # Errors
/// If the cluster does not start.
pub async fn standalone(roots: Roots, partitions: usize, cores: usize) -> Result<SessionContext> {
    let config = session_config(roots).with_target_partitions(partitions).with_ballista_standalone_parallelism(cores);
    let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    SessionContext::standalone_with_state(state).await
}
