//! Slots and elements as a tree that folds: kind, dtype, shape, chunks, codecs, sizes. From metadata alone.

use anndata_format::encoding::Registry;
use anndata_format::storage::file_name;
use anndata_format::{AnnData, DataFrame, Description, Element, Mapping, Raw, Result, Schema, StoredTree};
use maud::{Markup, html};

use super::{name, section};
use crate::number::{bytes, counted, grouped};

/// The most elements that are listed of one that holds others.
const LISTED: usize = 300;

/// How deep elements may lie within each other to be listed.
const DEEPEST: usize = 40;

/// An element, and those in it.
#[derive(Debug, Default)]
struct Branch {
    name: String,
    facts: Vec<String>,
    bytes: u64,
    children: Vec<Branch>,
}

/// The section.
pub(crate) fn tree(adata: &AnnData) -> Markup {
    let slots = slots(adata, 0);
    let total: u64 = slots.iter().map(|slot| slot.bytes).sum();
    let lead = html! { "Every element, what it is and how it is stored. Sizes are those in memory, and in the store where they differ." };
    let body = html! { ul.tree { @for slot in &slots { (branch(slot, total)) } } };
    section("structure", "Structure", lead, body)
}

fn branch(of: &Branch, total: u64) -> Markup {
    let share = if total == 0 { 0.0 } else { crate::number::float64(of.bytes) / crate::number::float64(total) };
    let line = html! {
        span.key { (name(&of.name)) }
        @for fact in &of.facts { span.fact { (name(fact)) } }
        @if of.bytes > 0 {
            span.size title=(format!("{} of the object", crate::number::percent(share))) { (bytes(of.bytes)) }
        }
    };
    let rest = of.children.len().saturating_sub(LISTED);
    html! {
        li {
            @if of.children.is_empty() {
                div.leaf { (line) }
            } @else {
                details {
                    summary { (line) }
                    ul {
                        @for child in of.children.iter().take(LISTED) { (branch(child, total)) }
                        @if rest > 0 { li { div.leaf { "and " (counted(rest, "more element")) } } }
                    }
                }
            }
        }
    }
}

/// The slots of an object that have something in them.
fn slots(adata: &AnnData, depth: usize) -> Vec<Branch> {
    let mut slots = Vec::new();
    if let Some(x) = adata.x() {
        slots.push(element("X", x, depth));
    }
    let layers = adata.layers().iter().filter_map(|(key, layer)| Some((key.as_deref()?, layer)));
    let layers: Vec<Branch> = layers.map(|(key, layer)| element(key, layer, depth + 1)).collect();
    if !layers.is_empty() {
        slots.push(group("layers", layers));
    }
    slots.push(frame("obs", adata.obs(), depth));
    slots.push(frame("var", adata.var(), depth));
    for (slot, elements) in adata.mappings().into_iter().filter(|(_, elements)| !elements.is_empty()) {
        slots.push(group(slot, mapping(elements, depth + 1)));
    }
    if let Some(raw) = adata.raw() {
        slots.push(of_raw("raw", raw, depth));
    }
    if !adata.other().is_empty() {
        slots.push(group("other", mapping(adata.other(), depth + 1)));
    }
    slots
}

fn group(name: &str, children: Vec<Branch>) -> Branch {
    let bytes = children.iter().map(|child| child.bytes).sum();
    Branch { name: name.to_owned(), facts: vec![counted(children.len(), "element")], bytes, children }
}

fn mapping(elements: &Mapping, depth: usize) -> Vec<Branch> {
    if depth > DEEPEST {
        return Vec::new();
    }
    elements.iter().map(|(key, value)| element(key, value, depth)).collect()
}

fn frame(name: &str, frame: &DataFrame, depth: usize) -> Branch {
    let index = std::iter::once((frame.index_name().unwrap_or("index"), frame.index()));
    let columns = index.chain(frame.columns()).map(|(key, series)| element(key, &series.to_element(), depth + 1));
    let mut branch = group(name, columns.collect());
    branch.children.extend(mapping(frame.other(), depth + 1));
    branch.facts = vec!["data frame".to_owned()];
    branch.facts.extend(frame.len().ok().map(|rows| shape(&[rows as u64, frame.columns().len() as u64])));
    branch
}

