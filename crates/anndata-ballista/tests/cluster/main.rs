//! Queries on clusters of this machine.

mod messages;
mod processes;
mod standalone;
mod stores;
