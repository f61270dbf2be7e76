//! The members of a group.

use std::sync::Arc;

use super::Object;
use crate::btree_v2::{Records, Tree};
use crate::context::Links;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result, Section};
use crate::fractal_heap::FractalHeap;
use crate::limits::Action;
use crate::message::link::Link;
use crate::message::link_info::LinkInfo;
use crate::message::symbol_table;
use crate::object_header::kind;
use crate::reader::Reader;
use crate::{ObjectKind, symbol_table_node};

const SECTION: Section = Section::new("links of a group", "IV.A.2.g");

/// What is found while links are collected.
#[derive(Default)]
struct Found {
    entries: Vec<Link>,
    order_tracked: bool,
    /// Whether links come in an order that is kept: that of an old group's tree.
    in_tree_order: bool,
    damage: Option<Error>,
}

impl Object {
    /// The members of a group: in the order in which they were made where the group keeps it, else in that of the bytes of
    /// their names.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is no group; [`Malformed`](crate::ErrorKind::Malformed) if a link cannot
    /// be read or its name is none, or two have one name.
    pub fn links(&self) -> Result<Vec<Link>> {
        let links = self.kept_links()?;
        match &links.damage {
            Some(damage) => Err(damage.clone()),
            None => Ok(links.entries.clone()),
        }
    }

    /// One member of a group; `None` if there is none of this name.
    ///
    /// # Errors
    /// As [`links`](Self::links), but that damage to other links is an error only if there may be one of this name among
    /// them.
    pub fn link(&self, name: &[u8]) -> Result<Option<Link>> {
        let links = self.kept_links()?;
        let find = |&at: &usize| links.entries.get(at).map(|link| link.name.as_slice());
        let found = links.by_name.binary_search_by(|at| find(at).cmp(&Some(name))).ok();
        let found = found.and_then(|at| links.entries.get(*links.by_name.get(at)?));
        match (found, &links.damage) {
            (Some(link), _) => Ok(Some(link.clone())),
            (None, Some(damage)) => Err(damage.clone()),
            (None, None) => Ok(None),
        }
    }

    fn kept_links(&self) -> Result<Arc<Links>> {
        if let Some(links) = self.context.links.get(self.address) {
            return Ok(links);
        }
        if self.kind()? != ObjectKind::Group {
            return Err(Error::new(ErrorKind::NotFound, SECTION, "there is no group at this place"));
        }
        let reader = self.context.reader(Action::Links, self.address);
        let mut found = Found::default();
        for message in self.header.messages() {
            let fields = message.cursor();
            match message.kind {
                kind::LINK => {
                    found.take(self.context.message(&reader, kind::LINK, &fields, message.is_shared(), Link::parse));
                }
                kind::LINK_INFO => found.new_style(&reader, &fields)?,
                kind::SYMBOL_TABLE => {
                    let (tree, heap) = symbol_table::tree_and_heap(&fields)?;
                    found.entries.extend(symbol_table_node::links(&reader, self.context.ranks, tree, heap)?);
                    found.in_tree_order = true;
                }
                _ => {}
            }
        }
        let links = found.into_links();
        let bytes = links.entries.iter().map(|link| link.name.len() + size_of::<Link>() + size_of::<usize>()).sum();
        Ok(self.context.links.put(self.address, links, bytes))
    }
}

impl Found {
    fn take(&mut self, link: Result<Link>) {
        match link {
            Ok(link) => self.entries.push(link),
            Err(damage) => self.damaged(damage),
        }
    }

    fn damaged(&mut self, damage: Error) {
        self.damage.get_or_insert(damage);
    }

    /// Links in a heap.
    fn new_style(&mut self, reader: &Reader<'_>, fields: &Cursor<'_>) -> Result<()> {
        let info = LinkInfo::parse(fields)?;
        self.order_tracked |= info.order_tracked;
        let Some((heap, names)) = info.dense else { return Ok(()) };
        let heap = FractalHeap::open(reader, heap)?;
        Tree::open(reader, names, Records::LinkNames)?.visit(reader, &mut |mut record| {
            // The hash of the name.
            record.skip(4)?;
            let link = heap.get(reader, record.rest()).and_then(|(bytes, origin)| {
                reader.charge(SECTION, bytes.len() as u64)?;
                Link::parse(&Cursor::new(&bytes, origin, reader.widths(), SECTION))
            });
            match link {
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                link => self.take(link),
            }
            Ok(())
        })
    }

    fn into_links(mut self) -> Links {
        // A path would lead elsewhere: with an empty name, back to the group itself.
        if let Some(bad) = self.entries.iter().find(|link| !is_name(&link.name)) {
            let name = bad.name.escape_ascii();
            let damage = Error::malformed(SECTION, format!("a link is called '{name}', which is no name"));
            self.damaged(damage);
            self.entries.retain(|link| is_name(&link.name));
        }
        if self.order_tracked {
            self.entries.sort_by_key(|link| link.creation);
        } else if !self.in_tree_order {
            self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let name = |at: usize| self.entries.get(at).map(|link| link.name.as_slice());
        let mut by_name: Vec<usize> = (0..self.entries.len()).collect();
        by_name.sort_by(|&a, &b| name(a).cmp(&name(b)));
        let twice = by_name.windows(2).find_map(|pair| match *pair {
            [one, two] if name(one) == name(two) => name(one).map(|name| name.escape_ascii().to_string()),
            _ => None,
        });
        if let Some(twice) = twice {
            self.damaged(Error::malformed(SECTION, format!("two links are called '{twice}'")));
        }
        Links { entries: self.entries, by_name, damage: self.damage }
    }
}

/// Whether a member of a group may have this name: paths are made of names.
fn is_name(name: &[u8]) -> bool {
    !(name.is_empty() || name == b"." || name.contains(&b'/') || name.contains(&0))
}
