//! What of an object could not be written, found without writing.

use std::fmt;

use anndata_storage::{Capabilities, Error, child_path, escaped};

use crate::encoding::{EncodeContext, sparse};
use crate::io::ElemWriteOptions;
use crate::{AnnData, DataFrame, Element, Mapping, Raw};

/// An element that could not be written, and why. Found by [`unwriteable`].
#[derive(Debug)]
pub struct Unwriteable {
    path: String,
    reason: Error,
}

impl Unwriteable {
    /// Where the element would stand in the store: `uns/tool/params`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The error that writing it would give.
    pub fn reason(&self) -> &Error {
        &self.reason
    }
}

impl fmt::Display for Unwriteable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.path().is_none() {
            write!(f, "{}: ", escaped(if self.path.is_empty() { "/" } else { &self.path }))?;
        }
        self.reason.fmt(f)
    }
}

/// The elements that could not be written to a store of these capabilities, each with the reason; none if the
/// object can be written. Nothing is written.
///
/// Elements are turned into what would be written, so that a reason is the error that writing gives. A lazy element
/// whose stored form would be copied is not read for it; others are.
///
/// ```
/// use anndata_format::{AnnData, Element, Tensor, io::ElemWriteOptions, storage::Capabilities, unwriteable};
///
/// let adata = AnnData::builder()
///     .x(Tensor::from_vec([1, 1, 2], vec![1.0, 2.0])?)
///     .uns("method/version", 2_i64)
///     .build()?;
/// let found = unwriteable(&adata, Capabilities::ALL, &ElemWriteOptions::default());
/// let paths: Vec<&str> = found.iter().map(|found| found.path()).collect();
/// assert_eq!(paths, ["X", "uns/method/version"]);
/// assert!(found[1].reason().to_string().contains("contains a '/'"));
/// # Ok::<(), anndata_format::Error>(())
/// ```
pub fn unwriteable(adata: &AnnData, capabilities: Capabilities, options: &ElemWriteOptions) -> Vec<Unwriteable> {
    if !capabilities.write {
        return vec![Unwriteable { path: String::new(), reason: Error::read_only("the store cannot be written to") }];
    }
    let encode = options.encode.below("", options.store.keep_layout);
    let context = EncodeContext::new(&options.registry, &encode, capabilities);
    let mut search = Search { context, found: Vec::new() };
    search.adata(adata, "");
    search.found
}

struct Search<'a> {
    context: EncodeContext<'a>,
    found: Vec<Unwriteable>,
}

