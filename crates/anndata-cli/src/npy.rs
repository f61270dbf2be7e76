//! Arrays in numpy's format `.npy`: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{self, Write};

use anndata::storage::AlignedBytes;
use anndata::{DType, Error, Result, Tensor};

const MAGIC: &[u8] = b"\x93NUMPY";

/// What the values begin at a multiple of.
const ALIGNMENT: usize = 64;

/// The dtypes of numbers, and how numpy writes them without their order of bytes.
const NUMBERS: [(DType, &str); 14] = [
    (DType::Bool, "b1"),
    (DType::I8, "i1"),
    (DType::I16, "i2"),
    (DType::I32, "i4"),
    (DType::I64, "i8"),
    (DType::U8, "u1"),
    (DType::U16, "u2"),
    (DType::U32, "u4"),
    (DType::U64, "u8"),
    (DType::F16, "f2"),
    (DType::F32, "f4"),
    (DType::F64, "f8"),
    (DType::Complex64, "c8"),
    (DType::Complex128, "c16"),
];

/// The bytes of an array: numbers, or text.
///
/// # Errors
/// [`Unsupported`](anndata::ErrorKind::Unsupported) for other dtypes.
pub(crate) fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    if tensor.dtype().is_text() && !matches!(tensor.dtype(), DType::FixedUtf32(_)) {
        let texts = tensor.to_strings()?;
        let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
        let cells = texts.iter().flat_map(|text| text.chars().chain(std::iter::repeat('\0')).take(longest));
        let cells = cells.flat_map(|character| u32::from(character).to_ne_bytes()).collect::<Vec<u8>>();
        let cells = AlignedBytes::copy_of(&cells);
        return bytes(&Tensor::new(DType::FixedUtf32(longest), tensor.shape(), cells)?);
    }
    let unsupported = || Error::unsupported(format!("values of type {} have no form in .npy", tensor.dtype()));
    let descr = match tensor.dtype() {
        DType::FixedUtf32(characters) => format!("<U{characters}"),
        dtype => {
            let written = NUMBERS.iter().find(|(number, _)| number == dtype).map(|(_, written)| *written);
            let written = written.ok_or_else(unsupported)?;
            format!("{}{written}", if dtype.size() == Some(1) { '|' } else { '<' })
        }
    };
    let values = tensor.as_bytes().ok_or_else(unsupported)?;
    let shape = tensor.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let shape = if tensor.ndim() == 1 { shape + "," } else { shape };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic, version and the length of the header come before it, and it ends with a line.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    header.push('\n');
    let len = u16::try_from(header.len()).map_err(|_| Error::limit_exceeded("an array of that many dimensions"))?;
    let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + header.len() + values.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    for value in values.chunks(word(tensor.dtype())) {
        // In memory they are in the order of the machine.
        if cfg!(target_endian = "big") { bytes.extend(value.iter().rev()) } else { bytes.extend_from_slice(value) }
    }
    Ok(bytes)
}

/// Write an array.
///
/// # Errors
/// If it cannot be written; see [`bytes`].
pub(crate) fn write(out: &mut impl Write, tensor: &Tensor) -> Result<io::Result<()>> {
    Ok(out.write_all(&bytes(tensor)?))
}

/// The array of a file.
///
/// # Errors
/// [`InvalidData`](anndata::ErrorKind::InvalidData) if it is none, [`Unsupported`](anndata::ErrorKind::Unsupported) for objects
/// and records.
pub(crate) fn read(bytes: &[u8]) -> Result<Tensor> {
    let malformed = || Error::invalid_data("it is not an array in the format .npy");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(malformed)?;
    let (len, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => {
            (usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).map_err(|_| malformed())?, rest)
        }
        _ => return Err(malformed()),
    };
    let (header, values) = rest.split_at_checked(len).ok_or_else(malformed)?;
    let header = std::str::from_utf8(header).map_err(|_| malformed())?;
    let after = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches([':', ' ']));
    let descr = after("'descr'").ok_or_else(malformed)?;
    let descr = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(descr, _)| descr);
    let descr = descr.ok_or_else(|| Error::unsupported("records have no place in a matrix"))?;
    let is_fortran = after("'fortran_order'").ok_or_else(malformed)?.starts_with("True");
    let shape = after("'shape'").and_then(|rest| rest.strip_prefix('(')?.split_once(')')).ok_or_else(malformed)?.0;
    let lengths = shape.split(',').map(str::trim).filter(|len| !len.is_empty());
    let mut shape = lengths.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| malformed())?;
    let (order, written) = descr.split_at_checked(1).ok_or_else(malformed)?;
    let dtype = dtype_of(written).ok_or_else(|| Error::unsupported(format!("values of the type '{descr}'")))?;
    let size = dtype.size().ok_or_else(malformed)?;
    let expected = shape.iter().try_fold(size, |bytes, &len| bytes.checked_mul(len)).ok_or_else(malformed)?;
    if values.len() != expected {
        let message = format!("{expected} bytes of values were expected, found {}", values.len());
        return Err(Error::invalid_data(message));
    }
    let is_foreign = if cfg!(target_endian = "big") { order == "<" } else { order == ">" };
    let swapped: Vec<u8> = if is_foreign {
        values.chunks(word(&dtype)).flat_map(|value| value.iter().rev().copied()).collect()
    } else {
        values.to_vec()
    };
    if !is_fortran || shape.len() < 2 {
        return Tensor::from_bytes(dtype, shape, swapped);
    }
    if shape.len() > 2 {
        return Err(Error::unsupported("an array in the order of Fortran of more than two dimensions"));
    }
    shape.reverse();
    Tensor::from_bytes(dtype, shape, swapped)?.transpose()
}

