//! Tables of stores in memory and in files, asked in SQL.

mod cells;
mod errors;
mod functions;
mod partitions;
mod queries;
mod random;
mod reading;
