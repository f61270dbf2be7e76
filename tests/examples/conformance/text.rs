//! Files of text, read by the reader that a case names.

use anndata::text::{Delimiter, MtxOptions, TextOptions, read_hdf, read_mtx_with, read_text_with, read_umi_tools};
use anndata::{DType, Result};

use crate::case::Case;

/// Reads a file of text and writes the object.
pub(crate) fn text(case: &Case) -> Result<()> {
    let path = case.path(0)?;
    let dtype = || if case.flag("double") { DType::F64 } else { DType::F32 };
    let adata = match case.required("reader")?.as_str() {
        "mtx" => read_mtx_with(path, &MtxOptions::default().with_dtype(dtype()))?,
        "table" => {
            let mut options = TextOptions::csv().with_first_column_names(case.flag("names")).with_dtype(dtype());
            options = options.with_delimiter(match case.required("delimiter")?.as_str() {
                "tab" => Delimiter::Char(b'\t'),
                "comma" => Delimiter::Char(b','),
                _ => Delimiter::Whitespace,
            });
            read_text_with(path, &options)?
        }
        "umi_tools" => read_umi_tools(path)?,
        "hdf" => read_hdf(path, &case.required("key")?)?,
        other => return Err(case.malformed(other)),
    };
    case.write(&adata)
}
