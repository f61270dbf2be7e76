//! A registry on this machine: a sparse index and the web API that `cargo publish` uses, over HTTP from a folder.
//!
//! It stands in for crates.io: all but its own crates it looks for there. The protocol is that of the Cargo book,
//! "Registry Index" and "Registry Web API".

mod http;
mod package;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::{Answer, Request};

use super::index;
use crate::sh::Result;

/// Where what is not here is.
const UPSTREAM_INDEX: &str = "https://index.crates.io";
const UPSTREAM_PACKAGES: &str = "https://static.crates.io/crates";

/// A running registry, which stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Registry {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    folder: PathBuf,
    address: SocketAddr,
    /// The crates that are here or nowhere.
    own: Vec<String>,
    is_stopped: AtomicBool,
    /// After so many uploads, connections of others break off.
    uploads_left: AtomicUsize,
}

impl Registry {
    /// The name under which `cargo publish --registry` finds it.
    pub(crate) const NAME: &str = "local";

    /// Serve a folder, which is made if it is not there, for some crates.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or no port is free.
    pub(crate) fn serve(folder: &Path, own: Vec<String>) -> Result<Self> {
        std::fs::create_dir_all(folder.join("crates"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            folder: folder.to_owned(),
            address,
            own,
            is_stopped: AtomicBool::new(false),
            uploads_left: AtomicUsize::new(usize::MAX),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A connection that breaks concerns its client, who sees it.
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Self { address, state })
    }

    /// The index, as Cargo names it.
    pub(crate) fn index(&self) -> String {
        format!("sparse+http://{}/", self.address)
    }

    /// Arguments of Cargo with which this registry takes the place of crates.io.
    pub(crate) fn in_place_of_crates_io(&self) -> Vec<String> {
        let settings = [
            format!("source.crates-io.replace-with=\"{}\"", Self::NAME),
            format!("registries.{}.index=\"{}\"", Self::NAME, self.index()),
        ];
        settings.into_iter().flat_map(|setting| ["--config".to_owned(), setting]).collect()
    }

    /// What Cargo reads a token from, and one; the registry takes any.
    pub(crate) fn token() -> (String, String) {
        (format!("CARGO_REGISTRIES_{}_TOKEN", Self::NAME.to_uppercase()), "none".to_owned())
    }

    /// Break off every upload after the next `count`.
    #[cfg(test)]
    pub(crate) fn fail_after(&self, count: usize) {
        self.state.uploads_left.store(count, Ordering::SeqCst);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.state.is_stopped.store(true, Ordering::SeqCst);
        // The listener waits for one more connection.
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    /// Answer the one request of a connection. `None`: it broke off.
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let request = Request::read(&mut stream)?;
        let words: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let answer = match (request.method.as_str(), words.as_slice()) {
            ("GET", ["config.json"]) => {
                let base = format!("http://{}", self.address);
                Answer::json(&format!("{{\"dl\":\"{base}/crates/{{crate}}/{{version}}\",\"api\":\"{base}\"}}"))
            }
            ("GET", ["crates", name, version]) => self.package(name, version),
            ("GET", [.., name]) if index::path(name) == words.join("/") => self.lines(name),
            ("PUT", ["api", "v1", "crates", "new"]) => {
                let left = self.uploads_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                left.ok()?;
                match package::store(&self.folder, &request.body) {
                    Ok(()) => {
                        Answer::json("{\"warnings\":{\"invalid_categories\":[],\"invalid_badges\":[],\"other\":[]}}")
                    }
                    Err(error) => Answer::refusal(&error.to_string()),
                }
            }
            _ => Answer::missing(),
        };
        answer.write(&mut stream).ok()
    }

    fn lines(&self, name: &str) -> Answer {
        let here = package::is_name(name).then(|| package::lines(&self.folder, name));
        self.file_or(here, name, &format!("{UPSTREAM_INDEX}/{}", index::path(name)))
    }

    fn package(&self, name: &str, version: &str) -> Answer {
        let is_package = package::is_name(name) && package::is_name(version);
        let here = is_package.then(|| package::file(&self.folder, name, version));
        self.file_or(here, name, &format!("{UPSTREAM_PACKAGES}/{name}/{name}-{version}.crate"))
    }

    /// A file of the folder; what is not of this registry is at another address.
    fn file_or(&self, here: Option<PathBuf>, name: &str, elsewhere: &str) -> Answer {
        match here.map(std::fs::read) {
            Some(Ok(bytes)) => Answer::bytes(bytes),
            Some(Err(_)) if !self.own.iter().any(|own| own == name) => Answer::elsewhere(elsewhere),
            _ => Answer::missing(),
        }
    }
}
