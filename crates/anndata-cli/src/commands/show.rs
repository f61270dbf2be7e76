//! `anndata show`: what an object holds, from metadata alone.

use std::io::Write;
use std::path::PathBuf;

use anndata::encoding::Registry;
use anndata::node::Node;
use anndata::text::{TextFormat, read_mudata};
use anndata::{AnnData, Description, Group, Mapping, io};
use clap::Args;
use serde_json::{Map, Value, json};

use super::Failure;
use crate::printable::{Escapes, Printable};

/// Print what an object holds. Reads metadata only.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata show cells.h5ad --tree")]
pub(crate) struct Show {
    /// The object: a path, or the URL of a zarr store.
    path: PathBuf,
    /// Print every element with its encoding, dtype, shape, chunks, codecs and stored size.
    #[arg(long)]
    tree: bool,
    /// Print both as JSON.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let failed = Failure::of(&self.path);
        if matches!(TextFormat::of(&self.path), Ok(Some(TextFormat::H5mu))) {
            return self.several(&anndata::open(&self.path).map_err(&failed)?, out);
        }
        let root = anndata::open_object(&self.path).map_err(&failed)?;
        if self.tree && !self.json {
            writeln!(out, "{}", described(&root).map_err(&failed)?)?;
            return Ok(());
        }
        let adata = io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true)).map_err(&failed)?;
        if !self.json {
            writeln!(out, "{adata}")?;
            return Ok(());
        }
        let mut object = summary(&adata);
        object["tree"] = described(&root).map_err(&failed)?.to_json();
        writeln!(Printable::new(out, Escapes::Json), "{object:#}")?;
        Ok(())
    }

    /// A MuData file: several objects.
    fn several(&self, root: &Group, out: &mut impl Write) -> Result<(), Failure> {
        let failed = Failure::of(&self.path);
        if self.tree && !self.json {
            writeln!(out, "{}", described(root).map_err(failed)?)?;
            return Ok(());
        }
        let data = read_mudata(root, &io::ElemReadOptions::default().with_lazy(true)).map_err(&failed)?;
        if !self.json {
            writeln!(out, "{data}")?;
            return Ok(());
        }
        let modalities: Map<String, Value> =
            data.modalities.iter().map(|(name, adata)| (name.clone(), summary(adata))).collect();
        let object = json!({
            "repr": data.to_string(),
            "n_obs": data.obs.len().map_err(&failed)?,
            "n_vars": data.var.len().map_err(&failed)?,
            "obs": data.obs.column_names().collect::<Vec<_>>(),
            "var": data.var.column_names().collect::<Vec<_>>(),
            "modalities": modalities,
            "tree": described(root).map_err(&failed)?.to_json(),
        });
        writeln!(Printable::new(out, Escapes::Json), "{object:#}")?;
        Ok(())
    }
}

/// Every element of a store, from metadata.
fn described(root: &Group) -> anndata::Result<Description> {
    Node::open(root, "").and_then(|node| Description::of(&node, &Registry::default()))
}

/// The shape and the keys of every slot.
fn summary(adata: &AnnData) -> Value {
    let keys = |mapping: &Mapping| mapping.keys().cloned().collect::<Vec<_>>();
    json!({
        "repr": adata.to_string(),
        "n_obs": adata.n_obs(),
        "n_vars": adata.n_vars(),
        "obs": adata.obs().column_names().collect::<Vec<_>>(),
        "var": adata.var().column_names().collect::<Vec<_>>(),
        "uns": keys(adata.uns()),
        "obsm": keys(adata.obsm()),
        "varm": keys(adata.varm()),
        "obsp": keys(adata.obsp()),
        "varp": keys(adata.varp()),
        "layers": adata.layers().keys().flatten().collect::<Vec<_>>(),
        "has_x": adata.x().is_some(),
        "has_raw": adata.raw().is_some(),
        "other": keys(adata.other()),
    })
}
