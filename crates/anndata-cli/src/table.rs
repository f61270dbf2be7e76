//! Tables, in text or of values with dtypes, as values of an object.

use std::collections::HashMap;

use anndata::{AnnData, Column, ColumnKind, DType, DataFrame, Element, Error, Result, Tensor};

/// A table whose rows have names.
#[derive(Debug)]
pub(crate) struct Table {
    /// What the names of the rows are called; empty if nothing.
    index_name: String,
    names: Vec<String>,
    /// The names as a column with a dtype, of a table that has dtypes.
    index: Option<Column>,
    columns: Vec<(String, Cells)>,
}

/// A column.
#[derive(Debug)]
enum Cells {
    /// Text, whose dtype has to be found.
    Text(Vec<String>),
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "other tables are text"))]
    Values(Column),
}

/// What stands for a missing value.
const MISSING: [&str; 5] = ["", "NA", "NaN", "nan", "<NA>"];

impl Table {
    /// A table in text with a header, whose first column has the names of the rows.
    pub(crate) fn parse(bytes: &[u8], delimiter: u8) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
        let mut header = reader.headers().map_err(malformed)?.iter().map(str::to_owned);
        let index_name = header.next().ok_or_else(|| Error::invalid_data("the table is empty"))?;
        let mut columns: Vec<(String, Vec<String>)> = header.map(|name| (name, Vec::new())).collect();
        let mut names = Vec::new();
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            let mut cells = record.iter();
            names.push(cells.next().unwrap_or_default().to_owned());
            for ((_, column), cell) in columns.iter_mut().zip(cells) {
                column.push(cell.to_owned());
            }
        }
        let columns = columns.into_iter().map(|(name, cells)| (name, Cells::Text(cells))).collect();
        Ok(Self { index_name, names, index: None, columns })
    }

    /// A frame as a table.
    #[cfg(feature = "parquet")]
    pub(crate) fn of(frame: &DataFrame) -> Result<Self> {
        let columns = frame.columns().map(|(name, series)| Ok((name.to_owned(), Cells::Values(series.load()?))));
        let columns = columns.collect::<Result<_>>()?;
        let index_name = frame.index_name().unwrap_or_default().to_owned();
        Ok(Self { index_name, names: frame.names()?, index: Some(frame.index().load()?), columns })
    }

    /// The element at a path of an object, with the rows in the order of the object.
    pub(crate) fn element(&self, adata: &AnnData, path: &str, categorical: bool) -> Result<Element> {
        let (slot, key) = path.split_once('/').map_or((path, None), |(slot, key)| (slot, Some(key)));
        let (frame, others) = match slot {
            "obs" | "obsm" | "obsp" => (adata.obs(), if slot == "obsp" { Some(adata.obs()) } else { None }),
            "var" | "varm" | "varp" => (adata.var(), if slot == "varp" { Some(adata.var()) } else { None }),
            "X" | "layers" => (adata.obs(), Some(adata.var())),
            _ => return self.frame(&self.all_rows(), categorical).map(Element::Frame),
        };
        let rows = self.rows_of(&frame.names()?);
        if key.is_none() && matches!(slot, "obs" | "var") {
            // With other names than those of the object, which they replace, rows are as they are.
            return self.frame(&rows.unwrap_or_else(|_| self.all_rows()), categorical).map(Element::Frame);
        }
        let rows = rows?;
        if let ("obs" | "var", Some(key)) = (slot, key) {
            return self.one(key)?.column(&rows, categorical).map(Element::Column);
        }
        let columns = match others {
            Some(others) => self.columns_of(&others.names()?)?,
            None => self.columns.iter().map(|(_, cells)| cells).collect(),
        };
        self.matrix(&columns, &rows).map(Element::Tensor)
    }

    fn all_rows(&self) -> Vec<usize> {
        (0..self.names.len()).collect()
    }

    /// The row of each name.
    fn rows_of(&self, names: &[String]) -> Result<Vec<usize>> {
        positions(self.names.iter(), names, "row")
    }

    /// The column of each name.
    fn columns_of(&self, names: &[String]) -> Result<Vec<&Cells>> {
        let columns = positions(self.columns.iter().map(|(name, _)| name), names, "column")?;
        Ok(columns.into_iter().filter_map(|at| self.columns.get(at).map(|(_, cells)| cells)).collect())
    }

    /// The column of a name, or the only one.
    fn one(&self, name: &str) -> Result<&Cells> {
        match (self.columns.iter().find(|(own, _)| own == name), self.columns.as_slice()) {
            (Some((_, cells)), _) | (None, [(_, cells)]) => Ok(cells),
            (None, columns) => {
                let columns = columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                Err(Error::not_found(format!("the table has no column '{name}'; it has: {columns}")))
            }
        }
    }

    fn frame(&self, rows: &[usize], categorical: bool) -> Result<DataFrame> {
        let index = (!self.index_name.is_empty()).then(|| self.index_name.clone());
        let names = match &self.index {
            Some(names) => names.take(&positions_of(rows))?,
            None => Column::strings(rows.iter().filter_map(|&row| self.names.get(row))),
        };
        let mut frame = DataFrame::with_index(names).with_index_name(index);
        for (name, cells) in &self.columns {
            frame.insert(name.clone(), cells.column(rows, categorical).map_err(|error| error.at(name))?)?;
        }
        Ok(frame)
    }

    /// Some rows of columns of numbers, in the dtype that all of them have, or else `f64`.
    fn matrix(&self, columns: &[&Cells], rows: &[usize]) -> Result<Tensor> {
        let columns = columns.iter().map(|cells| cells.numbers(&self.names, rows)).collect::<Result<Vec<_>>>()?;
        let Some(first) = columns.first() else { return Tensor::zeros(&DType::F64, [rows.len(), 0]) };
        let same = columns.iter().all(|column| column.dtype() == first.dtype());
        let dtype = if same { first.dtype().clone() } else { DType::F64 };
        let across = columns.iter().map(|column| column.cast(&dtype)?.reshape([1, rows.len()]));
        Tensor::concat_rows(&across.collect::<Result<Vec<_>>>()?)?.transpose()
    }
}

