//! The text form of an [`AnnData`], as Python's `repr` has it.

use std::fmt;

use anndata_storage::escaped;

use super::AnnData;

impl fmt::Display for AnnData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_view() {
            f.write_str("View of ")?;
        }
        write!(f, "AnnData object with n_obs × n_vars = {} × {}", self.n_obs, self.n_vars)?;
        line(f, "obs", self.obs.column_names().map(quote))?;
        line(f, "var", self.var.column_names().map(quote))?;
        for (slot, elements) in
            [("uns", &self.uns), ("obsm", &self.obsm), ("varm", &self.varm), ("obsp", &self.obsp), ("varp", &self.varp)]
        {
            line(f, slot, elements.keys().map(|key| quote(key)))?;
        }
        let layers = self.layers.keys().map(|key| key.as_deref().map_or("None (.X)".to_owned(), quote));
        line(f, "layers", layers)
    }
}

impl fmt::Debug for AnnData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn line(f: &mut fmt::Formatter<'_>, slot: &str, keys: impl Iterator<Item = String>) -> fmt::Result {
    let keys: Vec<String> = keys.collect();
    if keys.is_empty() {
        return Ok(());
    }
    write!(f, "\n    {slot}: {}", keys.join(", "))
}

/// A key as Python shows it: in single quotes, in double ones where it has a single one.
fn quote(key: &str) -> String {
    let quote = if key.contains('\'') && !key.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for c in key.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push_str(&escaped(c).to_string()),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use crate::{AnnData, DataFrame, Result, Tensor};

    #[test]
    fn keys_are_listed_in_order_as_python_lists_them() -> Result<()> {
        let obs = DataFrame::unnamed(1).with_column("b", vec![1_i8])?.with_column("it's", vec![1_i8])?;
        let adata = AnnData::builder()
            .x(Tensor::from_vec([1, 1], vec![1_u8])?)
            .layer("counts", Tensor::from_vec([1, 1], vec![1_u8])?)
            .obs(obs)
            .uns("ü\"'", 1_i64)
            .obsp("connectivities", Tensor::from_vec([1, 1], vec![1_u8])?)
            .build()?;
        insta::assert_snapshot!(adata, @r#"
        AnnData object with n_obs × n_vars = 1 × 1
            obs: 'b', "it's"
            uns: 'ü"\''
            obsp: 'connectivities'
            layers: None (.X), 'counts'
        "#);
        assert_eq!(AnnData::builder().build()?.to_string(), "AnnData object with n_obs × n_vars = 0 × 0");
        Ok(())
    }
}
