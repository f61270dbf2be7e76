//! `.h5ad` files behind URLs: how much is asked for, and what servers without parts of files get.

#![cfg(all(feature = "cloud", feature = "hdf5"))]
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stderr,
    reason = "a test may fail anywhere, and says what it skips; numbers are made up"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anndata::{
    AnnData, Column, DataFrame, Element, Limits, ReadOptions, Result, SparseMatrix, Tensor, ValidateOptions, acc,
    prelude::Access as _,
};

/// A server of one file over HTTP, and what it was asked for.
struct Server {
    port: u16,
    served: Arc<Mutex<Served>>,
    asked: Arc<Asked>,
}

/// The file, and what is said of its version.
#[derive(Clone)]
struct Served {
    bytes: Arc<[u8]>,
    version: String,
}

impl Served {
    fn of(path: &Path, version: &str) -> Self {
        Self { bytes: std::fs::read(path).unwrap().into(), version: version.to_owned() }
    }
}

const MODIFIED: &str = "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT";

#[derive(Default)]
struct Asked {
    requests: Mutex<Vec<String>>,
    bytes: AtomicU64,
}

impl Server {
    /// With parts of the file, or only the whole of it.
    fn of(path: &Path, parts: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Asked::default()));
        let served = Arc::new(Mutex::new(Served::of(path, MODIFIED)));
        let (file, own) = (Arc::clone(&served), Arc::clone(&asked));
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(std::io::Result::ok) {
                let (file, asked) = (Arc::clone(&file), Arc::clone(&own));
                std::thread::spawn(move || serve(connection, &file, parts, &asked));
            }
        });
        Self { port, served, asked }
    }

    fn serve(&self, served: Served) {
        *self.served.lock().unwrap() = served;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/data/cells.h5ad", self.port)
    }

    /// The requests and bytes since the last call.
    fn stats(&self) -> (Vec<String>, u64) {
        let mut requests = self.asked.requests.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut *requests), self.asked.bytes.swap(0, Ordering::Relaxed))
    }
}

/// Answers the requests of a connection until it ends.
fn serve(connection: TcpStream, served: &Mutex<Served>, parts: bool, asked: &Asked) {
    let mut reader = BufReader::new(connection);
    loop {
        let (mut first, mut range) = (String::new(), None);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                break;
            }
            if let Some(wanted) = line.to_lowercase().strip_prefix("range: bytes=") {
                let (start, end) = wanted.trim().split_once('-').unwrap();
                range = Some((start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap() + 1));
            }
        }
        asked.requests.lock().unwrap().push(format!("{} {range:?}", first.trim_end()));
        let Served { bytes: file, version } = served.lock().unwrap().clone();
        let found = first.contains("/data/cells.h5ad");
        let (head, body) = match range.filter(|_| parts) {
            _ if !found => ("404 Not Found".to_owned(), &file[..0]),
            Some((start, _)) if start >= file.len() => ("416 Range Not Satisfiable".to_owned(), &file[..0]),
            Some((start, end)) => {
                let end = end.min(file.len());
                let range = format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", end - 1, file.len());
                (range, &file[start..end])
            }
            None => ("200 OK".to_owned(), &*file),
        };
        let head = format!("HTTP/1.1 {head}\r\n{version}\r\nContent-Length: {}\r\n\r\n", body.len());
        let body = if first.starts_with("HEAD") { &[][..] } else { body };
        asked.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        let connection = reader.get_mut();
        if connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body)).is_err() {
            return;
        }
    }
}