impl Cells {
    /// Some rows. Of text: booleans, integers or numbers if all are such.
    fn column(&self, rows: &[usize], categorical: bool) -> Result<Column> {
        let texts = match self {
            Self::Text(texts) => texts,
            Self::Values(column) => {
                let column = column.take(&positions_of(rows))?;
                let is_text = categorical
                    && !matches!(column.kind(), ColumnKind::Categorical { .. })
                    && column.slice(0..0)?.to_tensor()?.dtype().is_text();
                return if is_text { Column::categorical_from_options(column.to_strings()?) } else { Ok(column) };
            }
        };
        let cells: Vec<&str> = rows.iter().filter_map(|&row| texts.get(row)).map(String::as_str).collect();
        let options = || cells.iter().map(|&cell| (!MISSING.contains(&cell)).then_some(cell));
        if options().flatten().next().is_some() {
            if let Some(values) = parsed(options(), boolean) {
                return Ok(without_missing(values, Column::from, Column::from));
            }
            if let Some(values) = parsed(options(), |cell| cell.parse::<i64>().ok()) {
                return Ok(without_missing(values, Column::from, Column::from));
            }
            if let Some(values) = parsed(options(), |cell| cell.parse::<f64>().ok()) {
                return Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<_>>().into());
            }
        } else if !cells.is_empty() {
            return Ok(vec![f64::NAN; cells.len()].into());
        }
        if categorical {
            return Column::categorical_from_options(options());
        }
        let texts: Vec<Option<String>> = options().map(|cell| cell.map(str::to_owned)).collect();
        Ok(without_missing(texts, Column::from, Column::from))
    }

    /// Some rows, all of which are numbers; names are for errors.
    fn numbers(&self, names: &[String], rows: &[usize]) -> Result<Tensor> {
        let name = |row: usize| names.get(row).map_or("", String::as_str);
        let texts = match self {
            Self::Text(texts) => texts,
            Self::Values(column) => {
                let column = column.take(&positions_of(rows))?;
                if let Some(at) = (0..column.len()).find(|&at| column.is_missing(at)) {
                    let row = rows.get(at).map_or("", |&row| name(row));
                    return Err(Error::invalid_data(format!("row '{row}': a value is missing")));
                }
                let values = column.to_tensor()?;
                if values.dtype().is_text() {
                    return Err(Error::dtype("a column of text has no place in a matrix"));
                }
                return Ok(values);
            }
        };
        let number = |&row: &usize| {
            let cell = texts.get(row).map_or("", String::as_str);
            match cell.parse::<f64>() {
                Ok(number) => Ok(number),
                Err(_) if MISSING.contains(&cell) => Ok(f64::NAN),
                Err(_) => Err(Error::invalid_data(format!("row '{}': '{cell}' is not a number", name(row)))),
            }
        };
        Tensor::from_vec([rows.len()], rows.iter().map(number).collect::<Result<Vec<_>>>()?)
    }
}

fn positions_of(rows: &[usize]) -> Vec<u64> {
    rows.iter().map(|&row| row as u64).collect()
}

