//! Codecs that this build does not use, and why.

use anndata_storage::{Codec, Error};
use zarrs_metadata::v3::MetadataV3;

use super::id;
use crate::codec::FEATURE;

/// Codecs that a build with the feature `zarrs` has beside the others.
const WITH_FEATURE: [&str; 7] = ["bz2", "lzma", "pcodec", "bitround", "packbits", "reshape", "squeeze"];

/// A codec that this build does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lacking {
    /// Its name.
    name: String,
    /// Its configuration as JSON; empty if it has none.
    configuration: String,
    /// Why, as a sentence.
    why: String,
}

impl Lacking {
    pub(super) fn new(name: &str, why: impl Into<String>) -> Self {
        Self { name: name.to_owned(), configuration: String::new(), why: why.into() }
    }

    pub(super) fn unknown(name: &str) -> Self {
        let why = if !cfg!(feature = "zarrs") && WITH_FEATURE.contains(&id(name)) {
            format!("codec '{name}' is not part of this build: it comes with the feature `{FEATURE}`")
        } else if cfg!(feature = "zarrs") {
            format!("codec '{name}' is not known, nor is it in the registry of `zarrs`")
        } else {
            format!("codec '{name}' is not known; the feature `{FEATURE}` brings those of the registry of `zarrs`")
        };
        Self::new(name, why)
    }

    pub(super) fn refused(name: &str) -> Self {
        let why = "its decoder trusts what a chunk says of its length, and a chunk can make it end the program: write the array \
                   anew with another codec, such as zstd";
        Self::new(name, format!("codec '{name}' is refused: {why}"))
    }

    /// With the configuration that it has among the codecs of an array.
    pub(super) fn configured_in(mut self, codecs: &[MetadataV3]) -> Self {
        let own = codecs.iter().find(|codec| codec.name() == self.name);
        if let Some(configuration) = own.and_then(MetadataV3::configuration).filter(|own| !own.is_empty()) {
            self.configuration = serde_json::to_string(configuration).unwrap_or_default();
        }
        self
    }

    /// The codec as the declaration of an array lists it.
    pub(crate) fn spec(&self) -> Codec {
        Codec::Other { name: self.name.clone(), configuration: self.configuration.clone() }
    }

    /// The error of every use.
    pub(crate) fn error(&self) -> Error {
        Error::unsupported(self.why.clone())
    }
}
