//! A categorical column as a column chunk whose dictionary has the categories, all and in order. What is encoded value by value
//! has a dictionary of those that occur, in the order of their occurrence.

use std::sync::Arc;

use anndata_core::Column;
use anndata_storage::{DType, Error, OrBug as _, Result};
use arrow_array::Array as _;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::failed;

/// The bytes of the chunk of a categorical column of text, and what the file says of it.
///
/// # Errors
/// If the column is none of text, or is too large.
pub(super) fn chunk(
    descriptor: &ColumnDescPtr,
    column: &Column,
    compression: Compression,
) -> Result<(Bytes, ColumnCloseResult)> {
    let (codes, categories) = column.codes_and_categories()?;
    let codes = codes.cast(&DType::I64)?;
    let codes = codes.as_slice::<i64>()?;
    let categories = categories.to_string_array()?;
    let dictionary = categories.iter().flatten().try_fold(Vec::new(), |mut bytes, text| {
        bytes.extend(u32::try_from(text.len()).map_err(|_| too_large())?.to_le_bytes());
        bytes.extend(text.as_bytes());
        Ok::<_, Error>(bytes)
    })?;
    let levels: Vec<u64> = codes.iter().map(|&code| u64::from(code >= 0)).collect();
    let levels = runs(&levels, 1);
    let present: Vec<u64> = codes.iter().filter_map(|&code| u64::try_from(code).ok()).collect();
    // Some readers refuse numbers of no bits.
    let bits = categories.len().saturating_sub(1).max(1).ilog2() + 1;
    let mut data = u32::try_from(levels.len()).map_err(|_| too_large())?.to_le_bytes().to_vec();
    data.extend(levels);
    data.push(u8::try_from(bits).or_bug("more bits than a number has")?);
    data.extend(runs(&present, bits));

    let mut sink = TrackedWrite::new(Vec::new());
    let mut writer = SerializedPageWriter::new(&mut sink);
    let mut write = |page: fn(Bytes, u32) -> Page, bytes: &[u8], values: usize| {
        let values = u32::try_from(values).map_err(|_| too_large())?;
        // Sizes of pages are numbers of 31 bits.
        i32::try_from(bytes.len()).map_err(|_| too_large())?;
        let page = CompressedPage::new(page(compressed(bytes, compression)?, values), bytes.len());
        writer.write_page(page).map_err(failed("writing a page"))
    };
    let first = write(
        |buf, num_values| Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false },
        &dictionary,
        categories.len(),
    )?;
    let second = write(
        |buf, num_values| Page::DataPage {
            buf,
            num_values,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        },
        &data,
        codes.len(),
    )?;
    writer.close().map_err(failed("writing a page"))?;
    let bytes = sink.into_inner().map_err(failed("writing a page"))?;

    let number = |number: usize| i64::try_from(number).map_err(|_| too_large());
    let metadata = ColumnChunkMetaData::builder(Arc::clone(descriptor))
        .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
        .set_compression(compression)
        .set_num_values(number(codes.len())?)
        .set_total_compressed_size(number(first.compressed_size + second.compressed_size)?)
        .set_total_uncompressed_size(number(first.uncompressed_size + second.uncompressed_size)?)
        .set_dictionary_page_offset(Some(0))
        .set_data_page_offset(number(first.compressed_size)?)
        .build()
        .map_err(failed("describing a column"))?;
    let close = ColumnCloseResult {
        bytes_written: bytes.len() as u64,
        rows_written: codes.len() as u64,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    Ok((bytes.into(), close))
}

fn too_large() -> Error {
    Error::unsupported("a page of Parquet takes up to 2 GiB: write smaller row groups")
}

/// Numbers of so many bits, as one run: repeated if all are the same, else packed.
fn runs(numbers: &[u64], bits: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(&first) = numbers.first() else { return bytes };
    if numbers.iter().all(|&number| number == first) {
        varint(&mut bytes, (numbers.len() as u64) << 1);
        bytes.extend(first.to_le_bytes().into_iter().take(bits.div_ceil(8) as usize));
        return bytes;
    }
    // Groups of eight, the last filled up with zeros.
    let groups = numbers.len().div_ceil(8) as u64;
    varint(&mut bytes, groups << 1 | 1);
    let (mut waiting, mut len) = (0_u128, 0_u32);
    for number in numbers.iter().copied().chain(std::iter::repeat_n(0, (8 - numbers.len() % 8) % 8)) {
        waiting |= u128::from(number) << len;
        len += bits;
        while len >= 8 {
            let [byte, ..] = waiting.to_le_bytes();
            bytes.push(byte);
            waiting >>= 8;
            len -= 8;
        }
    }
    bytes
}

/// A number in groups of seven bits, the lowest first.
fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        bytes.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    bytes.push(low);
}

/// The bytes of a page, compressed as the file says.
fn compressed(bytes: &[u8], compression: Compression) -> Result<Bytes> {
    Ok(match compression {
        Compression::UNCOMPRESSED => Bytes::copy_from_slice(bytes),
        Compression::SNAPPY => snap::raw::Encoder::new()
            .compress_vec(bytes)
            .map_err(|error| Error::unsupported("the page cannot be compressed").with_source(error))?
            .into(),
        Compression::ZSTD(level) => zstd::bulk::compress(bytes, level.compression_level())?.into(),
        Compression::GZIP(level) => {
            let level = flate2::Compression::new(level.compression_level());
            let mut read = flate2::read::GzEncoder::new(bytes, level);
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut read, &mut bytes)?;
            bytes.into()
        }
        other => return Err(Error::unsupported(format!("pages are not written with {other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_repeated_or_packed() {
        assert!(runs(&[], 3).is_empty());
        assert_eq!(runs(&[5; 70], 3), [140, 1, 5]);
        assert_eq!(runs(&[300; 2], 9), [4, 44, 1]);
        // The example of the specification: 0 to 7 in three bits each.
        assert_eq!(runs(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        assert_eq!(runs(&[1, 0, 1], 1), [3, 0b101]);
    }
}