fn dtype_of(written: &str) -> Option<DType> {
    let width = || written.get(1..)?.parse().ok();
    match written.chars().next()? {
        'U' => Some(DType::FixedUtf32(width()?)),
        'S' => Some(DType::FixedBytes(width()?)),
        _ => NUMBERS.iter().find(|(_, number)| *number == written).map(|(dtype, _)| dtype.clone()),
    }
}

/// How many bytes have an order.
fn word(dtype: &DType) -> usize {
    match dtype {
        DType::Complex64 | DType::FixedUtf32(_) => 4,
        DType::Complex128 => 8,
        DType::FixedBytes(_) => 1,
        dtype => dtype.size().unwrap_or(1).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let numbers = Tensor::from_vec([2, 3], vec![1.0_f64, -2.0, 3.5, 0.0, f64::INFINITY, 1e-300])?;
        for (dtype, _) in NUMBERS.iter().filter(|(dtype, _)| !matches!(dtype, DType::Bool)) {
            let tensor = numbers.cast(&DType::F32)?.cast(dtype).or_else(|_| Tensor::zeros(dtype, [2, 3]))?;
            assert_eq!(read(&bytes(&tensor)?)?, tensor, "{dtype}");
        }
        let flags = Tensor::from_vec([3], vec![true, false, true])?;
        assert_eq!(read(&bytes(&flags)?)?, flags);
        let text = Tensor::from_strings([2], ["a", "Zürich"])?;
        assert_eq!(read(&bytes(&text)?)?.to_strings()?, ["a", "Zürich"]);
        let (scalar, empty) = (Tensor::scalar(1_i32), Tensor::zeros(&DType::F32, [0, 5])?);
        assert_eq!((read(&bytes(&scalar)?)?, read(&bytes(&empty)?)?), (scalar, empty));
        Ok(())
    }

    /// As numpy writes it: `np.save(f, np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6]], '>i2')))`.
    #[test]
    fn other_orders_are_read() -> Result<()> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        let header = format!("{:117}\n", "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }");
        file.extend(u16::try_from(header.len()).unwrap_or(0).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend([1_i16, 4, 2, 5, 3, 6].iter().flat_map(|value| value.to_be_bytes()));
        assert_eq!(read(&file)?, Tensor::from_vec([2, 3], vec![1_i16, 2, 3, 4, 5, 6])?);
        Ok(())
    }

    #[test]
    fn a_header_is_as_numpy_writes_it() -> Result<()> {
        let file = bytes(&Tensor::from_vec([3], vec![1_i64, 2, 3])?)?;
        assert_eq!(file.len(), 128 + 24);
        assert!(file[10..].starts_with(b"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"));
        assert_eq!(file[127], b'\n');
        Ok(())
    }

    #[test]
    fn what_is_no_array_is_an_error() -> Result<()> {
        let whole = bytes(&Tensor::from_vec([3], vec![1_i64, 2, 3])?)?;
        for len in [0, 5, 9, 50, whole.len() - 1] {
            assert!(read(&whole[..len]).is_err_and(|error| error.is_invalid_data()), "{len}");
        }
        let object = String::from_utf8_lossy(&whole[10..127]).replace("<i8", "|O ");
        let file = [&whole[..10], object.as_bytes(), &whole[127..]].concat();
        assert!(read(&file).is_err_and(|error| error.is_unsupported()));
        Ok(())
    }
}
