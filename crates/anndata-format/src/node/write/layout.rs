//! How the arrays of a tree are laid out: as the options say, and where they leave it open as the format does.

use anndata_storage::{ArrayLayout, ArraySpec, Codec, Compression, Error, Result, Storage};

use super::super::{ArrayNode, Node};
use super::NodeWriteOptions;

impl NodeWriteOptions {
    /// Dtype, shape, chunks, shards and codecs of an array that is to stand at a path of a store.
    pub(super) fn lay_out(&self, node: &ArrayNode, path: &str, storage: &dyn Storage) -> Result<ArraySpec> {
        let mut spec = node.spec.clone();
        if let Some(rows) = self.chunk_rows.filter(|_| spec.ndim() > 1 && !spec.is_empty()) {
            (spec.chunks, spec.shards) = (Some(chunks_of(&spec.shape, rows)), None);
        }
        if let Some(layout) = self.layout_at(path, spec.ndim()) {
            return asked(spec, layout, self.compression, storage);
        }
        let is_plain = self.keep_layout && node.spec.chunks.is_some() && node.spec.codecs.is_empty();
        storage.layout(&spec, if is_plain { Compression::None } else { self.compression })
    }

    /// The layout that is given for an array: under its own path, or for all arrays in a group that it is in, if it has axes.
    fn layout_at(&self, path: &str, ndim: usize) -> Option<&ArrayLayout> {
        let of_group = |given: &str| ndim > 0 && below(given, path).is_some();
        let given = self.layouts.iter().filter(|(given, _)| given == path || of_group(given));
        given.max_by_key(|(given, _)| given.len()).map(|(_, layout)| layout)
    }

    /// Refuses layouts for what a tree that is to stand at a path does not have.
    pub(super) fn check_layouts(&self, node: &Node, path: &str) -> Result<()> {
        let there = |given: &str| below(path, given).is_some_and(|rest| node.descendant(rest).is_some());
        match self.layouts.iter().find(|(given, _)| !there(given)) {
            Some((given, _)) => {
                Err(Error::invalid_input(format!("a layout is given for '{given}', where nothing is written")))
            }
            None => Ok(()),
        }
    }
}

/// The rest of a path that is the same as another or below it.
fn below<'p>(above: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(above)?;
    (above.is_empty() || rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// The layout that is asked for, completed by the format.
fn asked(
    mut spec: ArraySpec,
    layout: &ArrayLayout,
    compression: Compression,
    storage: &dyn Storage,
) -> Result<ArraySpec> {
    if layout.shards.is_some() && layout.chunks.is_none() {
        return Err(Error::invalid_input("a layout has shards and no chunks, which shards are made of: give both"));
    }
    if layout.chunks.is_some() {
        (spec.chunks, spec.shards) = (layout.chunks.clone(), layout.shards.clone());
    }
    let compression = match &layout.codecs {
        Some(codecs) => {
            if spec.chunks.is_none() && !codecs.is_empty() {
                // A format that has arrays in one piece chooses chunks where there is a compression that is worth it.
                let chosen = storage.layout(&spec, Compression::Gzip(1))?.chunks;
                spec.chunks = chosen.or_else(|| Some(spec.shape.iter().map(|&len| len.max(1)).collect()));
            }
            spec.codecs.clone_from(codecs);
            Compression::None
        }
        None => compression,
    };
    spec.validate()?;
    let made = storage.layout(&spec, compression)?;
    if let Some(lacking) = layout.codecs.as_ref().and_then(|codecs| lacking(codecs, &made.codecs)) {
        return Err(Error::unsupported(format!("the codec '{lacking}' cannot be written to this format")));
    }
    if spec.shards.is_some() && made.shards != spec.shards {
        return Err(Error::unsupported("this format has no shards"));
    }
    Ok(made)
}

/// The first codec that is not among those that a format made of the ones asked for. Gzip and zlib stand for each other, as
/// each format has one of them.
fn lacking<'c>(asked: &'c [Codec], made: &[Codec]) -> Option<&'c Codec> {
    let same = |asked: &Codec, made: &Codec| match (asked, made) {
        (Codec::Gzip { level }, Codec::Zlib { level: other })
        | (Codec::Zlib { level }, Codec::Gzip { level: other }) => level == other,
        (asked, made) => asked == made,
    };
    let mut made = made.iter();
    asked.iter().find(|asked| !made.next().is_some_and(|made| same(asked, made)))
}

/// Chunks of this many whole rows.
fn chunks_of(shape: &[u64], rows: u64) -> Vec<u64> {
    let mut chunks = shape.to_vec();
    if let Some(first) = chunks.first_mut() {
        *first = rows.clamp(1, *first);
    }
    chunks
}
