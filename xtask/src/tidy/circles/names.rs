//! What the code of each module names of other modules.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, Path, Visibility};

use super::modules::{Crate, Found, leaves};

/// That one module names what another one defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) name: String,
}

/// Every mention in a crate, but of what is in the same file.
pub(super) fn mentions(krate: &Crate<'_>) -> Vec<Mention> {
    let mut found = Vec::new();
    for (id, module) in krate.modules.iter().enumerate() {
        let mut names = Names { krate, module: id, found: &mut found };
        module.items.iter().for_each(|item| names.visit_item(item));
    }
    found
}

/// Collects the mentions in the code of one module.
struct Names<'a> {
    krate: &'a Crate<'a>,
    module: usize,
    found: &'a mut Vec<Mention>,
}

impl Names<'_> {
    fn add(&mut self, path: &[String]) {
        for found in self.krate.find(self.module, path) {
            if let Found::Item(module) = found
                && self.krate.file(module) != self.krate.file(self.module)
            {
                self.found.push(Mention { from: self.module, to: module, name: path.join("::") });
            }
        }
    }

    /// The paths among the tokens of a macro.
    fn add_tokens(&mut self, tokens: &TokenStream) {
        let (mut path, mut colons, mut is_member) = (Vec::new(), 0, false);
        for token in tokens.clone() {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.add(&std::mem::take(&mut path));
                    }
                    if !is_member {
                        path.push(name.to_string());
                    }
                    (colons, is_member) = (0, false);
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Punct(mark) => {
                    self.add(&std::mem::take(&mut path));
                    (colons, is_member) = (0, mark.as_char() == '.');
                }
                TokenTree::Group(group) => {
                    self.add(&std::mem::take(&mut path));
                    (colons, is_member) = (0, false);
                    self.add_tokens(&group.stream());
                }
                TokenTree::Literal(_) => {}
            }
        }
        self.add(&path);
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    // Private imports count, also of a trait whose methods are called; what is passed on counts where it is mentioned.
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if matches!(item.vis, Visibility::Inherited) {
            for (path, _) in leaves(item) {
                self.add(&path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.add(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        self.add_tokens(&call.tokens);
    }

    // Each module has its turn.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}
}
