//! Object stores by URL.

use std::sync::Arc;

use anndata_storage::{Error, Result};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::{ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::{Position, Url};

use crate::ZarrOptions;

/// Sets every setting whose name the builder knows, and builds.
macro_rules! build {
    ($builder:expr, $settings:expr) => {{
        let builder = $settings.into_iter().fold($builder, |builder, (name, value)| match name.parse() {
            Ok(name) => builder.with_config(name, value),
            Err(_) => builder,
        });
        builder.build().map(|objects| Arc::new(objects) as Arc<dyn ObjectStore>)
    }};
}

/// The object store of a URL, and the path within it.
pub(super) fn objects(url: &str, options: &ZarrOptions) -> Result<(Arc<dyn ObjectStore>, String)> {
    let parsed = Url::parse(url).map_err(|error| Error::invalid_input("it is not a URL").with_source(error))?;
    let refuse = |error| Error::invalid_input("cannot be opened").with_source(error);
    let (scheme, path) = ObjectStoreScheme::parse(&parsed).map_err(|error| refuse(error.into()))?;
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settings = environment.chain(options.provider.iter().cloned());
    let settings = settings.map(|(name, value)| (name.to_ascii_lowercase(), value));
    // The store tries again itself, and also where an answer breaks off.
    let retry = RetryConfig { max_retries: 2, ..RetryConfig::default() };
    let objects = match scheme {
        ObjectStoreScheme::AmazonS3 => build!(AmazonS3Builder::new().with_url(url).with_retry(retry), settings),
        ObjectStoreScheme::GoogleCloudStorage => {
            build!(GoogleCloudStorageBuilder::new().with_url(url).with_retry(retry), settings)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            build!(MicrosoftAzureBuilder::new().with_url(url).with_retry(retry), settings)
        }
        ObjectStoreScheme::Http => {
            let client = ClientOptions::new().with_allow_http(parsed.scheme() == "http");
            let builder = HttpBuilder::new().with_url(&parsed[..Position::BeforePath]).with_client_options(client);
            build!(builder.with_retry(retry), settings)
        }
        _ => {
            return Err(Error::unsupported(format!(
                "URLs of the kind '{}://' are not read: s3, gs, az, http and https are",
                parsed.scheme()
            )));
        }
    };
    Ok((objects.map_err(refuse)?, path.as_ref().to_owned()))
}