fn malformed(error: csv::Error) -> Error {
    Error::invalid_data("it is not a table").with_source(error)
}

/// Where each name is among others.
fn positions<'a>(own: impl Iterator<Item = &'a String>, names: &[String], what: &str) -> Result<Vec<usize>> {
    let mut at = HashMap::new();
    for (position, name) in own.enumerate() {
        if at.insert(name.as_str(), position).is_some() {
            return Err(Error::invalid_data(format!("the table has more than one {what} '{name}'")));
        }
    }
    let position = |name: &String| {
        at.get(name.as_str()).copied().ok_or_else(|| Error::not_found(format!("the table has no {what} '{name}'")))
    };
    names.iter().map(position).collect()
}

fn boolean(cell: &str) -> Option<bool> {
    match cell {
        "True" | "true" | "TRUE" => Some(true),
        "False" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

/// All values, if each that is not missing is one.
fn parsed<'a, T>(
    cells: impl Iterator<Item = Option<&'a str>>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    cells.map(|cell| cell.map_or(Some(None), |cell| parse(cell).map(Some))).collect()
}

/// A column that can have missing values only if it has one.
fn without_missing<T>(
    values: Vec<Option<T>>,
    plain: impl Fn(Vec<T>) -> Column,
    nullable: impl Fn(Vec<Option<T>>) -> Column,
) -> Column {
    if values.iter().any(Option::is_none) { nullable(values) } else { plain(values.into_iter().flatten().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "cell,n,x,good,type,some\nb,2,0.5,True,T,1\na,1,,False,\"B, naive\",\n";

    fn adata() -> Result<AnnData> {
        AnnData::builder().obs(DataFrame::new(["a", "b"])).var(DataFrame::new(["n", "x"])).build()
    }

    #[test]
    fn columns_are_in_the_order_of_the_object_and_of_their_own_dtype() -> Result<()> {
        let (table, adata) = (Table::parse(TEXT.as_bytes(), b',')?, adata()?);
        let column = |name: &str| table.element(&adata, &format!("obs/{name}"), false)?.into_column();
        assert_eq!(column("n")?, Column::from(vec![1_i64, 2]));
        assert_eq!(column("x")?.to_options::<f64>()?.len(), 2);
        assert!(column("x")?.to_vec::<f64>()?[0].is_nan());
        assert_eq!(column("good")?, Column::from(vec![false, true]));
        assert_eq!(column("type")?, Column::from(vec!["B, naive", "T"]));
        assert_eq!(column("some")?, Column::from(vec![None, Some(1_i64)]));
        assert!(column("no").unwrap_err().to_string().contains("it has: n, x, good, type, some"));
        let categories = table.element(&adata, "obs/type", true)?.into_column()?;
        assert_eq!(categories, Column::categorical_from_strings(["B, naive", "T"])?);
        Ok(())
    }

    #[test]
    fn matrices_have_the_names_of_both_axes() -> Result<()> {
        let (table, adata) = (Table::parse(b"\tx\tn\nb\t4\t3\na\t2\t1\n", b'\t')?, adata()?);
        for path in ["X", "layers/counts"] {
            assert_eq!(table.element(&adata, path, false)?.to_tensor()?.as_slice::<f64>()?, [1.0, 2.0, 3.0, 4.0]);
        }
        assert_eq!(table.element(&adata, "obsm/m", false)?.to_tensor()?.as_slice::<f64>()?, [2.0, 1.0, 4.0, 3.0]);
        let names = |path: &str, adata: &AnnData| table.element(adata, path, false)?.as_frame()?.names();
        assert_eq!(names("uns/table", &adata)?, ["b", "a"]);
        assert_eq!(names("obs", &adata)?, ["a", "b"]);
        let other = AnnData::builder().obs(DataFrame::new(["x", "y"])).shape(2, 0).build()?;
        assert_eq!(names("obs", &other)?, ["b", "a"]);
        Ok(())
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told() -> Result<()> {
        let adata = adata()?;
        let said = |text: &str, path: &str| match Table::parse(text.as_bytes(), b',') {
            Ok(table) => table.element(&adata, path, false).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        for (text, path, expected) in [
            ("cell,n\na,1\n", "obs/n", "the table has no row 'b'"),
            ("cell,n\na,1\na,2\nb,3\n", "obs/n", "more than one row 'a'"),
            ("cell,n\na,1,2\n", "obs/n", "line: 2"),
            ("cell,n\na,q\nb,1\n", "obsm/n", "row 'a': 'q' is not a number"),
            ("", "obs/n", "the table is empty"),
        ] {
            let error = said(text, path);
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        Ok(())
    }
}
