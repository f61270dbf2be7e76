//! Categories of annotations: made of text, renamed, dropped where unused.

use std::collections::HashSet;

use anndata_storage::{DType, Error, Result, Tensor};

use super::AnnData;
use super::view::follow_categories;
use crate::{Column, ColumnKind, DataFrame, Element, Mapping, Series};

impl AnnData {
    /// Makes each text annotation of `obs` and `var` that repeats values categorical; see
    /// [`DataFrame::strings_to_categoricals`].
    ///
    /// # Errors
    /// If a lazy column cannot be read; the object stays as it was then.
    pub fn strings_to_categoricals(&mut self) -> Result<()> {
        let frames = (
            self.obs.strings_to_categoricals().map_err(at("obs"))?,
            self.var.strings_to_categoricals().map_err(at("var"))?,
        );
        (self.obs, self.var) = frames;
        self.edited();
        Ok(())
    }

    /// Renames the categories of an annotation of `obs`, or else of `var`: as many new ones as there are, in their order.
    ///
    /// Colours of the categories (`uns['louvain_colors']`) stay, as they are in that order too. Results that a tool kept
    /// in `uns` for each category follow: where `uns[tool]["params"]["groupby"]` is the annotation, the fields of every
    /// array of records in `uns[tool]` are renamed that are named as the categories were. A warning is given as a
    /// `tracing` event of arrays of records whose fields are others.
    ///
    /// ```
    /// use anndata_core::{AnnData, Column, DataFrame};
    ///
    /// let obs = DataFrame::new(["a", "b"]).with_column("type", Column::categorical_from_strings(["B", "T"])?)?;
    /// let mut adata = AnnData::builder().obs(obs).build()?;
    /// adata.rename_categories("type", vec!["B cells", "T cells"])?;
    /// assert_eq!(adata.obs().column("type")?.to_strings()?[1].as_deref(), Some("T cells"));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if neither frame has the annotation;
    /// [`DType`](crate::ErrorKind::DType) if it is not categorical; [`InvalidInput`](crate::ErrorKind::InvalidInput)
    /// if there is not one category for each, or one stands twice or is missing.
    pub fn rename_categories(&mut self, key: &str, categories: impl Into<Column>) -> Result<()> {
        let categories = categories.into();
        let slot = if self.obs.contains(key) { "obs" } else { "var" };
        let frame = if slot == "obs" { &self.obs } else { &self.var };
        if !frame.contains(key) {
            return Err(Error::not_found(format!("neither obs nor var has a column '{key}'")));
        }
        let column = frame.column(key).map_err(at(slot))?;
        let (old, renamed) = renamed(&column, &categories).map_err(|error| error.at(&format!("{slot}/{key}")))?;
        let uns = fields_renamed(&self.uns, key, &old, &categories.to_labels()?)?;
        let frame = if slot == "obs" { &mut self.obs } else { &mut self.var };
        frame.insert(key, renamed)?;
        self.uns = uns;
        self.edited();
        Ok(())
    }

    /// Drops the categories of `obs` and `var` that no row has, and their colours in `uns`. Views do so when they are
    /// made, unless they were asked to keep them.
    ///
    /// # Errors
    /// If a lazy column cannot be read; the object stays as it was then.
    pub fn remove_unused_categories(&mut self) -> Result<()> {
        let obs = used_alone(&self.obs).map_err(at("obs"))?;
        let var = used_alone(&self.var).map_err(at("var"))?;
        let mut uns = self.uns.clone();
        follow_categories(&mut uns, &self.obs, &obs);
        follow_categories(&mut uns, &self.var, &var);
        (self.obs, self.var, self.uns) = (obs, var, uns);
        self.edited();
        Ok(())
    }
}

fn at(slot: &str) -> impl Fn(Error) -> Error {
    move |error| error.at(slot)
}

/// The labels of the categories as they were, and the column with other categories.
fn renamed(column: &Column, categories: &Column) -> Result<(Vec<String>, Column)> {
    let ColumnKind::Categorical { ordered } = column.kind() else {
        return Err(Error::dtype("the column is not categorical"));
    };
    let (codes, old) = column.codes_and_categories()?;
    if old.len() != categories.len() {
        return Err(Error::invalid_input(format!("{} categories were given for {}", categories.len(), old.len())));
    }
    if categories.missing().contains(&true) {
        return Err(Error::invalid_input("a category cannot be missing"));
    }
    let mut seen = HashSet::new();
    if let Some(again) = categories.to_labels()?.into_iter().find(|label| !seen.insert(label.clone())) {
        return Err(Error::invalid_input(format!("the category '{again}' was given twice")));
    }
    Ok((old.to_labels()?, Column::categorical(&codes, categories, ordered)?))
}

/// The frame with only used categories; other columns as they are.
fn used_alone(frame: &DataFrame) -> Result<DataFrame> {
    let mut used = frame.clone();
    for (name, series) in frame.columns() {
        let is_categorical = match series {
            Series::Loaded(column) => matches!(column.kind(), ColumnKind::Categorical { .. }),
            Series::Lazy(lazy) => lazy.is_categorical(),
            Series::Opaque(_) => false,
        };
        if is_categorical {
            used.insert(name, series.load()?.without_unused_categories()?)?;
        }
    }
    Ok(used)
}

