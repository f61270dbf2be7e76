//! Releases of small workspaces that are made for a test, in the layout of this one, and plans for a copy of this one.

mod arguments;
mod made_up;
mod planning;
mod preparing;
mod publishing;
