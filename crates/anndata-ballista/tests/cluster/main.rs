//! Queries on clusters of this machine.

mod launch;
mod messages;
mod processes;
mod standalone;
mod stores;
