//! `chunked::{read, write}` against a model in `ndarray`, through chunks with a codec, a fill value and skip masks.

#![expect(clippy::unwrap_used, reason = "a test stops where its own helpers fail")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use anndata_storage::{
    AlignedBytes, ArraySpec, ArrayStorage, AxisSelection, ChunkInfo, ChunkedStorage, DType, Error, Group, MemoryReuse,
    MemoryStore, Result, Tensor, chunked,
};
use ndarray::{ArrayD, IxDyn, Slice};
use proptest::prelude::*;

const FILL: i16 = -3;
/// The mask of chunks that are stored as they are.
const PLAIN: u64 = 4;

/// The mask of skipped codecs, and the bytes.
type Stored = (u64, Vec<u8>);

/// Chunks in memory, run-length encoded: pairs of a count and a byte.
#[derive(Default)]
struct Runs {
    chunks: Mutex<HashMap<Vec<u64>, Stored>>,
    reads: Mutex<BTreeMap<Vec<u64>, usize>>,
    fill: Vec<u8>,
}

impl Runs {
    fn new(fill: i16) -> Self {
        let fill = if fill == 0 { Vec::new() } else { fill.to_ne_bytes().to_vec() };
        Self { fill, ..Self::default() }
    }

    /// Replaces every second chunk by its plain bytes, as HDF5 does where a filter did not help.
    fn make_some_plain(&self, chunk_len: usize) {
        for (i, (mask, raw)) in self.chunks.lock().unwrap().values_mut().enumerate() {
            if i % 2 == 0 && *mask == 0 {
                let mut plain = vec![0; chunk_len];
                self.decode(raw, ChunkInfo::default(), &mut plain, &mut Vec::new()).unwrap();
                (*mask, *raw) = (PLAIN, plain);
            }
        }
    }
}

impl ChunkedStorage for Runs {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        *self.reads.lock().unwrap().entry(chunk.to_vec()).or_default() += 1;
        Ok(self.chunks.lock().unwrap().get(chunk).map(|(mask, bytes)| {
            bytes.clone_into(raw);
            ChunkInfo::new(*mask)
        }))
    }

    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        scratch.clear();
        match info.get() {
            PLAIN => scratch.extend_from_slice(raw),
            _ => raw.chunks_exact(2).for_each(|pair| scratch.extend(std::iter::repeat_n(pair[1], pair[0].into()))),
        }
        if scratch.len() != chunk.len() {
            return Err(Error::invalid_data("not one chunk"));
        }
        chunk.copy_from_slice(scratch);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, _scratch: &mut Vec<u8>) -> Result<()> {
        raw.clear();
        for run in chunk.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255)) {
            raw.extend([u8::try_from(run.len()).unwrap(), run[0]]);
        }
        Ok(())
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        self.chunks.lock().unwrap().insert(chunk.to_vec(), (0, raw.to_vec()));
        Ok(())
    }

    fn fill_value(&self) -> &[u8] {
        &self.fill
    }
}

fn range(len: u64) -> impl Strategy<Value = Range<u64>> {
    (0..=len).prop_flat_map(move |start| (Just(start), start..=len)).prop_map(|(start, end)| start..end)
}

fn axis(len: u64) -> impl Strategy<Value = AxisSelection> {
    let list = proptest::collection::btree_set(0..len.max(1), 0..=usize::try_from(len).unwrap());
    prop_oneof![
        range(len).prop_map(AxisSelection::Range),
        list.prop_map(move |list| AxisSelection::from(list.into_iter().filter(|&i| i < len).collect::<Vec<_>>())),
    ]
}

/// Shape, chunk shape, blocks to write, selections to read.
type Plan = (Vec<u64>, Vec<u64>, Vec<Vec<Range<u64>>>, Vec<Vec<AxisSelection>>);

fn plan() -> impl Strategy<Value = Plan> {
    proptest::collection::vec((0_u64..10, 1_u64..7), 1..=3).prop_flat_map(|axes| {
        let (shape, chunks): (Vec<u64>, Vec<u64>) = axes.into_iter().unzip();
        let block = shape.iter().map(|&len| range(len)).collect::<Vec<_>>();
        let selection = shape.iter().map(|&len| axis(len)).collect::<Vec<_>>();
        (Just(shape), Just(chunks), proptest::collection::vec(block, 0..6), proptest::collection::vec(selection, 1..6))
    })
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap()
}

fn positions(axis: &AxisSelection) -> Vec<usize> {
    axis.runs().into_iter().flat_map(|(start, len)| start..start + len).map(to_usize).collect()
}

/// A block: where it goes, and its values.
type Block = (Vec<u64>, Tensor);