impl Search<'_> {
    fn adata(&mut self, adata: &AnnData, path: &str) {
        let before = self.found.len();
        let bare = || AnnData::builder().shape(adata.n_obs(), adata.n_vars());
        for (key, layer) in adata.layers() {
            // Within an object, where more is asked of a matrix than elsewhere.
            let (alone, element_path) = match key {
                None => (bare().x(layer.clone()), child_path(path, "X")),
                Some(key) => (bare().layer(key, layer.clone()), format!("{}/{key}", child_path(path, "layers"))),
            };
            self.encode_alone(alone.stored().build().map(Element::from), path, &element_path);
        }
        self.frame(adata.obs(), &child_path(path, "obs"));
        self.frame(adata.var(), &child_path(path, "var"));
        for (slot, mapping) in adata.mappings() {
            self.mapping(mapping, &child_path(path, slot));
        }
        if let Some(raw) = adata.raw() {
            self.raw(raw, &child_path(path, "raw"));
        }
        for (key, element) in adata.other() {
            self.element(element, &child_path(path, key));
        }
        self.whole_unless_found(before, &Element::AnnData(Box::new(adata.clone())), path);
    }

    fn raw(&mut self, raw: &Raw, path: &str) {
        let before = self.found.len();
        if let Some(x) = raw.x() {
            self.element(x, &child_path(path, "X"));
        }
        self.frame(raw.var(), &child_path(path, "var"));
        self.mapping(raw.varm(), &child_path(path, "varm"));
        self.whole_unless_found(before, &Element::Raw(Box::new(raw.clone())), path);
    }

    fn frame(&mut self, frame: &DataFrame, path: &str) {
        let before = self.found.len();
        let index = frame.without_columns();
        self.encode_alone(Ok(Element::Frame(index.clone())), path, path);
        for (name, series) in frame.columns() {
            let alone = index.clone().with_column(name, series.clone()).map(Element::Frame);
            self.encode_alone(alone, path, &format!("{path}/{name}"));
        }
        self.whole_unless_found(before, &Element::Frame(frame.clone()), path);
    }

    fn mapping(&mut self, mapping: &Mapping, path: &str) {
        for (key, element) in mapping {
            let element_path = format!("{path}/{key}");
            let before = self.found.len();
            // The key first, with something that can always be written.
            let key = Mapping::from([(key.clone(), Element::Null)]);
            self.encode_alone(Ok(Element::Mapping(key)), path, &element_path);
            if self.found.len() == before {
                self.element(element, &element_path);
            }
        }
    }

    fn element(&mut self, element: &Element, path: &str) {
        match element {
            Element::Mapping(mapping) => self.mapping(mapping, path),
            Element::Frame(frame) => self.frame(frame, path),
            Element::AnnData(adata) => self.adata(adata, path),
            Element::Raw(raw) => self.raw(raw, path),
            leaf => self.encode_alone(Ok(leaf.clone()), path, path),
        }
    }

    /// What no part is at fault for: two columns whose names do not go together.
    fn whole_unless_found(&mut self, before: usize, element: &Element, path: &str) {
        if self.found.len() == before {
            self.encode_alone(Ok(element.clone()), path, path);
        }
    }

    /// Reports an element that has no stored form at `path`, as the fault of what stands at `place`.
    fn encode_alone(&mut self, element: Result<Element, Error>, path: &str, element_path: &str) {
        if let Err(reason) = element.and_then(|element| sparse::encode(&element, path, &self.context)) {
            self.found.push(Unwriteable { path: element_path.to_owned(), reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use anndata_storage::Result;

    use super::*;
    use crate::Tensor;

    #[test]
    fn every_culprit_is_named() -> Result<()> {
        let text = Tensor::from_strings([1], ["t"])?;
        let inner = AnnData::builder().shape(1, 1).obsm("../x", Tensor::from_vec([1, 1], vec![1])?).build()?;
        let adata = AnnData::builder()
            .obs(DataFrame::new(["a"]).with_column("ok", vec![1])?.with_column("_index", vec![2])?)
            .layer("cube", Tensor::from_vec([1, 1, 1], vec![1])?)
            .uns("fine", text)
            .uns("", 1)
            .uns("deep", Mapping::from([("nul\0".to_owned(), 1.into()), ("fine".to_owned(), 1.into())]))
            .uns("inner", inner)
            .build()?;
        let found = unwriteable(&adata, Capabilities::ALL, &ElemWriteOptions::default());
        let paths: Vec<&str> = found.iter().map(Unwriteable::path).collect();
        assert_eq!(paths, ["layers/cube", "obs/_index", "uns/", "uns/deep/nul\0", "uns/inner/obsm/../x"]);
        assert!(found.iter().all(|found| !found.to_string().is_empty() && found.reason().is_invalid_input()));
        Ok(())
    }

    #[test]
    fn what_can_be_written_is_not_named() -> Result<()> {
        let adata = AnnData::builder().x(Tensor::from_vec([1, 1], vec![1])?).uns("k", Element::Null).build()?;
        assert!(unwriteable(&adata, Capabilities::ALL, &ElemWriteOptions::default()).is_empty());
        let refused = unwriteable(&adata, Capabilities::ALL.read_only(), &ElemWriteOptions::default());
        assert!(matches!(refused.as_slice(), [only] if only.reason().is_read_only()));
        let frame = DataFrame::new(["a"]).with_column("q", vec![1])?.with_column("q/r", vec![2])?;
        let clash = AnnData::builder().obs(frame).build()?;
        let found = unwriteable(&clash, Capabilities::ALL, &ElemWriteOptions::default());
        assert!(matches!(found.as_slice(), [only] if only.path() == "obs"), "{found:?}");
        Ok(())
    }
}
