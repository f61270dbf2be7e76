//! How the arrays of a tree are laid out: as the options say, and where they leave it open as the format does.

use anndata_storage::{Array, ArrayLayout, ArraySpec, Codec, Compression, Error, Result, Storage};

use super::super::{ArrayNode, Node, Source, StoredRows};
use super::{Grid, NodeWriteOptions};

/// Chunks of fewer bytes of values are too small to be those of a larger array.
const LEAST_ADOPTED: u64 = 64 << 10;

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
        if let Some(adopted) = self.adopted(node, &spec, storage)? {
            return Ok(adopted);
        }
        let is_plain = self.keep_layout && node.spec.chunks.is_some() && node.spec.codecs.is_empty();
        storage.layout(&spec, if is_plain { Compression::None } else { self.compression })
    }

    /// The layout of the stored array that most rows are from, if nothing else is asked for.
    fn adopted(&self, node: &ArrayNode, spec: &ArraySpec, storage: &dyn Storage) -> Result<Option<ArraySpec>> {
        let is_open = spec.chunks.is_none() && spec.codecs.is_empty() && self.compression == Compression::Default;
        let Source::Blocks(source) = &node.source else { return Ok(None) };
        if !self.adopt_layout || !is_open {
            return Ok(None);
        }
        let rows = |array: &Array| array.shape().first().copied();
        // Of equal ones the first.
        let largest = source.stored().iter().rev().map(|rows| &rows.array).max_by_key(|array| rows(array));
        let Some(array) = largest.filter(|array| array.storage().piece_family() == storage.piece_family()) else {
            return Ok(None);
        };
        let stored = array.spec();
        let size = stored.dtype.size().unwrap_or(1) as u64;
        let bytes = stored.chunks.iter().flatten().fold(size, |bytes, &len| bytes.saturating_mul(len));
        if stored.chunks.is_none() || stored.dtype != spec.dtype || bytes < LEAST_ADOPTED {
            return Ok(None);
        }
        let mut adopted = spec.clone();
        (adopted.chunks, adopted.shards) = (stored.chunks.clone(), stored.shards.clone());
        adopted.codecs.clone_from(&stored.codecs);
        if self.grid == Grid::Rectilinear
            && let Some(grid) = cuts(source.stored(), &stored, spec)
        {
            let longest = grid.iter().map(|&(len, _)| len).max();
            let outer = adopted.shards.as_mut().or(adopted.chunks.as_mut());
            if let Some((own, longest)) = outer.and_then(|outer| outer.first_mut()).zip(longest) {
                *own = longest;
            }
            adopted.grid = grid;
        }
        let made = storage.layout(&adopted, Compression::None)?;
        Ok(Some(made).filter(|made| *made == adopted))
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

/// The lengths along the first axis of the pieces of stored arrays, one array after the other; what no array with pieces like those
/// of `largest` has is cut as that one. `None` if the pieces cannot follow each other, as shards that are not full cannot.
fn cuts(stored: &[StoredRows], largest: &ArraySpec, spec: &ArraySpec) -> Option<Vec<(u64, u64)>> {
    let outer = |spec: &ArraySpec| spec.shards.clone().or_else(|| spec.chunks.clone());
    let first = |spec: &ArraySpec| outer(spec).and_then(|outer| outer.first().copied());
    let usual = first(largest).filter(|&len| len > 0)?;
    let is_like = |own: &ArraySpec| {
        let inner = |spec: &ArraySpec| outer(spec).map(|outer| outer.get(1..).map(<[u64]>::to_vec));
        let chunks = own.shards.is_none() || own.chunks == largest.chunks;
        own.shards.is_some() == largest.shards.is_some()
            && chunks
            && inner(own) == inner(largest)
            && (&own.dtype, &own.codecs) == (&largest.dtype, &largest.codecs)
    };
    let end = spec.shape.first().copied()?;
    let mut cuts = Cuts { runs: Vec::new(), at: 0 };
    for StoredRows { start, array, .. } in stored {
        let own = array.spec();
        cuts.rows(start.checked_sub(cuts.at)?, usual);
        let len = first(&own).filter(|_| is_like(&own)).unwrap_or(usual);
        cuts.rows(own.shape.first().copied()?, len);
    }
    cuts.rows(end.checked_sub(cuts.at)?, usual);
    if let Some(unit) = largest.shards.as_ref().and(largest.chunks.as_ref()).and_then(|chunks| chunks.first()) {
        let (last, before) = cuts.runs.split_last_mut()?;
        // The last shard may end behind the array.
        if last.1 == 1 {
            last.0 = last.0.next_multiple_of(*unit);
        }
        let fit = |&(len, _): &(u64, u64)| len.is_multiple_of(*unit);
        if !before.iter().chain([&*last]).all(fit) {
            return None;
        }
    }
    (!cuts.runs.is_empty()).then_some(cuts.runs)
}

/// Lengths of pieces that follow each other.
struct Cuts {
    runs: Vec<(u64, u64)>,
    at: u64,
}

impl Cuts {
    /// Adds pieces of a length for so many rows; the last one is shorter where they do not fit.
    fn rows(&mut self, rows: u64, len: u64) {
        self.at += rows;
        for (own, count) in [(len, rows / len.max(1)), (rows % len.max(1), 1)] {
            match self.runs.last_mut() {
                _ if own == 0 || count == 0 => {}
                Some((last, times)) if *last == own => *times += count,
                _ => self.runs.push((own, count)),
            }
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
