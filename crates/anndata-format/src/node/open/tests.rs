//! Trees that links of a file multiply.

use std::fmt;

use anndata_storage::{ArrayStorage, Capabilities, NodeKind, Storage};

use super::*;

/// Groups, each of which holds the next one at two names, down to a depth.
#[derive(Debug)]
struct Twice(usize, [&'static str; 2]);

/// With names that are some.
const fn twice(depth: usize) -> Twice {
    Twice(depth, ["a", "b"])
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("twice")
    }
}

fn depth(path: &str) -> usize {
    path.split('/').filter(|name| !name.is_empty()).count()
}

impl Storage for Twice {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL.read_only()
    }

    fn kind(&self, _: &str) -> Result<Option<NodeKind>> {
        Ok(Some(NodeKind::Group))
    }

    fn identity(&self, path: &str) -> Result<Option<u128>> {
        Ok(Some(depth(path) as u128))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let names = if depth(path) < self.0 { self.1.to_vec() } else { Vec::new() };
        Ok(names.into_iter().map(ToOwned::to_owned).collect())
    }

    fn attributes(&self, _: &str) -> Result<Attributes> {
        Ok(Attributes::new())
    }

    fn open_array(&self, _: &str) -> Result<Arc<dyn ArrayStorage>> {
        Err(Error::not_found("no array"))
    }
}

#[test]
fn links_may_multiply_a_few_elements_only() -> Result<()> {
    let open = |depth| Node::open(&Group::root(Arc::new(twice(depth))), "");
    assert!(open(6).is_ok());
    for depth in [8, 90] {
        let error = open(depth).unwrap_err();
        assert!(error.is_limit_exceeded() && error.to_string().contains("links show"), "{error}");
    }
    let mut told = Vec::new();
    let root = Group::root(Arc::new(twice(90)));
    let Node::Group(tree) = Node::open_tolerant(&root, "", &mut |path, error| told.push((path, error)))? else {
        panic!("no group");
    };
    assert!(tree.children.contains_key("a") && told.len() == 2, "{told:?}");
    Ok(())
}

/// An empty name leads back to the group that it is in, and so without end.
#[test]
fn a_member_has_a_name() {
    for (name, told) in [("", "''"), ("/", "'/'"), ("a/b", "'a/b'")] {
        let root = Group::root(Arc::new(Twice(3, ["a", name])));
        let told = format!("a member is called {told}, which is no name");
        assert!(Node::open(&root, "").unwrap_err().to_string().contains(&told), "{told}");
        let mut failed = Vec::new();
        assert!(Node::open_tolerant(&root, "", &mut |path, error| failed.push((path, error))).is_err(), "{told}");
    }
}
