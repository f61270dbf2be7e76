//! [`ElemReadOptions`]: how elements are read.

use anndata_storage::{Attribute, Error, Group, Result};
use futures_util::future::try_join_all;
use rayon::prelude::*;

use crate::encoding::Registry;
use crate::encoding::slots::drop_unknown;
use crate::node::Node;
use crate::{Keep, SparseFormat};

/// How elements are read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ElemReadOptions {
    /// Whether only metadata are read now, and values when they are asked for. Default: no.
    pub lazy: bool,
    /// What becomes of the values of lazy elements once they are read. Default: they are kept.
    pub keep: Keep,
    /// When the labels of lazy frames are read. Default: when they are asked for.
    pub names: Names,
    /// The paths of dense matrices (`X`, `raw/X`, `layers/counts`) that are read as sparse ones.
    pub as_sparse: Vec<String>,
    /// The format of these. Default: CSR.
    pub as_sparse_format: Option<SparseFormat>,
    /// The paths of elements that are left out, such as `uns/x` or `obs/column`: they are not looked at. An error where
    /// there is none.
    pub skip: Vec<String>,
    /// Whether members of an object, or of its raw, that are not slots are left out. They are kept otherwise; Python
    /// refuses an object that has any, and ignores those of a raw. Default: no.
    pub drop_unknown: bool,
    /// Whether what is plainly meant is repaired where the format is broken: see [`Registry::with_repair`]. Default: no,
    /// and an error says where it would help.
    pub repair: bool,
    /// The encodings that are known.
    pub registry: Registry,
}

/// When the labels of data frames are read whose columns are lazy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[doc(alias = "load_annotation_index")]
pub enum Names {
    /// When they are asked for, as the columns are.
    #[default]
    WhenAsked,
    /// At once: they are in memory from then on.
    Now,
}

impl ElemReadOptions {
    /// Sets whether values are read when they are asked for, instead of at once.
    #[must_use]
    #[doc(alias = "read_elem_lazy")]
    pub fn with_lazy(mut self, lazy: bool) -> Self {
        self.lazy = lazy;
        self
    }

    /// Sets what becomes of the values of lazy elements once they are read. Options that are cloned share a
    /// [cache](Keep::Cache), and so do all objects that are read with them.
    #[must_use]
    pub fn with_keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Sets when the labels of lazy frames are read.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Sets the paths of dense matrices that are read as sparse ones.
    #[must_use]
    pub fn with_as_sparse<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>, format: SparseFormat) -> Self {
        self.as_sparse = paths.into_iter().map(Into::into).collect();
        self.as_sparse_format = Some(format);
        self
    }

    /// Sets the paths of elements that are left out.
    #[must_use]
    pub fn with_skip<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.skip = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether members of objects that are not slots are left out.
    #[must_use]
    pub fn with_drop_unknown(mut self, drop: bool) -> Self {
        self.drop_unknown = drop;
        self
    }

    /// Sets whether what is plainly meant is repaired instead of refused.
    #[must_use]
    pub fn with_repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Sets the encodings.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// The tree of the element at `key` of a group, without what is left out.
    pub(crate) fn open(&self, group: &Group, key: &str, is_object: bool) -> Result<Node> {
        let mut node = self.prune(Node::open_without(group, key, &self.skip)?, is_object);
        self.indexes(&mut node).into_par_iter().try_for_each(|index| {
            *index = index.fetch()?;
            Ok::<_, Error>(())
        })?;
        Ok(node)
    }

    /// The async twin: does not block the thread if the store has latency.
    pub(super) async fn open_async(&self, group: &Group, key: &str, is_object: bool) -> Result<Node> {
        let mut node = self.prune(Node::open_async(group, key, &self.skip).await?, is_object);
        let fetch = async |index: &mut Node| {
            *index = index.fetch_async().await?;
            Ok::<_, Error>(())
        };
        try_join_all(self.indexes(&mut node).into_iter().map(fetch)).await?;
        Ok(node)
    }

    /// The indexes of frames that are read before the rest.
    fn indexes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node> {
        let mut found = Vec::new();
        if self.lazy && self.names == Names::Now {
            collect_indexes(node, &mut found);
        }
        found
    }

    /// The tree without what is of no use.
    fn prune(&self, mut node: Node, is_object: bool) -> Node {
        if self.drop_unknown {
            drop_unknown(&mut node, is_object);
        }
        node
    }

    /// The encodings, which repair what they read where that is asked for.
    pub(crate) fn registry(&self) -> Registry {
        let registry = self.registry.clone();
        if self.repair { registry.with_repair(true) } else { registry }
    }
}

/// The index of a frame, or those of all frames below.
fn collect_indexes<'n>(node: &'n mut Node, found: &mut Vec<&'n mut Node>) {
    let Node::Group(group) = node else { return };
    match group.attributes.get("_index").and_then(Attribute::as_str) {
        Some(key) => found.extend(group.children.get_mut(&key)),
        None => group.children.values_mut().for_each(|child| collect_indexes(child, found)),
    }
}
