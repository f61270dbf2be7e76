//! A store in one SQLite database: one row per group or array, the values of an array in one cell.
//!
//! The guide of `anndata_storage` explains it line by line.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anndata_storage::{
    ArraySpec, ArrayStorage, Attribute, Attributes, AxisSelection, Capabilities, Edit, Error, NodeKind, NodeMeta,
    Result, Storage, Tensor, TreeVisitor, file_name, parent_path,
};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Params, params};

/// The one table. Numbers are in the order in which rows were made, and never used again. What has a spec is an array.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS node (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        parent TEXT,
        attributes TEXT NOT NULL DEFAULT '{}',
        spec TEXT,
        data BLOB
    );
    CREATE INDEX IF NOT EXISTS child ON node (parent);
    INSERT OR IGNORE INTO node (path) VALUES ('');
";

/// The most bytes of a cell that SQLite takes, as it is built by default.
const MAX_BYTES: u64 = 1_000_000_000;

/// A store in an SQLite database.
#[derive(Debug)]
pub struct SqliteStore(Arc<Database>);

#[derive(Debug)]
struct Database {
    path: PathBuf,
    writable: bool,
    connection: Mutex<Connection>,
    /// The arrays that are open, by their number: all handles of an array are one.
    arrays: Mutex<HashMap<i64, Weak<SqliteArray>>>,
}

/// An array of it.
#[derive(Debug)]
pub struct SqliteArray {
    id: i64,
    database: Arc<Database>,
    spec: Mutex<Arc<ArraySpec>>,
}

impl SqliteStore {
    /// Opens a database for reading.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::connect(path.as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Opens a database for reading and writing; it is made if there is none.
    ///
    /// # Errors
    /// If it cannot be opened or made.
    pub fn open_rw(path: impl AsRef<Path>) -> Result<Self> {
        let store = Self::connect(path.as_ref(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        store.0.lock().execute_batch(SCHEMA).map_err(failed)?;
        Edit::recover(&store)?;
        Ok(store)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self> {
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(error).in_file(path))?;
        let writable = !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY);
        let (path, connection) = (path.to_owned(), Mutex::new(connection));
        Ok(Self(Arc::new(Database { path, writable, connection, arrays: Mutex::default() })))
    }
}

impl Database {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The array of a row; the handle that is open, where one is.
    fn array(self: &Arc<Self>, id: i64, spec: &str) -> Result<Arc<SqliteArray>> {
        let mut arrays = self.arrays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(array) = arrays.get(&id).and_then(Weak::upgrade) {
            return Ok(array);
        }
        let spec: ArraySpec = from_json(spec)?;
        spec.validate()?;
        let array = Arc::new(SqliteArray { id, database: Arc::clone(self), spec: Mutex::new(Arc::new(spec)) });
        arrays.retain(|_, array| array.strong_count() > 0);
        arrays.insert(id, Arc::downgrade(&array));
        Ok(array)
    }

    /// Makes a row. Returns its number.
    fn insert(&self, path: &str, spec: Option<&str>) -> Result<i64> {
        let connection = self.lock();
        let sql = "INSERT INTO node (path, parent, spec) VALUES (?1, ?2, ?3)";
        change(&connection, sql, params![path, parent_path(path), spec])?;
        Ok(connection.last_insert_rowid())
    }
}

/// Changes rows, in the transaction that the next commit ends. Returns how many there are.
fn change(connection: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    if connection.is_autocommit() {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    }
    connection.prepare(sql).and_then(|mut sql| sql.execute(params)).map_err(failed)
}

/// Moves rows: one, and those below it.
fn move_rows(connection: &Connection, from: &str, to: &str) -> Result<()> {
    let sql = "UPDATE node SET path = ?2, parent = ?3 WHERE path = ?1";
    found(change(connection, sql, params![from, to, parent_path(to)])?)?;
    let sql = "
        UPDATE node SET path = ?2 || substr(path, length(?1) + 1), parent = ?2 || substr(parent, length(?1) + 1)
        WHERE path > ?1 || '/' AND path < ?1 || '0'";
    change(connection, sql, [from, to]).map(drop)
}

/// Removes rows: one, and those below it. Returns how many there were.
fn remove_rows(connection: &Connection, path: &str) -> Result<usize> {
    let sql = "DELETE FROM node WHERE path = ?1 OR path > ?1 || '/' AND path < ?1 || '0'";
    change(connection, sql, [path])
}

/// The error of a database by its kind.
fn failed(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Error::already_exists("something already exists at this path"),
        Some(ErrorCode::ReadOnly) => Error::read_only("the database was opened for reading only"),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::invalid_data("it is not a database that can be read").with_source(error)
        }
        _ => Error::io("the database failed").with_source(error),
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::unsupported("it has no form in JSON").with_source(error))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::invalid_data("a cell is not what it should be").with_source(error))
}

