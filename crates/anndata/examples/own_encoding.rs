//! An element of an encoding of one's own: intervals, one for each gene. The guide explains each part.
//!
//! `cargo run --example own_encoding`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use std::any::Any;
use std::sync::Arc;

use anndata::encoding::{BuildContext, EncodeContext, Encoding, Registry};
use anndata::node::{ArrayNode, Node};
use anndata::prelude::*;
use anndata::{Extension, Schema};

/// Start and end of each row.
#[derive(Debug)]
struct Intervals(Tensor);

impl Extension for Intervals {
    fn encoding_type(&self) -> &'static str {
        "intervals"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct IntervalEncoding;

impl Encoding for IntervalEncoding {
    fn name(&self) -> &'static str {
        "intervals"
    }

    fn versions(&self) -> &[&str] {
        &["1.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        Ok(Element::Extension(Arc::new(Intervals(node.into_tensor()?))))
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        match element {
            Element::Extension(extension) => match extension.as_any().downcast_ref::<Intervals>() {
                Some(own) => Ok(Node::Array(ArrayNode::encoded(path, "intervals", "1.0", own.0.clone()))),
                None => Err(Error::invalid_input("expected intervals")),
            },
            _ => Err(Error::invalid_input("expected intervals")),
        }
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        let shape = node.as_array()?.shape()?;
        Ok(Schema::Extension { encoding: "intervals".to_owned(), shape: Some(shape) })
    }
}

fn main() -> Result<()> {
    let registry = Registry::default().with(IntervalEncoding);
    let exons = Intervals(Tensor::from_vec([2, 2], vec![1_i64, 5, 7, 9])?);
    let adata = AnnData::builder().shape(1, 2).uns("exons", Element::Extension(Arc::new(exons))).build()?;
    let path = std::env::temp_dir().join("anndata-own-encoding.h5ad");
    write_with(&path, &adata, &WriteOptions::default().with_registry(registry.clone()))?;

    let back = read_with(&path, &ReadOptions::default().with_registry(registry))?;
    println!("{:?}", back.uns()["exons"]);
    // Elsewhere it is kept as it is.
    println!("{:?}", read(&path)?.uns()["exons"]);
    std::fs::remove_file(path)?;
    Ok(())
}
