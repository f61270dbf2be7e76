//! Reading a library: its modules, their public paths, and which names come from other crates.

use std::collections::{BTreeSet, HashMap};

use syn::{Item, ItemMod, Visibility};

use super::Surface;
use super::items::{self, Context};
use crate::sh::{Error, Result};
use crate::tidy::File;
use crate::tidy::circles::modules::{attributes, is_test, leaves};

/// Read the API of a library from its root and its other files, with the names of the crates that it depends on.
///
/// # Errors
///
/// When a file is not Rust.
pub(crate) fn read(root: &str, files: &[File], dependencies: &[String]) -> Result<Surface> {
    let mut reader = Reader { files, dependencies, surface: Surface::default(), modules: Vec::new() };
    if let Some(file) = files.iter().find(|file| file.path == root) {
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let items = parse(file)?;
        reader.add_module(items, folder, Some(""))?;
    }
    Ok(reader.finish())
}

fn parse(file: &File) -> Result<Vec<Item>> {
    let parsed = syn::parse_file(&file.text).map_err(|e| Error::new(format!("{}: {e}", file.path)))?;
    Ok(parsed.items)
}

struct Reader<'a> {
    files: &'a [File],
    dependencies: &'a [String],
    surface: Surface,
    modules: Vec<Module>,
}

/// The items of a module, without its own modules, and the crates that imported names come from.
struct Module {
    items: Vec<Item>,
    imports: HashMap<String, String>,
}

impl Reader<'_> {
    /// Add the items of a module; `path` is how users write it, if they can.
    fn add_module(&mut self, items: Vec<Item>, folder: &str, path: Option<&str>) -> Result<()> {
        let seen: Vec<Item> = items.into_iter().filter(|item| !is_test(attributes(item)) && !is_hidden(item)).collect();
        let mut module = Module { items: Vec::new(), imports: HashMap::new() };
        for item in seen {
            match item {
                Item::Mod(inner) => self.add_inner(inner, folder, path)?,
                Item::Use(import) => {
                    let is_public = matches!(import.vis, Visibility::Public(_));
                    for (from, name) in leaves(&import) {
                        let origin = from.first().filter(|name| self.dependencies.contains(name));
                        if is_public {
                            self.surface.crates.extend(origin.cloned());
                        }
                        if let (true, Some(path)) = (is_public, path) {
                            let what = name.clone().unwrap_or_else(|| format!("* of {}", from.join("::")));
                            self.surface.paths.insert(join(path, &what));
                        }
                        module.imports.extend(name.zip(origin.cloned()));
                    }
                }
                item => {
                    if let (Some(path), Some((name, true))) = (path, items::defined(&item)) {
                        self.surface.paths.insert(join(path, &name));
                    }
                    module.items.push(item);
                }
            }
        }
        self.modules.push(module);
        Ok(())
    }

    fn add_inner(&mut self, module: ItemMod, folder: &str, path: Option<&str>) -> Result<()> {
        let name = module.ident.to_string();
        let is_public = matches!(module.vis, Visibility::Public(_));
        let path = path.filter(|_| is_public).map(|path| join(path, &name));
        self.surface.paths.extend(path.clone());
        let inner = format!("{folder}/{name}");
        let items = if let Some((_, items)) = module.content {
            items
        } else {
            let candidates = [format!("{inner}.rs"), format!("{inner}/mod.rs")];
            let file = self.files.iter().find(|file| candidates.contains(&file.path));
            file.map(parse).transpose()?.unwrap_or_default()
        };
        self.add_module(items, &inner, path.as_deref())
    }

    /// Read the definitions, now that it is known which names are public.
    fn finish(mut self) -> Surface {
        let (mut public, mut private) = (BTreeSet::new(), BTreeSet::new());
        for (name, is_public) in self.modules.iter().flat_map(|module| &module.items).filter_map(items::defined) {
            if is_public {
                public.insert(name)
            } else {
                private.insert(name)
            };
        }
        let private: BTreeSet<String> = private.difference(&public).cloned().collect();
        for module in &self.modules {
            let context = Context { dependencies: self.dependencies, imports: &module.imports, private: &private };
            for item in &module.items {
                items::add(item, &context, &mut self.surface);
            }
        }
        self.surface
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

/// Whether an item is public by name only: `#[doc(hidden)]`.
fn is_hidden(item: &Item) -> bool {
    items::is_hidden(attributes(item))
}