/// A model of the array, and the blocks that were written to it.
fn model(shape: &[u64], fill: i16, blocks: &[Vec<Range<u64>>]) -> (ArrayD<i16>, Vec<Block>) {
    let mut model = ArrayD::from_elem(IxDyn(&shape.iter().map(|&len| to_usize(len)).collect::<Vec<_>>()), fill);
    let mut written = Vec::new();
    for (number, block) in (1_i16..).zip(blocks) {
        let mut target = model.slice_each_axis_mut(|axis| {
            let range = &block[axis.axis.index()];
            Slice::from(to_usize(range.start)..to_usize(range.end))
        });
        let mut value = 100 * number;
        target.map_inplace(|element| {
            // Runs of equal values, so that there is something to encode.
            *element = value / 3;
            value += 1;
        });
        written.push((block.iter().map(|range| range.start).collect(), Tensor::from_array(target.to_owned())));
    }
    (model, written)
}

fn selected(model: &ArrayD<i16>, selection: &[AxisSelection]) -> ArrayD<i16> {
    let mut expected = model.clone();
    for (i, axis) in selection.iter().enumerate() {
        expected = expected.select(ndarray::Axis(i), &positions(axis));
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn blocks_and_selections_agree_with_the_model((shape, chunks, blocks, selections) in plan(), filled: bool) {
        let fill = if filled { FILL } else { 0 };
        let storage = Runs::new(fill);
        let spec = ArraySpec::new(DType::I16, shape.clone()).with_chunks(chunks.clone());
        let (model, written) = model(&shape, fill, &blocks);
        for (offset, block) in &written {
            chunked::write(&storage, &spec, offset, block)?;
            storage.make_some_plain(2 * to_usize(chunks.iter().product()));
        }
        for selection in &selections {
            storage.reads.lock().unwrap().clear();
            let read = chunked::read(&storage, &spec, selection)?;
            prop_assert_eq!(read.to_array::<i16>()?, selected(&model, selection), "{:?}", selection);

            let touched = selection.iter().zip(&chunks).map(|(axis, &chunk)| {
                positions(axis).into_iter().map(|at| at as u64 / chunk).collect::<BTreeSet<_>>()
            });
            let grid = touched.fold(vec![vec![]], |grid: Vec<Vec<u64>>, along| {
                grid.iter().flat_map(|at| along.iter().map(move |&i| [&at[..], &[i]].concat())).collect()
            });
            let expected: BTreeMap<_, _> = grid.into_iter().map(|at| (at, 1)).collect();
            prop_assert_eq!(&*storage.reads.lock().unwrap(), &expected, "each touched chunk is read once, no other");
        }
    }

    #[test]
    fn the_memory_store_agrees_with_the_model((shape, chunks, blocks, selections) in plan(), whole: bool) {
        let root = Group::root(std::sync::Arc::new(MemoryStore::new()));
        let mut spec = ArraySpec::new(DType::I16, shape.clone());
        if !whole {
            spec = spec.with_chunks(chunks);
        }
        let array = root.create_array("array", &spec)?;
        let (model, written) = model(&shape, 0, &blocks);
        for (offset, block) in &written {
            array.write(offset, block)?;
        }
        for selection in &selections {
            prop_assert_eq!(array.read_selection(selection)?.to_array::<i16>()?, selected(&model, selection));
        }
        prop_assert_eq!(array.inner().as_chunked().is_some(), !whole);
    }
}

#[test]
fn unsorted_and_repeated_lists_are_still_right() -> Result<()> {
    let storage = Runs::new(0);
    let spec = ArraySpec::new(DType::I16, [10]).with_chunks([4]);
    chunked::write(&storage, &spec, &[0], &Tensor::from_vec([10], (0..10_i16).collect())?)?;
    let read = chunked::read(&storage, &spec, &[AxisSelection::from(vec![9, 0, 8, 8, 1, 5])])?;
    assert_eq!(read.as_slice::<i16>()?, [9, 0, 8, 8, 1, 5]);
    Ok(())
}

#[test]
fn many_batches_are_written_in_order() -> Result<()> {
    // 80 MiB in chunks of 1 MiB: more than two batches; the last chunk is a short one.
    let len = 40 * 1024 * 1024 + 17;
    let values = Tensor::from_vec([len], (0..len).map(|i| i16::try_from(i / 4096 % 1000).unwrap()).collect())?;
    let storage = Runs::new(0);
    let spec = ArraySpec::new(DType::I16, [len as u64]).with_chunks([512 * 1024]);
    chunked::write(&storage, &spec, &[0], &values)?;
    assert_eq!(storage.chunks.lock().unwrap().len(), 81);
    assert!(storage.reads.lock().unwrap().is_empty(), "what is covered is not read before it is written");
    assert!(chunked::read(&storage, &spec, &[AxisSelection::Range(0..len as u64)])? == values);
    Ok(())
}

#[test]
fn errors_name_the_chunk() -> Result<()> {
    let storage = Runs::new(0);
    let spec = ArraySpec::new(DType::I16, [4, 4]).with_chunks([2, 2]);
    storage.write_raw(&[1, 0], &[1, 2, 3])?;
    let error = chunked::read(&storage, &spec, &AxisSelection::all(&spec.shape)).unwrap_err();
    assert!(error.is_invalid_data() && error.to_string().contains("chunk [1, 0]"), "{error}");
    let block = Tensor::from_vec([1, 1], vec![1_i16])?;
    let error = chunked::write(&storage, &spec, &[2, 0], &block).unwrap_err();
    assert!(error.to_string().contains("chunk [1, 0]"), "{error}");
    Ok(())
}

#[test]
fn a_fill_value_of_another_size_fills_nothing() -> Result<()> {
    let storage = Runs { fill: vec![1, 2, 3], ..Runs::default() };
    let spec = ArraySpec::new(DType::I16, [2]).with_chunks([2]);
    let error = chunked::write(&storage, &spec, &[0], &Tensor::from_vec([1], vec![1_i16])?).unwrap_err();
    assert!(error.is_bug() && error.message().starts_with("a fill value of 3 bytes does not fill a chunk"), "{error}");
    Ok(())
}

#[test]
fn hostile_declarations_are_errors() {
    let storage = Runs::new(0);
    let read = |spec: &ArraySpec| chunked::read(&storage, spec, &AxisSelection::all(&spec.shape));
    let i16s = |shape: &[u64], chunks: &[u64]| ArraySpec::new(DType::I16, shape).with_chunks(chunks);
    let max = u64::MAX;
    assert!(read(&i16s(&[4], &[0])).is_err_and(|error| error.is_invalid_data()));
    assert!(read(&i16s(&[4], &[2, 2])).is_err_and(|error| error.is_invalid_data()));
    assert!(read(&i16s(&[max], &[2])).is_err_and(|error| error.is_limit_exceeded()));
    assert!(read(&i16s(&[max, max, 0], &[1, 1, 1])).is_err_and(|error| error.is_limit_exceeded()));
    assert!(read(&i16s(&[4, 4], &[max, max])).is_err_and(|error| error.is_limit_exceeded()));
    assert!(read(&i16s(&[1 << 61], &[1])).is_err_and(|error| error.is_limit_exceeded()));
    assert!(read(&ArraySpec::new(DType::String, [1]).with_chunks([1])).is_err_and(|error| error.is_dtype()));
    assert!(chunked::read(&storage, &i16s(&[4], &[2]), &[]).is_err_and(|error| error.is_invalid_input()));
    let two = [AxisSelection::Range(0..4), AxisSelection::Range(0..1)];
    assert!(chunked::read(&storage, &i16s(&[4], &[2]), &two).is_err_and(|error| error.is_invalid_input()));

    let block = Tensor::from_vec([2], vec![1_i16, 2]).unwrap();
    for offset in [&[3][..], &[max], &[0, 0], &[]] {
        let error = chunked::write(&storage, &i16s(&[4], &[2]), offset, &block).unwrap_err();
        assert!(error.is_invalid_input(), "{offset:?}: {error}");
    }
    let bytes = Tensor::from_vec([2], vec![1_u8, 2]).unwrap();
    let error = chunked::write(&storage, &i16s(&[4], &[2]), &[0], &bytes).unwrap_err();
    assert!(
        error.is_invalid_input() && error.message().contains("does not fit into an array of int16, [4]"),
        "{error}"
    );
}

/// A chunk is decoded whole, so a huge one is held against the limits, however little of it is wanted.
#[test]
fn a_huge_chunk_is_refused() -> Result<()> {
    let root = Group::root(std::sync::Arc::new(MemoryStore::new()));
    let array = root.create_array("array", &ArraySpec::new(DType::I16, [10]).with_chunks([1 << 50]))?;
    assert!(array.read().is_err_and(|error| error.is_limit_exceeded() && error.path() == Some("array")));
    let written: &dyn ArrayStorage = &**array.inner();
    assert_eq!(written.stored_bytes()?, Some(0));
    Ok(())
}

#[test]
fn chunks_that_were_never_written_are_zero_in_memory_that_was_used_before() -> Result<()> {
    const LEN: usize = 3 << 20;
    let root = Group::root(Arc::new(MemoryStore::new()));
    let array = root.create_array("few", &ArraySpec::new(DType::I32, [LEN as u64]).with_chunks([1 << 18]))?;
    let ones = Tensor::from_vec([1 << 18], vec![1_i32; 1 << 18])?;
    array.write(&[1 << 18], &ones)?;
    let mut expected = vec![0; LEN];
    expected[1 << 18..1 << 19].fill(1);
    let expected = Tensor::from_vec([LEN], expected)?;

    let _reuse = MemoryReuse::up_to(64 << 20);
    for _ in 0..3 {
        let mut used = AlignedBytes::try_to_fill(LEN * 4)?;
        used.as_mut_slice().fill(0xff);
        drop(used);
        assert!(array.read()? == expected);
        assert!(array.read_runs(&[0..1000, 1000..LEN as u64])? == expected);
        let all: Vec<u64> = (0..LEN as u64).collect();
        assert!(array.read_selection(&[all.into()])? == expected);
    }
    Ok(())
}
