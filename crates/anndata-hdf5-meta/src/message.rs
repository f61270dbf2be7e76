//! Object header messages, each in the module of its name.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2 "Data Object Header Messages". What is here takes bytes apart and reads
//! nothing else of the file.

pub(crate) mod attribute;
pub(crate) mod attribute_info;
pub(crate) mod data_layout;
pub(crate) mod dataspace;
pub(crate) mod datatype;
pub(crate) mod fill_value;
pub(crate) mod filter_pipeline;
pub(crate) mod link;
pub(crate) mod link_info;
pub(crate) mod shared;
pub(crate) mod symbol_table;

#[cfg(test)]
pub(crate) mod test {
    //! What tests of messages share.

    use crate::cursor::{Cursor, Widths};
    use crate::error::Section;

    /// The bytes of a message in a file with addresses and lengths of 8 bytes.
    pub(crate) fn fields(bytes: &[u8]) -> Cursor<'_> {
        Cursor::new(bytes, 0, Widths { address: 8, length: 8 }, Section::new("message", "IV.A.2"))
    }
}