fn of_raw(name: &str, raw: &Raw, depth: usize) -> Branch {
    let mut children: Vec<Branch> = raw.x().map(|x| element("X", x, depth + 1)).into_iter().collect();
    children.push(frame("var", raw.var(), depth + 1));
    if !raw.varm().is_empty() {
        children.push(group("varm", mapping(raw.varm(), depth + 2)));
    }
    group(name, children)
}

fn element(name: &str, of: &Element, depth: usize) -> Branch {
    let mut branch = match of {
        Element::Mapping(elements) => group(name, mapping(elements, depth + 1)),
        Element::Frame(own) => frame(name, own, depth),
        Element::AnnData(adata) if depth < DEEPEST => group(name, slots(adata, depth + 1)),
        Element::Raw(raw) => of_raw(name, raw, depth),
        _ => Branch {
            name: name.to_owned(),
            facts: facts(of),
            bytes: of.size_in_memory(true) as u64,
            ..Branch::default()
        },
    };
    let node = match of {
        Element::Lazy(lazy) => lazy.node(),
        Element::Opaque(opaque) => opaque.node(),
        _ => None,
    };
    if let Some(Ok(stored)) = node.map(|node| Description::of(node, &Registry::default())) {
        branch.facts.extend(layout(&stored, branch.bytes));
        branch.children = stored.children.iter().map(described).collect();
    }
    branch
}

/// What an element is.
fn facts(of: &Element) -> Vec<String> {
    let words = |of: &Element| -> Result<Vec<String>> {
        let schema = of.schema()?;
        let mut words = vec![match &schema {
            Schema::Sparse { format, .. } => format!("{format:?}").to_uppercase(),
            Schema::Column(column) if column.is_categorical() => "categorical".to_owned(),
            Schema::Extension { encoding, .. } => encoding.clone(),
            other => other.kind_name().to_owned(),
        }];
        words.extend(schema.dtype().map(ToString::to_string));
        if let Schema::Column(column) = &schema {
            words.extend(column.n_categories.map(|n| counted(n, "category")));
        }
        let lengths: Option<Vec<u64>> = schema.shape().map(|shape| shape.into_iter().map(|len| len as u64).collect());
        words.extend(lengths.filter(|lengths| !lengths.is_empty()).map(|lengths| shape(&lengths)));
        Ok(words)
    };
    if let Element::Opaque(opaque) = of {
        let encoding = opaque.encoding_type().map(|encoding| format!("encoding '{encoding}'"));
        let reason = opaque.unreadable().map(|error| format!("cannot be opened: {error}"));
        return ["not known".to_owned()].into_iter().chain(encoding).chain(reason).collect();
    }
    words(of).unwrap_or_else(|error| vec![format!("cannot be read: {error}")])
}

/// How a stored element is stored; `bytes` is its size in memory.
fn layout(stored: &Description, bytes_in_memory: u64) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(stored.chunks.as_deref().map(|chunks| format!("chunks {}", shape(chunks))));
    words.extend(stored.shards.as_deref().map(|shards| format!("shards {}", shape(shards))));
    if !stored.codecs.is_empty() {
        words.push(stored.codecs.join(" "));
    }
    words.extend(
        stored.stored_bytes.filter(|&size| size != bytes_in_memory).map(|size| format!("{} stored", bytes(size))),
    );
    words
}

/// A part of a stored element.
fn described(stored: &Description) -> Branch {
    let mut facts: Vec<String> = stored.encoding_type.iter().chain(&stored.dtype).cloned().collect();
    facts.extend(stored.shape.as_deref().filter(|lengths| !lengths.is_empty()).map(shape));
    facts.extend(stored.unreadable.iter().map(|reason| format!("cannot be opened: {reason}")));
    let size = stored.bytes.unwrap_or(0);
    facts.extend(layout(stored, size));
    let children = stored.children.iter().map(described).collect();
    Branch { name: file_name(&stored.path).to_owned(), facts, bytes: size, children }
}

fn shape(lengths: &[u64]) -> String {
    lengths.iter().map(|&len| grouped(len)).collect::<Vec<_>>().join(" \u{d7} ")
}
