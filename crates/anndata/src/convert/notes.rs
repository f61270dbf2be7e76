//! Notes on elements of an object that is rewritten: those that other readers refuse, and those at fault.

use anndata_format::{AnnData, DataFrame, Element, Error, ErrorKind, Mapping, Opaque, Series};

/// Something in a rewritten object that a reader should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The path of the element.
    pub path: String,
    /// What about it.
    pub message: String,
    /// Whether it is a member of an object that is not a slot, which
    /// [`ElemReadOptions::drop_unknown`](anndata_format::io::ElemReadOptions::drop_unknown) leaves out.
    pub unknown_member: bool,
}

/// The notes on an object that was written.
pub(super) fn of(adata: &AnnData) -> Vec<Note> {
    let mut notes = Notes::default();
    notes.adata(adata, "");
    notes.0
}

#[derive(Default)]
struct Notes(Vec<Note>);

impl Notes {
    fn adata(&mut self, adata: &AnnData, path: &str) {
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") };
        for (key, layer) in adata.layers() {
            self.element(layer, &key.as_ref().map_or_else(|| at("X"), |key| at(&format!("layers/{key}"))));
        }
        self.frame(adata.obs(), &at("obs"));
        self.frame(adata.var(), &at("var"));
        for (slot, elements) in adata.mappings() {
            self.mapping(elements, &at(slot));
        }
        if let Some(raw) = adata.raw() {
            raw.x().into_iter().for_each(|x| self.element(x, &at("raw/X")));
            self.frame(raw.var(), &at("raw/var"));
            self.mapping(raw.varm(), &at("raw/varm"));
        }
        self.members(adata.other(), path);
    }

    fn members(&mut self, other: &Mapping, path: &str) {
        for key in other.keys() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
            let message = "it is not a slot and was copied as it is; Python refuses an object that has it".to_owned();
            self.0.push(Note { path, message, unknown_member: true });
        }
    }

    fn mapping(&mut self, mapping: &Mapping, path: &str) {
        mapping.iter().for_each(|(key, element)| self.element(element, &format!("{path}/{key}")));
    }

    fn frame(&mut self, frame: &DataFrame, path: &str) {
        for (name, series) in frame.columns() {
            if let Series::Opaque(opaque) = series {
                self.opaque(opaque, &format!("{path}/{name}"));
            }
        }
    }

    fn element(&mut self, element: &Element, path: &str) {
        match element {
            Element::Opaque(opaque) => self.opaque(opaque, path),
            Element::Mapping(mapping) => self.mapping(mapping, path),
            Element::Frame(frame) => self.frame(frame, path),
            Element::AnnData(adata) => self.adata(adata, path),
            _ => {}
        }
    }

    fn opaque(&mut self, opaque: &Opaque, path: &str) {
        let what = match opaque.encoding_type() {
            Some(encoding) => format!("its encoding '{encoding}' is not known, and it"),
            None => "its type is not known, and it".to_owned(),
        };
        let message = format!("{what} was copied as it is; Python refuses an object that has it");
        self.0.push(Note { path: path.to_owned(), message, unknown_member: false });
    }
}

/// The error with the advice to leave out the element that is at fault, if one can be.
pub(super) fn advise(error: Error, adata: Option<&AnnData>) -> Error {
    if matches!(error.kind(), ErrorKind::Io | ErrorKind::AlreadyExists | ErrorKind::ReadOnly) {
        return error;
    }
    match error.path().and_then(|path| element_at(path, adata)) {
        Some(element) => error.with_advice(format!("`--skip {element}` (the option `skip`) leaves it out")),
        None => error,
    }
}

/// The path of the element that is at a path, or that something at the path is a part of.
fn element_at(path: &str, adata: Option<&AnnData>) -> Option<String> {
    let (slot, key) = path.split_once('/').unwrap_or((path, ""));
    let first = key.split('/').next().unwrap_or_default();
    match slot {
        "" => None,
        "obs" | "var" => {
            let frame = adata.map(|adata| if slot == "obs" { adata.obs() } else { adata.var() });
            let below = |name: &&str| *name == key || key.strip_prefix(*name).is_some_and(|rest| rest.starts_with('/'));
            match frame {
                // A name of a column may have a slash.
                Some(frame) => frame.column_names().find(below).map(|name| format!("{slot}/{name}")),
                None => (!first.is_empty() && first != "_index").then(|| format!("{slot}/{first}")),
            }
        }
        "layers" | "obsm" | "varm" | "obsp" | "varp" => (!first.is_empty()).then(|| format!("{slot}/{first}")),
        "uns" => {
            let mut found = slot.to_owned();
            let mut mapping = adata.map(AnnData::uns);
            for name in key.split('/').filter(|name| !name.is_empty()) {
                found = format!("{found}/{name}");
                mapping = match mapping.and_then(|mapping| mapping.get(name)) {
                    Some(Element::Mapping(inner)) => Some(inner),
                    _ => break,
                };
            }
            (found != slot).then_some(found)
        }
        _ => Some(slot.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anndata_format::Result;

    #[test]
    fn the_element_at_fault_is_the_one_to_leave_out() -> Result<()> {
        let inner = Mapping::from([("b".to_owned(), Element::Null)]);
        let obs = DataFrame::new(["c"]).with_column("q/r", vec![1])?.with_column("plain", vec![1])?;
        let adata = AnnData::builder().obs(obs).uns("a", inner).build()?;
        for (path, element) in [
            ("", None),
            ("X/data", Some("X")),
            ("layers/counts/indices", Some("layers/counts")),
            ("obs", None),
            ("obs/_index", None),
            ("obs/q/r/codes", Some("obs/q/r")),
            ("obs/plain", Some("obs/plain")),
            ("uns", None),
            ("uns/a/b/data", Some("uns/a/b")),
            ("raw/X/data", Some("raw")),
            ("other", Some("other")),
        ] {
            assert_eq!(element_at(path, Some(&adata)).as_deref(), element, "{path}");
        }
        assert_eq!(element_at("obs/x/codes", None).as_deref(), Some("obs/x"));
        assert_eq!(element_at("obs/_index", None), None);
        let advised = advise(Error::unsupported("no such type").at("uns/a/b"), Some(&adata)).to_string();
        assert_eq!(advised, "uns/a/b: no such type; `--skip uns/a/b` (the option `skip`) leaves it out");
        assert_eq!(advise(Error::io("full").at("uns/a"), Some(&adata)).to_string(), "uns/a: full");
        Ok(())
    }
}
