//! How the model behaves, through the public interface, in memory and in files.

mod choices;
mod slots;
mod unknown;
mod writing;