/// An object of the usual parts: counts twice, twenty columns, embeddings, a graph, results in `uns`.
fn cells(n_obs: usize) -> Result<AnnData> {
    let n_vars = 2000;
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 40).unwrap()
    };
    let (mut data, mut indices, mut indptr) = (Vec::new(), Vec::new(), vec![0_i32]);
    for _ in 0..n_obs {
        let mut at = random() % 40;
        while at < n_vars {
            indices.push(i32::try_from(at).unwrap());
            data.push((random() % 1000) as f32 / 7.0);
            at += 1 + random() % 40;
        }
        indptr.push(i32::try_from(data.len()).unwrap());
    }
    let len = data.len();
    let x = SparseMatrix::new(
        anndata::SparseFormat::Csr,
        (n_obs, n_vars),
        Tensor::from_vec([len], data)?,
        Tensor::from_vec([len], indices)?,
        Tensor::from_vec([n_obs + 1], indptr)?,
    )?;
    let mut obs = DataFrame::new((0..n_obs).map(|cell| format!("cell-{cell}")));
    for column in 0..10 {
        obs.insert(format!("score_{column}"), (0..n_obs).map(|_| random() as f32).collect::<Vec<f32>>())?;
        let kinds: Vec<String> = (0..n_obs).map(|_| format!("kind {}", random() % 9)).collect();
        obs.insert(format!("kind_{column}"), Column::categorical_from_strings(kinds)?)?;
    }
    let mut umap = Vec::new();
    umap.resize_with(2 * n_obs, || random() as f32);
    let mut pca = Vec::new();
    pca.resize_with(50 * n_obs, || random() as f32);
    AnnData::builder()
        .x(x.clone())
        .layer("counts", x)
        .obs(obs)
        .var(DataFrame::new((0..n_vars).map(|gene| format!("gene-{gene}"))))
        .obsm("X_umap", Tensor::from_vec([n_obs, 2], umap)?)
        .obsm("X_pca", Tensor::from_vec([n_obs, 50], pca)?)
        .uns("method", "umap")
        .build()
}

#[test]
fn little_of_a_file_behind_a_url_is_fetched() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cells.h5ad");
    let adata = cells(20_000)?;
    anndata::write(&path, &adata)?;
    let size = std::fs::metadata(&path)?.len();
    assert!(size > 12 << 20, "{size}");
    let server = Server::of(&path, true);

    let lazy = anndata::read_lazy(server.url())?;
    assert_eq!(lazy.to_string(), anndata::read_lazy(&path)?.to_string());
    let (requests, bytes) = server.stats();
    assert!(requests.len() < 20, "{requests:#?}");
    assert!(bytes < size * 2 / 3, "{bytes} of {size} bytes for the metadata");

    assert_eq!(lazy.get(&acc!(obs["kind_3"]))?, adata.get(&acc!(obs["kind_3"]))?);
    let rows = lazy.select(5000..5010, ..)?.x().unwrap().load()?;
    assert_eq!(rows, adata.select(5000..5010, ..)?.x().unwrap().load()?);
    let (requests, bytes) = server.stats();
    assert!(requests.len() < 12 && bytes < 12 << 20, "{bytes} bytes: {requests:#?}");

    let report = anndata::validate_path(server.url(), &ValidateOptions::default())?;
    assert!(report.is_clean(), "{report}");
    assert_eq!(anndata::read(server.url())?, adata);
    Ok(())
}

#[test]
fn a_server_without_parts_gives_the_whole_within_the_limits() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cells.h5ad");
    let adata = cells(300)?;
    anndata::write(&path, &adata)?;
    let server = Server::of(&path, false);
    assert_eq!(anndata::read(server.url())?, adata);
    let (requests, _) = server.stats();
    assert_eq!(requests.iter().filter(|request| request.ends_with("None") && request.starts_with("GET")).count(), 1);

    let few = Limits::default().with_max_unbacked(1000);
    let mut options = ReadOptions::default();
    options.zarr = options.zarr.with_limits(few);
    let error = anndata::read_with(server.url(), &options).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("the server gives no parts of an object") || error.to_string().contains("parts"), "{text}");
    assert!(error.to_string().contains(&server.url()), "{error}");
    Ok(())
}

