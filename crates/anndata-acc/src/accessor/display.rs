//! Accessors as Python's `repr` prints them.

use std::fmt;

use super::{Acc, Graph, GraphMap, Layer, LayerMap, Meta, Multi, MultiMap, RefAcc};
use crate::quote::quoted;

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.k {
            None => f.write_str("A.X"),
            Some(k) => write!(f, "A.layers[{}]", quoted(k)),
        }
    }
}

impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A.{}", self.dim)
    }
}

impl fmt::Display for Multi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A.{}m[{}]", self.dim, quoted(&self.k))
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A.{}p[{}]", self.dim, quoted(&self.k))
    }
}

impl fmt::Display for LayerMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A.layers")
    }
}

impl fmt::Display for MultiMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A.{}m", self.dim)
    }
}

impl fmt::Display for GraphMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A.{}p", self.dim)
    }
}

impl<K: fmt::Display, R> fmt::Display for Acc<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<K: fmt::Display, R> fmt::Debug for Acc<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<R> fmt::Display for RefAcc<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(acc) => acc.fmt(f),
            Self::Meta(acc) => acc.fmt(f),
            Self::Multi(acc) => acc.fmt(f),
            Self::Graph(acc) => acc.fmt(f),
        }
    }
}

impl<R> fmt::Debug for RefAcc<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