/// `uns` with the fields renamed of arrays of records that tools made of an annotation's categories.
fn fields_renamed(uns: &Mapping, key: &str, old: &[String], new: &[String]) -> Result<Mapping> {
    let mut renamed = uns.clone();
    for (tool, results) in &mut renamed {
        let Element::Mapping(results) = results else { continue };
        if !is_grouped_by(results, key) {
            continue;
        }
        for (name, result) in results.iter_mut() {
            // Only arrays of one dimension or more hold records; their dtype is known once they are loaded.
            let Ok(Element::Tensor(records)) = result.load() else { continue };
            let DType::Compound(fields) = records.dtype() else { continue };
            if !fields.iter().map(|field| &*field.name).eq(old.iter().map(String::as_str)) {
                tracing::warn!("uns/{tool}/{name} stays: its fields are not the categories of '{key}'");
                continue;
            }
            let tensors = records.fields()?.zip(new).map(|((_, values), name)| (name.as_str(), values.clone()));
            *result = Element::Tensor(Tensor::from_fields(records.shape(), tensors)?);
        }
    }
    Ok(renamed)
}

fn is_grouped_by(results: &Mapping, key: &str) -> bool {
    let Some(Element::Mapping(params)) = results.get("params") else { return false };
    params.get("groupby").is_some_and(|groupby| groupby.to_text().is_ok_and(|groupby| groupby == key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adata() -> Result<AnnData> {
        let codes = Tensor::from_vec([3], vec![0_i8, 2, 0])?;
        let types = Column::categorical(&codes, &Column::strings(["a", "b", "c"]), true)?;
        let scores = |names: [&'static str; 3]| {
            let values = Tensor::from_vec([2], vec![1.0_f32, 2.0])?;
            Tensor::from_fields([2], names.map(|name| (name, values.clone())))
        };
        let tool = |groupby: &str| -> Result<Mapping> {
            let params: Mapping = [("groupby".to_owned(), groupby.into())].into();
            Ok([
                ("params".to_owned(), params.into()),
                ("scores".to_owned(), scores(["a", "b", "c"])?.into()),
                ("other".to_owned(), scores(["x", "y", "z"])?.into()),
            ]
            .into())
        };
        AnnData::builder()
            .obs(DataFrame::unnamed(3).with_column("type", types)?.with_column("text", vec!["p", "q", "p"])?)
            .uns("rank", tool("type")?)
            .uns("elsewhere", tool("text")?)
            .uns("type_colors", Tensor::from_strings([3], ["red", "green", "blue"])?)
            .build()
    }

    fn fields(adata: &AnnData, tool: &str, name: &str) -> Result<String> {
        let element = adata.uns().get(tool).map(Element::as_mapping).transpose()?.and_then(|tool| tool.get(name));
        let tensor = element.map_or_else(|| Err(Error::not_found(name.to_owned())), Element::to_tensor)?;
        Ok(tensor.fields()?.map(|(name, _)| name).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn fields_follow_the_categories_and_colours_stay() -> Result<()> {
        let mut adata = adata()?;
        let colors = adata.uns().get("type_colors").cloned();
        adata.rename_categories("type", vec!["A", "B", "C"])?;
        let column = adata.obs().column("type")?;
        assert_eq!(column.kind(), ColumnKind::Categorical { ordered: true });
        assert_eq!(column.codes_and_categories()?.1, Column::strings(["A", "B", "C"]));
        assert_eq!(fields(&adata, "rank", "scores")?, "A B C");
        assert_eq!(fields(&adata, "rank", "other")?, "x y z");
        assert_eq!(fields(&adata, "elsewhere", "scores")?, "a b c");
        assert_eq!(adata.uns().get("type_colors").cloned(), colors);
        Ok(())
    }

    #[test]
    fn categories_that_do_not_fit_are_refused() -> Result<()> {
        let mut adata = adata()?;
        let before = adata.clone();
        let cases = [
            ("type", vec!["A", "B"], "2 categories were given for 3"),
            ("type", vec!["A", "B", "A"], "'A' was given twice"),
            ("text", vec!["A", "B"], "not categorical"),
            ("nope", vec!["A"], "neither obs nor var"),
        ];
        for (key, categories, expected) in cases {
            let message = adata.rename_categories(key, categories).err().map(|error| error.to_string());
            assert!(message.as_ref().is_some_and(|message| message.contains(expected)), "{message:?}");
        }
        assert_eq!(adata, before);
        Ok(())
    }

    #[test]
    fn unused_categories_go_with_their_colours() -> Result<()> {
        let mut adata = adata()?;
        adata.remove_unused_categories()?;
        assert_eq!(adata.obs().column("type")?.codes_and_categories()?.1, Column::strings(["a", "c"]));
        let colors = adata.uns().get("type_colors").map(Element::to_tensor).transpose()?;
        assert_eq!(colors, Some(Tensor::from_strings([2], ["red", "blue"])?));
        adata.strings_to_categoricals()?;
        assert_eq!(adata.obs().column("text")?.codes_and_categories()?.1, Column::strings(["p", "q"]));
        Ok(())
    }
}
