//! The manifest of a [`Collection`](crate::Collection): where its stores are, and what they were when it was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anndata_core::AnnData;
use anndata_storage::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

/// The version of the file.
const VERSION: u64 = 1;

/// What a manifest says of one store.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) location: PathBuf,
    state: Map<String, Value>,
}

/// Writes what is known of stores, each with its key, its place and its object.
pub(crate) fn save<'a>(path: &Path, stores: impl IntoIterator<Item = (&'a str, &'a Path, &'a AnnData)>) -> Result<()> {
    let text = to_text(Some(&folder_of(path)?), stores)?;
    // Whole or not at all.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(|error| Error::from(error).in_file(path))
}

/// What is known of stores, as JSON. Places are relative to a folder, if there is one and they are below it.
pub(crate) fn to_text<'a>(
    folder: Option<&Path>,
    stores: impl IntoIterator<Item = (&'a str, &'a Path, &'a AnnData)>,
) -> Result<String> {
    let stores = stores.into_iter().map(|(key, location, object)| {
        let mut store = state(location, object)?;
        let is_url = location.to_str().is_some_and(|location| location.contains("://"));
        let place = if is_url {
            location.to_owned()
        } else {
            let whole = location.canonicalize().map_err(|error| Error::from(error).in_file(location))?;
            let below = folder.and_then(|folder| whole.strip_prefix(folder).ok()).map(Path::to_owned);
            below.unwrap_or(whole)
        };
        let place = place.to_str().ok_or_else(|| Error::unsupported("its path is not Unicode").in_file(location))?;
        store.insert("key".to_owned(), key.into());
        store.insert("location".to_owned(), place.into());
        Ok(Value::Object(store))
    });
    let stores = stores.collect::<Result<Vec<_>>>()?;
    Ok(format!("{:#}\n", json!({ "anndata-collection": VERSION, "stores": stores })))
}

/// Reads a manifest. Places are as they are to be opened.
pub(crate) fn load(path: &Path) -> Result<Vec<Entry>> {
    let folder = folder_of(path)?;
    let text = fs::read_to_string(path).map_err(|error| Error::from(error).in_file(path))?;
    parse(&text, &folder).map_err(|error| error.in_file(path))
}

/// The stores of a manifest, whose places are relative to a folder.
pub(crate) fn parse(text: &str, folder: &Path) -> Result<Vec<Entry>> {
    let all: Value =
        serde_json::from_str(text).map_err(|error| Error::invalid_data("it is not a manifest").with_source(error))?;
    match all.get("anndata-collection").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(other) => return Err(Error::unsupported(format!("expected a manifest of version 1, found {other}"))),
        None => return Err(Error::invalid_data("it is not a manifest")),
    }
    let stores = all.get("stores").and_then(Value::as_array);
    let stores = stores.ok_or_else(|| Error::invalid_data("the manifest has no list of stores"))?;
    stores.iter().map(|store| entry(store, folder)).collect()
}

fn entry(store: &Value, folder: &Path) -> Result<Entry> {
    let text = |key: &str| {
        let text = store.get(key).and_then(Value::as_str);
        text.ok_or_else(|| Error::invalid_data(format!("a store of the manifest has no '{key}'")))
    };
    let (key, place) = (text("key")?.to_owned(), text("location")?);
    let location = if place.contains("://") { PathBuf::from(place) } else { folder.join(place) };
    let mut state = store.as_object().cloned().unwrap_or_default();
    state.retain(|key, _| !matches!(key.as_str(), "key" | "location"));
    Ok(Entry { key, location, state })
}

impl Entry {
    /// Refuses a store that is not what it was.
    pub(crate) fn check(&self, object: &AnnData) -> Result<()> {
        self.compare(&state(&self.location, object)?)
    }

    /// Refuses a store whose file is not what it was.
    pub(crate) fn check_file(&self) -> Result<()> {
        let mut now = self.state.clone();
        for key in FILE_KEYS {
            now.shift_remove(key);
        }
        file_state(&self.location, &mut now);
        self.compare(&now)
    }

    fn compare(&self, now: &Map<String, Value>) -> Result<()> {
        for key in self.state.keys().chain(now.keys()) {
            if self.state.get(key) != now.get(key) {
                let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                let (then, now) = (show(self.state.get(key)), show(now.get(key)));
                let message = format!("it is not what the manifest says: {key} was {then}, is {now}");
                return Err(Error::new(ErrorKind::Stale, message).in_file(&self.location));
            }
        }
        Ok(())
    }
}

/// What tells whether a store is still the same: shape, names of the variables, and of a file or folder size and time.
fn state(location: &Path, object: &AnnData) -> Result<Map<String, Value>> {
    let mut state = Map::new();
    state.insert("n_obs".to_owned(), object.n_obs().into());
    state.insert("n_vars".to_owned(), object.n_vars().into());
    let names = object.var().index().load_once()?.to_strings()?;
    state.insert("var_names".to_owned(), format!("{:016x}", hash(&names)).into());
    file_state(location, &mut state);
    Ok(state)
}

/// What is noted of a file.
const FILE_KEYS: [&str; 2] = ["len", "modified_ns"];

/// Size and time of a file or folder.
fn file_state(location: &Path, state: &mut Map<String, Value>) {
    // Of a folder, the document with the metadata of its root, which every writing renews.
    let documents = ["zarr.json", ".zmetadata", ".zgroup"].map(|name| location.join(name));
    let file = documents.iter().find(|file| file.is_file()).map_or(location, PathBuf::as_path);
    if let Ok(metadata) = fs::metadata(file) {
        let [len, modified_ns] = FILE_KEYS;
        state.insert(len.to_owned(), metadata.len().into());
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        // Text, as numbers of JSON are doubles to many readers.
        let modified = modified.map(|time| time.as_nanos().to_string());
        state.insert(modified_ns.to_owned(), modified.into());
    }
}

/// A hash of names that is the same in every version (FNV-1a).
fn hash(names: &[Option<String>]) -> u64 {
    let bytes = names.iter().flat_map(|name| match name {
        Some(name) => name.bytes().chain(std::iter::once(0xff)),
        None => "".bytes().chain(std::iter::once(0xfe)),
    });
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The folder that a manifest is in.
fn folder_of(path: &Path) -> Result<PathBuf> {
    let parent = path.parent().ok_or_else(|| Error::invalid_input("a manifest is a file").in_file(path))?;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    parent.canonicalize().map_err(|error| Error::from(error).in_file(path))
}
