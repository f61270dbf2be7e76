//! What single items add to an API.

use std::collections::{BTreeSet, HashMap};

use quote::ToTokens;
use syn::{
    Attribute, Fields, FnArg, Generics, ImplItem, Item, ItemImpl, ItemTrait, Meta, Signature, TraitItem, Type,
    Visibility,
};

use super::Surface;

/// What is known where an item stands.
pub(super) struct Context<'a> {
    pub(super) dependencies: &'a [String],
    /// The crate that each imported name is from.
    pub(super) imports: &'a HashMap<String, String>,
    /// The types and traits of the crate that nobody else sees.
    pub(super) private: &'a BTreeSet<String>,
}

/// The name that an item defines, and whether it is public.
pub(super) fn defined(item: &Item) -> Option<(String, bool)> {
    let is_public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
    Some(match item {
        Item::Const(i) => (i.ident.to_string(), is_public(&i.vis)),
        Item::Enum(i) => (i.ident.to_string(), is_public(&i.vis)),
        Item::Fn(i) => (i.sig.ident.to_string(), is_public(&i.vis)),
        Item::Macro(i) => {
            (i.ident.as_ref()?.to_string(), i.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")))
        }
        Item::Static(i) => (i.ident.to_string(), is_public(&i.vis)),
        Item::Struct(i) => (i.ident.to_string(), is_public(&i.vis)),
        Item::Trait(i) => (i.ident.to_string(), is_public(&i.vis)),
        Item::Type(i) => (i.ident.to_string(), is_public(&i.vis)),
        Item::Union(i) => (i.ident.to_string(), is_public(&i.vis)),
        _ => return None,
    })
}

/// Whether something is public by name only: `#[doc(hidden)]`.
pub(super) fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .any(|attribute| matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "hidden"))
}

/// Add what an item offers and asks for.
pub(super) fn add(item: &Item, context: &Context<'_>, surface: &mut Surface) {
    let mut adder = Adder { context, surface };
    match item {
        Item::Impl(block) => adder.add_impl(block),
        item if defined(item).is_some_and(|(_, is_public)| is_public) => adder.add_public(item),
        _ => {}
    }
}

struct Adder<'a> {
    context: &'a Context<'a>,
    surface: &'a mut Surface,
}

impl Adder<'_> {
    /// Note an item and how it is defined.
    fn note(&mut self, item: String, attributes: &[Attribute], definition: &str) {
        let conditions = attributes
            .iter()
            .filter(|attribute| ["cfg", "non_exhaustive"].iter().any(|name| attribute.path().is_ident(name)));
        let mut words: Vec<String> = conditions.map(text).collect();
        words.push(definition.to_owned());
        let text = words.join(" ");
        self.note_crates(&text);
        self.surface.items.entry(item).or_default().insert(text.trim().to_owned());
    }

    fn demand(&mut self, owner: &str, what: String) {
        self.surface.demands.entry(owner.to_owned()).or_default().insert(what);
    }

    /// The crates that the words of a definition come from.
    fn note_crates(&mut self, definition: &str) {
        let words = definition.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        for word in words {
            let origin = self.context.imports.get(word);
            let named = self
                .context
                .dependencies
                .iter()
                .find(|name| *name == word && definition.contains(&format!("{word}::")));
            self.surface.crates.extend(origin.or(named).cloned());
        }
    }

    fn add_public(&mut self, item: &Item) {
        match item {
            Item::Const(i) => self.note(format!("const {}", i.ident), &i.attrs, &text(&i.ty)),
            Item::Static(i) => self.note(format!("static {}", i.ident), &i.attrs, &text(&i.ty)),
            Item::Type(i) => {
                let definition = format!("{} = {}", generics(&i.generics), text(&i.ty));
                self.note(format!("type {}", i.ident), &i.attrs, &definition);
            }
            Item::Fn(i) => self.note(format!("fn {}", i.sig.ident), &i.attrs, &signature(&i.sig)),
            Item::Macro(i) => {
                let name = i.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                self.note(format!("macro {name}"), &i.attrs, "");
            }
            Item::Struct(i) => {
                let name = i.ident.to_string();
                self.note(format!("struct {name}"), &i.attrs, &generics(&i.generics));
                self.add_derives(&name, &i.attrs);
                self.add_fields(&name, &i.fields, &i.attrs);
            }
            Item::Union(i) => self.note(format!("union {}", i.ident), &i.attrs, &generics(&i.generics)),
            Item::Enum(i) => {
                let (name, owner) = (i.ident.to_string(), format!("enum {}", i.ident));
                self.note(owner.clone(), &i.attrs, &generics(&i.generics));
                self.add_derives(&name, &i.attrs);
                for variant in i.variants.iter().filter(|variant| !is_hidden(&variant.attrs)) {
                    self.note(format!("variant {name}::{}", variant.ident), &variant.attrs, &text(&variant.fields));
                    if !is_open(&i.attrs) {
                        self.demand(&owner, format!("variant {}", variant.ident));
                    }
                }
            }
            Item::Trait(i) => self.add_trait(i),
            _ => {}
        }
    }

    /// Public fields; and where all are, each is needed to make the struct.
    fn add_fields(&mut self, name: &str, fields: &Fields, attributes: &[Attribute]) {
        let is_public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
        let label = |position: usize, field: &syn::Field| {
            field.ident.as_ref().map_or_else(|| position.to_string(), ToString::to_string)
        };
        // A struct with a private field is made by its own crate alone: one more such field changes nothing.
        let is_made_by_all = fields.iter().all(|field| is_public(&field.vis)) && !is_open(attributes);
        for (position, field) in fields.iter().enumerate() {
            let label = label(position, field);
            if is_public(&field.vis) && !is_hidden(&field.attrs) {
                self.note(format!("field {name}.{label}"), &field.attrs, &text(&field.ty));
            }
            if is_made_by_all {
                self.demand(&format!("struct {name}"), format!("field {label}"));
            }
        }
        if !is_made_by_all && !is_open(attributes) {
            self.demand(&format!("struct {name}"), "a private field".into());
        }
    }

    fn add_derives(&mut self, name: &str, attributes: &[Attribute]) {
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
            let Meta::List(list) = &attribute.meta else { continue };
            for derived in list.tokens.to_string().split(',').map(tidy).filter(|derived| !derived.is_empty()) {
                let short = derived.rsplit("::").next().unwrap_or(&derived);
                self.note(format!("impl {short} for {name}"), &[], "");
            }
        }
    }

    fn add_trait(&mut self, item: &ItemTrait) {
        let (name, owner) = (item.ident.to_string(), format!("trait {}", item.ident));
        let bounds = format!("{} : {}", generics(&item.generics), text(&item.supertraits));
        self.note(owner.clone(), &item.attrs, &bounds);
        for member in &item.items {
            let (member, attributes, definition, is_given) = match member {
                TraitItem::Fn(f) => (format!("fn {}", f.sig.ident), &f.attrs, signature(&f.sig), f.default.is_some()),
                TraitItem::Const(c) => (format!("const {}", c.ident), &c.attrs, text(&c.ty), c.default.is_some()),
                TraitItem::Type(t) => (format!("type {}", t.ident), &t.attrs, text(&t.bounds), t.default.is_some()),
                _ => continue,
            };
            if !is_given {
                self.demand(&owner, member.clone());
            }
            if let (false, Some((kind, member))) = (is_hidden(attributes), member.split_once(' ')) {
                self.note(format!("{kind} {name}::{member}"), attributes, &definition);
            }
        }
    }

    fn add_impl(&mut self, block: &ItemImpl) {
        let Some(name) = type_name(&block.self_ty) else { return };
        if self.context.private.contains(&name) {
            return;
        }
        let (of, parameters) = (text(&block.self_ty), generics(&block.generics));
        if let Some((mark, path, _)) = &block.trait_ {
            let last = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            if !self.context.private.contains(&last) {
                let mark = if mark.is_some() { "!" } else { "" };
                // By its last name, as a derive has it, with what it is for.
                let short = path.segments.last().map(text).unwrap_or_default();
                self.note_crates(&text(path));
                self.note(format!("impl {mark}{short} for {of}"), &block.attrs, &parameters);
            }
            return;
        }
        for member in &block.items {
            let (kind, member, visibility, attributes, definition) = match member {
                ImplItem::Fn(f) => ("fn", &f.sig.ident, &f.vis, &f.attrs, signature(&f.sig)),
                ImplItem::Const(c) => ("const", &c.ident, &c.vis, &c.attrs, text(&c.ty)),
                _ => continue,
            };
            if matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes) {
                // Where the type has parameters, for which it is.
                let where_from = if parameters.is_empty() && of == name {
                    String::new()
                } else {
                    format!("impl{parameters} {of}: ")
                };
                self.note(format!("{kind} {name}::{member}"), attributes, &format!("{where_from}{definition}"));
            }
        }
    }
}

