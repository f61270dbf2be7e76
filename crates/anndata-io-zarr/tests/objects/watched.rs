//! An object store in memory that notes what is asked of it, and fails when it is told to.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) objects: InMemory,
    pub(crate) notes: Arc<Notes>,
    /// Whether objects cannot be listed, as on many HTTP servers.
    pub(crate) no_list: bool,
    /// Whether objects cannot be sent in parts.
    pub(crate) no_parts: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Requests that write, in the order in which they ended.
    written: Mutex<Vec<String>>,
    pub(crate) parts: AtomicUsize,
    pub(crate) gets: AtomicUsize,
    /// How many of these ask for what is known of an object, and not for its content.
    pub(crate) heads: AtomicUsize,
    /// How many requests that write succeed, if not all do.
    most: Mutex<Option<usize>>,
    /// Whether one failed already.
    pub(crate) failed: AtomicBool,
}

impl Notes {
    pub(crate) fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    /// Where some requests are to fail, these do at once, and others that are under way end later.
    async fn allow(&self) -> Result<()> {
        if !self.take_one()? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(())
    }

    /// Whether only some requests succeed, of which this is one.
    fn take_one(&self) -> Result<bool> {
        let mut most = self.most.lock().unwrap();
        match &mut *most {
            Some(0) => {
                self.failed.store(true, Ordering::Relaxed);
                Err(Error::Generic { store: "watched", source: "the disk is full".into() })
            }
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

impl Watched {
    pub(crate) fn notes(&self) -> Arc<Notes> {
        Arc::clone(&self.notes)
    }

    pub(crate) fn failing_after(self, requests: usize) -> Self {
        *self.notes.most.lock().unwrap() = Some(requests);
        self
    }

    pub(crate) fn mend(&self) {
        *self.notes.most.lock().unwrap() = None;
    }

    /// The names of all objects, whether they can be listed or not.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = futures_executor::block_on(self.objects.list(None).collect::<Vec<_>>());
        let mut names: Vec<String> = all.into_iter().map(|object| object.unwrap().location.to_string()).collect();
        names.sort();
        names
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("watched")
    }
}

fn not_supported() -> Error {
    Error::NotSupported { source: "not here".into() }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.notes.allow().await?;
        let put = self.objects.put_opts(location, payload, options).await?;
        self.notes.written.lock().unwrap().push(location.to_string());
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if self.no_parts {
            return Err(not_supported());
        }
        let upload = self.objects.put_multipart_opts(location, options).await?;
        Ok(Box::new(Upload { inner: upload, name: location.to_string(), notes: self.notes() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.notes.gets.fetch_add(1, Ordering::Relaxed);
        self.notes.heads.fetch_add(usize::from(options.head), Ordering::Relaxed);
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.no_list { stream::iter([Err(not_supported())]).boxed() } else { self.objects.list(prefix) }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        if self.no_list { Err(not_supported()) } else { self.objects.list_with_delimiter(prefix).await }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    name: String,
    notes: Arc<Notes>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, notes) = (self.inner.put_part(data), Arc::clone(&self.notes));
        Box::pin(async move {
            notes.allow().await?;
            notes.parts.fetch_add(1, Ordering::Relaxed);
            part.await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.notes.allow().await?;
        let put = self.inner.complete().await?;
        self.notes.written.lock().unwrap().push(self.name.clone());
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
