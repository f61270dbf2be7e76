//! [`Checker`]: what the checks of all encodings have in common.

use std::collections::HashSet;

use anndata_storage::{DType, Error, ErrorKind, Limits, Result, Tensor, child_path};

use super::rules;
use super::{Finding, Report, Rule};
use crate::node::{ArrayNode, GroupNode, Node, Progress, Source};
use crate::stored::TreeReader;

/// Bytes of an array of which hardly any are stored that are worth a warning.
const UNBACKED: u64 = 64 << 20;

/// The checks of all encodings.
pub(crate) trait Checks: TreeReader {
    /// Checks an element by its encoding, with everything in it.
    fn check(&self, node: &Node, checker: &mut Checker<'_>);
}

/// What checks may use, and when they end.
#[derive(Debug)]
pub(crate) struct CheckOptions {
    pub(crate) memory: u64,
    pub(crate) max_findings: usize,
    /// Whether the store has attributes with shapes and dtypes, as HDF5 does; in JSON an array of one value is a list.
    pub(crate) typed_attributes: bool,
    pub(crate) progress: Option<Progress>,
}

/// Collects findings, and reads values for the checks of encodings.
#[derive(Debug)]
pub struct Checker<'a> {
    options: &'a CheckOptions,
    encodings: &'a dyn Checks,
    report: Report,
    /// The paths of what could not be opened, or whose attributes could not be read.
    unreadable: HashSet<String>,
    /// Whether elements without encoding attributes are to be expected here.
    legacy: bool,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(options: &'a CheckOptions, encodings: &'a dyn Checks) -> Self {
        Self { options, encodings, report: Report::default(), unreadable: HashSet::new(), legacy: false }
    }

    pub(crate) fn finish(self) -> Report {
        self.report
    }

    /// Whether readers take an attribute of shape `[1]` for a single value: they do not if it is a list in JSON.
    pub(crate) fn has_typed_attributes(&self) -> bool {
        self.options.typed_attributes
    }

    /// Adds a finding about the element at `path`.
    pub fn add(&mut self, rule: &'static Rule, path: &str, message: impl Into<String>) {
        if self.report.findings.len() >= self.options.max_findings {
            self.report.truncated = true;
            return;
        }
        let &Rule { id, severity, hint, .. } = rule;
        self.report.findings.push(Finding { path: path.to_owned(), severity, rule: id, message: message.into(), hint });
    }

    /// Adds an error of the store about the element at `path`, by its kind.
    pub fn add_error(&mut self, path: &str, error: &Error) {
        let rule = match error.kind() {
            ErrorKind::Refused => &rules::EXTERNAL,
            ErrorKind::Unsupported => &rules::UNSUPPORTED,
            ErrorKind::LimitExceeded => &rules::SIZE_CLAIM,
            _ => &rules::UNREADABLE,
        };
        self.add(rule, path, text_of(error, path));
    }

