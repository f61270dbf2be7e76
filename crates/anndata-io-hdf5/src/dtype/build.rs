//! From the bytes of elements to tensors.

use std::collections::HashMap;

use anndata_storage::{AlignedBytes, DType, Error, OrBug, Result, Tensor};
use arrow_array::LargeBinaryArray;
use arrow_array::builder::LargeBinaryBuilder;
use arrow_buffer::Buffer;

use super::source::Source;
use super::{Node, Part, Target};

/// What a reference of a kind is to, as text.
pub(crate) type Follow<'a> = &'a dyn Fn(Target, &[u8]) -> Result<Vec<u8>>;

/// A tensor from the bytes of its elements. Plain values have been fixed already where they are the whole element.
///
/// `follow` says what references are to.
///
/// # Safety
/// The bytes are elements of this node that come from this source.
pub(crate) unsafe fn tensor(
    dtype: &DType,
    node: &Node,
    shape: &[usize],
    bytes: Buffer,
    source: &dyn Source,
    follow: Follow<'_>,
) -> Result<Tensor> {
    match (node, dtype) {
        (Node::Plain { .. }, _) => Tensor::new(dtype.clone(), shape, bytes),
        // SAFETY: the bytes come from this source, and are cells of texts.
        (Node::Text, _) => Tensor::from_string_array(shape, unsafe { source.texts(&bytes) }?),
        (Node::List { item }, _) => Tensor::from_lists(dtype.clone(), shape, source.lists(&bytes, *item)?),
        (Node::Target(kind), _) => Tensor::from_lists(dtype.clone(), shape, targets(&bytes, *kind, follow)?),
        (Node::Record { size, fields }, DType::Compound(names)) => {
            let record = source.pick(*size);
            let columns = names
                .iter()
                .zip(fields)
                .map(|(field, part)| {
                    let mut cells = column(&bytes, record, part, source)?;
                    if let Node::Plain { size, fix } = part.node {
                        fix.apply(cells.as_mut_slice(), size);
                    }
                    let shape = [shape, &field.shape].concat();
                    // SAFETY: the cells are those of the field in bytes that come from this source.
                    let values = unsafe { tensor(&field.dtype, &part.node, &shape, cells.into(), source, follow) }?;
                    Ok((field.name.clone(), values))
                })
                .collect::<Result<Vec<_>>>()?;
            Tensor::from_fields(shape, columns)
        }
        _ => Err(Error::unsupported(format!("values of type {dtype} cannot be read"))),
    }
}

/// What references are to, each looked up once: the library searches the whole file for a path.
fn targets(cells: &[u8], kind: Target, follow: Follow<'_>) -> Result<LargeBinaryArray> {
    let mut known: HashMap<&[u8], Vec<u8>> = HashMap::new();
    let mut targets = LargeBinaryBuilder::new();
    for cell in cells.chunks_exact(kind.size()) {
        if let Some(target) = known.get(cell) {
            targets.append_value(target);
            continue;
        }
        let target = follow(kind, cell)?;
        targets.append_value(&target);
        known.insert(cell, target);
    }
    Ok(targets.finish())
}

/// The bytes of one field of all records.
fn column(bytes: &[u8], record: usize, part: &Part, source: &dyn Source) -> Result<AlignedBytes> {
    let (start, width) = (source.pick(part.offset), part.count * source.pick(part.node.size()));
    // Fallback: records without bytes have no cells.
    let rows = bytes.len().checked_div(record).unwrap_or(0);
    let len = rows.checked_mul(width).ok_or_else(|| Error::limit_exceeded("a field does not fit into memory"))?;
    let mut cells = AlignedBytes::try_zeroed(len)?;
    if width > 0 {
        for (cell, record) in cells.as_mut_slice().chunks_exact_mut(width).zip(bytes.chunks_exact(record)) {
            cell.copy_from_slice(record.get(start..start + width).or_bug("a field beyond its record")?);
        }
    }
    Ok(cells)
}
