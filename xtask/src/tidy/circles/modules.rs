//! The modules of a crate: in which file each is, and what every name in it means.

use std::collections::HashMap;

use syn::visit::Visit;
use syn::{Attribute, Item, ItemUse, Meta, UseTree};

use super::super::File;
use crate::sh::{Error, Result};

/// With what a path within a crate begins, where it is not a name.
const KEYWORDS: &[&str] = &["crate", "self", "super"];

/// A crate, parsed. The first module is its root.
pub(super) struct Crate<'a> {
    pub(super) modules: Vec<Module>,
    files: Vec<&'a File>,
}

/// A module, in a file of its own or inline.
pub(super) struct Module {
    /// Its position in the files of the crate.
    file: usize,
    /// What it holds beside its own modules.
    pub(super) items: Vec<Item>,
    parent: Option<usize>,
    names: HashMap<String, Vec<Meaning>>,
    /// The paths of `use PATH::*`.
    globs: Vec<Vec<String>>,
}

/// What a name in a module stands for.
#[derive(Debug, Clone)]
enum Meaning {
    Module(usize),
    /// Defined in this module, and whether more of a path can follow it.
    Item {
        is_type: bool,
    },
    /// Imported from this path.
    Import(Vec<String>),
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    Module(usize),
    /// An item that is defined in this module.
    Item(usize),
}

impl<'a> Crate<'a> {
    /// Parse a crate from its root and the files that its modules are in.
    ///
    /// # Errors
    ///
    /// When a file is not Rust, or a module has no file.
    pub(super) fn parse(root: &'a File, files: &'a [File]) -> Result<Self> {
        let mut krate = Self { modules: Vec::new(), files: Vec::new() };
        let folder = root.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        krate.add_file(root, folder, None, files)?;
        Ok(krate)
    }

    fn add_file(&mut self, file: &'a File, folder: &str, parent: Option<usize>, files: &'a [File]) -> Result<usize> {
        let parsed = syn::parse_file(&file.text).map_err(|e| Error::new(format!("{}: {e}", file.path)))?;
        self.files.push(file);
        self.add_module(self.files.len() - 1, parsed.items, folder, parent, files)
    }

