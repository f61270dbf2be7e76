//! [`register`]: the tables of a collection in a session.

use std::collections::HashMap;
use std::sync::Arc;

use anndata_core::concat::ElementKind;
use anndata_experimental::Collection;
use anndata_storage::Error;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::error::{plan, stored};
use crate::functions::{Function, What};
use crate::{AnnDataTable, Dataset, MatrixKey, TableKind};

/// Makes the tables of a collection known to a session: `name.obs`, `name.var`, `name.x`, `name.layers_KEY` for each layer and
/// `name.obsm_KEY` for each array of `obsm`; see [`TableKind`] for their columns. Nothing but metadata is read.
///
/// The functions `gene`, `cell_totals` and `pseudobulk`, and those of layers, `gene_in` and so on, are of the collection that was
/// registered last; those of this one are also called `name_gene` and so on.
///
/// A matrix of values for which SQL has no type has a table that tells so when it is asked for.
///
/// # Errors
/// If the stores follow each other along the variables, or the session has no catalog.
pub fn register(context: &SessionContext, name: &str, collection: &Collection) -> Result<()> {
    let dataset = Dataset::new(collection).map_err(stored)?;
    let catalog = context.state().config_options().catalog.default_catalog.clone();
    let catalog = context.catalog(&catalog).ok_or_else(|| plan(format!("the session has no catalog '{catalog}'")))?;
    catalog.register_schema(name, Arc::new(Tables::new(&dataset)))?;
    for (function, what) in What::ALL {
        for (suffix, of_layer) in [("", false), ("_in", true)] {
            let of_this = Arc::new(Function { dataset: Arc::clone(&dataset), what, of_layer });
            context.register_udtf(&format!("{name}_{function}{suffix}"), Arc::clone(&of_this) as _);
            context.register_udtf(&format!("{function}{suffix}"), of_this);
        }
    }
    Ok(())
}

/// The names of the tables that there are, and what each of them shows; or why there is none of what is stored.
fn tables_of(collection: &Collection) -> Vec<(String, anndata_core::Result<TableKind>)> {
    let mut tables = vec![("obs".to_owned(), Ok(TableKind::Obs)), ("var".to_owned(), Ok(TableKind::Var))];
    let plan = collection.plan();
    for (name, _) in &plan.layers {
        let (table, key) = match name {
            None => ("x".to_owned(), MatrixKey::X),
            Some(name) => (format!("layers_{name}"), MatrixKey::Layer(name.clone())),
        };
        tables.push((table, Ok(TableKind::Matrix(key))));
    }
    for (name, element) in &plan.arrays {
        let kind = match &element.kind {
            ElementKind::Sparse { .. } => Ok(TableKind::Matrix(MatrixKey::Obsm(name.clone()))),
            ElementKind::Dense { inner, .. } if inner.is_empty() => Ok(TableKind::Obsm(name.clone())),
            ElementKind::Frame(_) => Ok(TableKind::Obsm(name.clone())),
            _ => {
                Err(Error::unsupported(format!("obsm/{name} is no matrix and no data frame: there is no table of it")))
            }
        };
        tables.push((format!("obsm_{name}"), kind));
    }
    tables
}

/// The tables of a collection, made when they are asked for.
#[derive(Debug)]
struct Tables {
    dataset: Arc<Dataset>,
    names: Vec<String>,
    kinds: HashMap<String, Result<TableKind, String>>,
}

impl Tables {
    fn new(dataset: &Arc<Dataset>) -> Self {
        let (mut names, mut kinds) = (Vec::new(), HashMap::new());
        for (name, kind) in tables_of(dataset.collection()) {
            names.push(name.clone());
            kinds.insert(name, kind.map_err(|error| error.to_string()));
        }
        Self { dataset: Arc::clone(dataset), names, kinds }
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.names.clone()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.kinds.get(name) {
            None => Ok(None),
            Some(Err(message)) => Err(plan(message.clone())),
            Some(Ok(kind)) => Ok(Some(AnnDataTable::new(&self.dataset, kind.clone()).map_err(stored)?)),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.kinds.contains_key(name)
    }
}
