//! What is read: nothing that a query does not ask for.

use std::sync::{Arc, Mutex, PoisonError};

use anndata::experimental::Collection;
use anndata::{AnnData, AxisSelection, ConcatOptions, DataFrame, Element, Lazy, LazySource, Schema, Series};
use datafusion::prelude::SessionContext;

use super::cells::{Result, Stored, ask, session, store};

type Log = Arc<Mutex<Vec<(String, Vec<u64>)>>>;

/// An element that notes how much of it is read along each axis.
#[derive(Debug)]
struct Watched {
    path: String,
    element: Element,
    log: Log,
}

impl Watched {
    fn note(&self, lens: Vec<u64>) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push((self.path.clone(), lens));
    }
}

impl LazySource for Watched {
    fn path(&self) -> &str {
        &self.path
    }

    fn schema(&self) -> anndata::Result<Schema> {
        self.element.schema()
    }

    fn load(&self) -> anndata::Result<Element> {
        let shape = self.element.shape()?.unwrap_or_default();
        self.note(shape.into_iter().map(|len| len as u64).collect());
        Ok(self.element.clone())
    }

    fn select(&self, axes: &[AxisSelection]) -> anndata::Result<Element> {
        self.note(axes.iter().map(AxisSelection::len).collect());
        self.element.select(axes)
    }

    fn nnz(&self) -> anndata::Result<Option<usize>> {
        Ok(self.element.nnz())
    }

    fn major_lengths(&self, slices: std::ops::Range<usize>) -> anndata::Result<Option<Vec<usize>>> {
        self.note(vec![slices.len() as u64]);
        self.element.major_lengths(slices).map(Some)
    }

    fn nbytes(&self, _with_stored: bool) -> usize {
        1 << 20
    }
}

/// Two stores of 50 cells, and what is read of the second.
fn watched(stored: Stored) -> Result<(SessionContext, Log)> {
    let log = Log::default();
    let whole = store(2, 50, 2..9, stored)?;
    let lazy = |path: &str, element: &Element| {
        Lazy::uncached(Watched { path: path.to_owned(), element: element.clone(), log: Arc::clone(&log) })
    };
    let mut obs = DataFrame::with_index(whole.obs().index().clone());
    for (name, series) in whole.obs().columns() {
        obs.insert(name, Series::Lazy(lazy(&format!("obs/{name}"), &series.to_element())))?;
    }
    let x = whole.x().ok_or("no X")?;
    let second = AnnData::builder()
        .obs(obs)
        .var(whole.var().clone())
        .x(Element::Lazy(lazy("X", x)))
        .obsm("X_pca", Element::Lazy(lazy("obsm/X_pca", &whole.obsm()["X_pca"])))
        .build()?;
    let first = store(0, 50, 2..9, stored)?;
    let collection = Collection::new([("one", first), ("two", second)], &ConcatOptions::default())?;
    let context = session(&collection, 2)?;
    log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    Ok((context, log))
}

async fn reads(context: &SessionContext, log: &Log, sql: &str) -> Result<Vec<(String, Vec<u64>)>> {
    ask(context, sql).await?;
    let mut reads = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    reads.dedup();
    Ok(reads)
}

fn paths(reads: &[(String, Vec<u64>)]) -> Vec<&str> {
    let mut paths: Vec<&str> = reads.iter().map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[tokio::test]
async fn no_array_is_read_that_is_not_asked_for() -> Result<()> {
    for stored in [Stored::Csr, Stored::Dense, Stored::Csc] {
        let (context, log) = watched(stored)?;
        for (sql, expected) in [
            ("SELECT count(*) FROM d.x", vec![]),
            ("SELECT count(*) FROM d.obs", vec![]),
            ("SELECT count(*) FROM d.x WHERE _store = 'two'", vec![]),
            ("SELECT obs_name FROM d.obs WHERE _row < 4", vec![]),
            ("SELECT * FROM d.obs WHERE _store = 'one'", vec![]),
            ("SELECT sum(value) FROM d.x WHERE obs_id < 50", vec![]),
            ("SELECT sum(value) FROM d.x WHERE var_name = 'nothing'", vec![]),
            ("SELECT donor FROM d.obs", vec!["obs/donor"]),
            ("SELECT donor FROM d.obs WHERE score > 100", vec!["obs/score"]),
            ("SELECT d1 FROM d.\"obsm_X_pca\"", vec!["obsm/X_pca"]),
            ("SELECT sum(value) FROM d.x WHERE obs_id > 50", vec!["X"]),
        ] {
            let reads = reads(&context, &log, sql).await?;
            assert_eq!(paths(&reads), expected, "{sql}: {reads:?} of {stored:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn of_a_matrix_what_passes_is_read() -> Result<()> {
    let (context, log) = watched(Stored::Csr)?;
    // Rows that a condition leaves, and those that a join does.
    for sql in [
        "SELECT sum(value) FROM d.x WHERE obs_id IN (55, 60, 99)",
        "SELECT sum(value) FROM d.x JOIN d.obs USING (obs_id) WHERE obs.obs_id >= 55 AND _row IN (5, 10, 49)",
    ] {
        let reads = reads(&context, &log, sql).await?;
        let of_x: Vec<_> = reads.iter().filter(|(path, lens)| path == "X" && lens.len() == 2).collect();
        assert!(!of_x.is_empty() && of_x.iter().map(|(_, lens)| lens[0]).sum::<u64>() <= 3, "{sql}: {reads:?}");
    }
    let (context, log) = watched(Stored::Csc)?;
    let reads = reads(&context, &log, "SELECT g3 FROM gene('g3')").await?;
    assert_eq!(reads, [("X".to_owned(), vec![50, 1])]);
    let (context, log) = watched(Stored::Dense)?;
    let reads = self::reads(&context, &log, "SELECT sum(value) FROM d.x WHERE var_name = 'g3' AND obs_id = 60").await?;
    assert_eq!(reads, [("X".to_owned(), vec![1, 1])]);
    Ok(())
}