#[test]
fn what_is_not_there_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cells.h5ad");
    anndata::write(
        &path,
        &AnnData::builder()
            .shape(2, 3)
            .x(Element::from(Tensor::from_vec([2, 3], vec![0; 6]).unwrap()))
            .build()
            .unwrap(),
    )
    .unwrap();
    let server = Server::of(&path, true);
    let url = server.url().replace("cells", "none");
    let error = anndata::read(&url).unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains(&url), "{error}");
    std::fs::write(&path, b"no HDF5").unwrap();
    let error = anndata::read(Server::of(&path, true).url()).unwrap_err();
    assert!(error.is_invalid_data(), "{error}");
    let error = anndata::open_rw(server.url()).unwrap_err();
    assert!(error.to_string().contains("only read"), "{error}");
}

#[test]
fn a_file_that_changed_since_it_was_opened_is_an_error() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (path, other) = (directory.path().join("cells.h5ad"), directory.path().join("other.h5ad"));
    anndata::write(&path, &cells(3000)?)?;
    anndata::write(&other, &cells(500)?)?;
    let server = Server::of(&path, true);
    let later = "Last-Modified: Tue, 02 Jan 2024 00:00:00 GMT";
    let (tag, other_tag) = (format!("{MODIFIED}\r\nETag: \"1\""), format!("{MODIFIED}\r\nETag: \"2\""));
    for (what, before, after, file) in [
        ("the time", MODIFIED, later, &path),
        ("the tag", tag.as_str(), other_tag.as_str(), &path),
        ("the size", MODIFIED, MODIFIED, &other),
    ] {
        server.serve(Served::of(&path, before));
        let lazy = anndata::read_lazy(server.url())?;
        server.serve(Served::of(file, after));
        let error = lazy.load().unwrap_err();
        assert!(error.is_stale(), "{what}: {error:?}");
        assert!(format!("{error}: {error:?}").contains("changed after it was opened"), "{what}: {error}");
        assert!(error.to_string().contains(&server.url()), "{what}: {error}");
        // Opened again, it is read.
        assert_eq!(anndata::read(server.url())?, anndata::read(file)?, "{what}");
    }
    // A tag that stays says that nothing changed, whatever the time.
    server.serve(Served::of(&path, &tag));
    let lazy = anndata::read_lazy(server.url())?;
    server.serve(Served::of(&path, &format!("{later}\r\nETag: \"1\"")));
    assert_eq!(lazy.load()?, anndata::read(&path)?);
    Ok(())
}

/// S3 as moto has it, in Python; it ends with the test.
struct S3(Child, u16);

impl S3 {
    /// With a file; `None` if there is no Python with moto.
    fn of(file: &Path) -> Option<Self> {
        let Some(python) = std::env::var_os("ANNDATA_PYTHON") else {
            eprintln!("skipped: ANNDATA_PYTHON names no Python");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/s3_server.py");
        let mut run = Command::new(python);
        run.arg(script).arg("data").arg("--put").arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = run.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self(process, line.trim().parse().unwrap()))
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_on_s3_is_read_by_parts() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cells.h5ad");
    let adata = cells(2000)?;
    anndata::write(&path, &adata)?;
    let Some(server) = S3::of(&path) else { return Ok(()) };
    let mut options = ReadOptions::default();
    for (name, value) in [
        ("aws_endpoint", format!("http://127.0.0.1:{}", server.1).as_str()),
        ("aws_allow_http", "true"),
        ("aws_region", "us-east-1"),
        ("aws_access_key_id", "test"),
        ("aws_secret_access_key", "test"),
    ] {
        options.zarr = options.zarr.with_provider(name, value);
    }
    let url = "s3://data/cells.h5ad";
    let lazy = anndata::read_with(url, &options.clone().with_lazy(true))?;
    assert_eq!(lazy.select(10..20, ..)?.x().unwrap().load()?, adata.select(10..20, ..)?.x().unwrap().load()?);
    assert_eq!(anndata::read_with(url, &options)?, adata);
    let absent = anndata::read_with("s3://data/none.h5ad", &options).unwrap_err();
    assert!(absent.is_not_found(), "{absent:?}");
    Ok(())
}
