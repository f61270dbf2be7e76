//! What is done with a mutated input, and how each came out.

use std::path::{Path, PathBuf};

use anndata::encoding::Registry;
use anndata::io::{self, ElemWriteOptions};
use anndata::node::Node;
use anndata::{AnnData, ConvertOptions, Description, Element, ReadOptions, Result, ValidateOptions};

/// What is done with an input, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Its elements are listed, and it is opened lazily.
    Show,
    /// Everything in it is checked.
    Validate,
    /// It is read.
    Read,
    /// It is converted to the other format.
    Convert,
    /// One element is replaced in place.
    Edit,
}

impl Look {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Show, Self::Validate, Self::Read, Self::Convert, Self::Edit];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Validate => "validate",
            Self::Read => "read",
            Self::Convert => "convert",
            Self::Edit => "edit",
        }
    }
}

/// How a look came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// An error that names the file.
    Refused,
    /// An error that does not.
    Nameless(String),
    /// Two looks at the same input disagree.
    Wrong(String),
}

/// The text that an edit puts there.
const NOTE: &str = "what an edit wrote";

/// An input, and what is known of it.
pub(super) struct Input<'a> {
    pub(super) path: &'a Path,
    /// What was read of it.
    pub(super) read: Option<AnnData>,
}

impl Input<'_> {
    /// Looks at the input.
    pub(super) fn look(&mut self, look: Look) -> Outcome {
        let done = match look {
            Look::Show => self.show(),
            Look::Validate => anndata::validate_path(self.path, &ValidateOptions::default()).map(|_| None),
            Look::Read => self.read(),
            Look::Convert => self.convert(),
            Look::Edit => self.edit(),
        };
        match done {
            Ok(None) => Outcome::Done,
            Ok(Some(wrong)) => Outcome::Wrong(wrong),
            Err(error) if error.file().is_some() => Outcome::Refused,
            Err(error) => Outcome::Nameless(error.to_string()),
        }
    }

    fn show(&self) -> Result<Option<String>> {
        let root = anndata::open(self.path)?;
        let tree = Node::open(&root, "").and_then(|node| Description::of(&node, &Registry::default()));
        let lazy = anndata::read_with(self.path, &options().with_lazy(true));
        // The root that is opened by hand does not know its file, so that its error need not name it.
        let (_, _) = (tree.map(|tree| tree.to_string().len()), lazy?.to_string().len());
        Ok(None)
    }

    fn read(&mut self) -> Result<Option<String>> {
        let eager = anndata::read_with(self.path, &options())?;
        let lazy = anndata::read_with(self.path, &options().with_lazy(true)).and_then(|lazy| lazy.load());
        let wrong = match lazy {
            Ok(lazy) if lazy != eager && self.is_comparable(&eager) => {
                Some("what is read at once and what is read lazily differ".to_owned())
            }
            _ => None,
        };
        self.read = Some(eager);
        Ok(wrong)
    }

    fn convert(&self) -> Result<Option<String>> {
        let output = self.beside(if is_hdf5(self.path) { "to.zarr" } else { "to.h5ad" });
        anndata::convert(self.path, &output, &ConvertOptions::default().with_read(options()).with_durable(false))?;
        let converted = anndata::read(&output)?;
        let differs = self.read.as_ref().is_some_and(|read| *read != converted && self.is_comparable(read));
        Ok(differs.then(|| "what is read and what is read after converting differ".to_owned()))
    }

    fn edit(&mut self) -> Result<Option<String>> {
        // A zip file is not edited.
        if !is_hdf5(self.path) && self.path.is_file() {
            return Ok(None);
        }
        let root = anndata::open_rw_with(self.path, &options())?;
        io::write_elem(&root, "uns/note", &Element::from(NOTE), &ElemWriteOptions::default())?;
        root.storage().commit()?;
        drop(root);
        let Some(mut read) = self.read.take() else { return Ok(None) };
        read.set_uns("note", NOTE);
        Ok(match anndata::read_with(self.path, &options()) {
            Ok(edited) if edited == read => None,
            Ok(_) => Some("after an edit, more than what was edited is different".to_owned()),
            Err(error) => Some(format!("after an edit, what could be read before cannot be: {error}")),
        })
    }

    /// Whether what was read is equal to itself when it is read again: values of a type that is not known are those of a file.
    fn is_comparable(&self, read: &AnnData) -> bool {
        anndata::read_with(self.path, &options()).is_ok_and(|again| again == *read)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }
}

pub(super) fn options() -> ReadOptions {
    ReadOptions::untrusted()
}

fn is_hdf5(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "h5ad")
}