    /// Adds what a fallible check says, under a rule.
    pub fn add_failed<T>(&mut self, rule: &'static Rule, path: &str, checked: Result<T>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(rule, path, text_of(&error, path));
                None
            }
        }
    }

    /// Whether the layout here is that of an older version.
    pub(crate) fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Says whether the layout from here on is that of an older version; returns what was said before.
    pub(crate) fn set_legacy(&mut self, legacy: bool) -> bool {
        std::mem::replace(&mut self.legacy, legacy)
    }

    /// Notes that an element, or its attributes, could not be opened.
    pub(crate) fn cannot_open(&mut self, path: String, error: &Error) {
        self.add_error(&path, error);
        self.unreadable.insert(path);
    }

    /// Whether so much was found that nothing more is looked for.
    fn is_full(&self) -> bool {
        self.report.truncated
    }

    /// About the most bytes that a check may hold beside the block that it is given.
    pub fn budget(&self) -> usize {
        // Fallback: all of the memory there is, where the options allow more.
        usize::try_from(self.options.memory / 4).unwrap_or(usize::MAX).max(1 << 10)
    }

    /// About the most bytes in a block of an array.
    pub(crate) fn block_bytes(&self, dtype: &DType) -> u64 {
        let block = self.options.memory / 16;
        // A block counts 32 bytes for a text, which may be longer.
        if dtype.size().is_some() { block.max(8) } else { (block / 8).max(32) }
    }

    /// Checks an element by its encoding, with everything in it.
    pub fn element(&mut self, node: &Node) {
        if self.is_full() {
            return;
        }
        if self.unreadable.contains(node.path()) {
            return self.beneath(node);
        }
        self.encodings.check(node, self);
    }

    /// Reports an old layout, unless that of the whole is known to be old.
    pub(crate) fn add_legacy(&mut self, path: &str, message: &str) {
        if !self.legacy {
            self.add(&rules::LEGACY_LAYOUT, path, message);
        }
    }

    /// Checks what is below an element that itself cannot be checked, or does not say what it is: children by their
    /// encodings, where they have one, values by reading.
    pub(crate) fn beneath(&mut self, node: &Node) {
        let before = std::mem::replace(&mut self.legacy, true);
        match node {
            Node::Group(group) => self.children(group),
            Node::Array(_) => drop(self.decode(node)),
        }
        self.legacy = before;
    }

    /// Checks the children of a group by their encodings.
    pub fn children(&mut self, group: &GroupNode) {
        group.children.values().for_each(|child| self.element(child));
    }

    /// Reads all values of a tree. Whether all could be read.
    pub fn decode(&mut self, node: &Node) -> bool {
        match node {
            Node::Group(group) => {
                let failed = group.children.values().filter(|child| !self.decode(child)).count();
                failed == 0
            }
            Node::Array(array) => self.stream(array, &mut |_, _| Ok(())),
        }
    }

    /// Checks an element as a whole: all its values are read, and it is built where it is small enough for that.
    pub fn whole(&mut self, node: &Node) {
        if !self.decode(node) {
            return;
        }
        if bytes(node) > self.budget() as u64 {
            return self.add(&rules::UNCHECKED, node.path(), "larger than a quarter of the memory to use");
        }
        let built = node.fetch().and_then(|node| self.encodings.build(node));
        self.add_failed(&rules::MALFORMED, node.path(), built);
    }

    /// The node as a group; anything else is found.
    pub fn group<'n>(&mut self, node: &'n Node) -> Option<&'n GroupNode> {
        self.add_failed(&rules::NODE_KIND, node.path(), node.as_group())
    }

    /// The node as an array; anything else is found.
    pub fn array<'n>(&mut self, node: &'n Node) -> Option<&'n ArrayNode> {
        self.add_failed(&rules::NODE_KIND, node.path(), node.as_array())
    }

    /// A child that has to be there. If it could not be opened, that was found already.
    pub fn child<'n>(&mut self, group: &'n GroupNode, key: &str) -> Option<&'n Node> {
        let child = group.children.get(key);
        if child.is_none() && !self.unreadable.contains(&child_path(&group.path, key)) {
            self.add(&rules::MEMBER_MISSING, &group.path, format!("the group has no child '{key}'"));
        }
        child
    }

    /// A child that has to be there as an array.
    pub fn array_child<'n>(&mut self, group: &'n GroupNode, key: &str) -> Option<&'n ArrayNode> {
        let child = self.child(group, key)?;
        self.array(child)
    }

    /// An attribute that has to be there, in the type that `get` gives.
    pub fn attribute<T>(
        &mut self,
        node: &Node,
        name: &str,
        get: impl FnOnce(&Node, &str) -> Result<Option<T>>,
    ) -> Option<T> {
        match get(node, name) {
            Ok(Some(value)) => Some(value),
            Ok(None) => {
                self.add(&rules::ATTRIBUTE_MISSING, node.path(), format!("attribute '{name}' is missing"));
                None
            }
            Err(error) => {
                self.add(&rules::ATTRIBUTE_TYPE, node.path(), error.message());
                None
            }
        }
    }

    /// Whether something at a path could not be opened, which was found already.
    pub(crate) fn is_unreadable(&self, path: &str) -> bool {
        self.unreadable.contains(path)
    }

    /// The length of each axis of an element that was checked; `None` if it has no axes or they are malformed.
    pub fn shape(&self, node: &Node) -> Option<Vec<usize>> {
        self.encodings.shape(node).ok().flatten()
    }

    /// Reads the values of an array block by block, each once. `visit` is given the position of a block's first row and
    /// its values; blocks come in C order. Whether all could be read; what could not is found.
    pub fn stream(&mut self, array: &ArrayNode, visit: &mut dyn FnMut(u64, &Tensor) -> Result<()>) -> bool {
        let (path, spec) = (array.path.as_str(), &array.spec);
        if matches!(spec.dtype, DType::Unknown(_)) {
            self.add(&rules::DTYPE_UNKNOWN, path, format!("values are of type {}", spec.dtype));
            return false;
        }
        if let Some(chunks) = spec.chunks.as_ref().filter(|_| !spec.is_empty()) {
            let chunk = chunks.iter().copied().fold(size_of(&spec.dtype), u64::saturating_mul);
            if chunk > self.options.memory {
                self.claim_or_oversized(array, chunk);
                return false;
            }
        }
        if spec.is_empty() && !spec.null {
            // There is no block, and so nothing that would report an unknown codec.
            if let Err(error) = array.source.read() {
                self.add_error(path, &error);
                return false;
            }
        }
        for block in array.source.blocks(self.block_bytes(&spec.dtype)) {
            let visited = block.and_then(|(offset, values)| {
                if let Some(progress) = &self.options.progress {
                    progress.tell(&values);
                }
                visit(offset.first().copied().unwrap_or(0), &values)
            });
            if let Err(error) = visited {
                self.add_error(path, &error);
                return false;
            }
        }
        self.unbacked(array);
        true
    }

    /// A chunk that is too large to be decoded: a false claim, where the store says so, or just large.
    fn claim_or_oversized(&mut self, array: &ArrayNode, chunk: u64) {
        let stored = match &array.source {
            Source::Stored(stored) => stored.stored_bytes().ok().flatten(),
            _ => None,
        };
        match stored {
            Some(stored) if chunk / Limits::default().max_expansion > stored => {
                let message = format!("a chunk takes {chunk} bytes in memory, but only {stored} are stored of all");
                self.add(&rules::SIZE_CLAIM, &array.path, message);
            }
            _ => self.add(&rules::CHUNK_OVERSIZED, &array.path, format!("a chunk takes {chunk} bytes in memory")),
        }
    }

    fn unbacked(&mut self, array: &ArrayNode) {
        let declared = array_bytes(array);
        if let Source::Stored(stored) = &array.source
            && declared > UNBACKED
            && let Ok(Some(bytes)) = stored.stored_bytes()
            && bytes.saturating_mul(Limits::default().max_expansion) < declared
        {
            let message = format!("{declared} bytes are declared, but only {bytes} are stored");
            self.add(&rules::SIZE_UNBACKED, &array.path, message);
        }
    }
}

/// The message of an error with its cause, and the path where it is another than that of the finding.
fn text_of(error: &Error, path: &str) -> String {
    let text = error.to_string();
    let own = if path.is_empty() { "/: ".to_owned() } else { format!("{path}: ") };
    text.strip_prefix(&own).map(str::to_owned).unwrap_or(text)
}

/// The bytes that the values of a tree take in memory.
fn bytes(node: &Node) -> u64 {
    match node {
        Node::Group(group) => group.children.values().map(bytes).fold(0, u64::saturating_add),
        Node::Array(array) => array_bytes(array),
    }
}

fn array_bytes(array: &ArrayNode) -> u64 {
    // Fallback: a product beyond the numbers is over every limit.
    array.spec.len().unwrap_or(u64::MAX).saturating_mul(size_of(&array.spec.dtype))
}

/// Bytes of one value in memory, about 32 where they vary.
fn size_of(dtype: &DType) -> u64 {
    dtype.size().unwrap_or(32) as u64
}