fn is_open(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"))
}

/// The name of the type that an `impl` is for; of a reference, that of what it refers to.
fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        Type::Reference(reference) => type_name(&reference.elem),
        Type::Group(group) => type_name(&group.elem),
        // Tuples, slices and others, for a trait of this crate.
        other => Some(text(other)),
    }
}

/// The parameters and their bounds.
fn generics(generics: &Generics) -> String {
    let bounds = generics.where_clause.as_ref().map(text).unwrap_or_default();
    format!("{} {bounds}", text(generics)).trim().to_owned()
}

/// What a caller has to know of a function: all but the names of parameters.
fn signature(of: &Signature) -> String {
    let inputs: Vec<String> = of
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Receiver(receiver) if receiver.reference.is_none() && receiver.colon_token.is_none() => {
                "self".into()
            }
            FnArg::Receiver(receiver) => text(receiver),
            FnArg::Typed(typed) => text(&typed.ty),
        })
        .collect();
    let marks = [text(&of.constness), text(&of.asyncness), text(&of.unsafety), text(&of.abi)];
    let mut all: Vec<String> = marks.into_iter().filter(|mark| !mark.is_empty()).collect();
    all.push(format!("fn{} ({})", text(&of.generics), inputs.join(", ")));
    all.push(text(&of.output));
    all.extend(of.generics.where_clause.as_ref().map(text));
    all.join(" ").trim().to_owned()
}

/// Code on one line, with paths from the root of the crate cut to what follows them.
fn text(code: &impl ToTokens) -> String {
    tidy(&code.to_token_stream().to_string())
}

fn tidy(code: &str) -> String {
    let words: Vec<&str> = code.split_whitespace().collect();
    let (mut kept, mut position): (Vec<&str>, usize) = (Vec::new(), 0);
    while let Some(word) = words.get(position) {
        let is_path = words.get(position + 1) == Some(&"::");
        let is_inner = ["crate", "self", "super"].contains(word);
        if is_inner && is_path {
            // Skip all but the last name of the path.
            while words.get(position + 1) == Some(&"::") {
                position += 2;
            }
            continue;
        }
        kept.push(word);
        position += 1;
    }
    let mut line = kept.join(" ");
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        ("# ", "#"),
        ("# [", "#["),
        (" :", ":"),
        ("' ", "'"),
        (", )", ")"),
        (",)", ")"),
    ] {
        line = line.replace(spaced, tight);
    }
    line
}
