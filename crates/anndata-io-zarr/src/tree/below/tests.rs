//! How many requests the metadata of a tree take.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anndata_storage::{AsyncStorage as _, BoxFuture, Storage as _, walk};
use bytes::Bytes;

use super::*;
use crate::ZarrOptions;
use crate::store::ByteRange;
use crate::store::remote::{AsyncStore, Sizes};

/// Groups in groups, without collected metadata.
#[derive(Debug, Default)]
struct Counting {
    groups: Vec<String>,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Counting {
    async fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.most_at_once.fetch_max(self.under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counting")
    }
}

impl AsyncStore for Counting {
    fn get<'a>(&'a self, key: &'a str, _: ByteRange, _: u64) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move {
            self.request().await;
            let (group, name) = key.rsplit_once('/').unwrap_or(("", key));
            let is_there = name == "zarr.json" && self.groups.iter().any(|other| other == group);
            let document = r#"{"zarr_format": 3, "node_type": "group", "attributes": {"of": 1}}"#;
            Ok(is_there.then(|| Bytes::from_static(document.as_bytes())))
        })
    }

    fn size<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async { Ok(None) })
    }

    fn children<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            self.request().await;
            let below = self.groups.iter().filter(|group| anndata_storage::parent_path(group) == Some(prefix));
            let names = below.map(|group| anndata_storage::file_name(group).to_owned());
            // A prefix that is not a node.
            Ok(names.chain((prefix == "g3").then(|| "chunks".to_owned())).collect())
        })
    }

    fn list<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Sizes>>> {
        Box::pin(async { Ok(None) })
    }

    fn is_writable(&self) -> bool {
        false
    }

    fn put<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(Error::read_only("counting")) })
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(Error::read_only("counting")) })
    }
}

/// A store that was opened, of which nothing is counted so far.
fn store() -> Result<(ZarrStore, Arc<Counting>)> {
    let mut groups = vec![String::new()];
    for i in 0..10 {
        groups.push(format!("g{i}"));
        groups.extend((0..3).map(|j| format!("g{i}/h{j}")));
    }
    let counting = Arc::new(Counting { groups, ..Counting::default() });
    let remote = Remote::new(Arc::clone(&counting) as Arc<dyn AsyncStore>, 64, 0, false)?;
    let store = ZarrStore(Arc::new(Shared::open(Box::new(remote), &ZarrOptions::default())?));
    counting.requests.store(0, Ordering::Relaxed);
    Ok((store, counting))
}

#[derive(Default)]
struct Told(Vec<String>);

impl TreeVisitor for Told {
    fn enter(&mut self, _: &str) -> Result<bool> {
        Ok(true)
    }

    fn visit(&mut self, path: &str, found: Result<NodeMeta>) -> Result<bool> {
        let attributes = found?.attributes?;
        self.0.push(format!("{path} {}", attributes.len()));
        Ok(true)
    }
}

#[test]
fn a_tree_takes_no_more_requests_than_a_walk_and_has_those_of_a_level_under_way_at_once() -> Result<()> {
    let (walked, one_by_one) = store()?;
    let mut expected = Told::default();
    walk(&walked, "", &mut expected)?;
    let requests = |counting: &Counting| counting.requests.load(Ordering::Relaxed);
    // A listing a group; the metadata of each but the root, and of what is none.
    assert_eq!((requests(&one_by_one), expected.0.len()), (41 + 41, 41));

    let (store, at_once) = store()?;
    let mut told = Told::default();
    store.tree("", &mut told)?;
    assert_eq!(told.0, expected.0);
    assert!(requests(&at_once) <= requests(&one_by_one), "{at_once:?}");
    assert!(at_once.most_at_once.load(Ordering::Relaxed) >= 20, "{at_once:?}");
    Ok(())
}

#[test]
fn a_tree_is_told_of_without_blocking() -> Result<()> {
    let (store, counting) = store()?;
    let mut told = Told::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(store.tree_async("g3", &mut told))?;
    assert_eq!(told.0, ["g3 1", "g3/h0 1", "g3/h1 1", "g3/h2 1"]);
    assert_eq!(counting.requests.load(Ordering::Relaxed), 1 + 4 + 4);
    Ok(())
}