    fn add_module(
        &mut self,
        file: usize,
        items: Vec<Item>,
        folder: &str,
        parent: Option<usize>,
        files: &'a [File],
    ) -> Result<usize> {
        let id = self.modules.len();
        let items: Vec<Item> = items.into_iter().filter(|item| !is_test(attributes(item))).collect();
        let mut imports = Imports::default();
        for item in &items {
            imports.visit_item(item);
        }
        let mut names: HashMap<String, Vec<Meaning>> = HashMap::new();
        for (name, path) in imports.names {
            names.entry(name).or_default().push(Meaning::Import(path));
        }
        for (name, is_type) in items.iter().filter_map(defined) {
            names.entry(name).or_default().push(Meaning::Item { is_type });
        }
        let (declared, items): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| matches!(item, Item::Mod(_)));
        self.modules.push(Module { file, items, parent, names, globs: imports.globs });
        for module in declared {
            let Item::Mod(module) = module else { continue };
            let name = module.ident.to_string();
            let inner = format!("{folder}/{name}");
            let child = if let Some((_, items)) = module.content {
                self.add_module(file, items, &inner, Some(id), files)?
            } else {
                let paths = [format!("{inner}.rs"), format!("{inner}/mod.rs")];
                let of_module = files.iter().find(|file| paths.contains(&file.path));
                let of_module =
                    of_module.ok_or_else(|| Error::new(format!("there is no file {}", paths.join(" or "))))?;
                self.add_file(of_module, &inner, Some(id), files)?
            };
            self.modules[id].names.entry(name).or_default().push(Meaning::Module(child));
        }
        Ok(id)
    }

    /// Where a module is: the modules from the root of the crate down to it.
    pub(super) fn way(&self, module: usize) -> Vec<usize> {
        let above = |&id: &usize| self.modules.get(id).and_then(|module| module.parent);
        let mut way: Vec<usize> = std::iter::successors(Some(module), above).collect();
        way.reverse();
        way
    }

    /// The path of the file that a module is in.
    pub(super) fn file(&self, module: usize) -> &str {
        let file = self.modules.get(module).and_then(|module| self.files.get(module.file));
        file.map_or("?", |file| file.path.as_str())
    }

    /// Everything of this crate that a path can mean in a module, re-exports followed.
    pub(super) fn find(&self, module: usize, path: &[String]) -> Vec<Found> {
        let mut found = Vec::new();
        self.follow(module, path, &mut Vec::new(), &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn follow(&self, id: usize, path: &[String], underway: &mut Vec<(usize, String)>, found: &mut Vec<Found>) {
        let Some(module) = self.modules.get(id) else { return };
        let Some((first, rest)) = path.split_first() else { return found.push(Found::Module(id)) };
        let is_keyword = KEYWORDS.contains(&first.as_str());
        let step = (id, first.clone());
        // What is looked up to find itself: `use tempfile::tempfile`.
        if !is_keyword && underway.contains(&step) {
            return;
        }
        underway.push(step);
        match (first.as_str(), module.parent) {
            ("crate", _) => self.follow(0, rest, underway, found),
            ("self", _) => self.follow(id, rest, underway, found),
            ("super", Some(parent)) => self.follow(parent, rest, underway, found),
            _ => {
                for meaning in module.names.get(first).into_iter().flatten() {
                    match meaning {
                        Meaning::Module(child) => self.follow(*child, rest, underway, found),
                        Meaning::Item { is_type } if *is_type || rest.is_empty() => found.push(Found::Item(id)),
                        Meaning::Item { .. } => {}
                        Meaning::Import(from) => {
                            let path: Vec<String> = from.iter().chain(rest).cloned().collect();
                            self.follow(id, &path, underway, found);
                        }
                    }
                }
                if !module.names.contains_key(first) {
                    // Where a glob leads is not looked for in globs: without an end, if it leads out of the crate.
                    let glob = |glob: &&Vec<String>| {
                        let first = glob.first();
                        first
                            .is_some_and(|first| KEYWORDS.contains(&first.as_str()) || module.names.contains_key(first))
                    };
                    for glob in module.globs.iter().filter(glob) {
                        let path: Vec<String> = glob.iter().chain(path).cloned().collect();
                        self.follow(id, &path, underway, found);
                    }
                }
            }
        }
        underway.pop();
    }
}

/// The imports of a module, those within its functions included.
#[derive(Default)]
struct Imports {
    names: Vec<(String, Vec<String>)>,
    globs: Vec<Vec<String>>,
}

impl Visit<'_> for Imports {
    fn visit_item_use(&mut self, item: &ItemUse) {
        for (path, name) in leaves(item) {
            match name {
                Some(name) => self.names.push((name, path)),
                None => self.globs.push(path),
            }
        }
    }

    // A module of its own.
    fn visit_item_mod(&mut self, _: &syn::ItemMod) {}
}

/// The paths of a `use` item, each with the name that it gets; a glob has none.
pub(crate) fn leaves(item: &ItemUse) -> Vec<(Vec<String>, Option<String>)> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        add_leaves(&item.tree, &[], &mut found);
    }
    found
}

fn add_leaves(tree: &UseTree, before: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) {
    // `a::{self}` is `a`.
    let with = |name: &syn::Ident| {
        let is_self = name == "self" && !before.is_empty();
        before.iter().cloned().chain((!is_self).then(|| name.to_string())).collect::<Vec<String>>()
    };
    match tree {
        UseTree::Path(path) => add_leaves(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) => {
            let path = with(&name.ident);
            found.push((path.clone(), path.last().cloned()));
        }
        UseTree::Rename(rename) => found.push((with(&rename.ident), Some(rename.rename.to_string()))),
        UseTree::Glob(_) => found.push((before.to_vec(), None)),
        UseTree::Group(group) => group.items.iter().for_each(|tree| add_leaves(tree, before, found)),
    }
}

/// The name that an item defines, and whether paths lead on from it.
fn defined(item: &Item) -> Option<(String, bool)> {
    let (name, is_type) = match item {
        Item::Const(item) => (&item.ident, false),
        Item::Enum(item) => (&item.ident, true),
        Item::Fn(item) => (&item.sig.ident, false),
        Item::Macro(item) => (item.ident.as_ref()?, false),
        Item::Static(item) => (&item.ident, false),
        Item::Struct(item) => (&item.ident, true),
        Item::Trait(item) => (&item.ident, true),
        Item::TraitAlias(item) => (&item.ident, true),
        Item::Type(item) => (&item.ident, true),
        Item::Union(item) => (&item.ident, true),
        _ => return None,
    };
    Some((name.to_string(), is_type))
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item is compiled for tests alone: `#[cfg(test)]`, `#[cfg(all(test, …))]`.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        let text = list.tokens.to_string().replace(' ', "");
        text == "test" || text.starts_with("all(test,")
    })
}
