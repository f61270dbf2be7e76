//! What references are to, as text: the path of an object, for a region followed by a NUL and the region. A reference to
//! nothing is empty; one that leads to no object with a path is a NUL and the reason.

use anndata_storage::{Error, Result, ensure};

use super::attributes::utf8_name;
use super::error::because;
use super::file::OpenFile;
use super::region;
use crate::dtype::Target;

impl OpenFile {
    /// What a reference is to, as text.
    pub(super) fn follow(&self, kind: Target, reference: &[u8]) -> Result<Vec<u8>> {
        ensure!(reference.len() == kind.size(), "a reference of {} bytes, not {}", reference.len(), kind.size());
        if reference.iter().all(|&byte| byte == 0) {
            return Ok(Vec::new());
        }
        let text = self.target(kind, reference);
        Ok(text.unwrap_or_else(|error| format!("\0{error}")).into_bytes())
    }

    fn target(&self, kind: Target, reference: &[u8]) -> Result<String> {
        let (address, index) = reference.split_first_chunk().ok_or_else(nowhere)?;
        let address = u64::from_le_bytes(*address);
        match kind {
            Target::Object => self.path(address),
            Target::Region => {
                let index = u32::from_le_bytes(*index.first_chunk().ok_or_else(nowhere)?);
                let heap = self.heap().ok_or_else(nowhere)?;
                let stored = heap.object(address, index)?;
                let (array, region) = stored.split_first_chunk().ok_or_else(nowhere)?;
                let array = u64::from_le_bytes(*array);
                let object = self.meta.object(array).map_err(because("a reference leads nowhere"))?;
                let space = object.dataspace().map_err(because("a reference leads to no array"))?;
                Ok(format!("{}\0{}", self.path(array)?, region::text(region, space.shape())?))
            }
        }
    }

    fn path(&self, address: u64) -> Result<String> {
        let path = self.path_of(address)?;
        utf8_name(path.ok_or_else(|| Error::invalid_data("a reference leads to an object without a path"))?.to_vec())
    }

    /// The path of the element that an object reference is to, without a slash at its ends; `None` if it is to nothing.
    pub(super) fn referenced_path(&self, address: u64) -> Result<Option<String>> {
        if address == 0 {
            return Ok(None);
        }
        let path = self.path_of(address)?.ok_or_else(nowhere)?;
        utf8_name(path.to_vec()).map(|path| Some(path.trim_matches('/').to_owned()))
    }
}

fn nowhere() -> Error {
    Error::invalid_data("a reference leads nowhere")
}
