//! [`Checker`]: what the checks of all encodings have in common.

use std::collections::HashSet;

use anndata_storage::{DType, Error, ErrorKind, Limits, Result, Tensor, child_path};

use super::rules;
use super::{Finding, Report, Rule, ValidateOptions};
use crate::encoding::{Encoding, Found, Registry, check_is_anndata};
use crate::node::{ArrayNode, GroupNode, Node, Source};

/// Bytes of an array of which hardly any are stored that are worth a warning.
const UNBACKED: u64 = 64 << 20;

/// Collects findings, and reads values for the checks of encodings.
#[derive(Debug)]
pub struct Checker<'a> {
    options: &'a ValidateOptions,
    report: Report,
    /// The paths of what could not be opened, or whose attributes could not be read.
    unreadable: HashSet<String>,
    /// Whether elements without encoding attributes are to be expected here.
    legacy: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn new(options: &'a ValidateOptions) -> Self {
        Self { options, report: Report::default(), unreadable: HashSet::new(), legacy: false }
    }

    pub(super) fn finish(self) -> Report {
        self.report
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
    pub(super) fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Notes that an element, or its attributes, could not be opened.
    pub(super) fn cannot_open(&mut self, path: String, error: &Error) {
        self.add_error(&path, error);
        self.unreadable.insert(path);
    }

    /// Whether so much was found that nothing more is looked for.
    fn is_full(&self) -> bool {
        self.report.truncated
    }

    /// The encodings that are known.
    pub fn registry(&self) -> &'a Registry {
        &self.options.registry
    }

    /// About the most bytes that a check may hold beside the block that it is given.
    pub fn budget(&self) -> usize {
        usize::try_from(self.options.memory / 4).unwrap_or(usize::MAX).max(1 << 10)
    }

    /// About the most bytes in a block of an array.
    pub(super) fn block_bytes(&self, dtype: &DType) -> u64 {
        let block = self.options.memory / 16;
        // A block counts 32 bytes for a text, which may be longer.
        if dtype.size().is_some() { block.max(8) } else { (block / 8).max(32) }
    }

    /// The tree of a store.
    pub(super) fn root(&mut self, node: &Node) {
        if self.unreadable.contains(node.path()) {
            return self.beneath(node);
        }
        if let Err(error) = check_is_anndata(node) {
            self.add(&rules::NOT_ANNDATA, node.path(), error.message());
            return self.beneath(node);
        }
        if let Ok(None) = node.text_attribute("encoding-type") {
            self.legacy = true;
            self.encoding_of(node);
            self.legacy = false;
            self.add(&rules::LEGACY_LAYOUT, node.path(), "the object is in the layout of anndata before 0.8");
            self.legacy = true;
            return super::check_object(node, self);
        }
        self.element(node);
    }

    /// Checks an element by its encoding, with everything in it.
    pub fn element(&mut self, node: &Node) {
        if self.is_full() {
            return;
        }
        if self.unreadable.contains(node.path()) {
            return self.beneath(node);
        }
        match self.encoding_of(node) {
            None => self.beneath(node),
            Some(Found::Known(encoding)) => {
                let before = self.legacy;
                self.legacy |= self.is_older(node, encoding);
                encoding.validate(node, self);
                self.legacy = before;
            }
            Some(Found::Legacy) => super::check_legacy(node, self),
            Some(Found::Unknown) => drop(self.decode(node)),
        }
    }

    /// Whether an element is of an older version of its encoding, which is told of once for an object.
    fn is_older(&mut self, node: &Node, encoding: &dyn Encoding) -> bool {
        let version = node.text_attribute("encoding-version").ok().flatten();
        let older = version.as_deref() != encoding.versions().last().copied();
        if older {
            let version =
                version.map_or_else(|| "without a version".to_owned(), |version| format!("of version {version}"));
            self.add_legacy(node.path(), &format!("{} {version}", encoding.name()));
        }
        older
    }

    /// Tells of an old layout, unless that of the whole is known to be old.
    pub(super) fn add_legacy(&mut self, path: &str, message: &str) {
        if !self.legacy {
            self.add(&rules::LEGACY_LAYOUT, path, message);
        }
    }

    /// Checks what is below an element that itself cannot be checked, or does not say what it is: children by their
    /// encodings, where they have one, values by reading.
    pub(super) fn beneath(&mut self, node: &Node) {
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
        let built = node.fetch().and_then(|node| self.registry().build(node));
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

    /// A child that has to be there. Where it could not be opened, that was found already.
    pub fn child<'n>(&mut self, group: &'n GroupNode, key: &str) -> Option<&'n Node> {
        let child = group.children.get(key);
        if child.is_none() && !self.unreadable.contains(&child_path(&group.path, key)) {
            self.add(&rules::MEMBER_MISSING, &group.path, format!("'{key}' is missing in it"));
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
    pub(super) fn is_unreadable(&self, path: &str) -> bool {
        self.unreadable.contains(path)
    }

    /// The length of each axis of an element that was checked; `None` where it has no axes or they are malformed.
    pub fn shape(&self, node: &Node) -> Option<Vec<usize>> {
        self.registry().shape(node).ok().flatten()
    }

    /// Reads the values of an array block by block, each once. `visit` is told the position of a block's first row and
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
            // There is no block, and so nothing that would tell of a codec that is not known.
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
    array.spec.len().unwrap_or(u64::MAX).saturating_mul(size_of(&array.spec.dtype))
}

/// Bytes of one value in memory, about 32 where they vary.
fn size_of(dtype: &DType) -> u64 {
    dtype.size().unwrap_or(32) as u64
}
