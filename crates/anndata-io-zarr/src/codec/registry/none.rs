//! Without the feature `zarrs` the registry is empty: the types have no values.

use std::convert::Infallible;

use anndata_storage::Result;
use zarrs_metadata::v3::MetadataV3;

use crate::codec::{TypeNames, Values};

/// What the registry has under a name.
#[expect(dead_code, reason = "what is never made is matched all the same")]
pub(crate) enum Registered {
    Step(Step, Values),
    Serializer(Serializer),
}

#[derive(Debug, Clone)]
pub(crate) struct Step(Infallible);

#[derive(Debug, Clone)]
pub(crate) struct Serializer(Infallible);

/// Nothing.
#[expect(clippy::unnecessary_wraps, reason = "the registry itself finds something, or says why not")]
pub(crate) fn find(_codec: &MetadataV3, _values: &Values, _types: &TypeNames) -> Result<Option<Registered>, String> {
    Ok(None)
}

impl Step {
    pub(in crate::codec) fn name(&self) -> &str {
        match self.0 {}
    }

    pub(in crate::codec) fn decode(&self, _stored: &[u8], _values: &mut [u8]) -> Result<()> {
        match self.0 {}
    }

    pub(in crate::codec) fn encode(&self, _values: &[u8], _stored: &mut [u8]) -> Result<()> {
        match self.0 {}
    }
}

impl Serializer {
    pub(in crate::codec) fn name(&self) -> &str {
        match self.0 {}
    }

    pub(in crate::codec) fn decode(&self, _bytes: &[u8], _values: &mut [u8]) -> Result<()> {
        match self.0 {}
    }

    pub(in crate::codec) fn encode(&self, _values: &[u8], _bytes: &mut Vec<u8>) -> Result<()> {
        match self.0 {}
    }
}
