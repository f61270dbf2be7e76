//! The rules: everything that [`validate`](crate::validate()) can find, in one table.
//!
//! The page `docs/validate.md` is made from it.

// Long file: the table of all rules.

use std::fmt::Write as _;

use super::Severity;

/// Something that can be wrong with an element.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The stable name, such as `sparse-index-out-of-range`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a sentence.
    pub what: &'static str,
    /// What can be done about it.
    pub hint: &'static str,
}

impl Rule {
    /// A rule of an encoding of one's own.
    pub const fn new(id: &'static str, severity: Severity, what: &'static str, hint: &'static str) -> Self {
        Self { id, severity, what, hint }
    }
}

macro_rules! rules {
    ($($(#[doc = $title:literal])* [$($name:ident = $severity:ident $id:literal: $what:literal, $hint:literal;)*])*) => {
        $($(
            #[doc = $what]
            pub const $name: Rule = Rule::new($id, Severity::$severity, $what, $hint);
        )*)*

        /// All rules, under the titles of their groups.
        pub const RULES: &[(&str, &[&Rule])] = &[$((concat!($($title),*), &[$(&$name),*])),*];
    };
}

rules! {
    /// Any element
    [
        UNREADABLE = Error "element-unreadable": "The element, its attributes or its values cannot be read or decoded.",
            "Restore the file from a copy; what is damaged cannot be guessed.";
        EXTERNAL = Error "external-reference": "A link, the bytes of an array or the parts of a virtual array are in another file.",
            "Copy what it refers to into the file; other files are not followed unless an option allows it.";
        UNSUPPORTED = Error "not-supported": "The values are stored in a way that this build cannot read, such as an unknown compression.",
            "Rewrite the element with gzip, which every reader has.";
        SIZE_CLAIM = Error "size-claim": "A declared size, depth or number of elements is far beyond what is stored.",
            "Do not read the file without limits: it is damaged, or made to exhaust the memory of its reader.";
        SIZE_UNBACKED = Warning "size-unbacked": "An array of more than 64 MiB has hardly any stored bytes: most of it was never written.",
            "Check that the tool that wrote it ran to its end.";
        CHUNK_OVERSIZED = Warning "chunk-oversized": "A chunk is larger than the memory that validation may use; the values are not checked.",
            "Rewrite the file with smaller chunks: `anndata convert --chunk-rows`.";
        NODE_KIND = Error "node-kind": "A group stands where an array should be, or an array where a group should be.",
            "Write the element anew.";
        MEMBER_MISSING = Error "member-missing": "A group or array that the encoding needs is missing.",
            "Write the element anew.";
        ATTRIBUTE_MISSING = Error "attribute-missing": "An attribute that the encoding needs is missing.",
            "Write the element anew, or add the attribute.";
        ATTRIBUTE_TYPE = Error "attribute-type": "An attribute is not of the type that the format asks for.",
            "Write the attribute anew, in the type of the specification.";
        ATTRIBUTE_UNPLACED = Info "attribute-unplaced": "Unknown attribute; it is dropped when the object is rewritten.",
            "Keep such notes in `uns`.";
        ATTRIBUTE_DIMENSIONS = Warning "attribute-dimensions": "An attribute that must be a single value is stored with dimensions.",
            "Write the attribute anew, without dimensions.";
        ENCODING_MISSING = Warning "encoding-missing": "The element does not say how it is encoded; readers guess.",
            "Rewrite the file with `anndata convert`; a nested group may come from a key with '/'.";
        ENCODING_TYPE_MISSING = Error "encoding-type-missing": "The element has `encoding-version` but no `encoding-type`.",
            "Add the attribute, or rewrite the element.";
        ENCODING_VERSION_MISSING = Error "encoding-version-missing": "The element has `encoding-type` but no `encoding-version`.",
            "Add the attribute, or rewrite the element.";
        ENCODING_UNKNOWN = Error "encoding-unknown": "The encoding, or its version, is unknown; the element is kept unchanged. Python refuses the file.",
            "Read it with the tool that wrote it, or remove the element for readers that do not know it.";
        PART_ENCODING = Error "part-encoding": "A part of an element, such as the codes of a categorical column, has an encoding that is not allowed there.",
            "Write the element anew.";
        DTYPE_UNKNOWN = Warning "dtype-unknown": "The values have a type that anndata does not know; they are neither checked nor converted to another format.",
            "Read the element with the tool that wrote it.";
        LEGACY_LAYOUT = Info "legacy-layout": "The layout is that of an older version of anndata; it is read with the conventions of that version.",
            "Rewrite the file with `anndata convert`.";
        MALFORMED = Error "element-malformed": "The element cannot be built from what is stored.",
            "Write the element anew.";
        UNCHECKED = Info "element-unchecked": "The element was read, but building it takes more memory than validation may use.",
            "Validate with more memory.";
    ]
    /// The object
    [
        NOT_ANNDATA = Error "not-anndata": "The root is not an AnnData object: it is encoded as something else, or has no `X`, `obs` or `var`.",
            "Check the path; `anndata show --tree` lists what is there.";
        SLOT_KIND = Error "slot-kind": "A slot holds something that cannot be aligned, such as a text or a mapping.",
            "Move the element to `uns`.";
        SLOT_UNUSUAL = Warning "slot-unusual": "A slot holds an array of a kind that the format does not list for it; not every reader accepts it.",
            "Store it as a column of a data frame, or move the element to `uns`.";
        SLOT_SHAPE = Error "slot-shape": "The shape of an element does not fit the observations or variables.",
            "Align it with `obs` and `var`, or move it to `uns`.";
        MATRIX_DTYPE = Error "matrix-dtype": "A matrix of `X` or `layers` holds no numbers.",
            "Store it as numbers, or move it to `uns`.";
        RAW_TWICE = Error "raw-twice": "The file has both `raw` and one of `raw.X`, `raw.var` and `raw.varm`.",
            "Remove one of the two.";
        SLOT_INDEX = Error "slot-index": "The index of a data frame in `obsm` or `varm` differs from the names of the observations or variables.",
            "Give the frame these names as its index, or move it to `uns`.";
        MEMBER_UNKNOWN = Error "member-unknown": "An object has a member that is not a slot; it is kept, but Python refuses the file.",
            "Move it to `uns`, or remove it.";
        MEMBER_IGNORED = Warning "member-ignored": "A `raw` has a member that is not a slot; it is kept, but Python does not read it, and loses it when it writes.",
            "Move it to `uns`.";
        NAMES_REPEATED = Warning "names-repeated": "Names of observations or variables are not unique; selecting by name is ambiguous.",
            "Make them unique, in Python with `obs_names_make_unique()` or `var_names_make_unique()`.";
        NAMES_EMPTY = Warning "names-empty": "The name of an observation or variable is empty.",
            "Give it a name.";
        NAMES_MISSING = Warning "names-missing": "The name of an observation or variable is a missing value.",
            "Give it a name.";
        NAMES_NOT_TEXT = Warning "names-not-text": "The names of observations or variables are not text; Python turns them into text.",
            "Store the names as text.";
    ]
    /// Data frames
    [
        COLUMN_ABSENT = Error "column-absent": "A column or index that the attributes name is missing.",
            "Remove it from `column-order`, or write the frame anew.";
        COLUMN_REPEATED = Error "column-repeated": "`column-order` names a column twice.",
            "Name it once.";
        COLUMN_LENGTH = Error "column-length": "A column is not as long as the index.",
            "Write the column anew.";
        COLUMN_KIND = Error "column-kind": "A column is not an array of one dimension.",
            "Move it to `obsm`, `varm` or `uns`.";
        COLUMN_UNLISTED = Warning "column-unlisted": "`column-order` does not name a member of the frame; Python does not read it, and loses it when it writes.",
            "Add it to `column-order`, or remove it.";
        COLUMN_RESERVED = Warning "column-name-reserved": "A column is called `_index`, which is reserved; Python does not write it.",
            "Give it another name.";
        KEY_SLASH = Warning "key-with-slash": "The name of a column or index has a '/', which separates the names of a path; it is stored in nested groups.",
            "Give it another name.";
    ]
    /// Categorical and nullable columns
    [
        CODES = Error "categorical-codes": "Codes are not integers in one dimension.",
            "Write the column anew.";
        CODE_OUT_OF_RANGE = Error "categorical-code-out-of-range": "A code is below -1 or has no category.",
            "Write the column anew; a reader that does not check would show a wrong value.";
        CATEGORIES = Error "categorical-categories": "Categories are not an array of one dimension.",
            "Write the column anew.";
        CATEGORIES_REPEATED = Error "categories-repeated": "A category is repeated.",
            "Merge the categories and write the codes anew.";
        CATEGORIES_MISSING = Error "categories-missing-value": "A category is a missing value; missing values have the code -1.",
            "Write the column anew.";
        INDEX_HALF = Error "index-half": "Categories or the index of a frame are float16, which a pandas index cannot hold: Python refuses the element.",
            "Store the values as float32.";
        NULLABLE_VALUES = Error "nullable-values": "The values are not of the type that the encoding names, or not in one dimension.",
            "Write the column anew.";
        NULLABLE_MASK = Error "nullable-mask": "The mask is not an array of booleans of the shape of the values.",
            "Write the column anew.";
        NA_VALUE = Warning "na-value-unknown": "`na-value` is neither NA nor NaN.",
            "Set the attribute to NA or NaN.";
    ]
    /// Sparse matrices
    [
        SPARSE_SHAPE = Error "sparse-shape": "The attribute `shape` is not two lengths.",
            "Write the matrix anew.";
        SPARSE_ARRAYS = Error "sparse-arrays": "`data`, `indices` and `indptr` are not arrays of one dimension, numbers and integers, or differ in length.",
            "Write the matrix anew.";
        SPARSE_INDPTR = Error "sparse-indptr": "`indptr` does not have one entry per row and one more, begin with 0, never decrease, and end within the values.",
            "Do not index with it; write the matrix anew.";
        SPARSE_INDEX = Error "sparse-index-out-of-range": "An index is negative or beyond the length of its axis.",
            "Do not index with it; write the matrix anew.";
        SPARSE_UNSORTED = Warning "sparse-indices-unsorted": "Indices within a row (CSR) or column (CSC) are not sorted; some tools assume that they are.",
            "In Python: `X.sort_indices()`.";
        SPARSE_REPEATED = Warning "sparse-indices-repeated": "An index is repeated within a row (CSR) or column (CSC); readers add the values, or take one.",
            "In Python: `X.sum_duplicates()`.";
        SPARSE_HALF = Error "sparse-half": "The values are float16, which a scipy sparse matrix cannot hold: Python refuses the element.",
            "Store the values as float32.";
        SPARSE_UNUSED = Warning "sparse-values-unused": "Values beyond the last offset belong to no row (CSR) or column (CSC).",
            "Write the matrix anew.";
    ]
    /// Arrays and scalars
    [
        ARRAY_DTYPE = Warning "array-dtype": "The values are not of the type that the encoding is for.",
            "Write the element anew, so that it says what it is.";
        TEXT_DTYPE = Error "text-dtype": "The element is encoded as text but does not hold text.",
            "Write the element anew, so that it says what it is.";
        RECORDS_DTYPE = Error "records-dtype": "The element is encoded as records but does not hold records.",
            "Write the element anew, so that it says what it is.";
        RECORD_TEXT = Error "record-text": "A record without dimensions has text of any length: Python refuses it.",
            "Rewrite the file with `anndata convert`, or store an array of one record.";
        TEXT_FIXED = Warning "text-fixed-width": "Text is stored in a fixed width; the format asks for text of any length.",
            "Rewrite the file with `anndata convert`.";
        SCALAR_TEXT = Error "scalar-text": "A single number, or bytes, is text: Python refuses it.",
            "Rewrite the file with `anndata convert`.";
        SCALAR_SIZE = Error "scalar-size": "A scalar does not have exactly one value.",
            "Write the element anew.";
        SCALAR_DIMENSIONS = Warning "scalar-dimensions": "A scalar is stored with dimensions.",
            "Rewrite the file with `anndata convert`.";
        VALUE_ABSENT = Error "value-absent": "An array has no value (a null dataspace), but its encoding is not `null`.",
            "Write the element anew.";
    ]
}

/// The rules as a page of Markdown.
pub fn markdown() -> String {
    let mut page = String::new();
    for (title, rules) in RULES {
        let _ = write!(
            page,
            "## {}\n\n| rule | severity | what is wrong | what to do |\n| --- | --- | --- | --- |\n",
            title.trim()
        );
        for Rule { id, severity, what, hint } in *rules {
            let _ = writeln!(page, "| `{id}` | {severity} | {what} | {hint} |");
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let mut seen = HashSet::new();
        for rule in RULES.iter().flat_map(|(_, rules)| *rules) {
            assert!(seen.insert(rule.id), "{} is there twice", rule.id);
            assert!(rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.id);
            assert!(rule.what.ends_with('.') && rule.hint.ends_with(['.', '`']), "{}", rule.id);
        }
        assert!(seen.len() > 40);
    }
}
