//! The condensed counts of umi_tools: lines of gene, cell and count.

use std::collections::HashMap;
use std::path::Path;

use anndata_core::{AnnData, DataFrame, Element, SparseFormat, SparseMatrix};
use anndata_storage::{DType, Error, OrBug as _, Result, Tensor};

use crate::fields::{Delimiter, fields, ragged, text};
use crate::source::{Blocks, Source, at_line, shown};

const TAB: Delimiter = Delimiter::Char(b'\t');
const COLUMNS: [&str; 3] = ["gene", "cell", "count"];

/// Reads what [`umi_tools count`](https://umi-tools.readthedocs.io/en/latest/reference/count.html) writes, compressed or not: a
/// table of the columns `gene`, `cell` and `count`. `X` is a CSR matrix of `i64`, names are sorted.
///
/// # Errors
/// If the file cannot be read, has no such columns, or a count is not an integer; the error names the line.
pub fn read_umi_tools(path: impl AsRef<Path>) -> Result<AnnData> {
    let path = path.as_ref();
    let source = Source::open(path)?;
    read(source).map_err(|error| error.in_file(path))
}

fn read(source: Source) -> Result<AnnData> {
    let mut blocks = Blocks::new(source);
    let (number, line) = blocks.next_line()?.ok_or_else(|| Error::invalid_data("the file is empty"))?;
    let (width, places) = columns_of(&line).map_err(|error| at_line(error, number))?;
    let (mut genes, mut cells) = (Names::default(), Names::default());
    let mut entries: Vec<(u32, u32, i64)> = Vec::new();
    while let Some(block) = blocks.next()? {
        for (number, line) in block.lines().filter(|(_, line)| !line.is_empty()) {
            let mut add = || {
                let fields = fields(line, TAB)?;
                if fields.len() != width {
                    return Err(ragged(width, fields.len()));
                }
                let field = |place: usize| fields.get(place).or_bug("a field beyond the line");
                let [gene, cell, count] = [field(places[0])?, field(places[1])?, field(places[2])?];
                let not_a_count = || Error::invalid_data(format!("expected an integer, found {}", shown(count)));
                let value = text(count)?.trim().parse().map_err(|_| not_a_count())?;
                entries.push((cells.number(text(cell)?)?, genes.number(text(gene)?)?, value));
                Ok(())
            };
            add().map_err(|error: Error| at_line(error, number))?;
        }
    }
    let (cells, cell_at) = cells.sorted()?;
    let (genes, gene_at) = genes.sorted()?;
    let place = |places: &[u32], number: u32| places.get(number as usize).copied().or_bug("a name without a number");
    for (cell, gene, _) in &mut entries {
        (*cell, *gene) = (place(&cell_at, *cell)?, place(&gene_at, *gene)?);
    }
    entries.sort_by_key(|&(cell, gene, _)| (cell, gene));
    let mut lengths = vec![0_i64; cells.len() + 1];
    for (cell, ..) in &entries {
        *lengths.get_mut(*cell as usize + 1).or_bug("a cell beyond the matrix")? += 1;
    }
    let mut end = 0;
    for length in &mut lengths {
        end += *length;
        *length = end;
    }
    let nnz = entries.len();
    let indices: Vec<i32> = entries.iter().map(|&(_, gene, _)| gene.cast_signed()).collect();
    let x = SparseMatrix::new(
        SparseFormat::Csr,
        (cells.len(), genes.len()),
        Tensor::from_vec([nnz], entries.iter().map(|&(.., count)| count).collect())?,
        Tensor::from_vec([nnz], indices)?,
        Tensor::from_vec([lengths.len()], lengths)?.cast(&DType::I32)?,
    )?;
    let frame = |names: Vec<String>, name: &str| DataFrame::new(names).with_index_name(Some(name.to_owned()));
    AnnData::builder().x(Element::from(x.to_canonical()?)).obs(frame(cells, "cell")).var(frame(genes, "gene")).build()
}

/// How many columns the table has, and which of them are those that are needed.
fn columns_of(header: &[u8]) -> Result<(usize, [usize; 3])> {
    let names = fields(header, TAB)?;
    let mut places = [0; 3];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let found = names.iter().position(|name| **name == *column.as_bytes());
        *place =
            found.ok_or_else(|| Error::invalid_data(format!("there is no column '{column}' in {}", shown(header))))?;
    }
    Ok((names.len(), places))
}

/// Names, numbered as they appear.
#[derive(Debug, Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn number(&mut self, name: &str) -> Result<u32> {
        if let Some(&number) = self.0.get(name) {
            return Ok(number);
        }
        let number = i32::try_from(self.0.len()).map_err(|_| Error::unsupported("there are more than 2^31 names"))?;
        let number = number.cast_unsigned();
        self.0.insert(name.to_owned(), number);
        Ok(number)
    }

    /// The names, sorted, and the place of each number in that order.
    fn sorted(self) -> Result<(Vec<String>, Vec<u32>)> {
        let mut names: Vec<(String, u32)> = self.0.into_iter().collect();
        names.sort_unstable();
        let mut places = vec![0; names.len()];
        for (place, (_, number)) in (0..).zip(&names) {
            *places.get_mut(*number as usize).or_bug("a number beyond the names")? = place;
        }
        Ok((names.into_iter().map(|(name, _)| name).collect(), places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AnnData> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("counts.tsv");
        std::fs::write(&path, text)?;
        read_umi_tools(&path)
    }

    #[test]
    fn names_are_sorted_and_counts_of_the_same_names_summed() -> Result<()> {
        let adata = read("count\tgene\tcell\n3\tb\tY\n1\ta\tX\n4\tb\tY\n5\ta\tY\n")?;
        assert_eq!(
            (adata.obs_names()?, adata.var_names()?),
            (vec!["X".into(), "Y".into()], vec!["a".into(), "b".into()])
        );
        let x = adata.x().map(Element::to_dense).transpose()?.expect("X");
        assert_eq!(x.as_slice::<i64>()?, [1, 0, 5, 7]);
        Ok(())
    }

    #[test]
    fn what_is_malformed_is_an_error_that_names_the_line() {
        let cases = [
            ("", "the file is empty"),
            ("gene\tcell\n", "line 1: there is no column 'count' in 'gene\tcell'"),
            ("gene\tcell\tcount\na\tX\n", "line 2: expected 3 fields, found 2"),
            ("gene\tcell\tcount\na\tX\t1.5\n", "line 2: expected an integer, found '1.5'"),
        ];
        for (text, message) in cases {
            assert_eq!(read(text).unwrap_err().text(), message);
        }
    }
}