impl fmt::Display for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.path.display())
    }
}

impl Storage for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        let mut can = if self.0.writable { Capabilities::ALL } else { Capabilities::ALL.read_only() };
        can.chunks = false;
        can
    }

    fn location(&self) -> Option<&Path> {
        Some(&self.0.path)
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        let sql = "SELECT spec IS NULL FROM node WHERE path = ?1";
        let connection = self.0.lock();
        let is_group: Option<bool> = connection.query_row(sql, [path], |row| row.get(0)).optional().map_err(failed)?;
        Ok(is_group.map(|is_group| if is_group { NodeKind::Group } else { NodeKind::Array }))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        if self.kind(path)? != Some(NodeKind::Group) {
            return Err(Error::not_found("no such group"));
        }
        let connection = self.0.lock();
        let mut sql = connection.prepare("SELECT path FROM node WHERE parent = ?1 ORDER BY id").map_err(failed)?;
        let paths = sql.query_map([path], |row| row.get::<_, String>(0)).map_err(failed)?;
        paths.map(|path| path.map(|path| file_name(&path).to_owned()).map_err(failed)).collect()
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        let sql = "SELECT attributes FROM node WHERE path = ?1";
        let attributes = self.0.lock().query_row(sql, [path], |row| row.get::<_, String>(0)).optional();
        from_json(&attributes.map_err(failed)?.ok_or_else(missing)?)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        let sql = "SELECT id, spec FROM node WHERE path = ?1 AND spec IS NOT NULL";
        let row = self.0.lock().query_row(sql, [path], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional();
        let (id, spec) = row.map_err(failed)?.ok_or_else(|| Error::not_found("no such array"))?;
        Ok(self.0.array(id, &spec)?)
    }

    fn tree(&self, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        let rows: Vec<(i64, String, String, Option<String>)> = {
            let connection = self.0.lock();
            let sql = "
                WITH RECURSIVE tree (id, path, attributes, spec, level) AS (
                    SELECT id, path, attributes, spec, 0 FROM node WHERE path = ?1
                    UNION ALL
                    SELECT node.id, node.path, node.attributes, node.spec, level + 1
                    FROM node JOIN tree ON node.parent = tree.path ORDER BY 5 DESC, 1
                )
                SELECT id, path, attributes, spec FROM tree";
            let mut sql = connection.prepare(sql).map_err(failed)?;
            let rows = sql.query_map([path], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
            rows.and_then(Iterator::collect).map_err(failed)?
        };
        if rows.is_empty() && visitor.enter(path)? {
            visitor.visit(path, Err(missing()))?;
        }
        let mut closed: Option<String> = None;
        for (id, path, attributes, spec) in rows {
            let is_below =
                |above: &String| above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
            if closed.as_ref().is_some_and(is_below) {
                continue;
            }
            let array = spec.map(|spec| self.0.array(id, &spec)).transpose();
            let meta = array
                .map(|array| NodeMeta { attributes: from_json(&attributes), array: array.map(|array| array as _) });
            let goes_on = visitor.enter(&path)? && visitor.visit(&path, meta)?;
            closed = (!goes_on).then_some(path);
        }
        Ok(())
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        if attributes.values().any(|value| matches!(value, Attribute::Reference(_))) {
            return Err(Error::unsupported("references cannot be stored, as they would not follow what is moved"));
        }
        let sql = "UPDATE node SET attributes = ?2 WHERE path = ?1";
        found(change(&self.0.lock(), sql, [path, &to_json(attributes)?])?)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.0.insert(path, None).map(drop)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        if !spec.codecs.is_empty() {
            return Err(Error::unsupported("arrays cannot be compressed"));
        }
        Tensor::zeros(&spec.dtype, [0])?;
        check_size(spec)?;
        let spec = to_json(&ArraySpec { chunks: None, shards: None, ..spec.clone() })?;
        let id = self.0.insert(path, Some(&spec))?;
        Ok(self.0.array(id, &spec)?)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        move_rows(&self.0.lock(), from, to)
    }

    fn replace(&self, from: &str, to: &str) -> Result<()> {
        let connection = self.0.lock();
        let sql = "SELECT 1 FROM node WHERE path = ?1";
        connection.query_row(sql, [from], |_| Ok(())).optional().map_err(failed)?.ok_or_else(missing)?;
        remove_rows(&connection, to)?;
        move_rows(&connection, from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        found(remove_rows(&self.0.lock(), path)?)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        let connection = self.0.lock();
        if connection.is_autocommit() { Ok(()) } else { connection.execute_batch("COMMIT").map_err(failed) }
    }
}

fn missing() -> Error {
    Error::not_found("no such element")
}

fn found(rows: usize) -> Result<()> {
    if rows > 0 { Ok(()) } else { Err(missing()) }
}

/// Refuses an array that does not fit into a cell.
fn check_size(spec: &ArraySpec) -> Result<()> {
    let element = spec.dtype.size().unwrap_or(size_of::<i64>()) as u64;
    match spec.len()?.checked_mul(element) {
        Some(bytes) if bytes <= MAX_BYTES => Ok(()),
        _ => Err(Error::limit_exceeded(format!(
            "a cell has at most {MAX_BYTES} bytes, which shape {:?} exceeds",
            spec.shape
        ))),
    }
}

impl SqliteArray {
    fn spec(&self) -> MutexGuard<'_, Arc<ArraySpec>> {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All values.
    fn load(&self, connection: &Connection) -> Result<Tensor> {
        let spec = ArrayStorage::spec(self);
        let in_memory = |&len: &u64| usize::try_from(len).map_err(|_| Error::limit_exceeded("it is too long"));
        let shape = spec.shape.iter().map(in_memory).collect::<Result<Vec<_>>>()?;
        let sql = "SELECT data FROM node WHERE id = ?1";
        let data: Option<Option<Vec<u8>>> =
            connection.query_row(sql, [self.id], |row| row.get(0)).optional().map_err(failed)?;
        let Some(data) = data.ok_or_else(|| Error::stale("the array was removed"))? else {
            return Tensor::zeros(&spec.dtype, shape);
        };
        if spec.dtype.size().is_some() {
            return Tensor::from_bytes(spec.dtype.clone(), shape, data);
        }
        let values: Tensor = serde_json::from_slice(&data)
            .map_err(|error| Error::invalid_data("the values are malformed").with_source(error))?;
        if *values.dtype() != spec.dtype || values.shape() != shape {
            return Err(Error::invalid_data(format!("the values are {values:?}, not those of {shape:?}")));
        }
        Ok(values)
    }

    fn save(&self, connection: &Connection, values: &Tensor) -> Result<()> {
        let data = match values.dtype().size() {
            Some(_) => values.to_packed()?.into_owned(),
            None => to_json(values)?.into_bytes(),
        };
        found(change(connection, "UPDATE node SET data = ?2 WHERE id = ?1", params![self.id, data])?)
    }
}

impl ArrayStorage for SqliteArray {
    fn spec(&self) -> Arc<ArraySpec> {
        Arc::clone(&self.spec())
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.load(&self.database.lock())?.select(selection)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        let sql = "SELECT coalesce(length(data), 0) FROM node WHERE id = ?1";
        let bytes = self.database.lock().query_row(sql, [self.id], |row| row.get::<_, i64>(0)).optional();
        Ok(bytes.map_err(failed)?.and_then(|bytes| u64::try_from(bytes).ok()))
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let connection = self.database.lock();
        self.save(&connection, &self.load(&connection)?.with_block(offset, values)?)
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        let connection = self.database.lock();
        let grown = ArraySpec { shape: shape.to_vec(), ..ArraySpec::clone(&self.spec()) };
        check_size(&grown)?;
        let rows = shape.first().and_then(|&rows| usize::try_from(rows).ok());
        let rows = rows.ok_or_else(|| Error::invalid_input("an array without axes has no rows"))?;
        self.save(&connection, &self.load(&connection)?.with_rows(rows)?)?;
        let sql = "UPDATE node SET spec = ?2 WHERE id = ?1";
        change(&connection, sql, params![self.id, to_json(&grown)?])?;
        *self.spec() = Arc::new(grown);
        Ok(())
    }
}
