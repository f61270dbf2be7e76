//! Conformance cases for backends (feature `testkit`).
//!
//! A backend's author calls [`run_all`] from a test with a function that makes an empty, writable store:
//!
//! ```
//! use std::sync::Arc;
//! use anndata_storage::{MemoryStore, testkit};
//!
//! testkit::run_all(|| Arc::new(MemoryStore::new()));
//! ```
//!
//! A backend on disk calls [`run_all_reopened`] with a second function that closes a store and opens it again for
//! reading only, so that what is checked comes from the disk.
//!
//! Each [`Case`] is two plain functions over a store: one writes, the other checks what was written. The check runs
//! twice: on the store that was written and on the reopened one. Cases for abilities that the store's
//! [`Capabilities`](crate::Capabilities) deny do nothing.
//!
//! What every backend must store: booleans, integers of 8 to 64 bit, single and double precision, text, groups and
//! attributes. Every other dtype and every codec may be answered by an error of kind
//! [`Unsupported`](crate::ErrorKind::Unsupported); where it is accepted it must come back unchanged.

mod arrays;
mod attributes;
mod chunks;
mod concurrency;
mod edits;
mod errors;
mod groups;
mod handles;
mod sample;
mod selections;
mod tree;
mod writes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::{Group, Result, Storage};

/// One half of a [`Case`].
pub type Step = fn(&Arc<dyn Storage>) -> Result<()>;

/// One conformance case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What is tested, for messages.
    pub name: &'static str,
    /// Writes to an empty, writable store. Panics or fails where the store does not behave.
    pub write: Step,
    /// Checks what [`write`](Self::write) wrote; never writes what a reader could see.
    pub check: Step,
}

/// Every case, in an order in which the first failure says the most.
pub const CASES: &[Case] = &[
    case("an empty store", groups::empty, groups::check_empty),
    case("groups nest, and parents are made", groups::nest, groups::check_nest),
    case("children are listed in order", groups::order, groups::check_order),
    case("names may hold spaces, dots and any script", groups::names, groups::check_names),
    case("a thousand children", groups::many, groups::check_many),
    case("elements are moved", groups::rename, groups::check_rename),
    case("elements are replaced", groups::replace, groups::check_replace),
    case("elements are removed and made again", groups::remove, groups::check_remove),
    case("a tree is told of in one call", tree::write, tree::check),
    case("several elements are changed at once", edits::write, edits::check),
    case("attributes of every type", attributes::types, attributes::check_types),
    case("attributes are replaced as a whole", attributes::replace, attributes::check_replace),
    case("attributes are listed in order", attributes::order, attributes::check_order),
    case("a long list in an attribute", attributes::long, attributes::check_long),
    case("arrays of every dtype and shape", arrays::dtypes, arrays::check_dtypes),
    case("a large array", arrays::large, arrays::check_large),
    case("text of any kind", arrays::text, arrays::check_text),
    case("records", arrays::records, arrays::check_records),
    case("arrays without a value", arrays::null, arrays::check_null),
    case("codecs", arrays::codecs, arrays::check_codecs),
    case("specs are kept", arrays::specs, arrays::check_specs),
    case("selections", selections::write, selections::check),
    case("runs", selections::write, selections::check_runs),
    case("blocks reassemble the array", selections::write, selections::check_blocks),
    case("what was never written reads as zero", writes::unwritten, writes::check_unwritten),
    case("blocks are written over blocks", writes::partial, writes::check_partial),
    case("arrays grow and shrink", writes::resize, writes::check_resize),
    case("arrays grow by appending", writes::append, writes::check_append),
    case("several handles of one array", handles::write, handles::check),
    case("several handles that write at once", handles::write_at_once, handles::check_at_once),
    case("raw chunks", chunks::raw, chunks::check_raw),
    case("a size that only the declaration has", errors::huge, errors::check_huge),
    case("refused writes", errors::writes, errors::check_writes),
    case("refused reads", errors::reads, errors::check_reads),
    case("refused names and places", errors::paths, errors::check_places),
    case("a store for reading only", errors::read_only, errors::check_read_only),
    case("many threads", concurrency::write, concurrency::check),
];

const fn case(name: &'static str, write: Step, check: Step) -> Case {
    Case { name, write, check }
}

impl Case {
    /// Runs the case on a new store.
    ///
    /// # Errors
    /// If the store fails.
    ///
    /// # Panics
    /// If the store gives other values than were written.
    pub fn run(&self, store: Arc<dyn Storage>, reopen: impl Fn(Arc<dyn Storage>) -> Arc<dyn Storage>) -> Result<()> {
        (self.write)(&store)?;
        (self.check)(&store)?;
        store.flush()?;
        store.commit()?;
        (self.check)(&reopen(store))
    }
}

/// Runs every case, each on a new store that `make` makes: empty and writable.
///
/// # Panics
/// If a case fails, after all have run; the message names every case that failed.
pub fn run_all(make: impl Fn() -> Arc<dyn Storage>) {
    run_all_reopened(make, |store| store);
}

/// As [`run_all`]; `reopen` closes a store that was written and opens it again, for reading only if it likes.
///
/// # Panics
/// As [`run_all`].
pub fn run_all_reopened(make: impl Fn() -> Arc<dyn Storage>, reopen: impl Fn(Arc<dyn Storage>) -> Arc<dyn Storage>) {
    assert!(make().capabilities().write, "the testkit needs a store that can be written");
    let failures: Vec<String> = CASES.iter().filter_map(|case| failure(case, &make, &reopen)).collect();
    assert!(failures.is_empty(), "{} of {} cases failed:\n  {}", failures.len(), CASES.len(), failures.join("\n  "));
}

/// Runs a case; what went wrong, if anything did.
fn failure(
    case: &Case,
    make: &impl Fn() -> Arc<dyn Storage>,
    reopen: &impl Fn(Arc<dyn Storage>) -> Arc<dyn Storage>,
) -> Option<String> {
    let why = match catch_unwind(AssertUnwindSafe(|| case.run(make(), reopen))) {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => format!("{error:?}"),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => (*text).to_owned(),
            (None, None) => "panicked".to_owned(),
        },
    };
    Some(format!("{}: {why}", case.name))
}

fn root(store: &Arc<dyn Storage>) -> Group {
    Group::root(Arc::clone(store))
}
