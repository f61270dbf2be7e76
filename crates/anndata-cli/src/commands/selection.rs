//! Selections along an axis, as they are written on the command line.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anndata::{Column, ColumnSchema, ColumnValue, DType, DataFrame, Error, Mask, Selector};

use super::Failure;

/// A selection, before the axis is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selection {
    /// From a position to another, which is not in it; negative ones count from the end.
    Range(Option<i64>, Option<i64>),
    Names(Vec<String>),
    /// Names in a file, one per line; `-` is standard input.
    File(PathBuf),
    Condition {
        column: String,
        test: Test,
        values: Vec<String>,
    },
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
}

/// What a test is written as; of two that begin at the same character, the longer one comes first.
const TESTS: [(&str, Test); 7] = [
    ("==", Test::Equal),
    ("!=", Test::NotEqual),
    ("<=", Test::AtMost),
    (">=", Test::AtLeast),
    ("<", Test::Less),
    (">", Test::Greater),
    (" in ", Test::In),
];

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(file) = text.strip_prefix('@') {
            return if file.is_empty() {
                Err("@ is followed by a file of names".to_owned())
            } else {
                Ok(Self::File(file.into()))
            };
        }
        if let Some((start, end)) = range(text) {
            return Ok(Self::Range(start, end));
        }
        let first = TESTS.iter().filter_map(|&(written, test)| text.find(written).map(|at| (at, written, test)));
        // `min_by_key` takes the first of several.
        if let Some((at, written, test)) = first.min_by_key(|(at, _, _)| *at) {
            let (column, value) =
                (text.get(..at).unwrap_or_default(), text.get(at + written.len()..).unwrap_or_default());
            let (column, value) = (column.trim(), value.trim());
            if column.is_empty() {
                return Err(format!("no column stands before '{}'", written.trim()));
            }
            let values = if test == Test::In { split(value) } else { vec![value.to_owned()] };
            return Ok(Self::Condition { column: column.to_owned(), test, values });
        }
        match split(text) {
            names if names.iter().any(String::is_empty) => Err("a name is empty".to_owned()),
            names => Ok(Self::Names(names)),
        }
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().to_owned()).collect()
}

/// `a:b` of two positions, either of which may be left out.
fn range(text: &str) -> Option<(Option<i64>, Option<i64>)> {
    let (start, end) = text.trim().split_once(':')?;
    let position = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    Some((position(start)?, position(end)?))
}

impl Selection {
    /// The selections with the names of files read.
    pub(crate) fn read_all(selections: &[Self]) -> Result<Vec<Self>, Failure> {
        selections.iter().map(Self::read).collect()
    }

    fn read(&self) -> Result<Self, Failure> {
        let Self::File(path) = self else { return Ok(self.clone()) };
        names_in(path).map(Self::Names)
    }

    /// All of them along the axis that a frame annotates; everything if there is none.
    pub(crate) fn selector(selections: &[Self], axis: &DataFrame) -> anndata::Result<Selector> {
        let mut selectors = selections.iter().map(|selection| selection.one(axis));
        let Some(first) = selectors.next() else { return Ok(Selector::from(..)) };
        selectors.try_fold(first?, |all, next| Ok(all.and(next?)))
    }

    fn one(&self, axis: &DataFrame) -> anndata::Result<Selector> {
        match self {
            Self::Range(start, end) => {
                let len = axis.len()?;
                let position = |at: i64| match usize::try_from(at) {
                    Ok(at) => at,
                    // Fallback: farther from the end than any axis is long is its start.
                    Err(_) => len.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX)),
                };
                Ok(Selector::from(start.map_or(0, position)..end.map_or(len, position)))
            }
            Self::Names(names) => Ok(names.iter().map(String::as_str).collect()),
            Self::File(path) => Err(Error::bug(format!("the names in {} were not read", path.display()))),
            Self::Condition { column, test, values } => {
                if !axis.contains(column) {
                    let columns = axis.column_names().collect::<Vec<_>>().join(", ");
                    return Err(Error::not_found(format!("there is no column '{column}'; there are: {columns}")));
                }
                let (test, values) = (*test, values.clone());
                Ok(Selector::by_column(column.clone(), move |column| test.mask(column, &values)))
            }
        }
    }
}

/// The names in a file, or in standard input, one per line; empty lines are none.
pub(super) fn names_in(path: &Path) -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|all| text = all)
    };
    read.map_err(|error| Failure::Library(Error::from(error).in_file(path)))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

impl Test {
    /// The rows of a column that fulfil a condition.
    fn mask(self, column: &Column, values: &[String]) -> anndata::Result<Mask> {
        let equal = |text: &String| column.equals_text(text).map(Mask::from);
        let Some(first) = values.first() else { return Ok(Mask::from(vec![false; column.len()])) };
        match self {
            Self::Equal => equal(first),
            Self::NotEqual => {
                let (equal, missing) = (equal(first)?, column.missing());
                Ok(equal.iter().zip(missing).map(|(equal, missing)| !equal && !missing).collect())
            }
            Self::In => values.iter().skip(1).try_fold(equal(first)?, |any, text| any.or(&equal(text)?)),
            Self::Less => column.less_than(ordered(column, first)?),
            Self::AtMost => column.at_most(ordered(column, first)?),
            Self::Greater => column.greater_than(ordered(column, first)?),
            Self::AtLeast => column.at_least(ordered(column, first)?),
        }
    }
}

/// A text as a value of the kind that a column has.
fn ordered<'a>(column: &Column, text: &'a str) -> anndata::Result<ColumnValue<'a>> {
    let dtype = ColumnSchema::of(column)?.dtype;
    if dtype.is_text() || dtype.is_time() {
        return Ok(text.into());
    }
    if let (true, Ok(integer)) = (dtype.is_integer() || dtype == DType::Bool, text.parse::<i64>()) {
        return Ok(integer.into());
    }
    let number = text
        .parse::<f64>()
        .map_err(|error| Error::invalid_input(format!("'{text}' is not a value of {dtype}")).with_source(error))?;
    Ok(number.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_told_apart() {
        let condition = |column: &str, test: Test, values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            Ok(Selection::Condition { column: column.to_owned(), test, values })
        };
        let names = |names: &[&str]| Ok(Selection::Names(names.iter().map(|&name| name.to_owned()).collect()));
        for (text, expected) in [
            ("10:20", Ok(Selection::Range(Some(10), Some(20)))),
            (":", Ok(Selection::Range(None, None))),
            ("-5:", Ok(Selection::Range(Some(-5), None))),
            ("chr1:100-200", names(&["chr1:100-200"])),
            ("CD4, CD8A", names(&["CD4", "CD8A"])),
            ("@genes.txt", Ok(Selection::File("genes.txt".into()))),
            ("cell type == B cells", condition("cell type", Test::Equal, &["B cells"])),
            ("n!=3", condition("n", Test::NotEqual, &["3"])),
            ("n<=3", condition("n", Test::AtMost, &["3"])),
            ("n<3", condition("n", Test::Less, &["3"])),
            ("n>=-0.5", condition("n", Test::AtLeast, &["-0.5"])),
            ("n>3", condition("n", Test::Greater, &["3"])),
            ("louvain in B cells,NK", condition("louvain", Test::In, &["B cells", "NK"])),
            ("name==a<b", condition("name", Test::Equal, &["a<b"])),
            ("==3", Err("no column stands before '=='".to_owned())),
            ("a,,b", Err("a name is empty".to_owned())),
            ("", Err("a name is empty".to_owned())),
            ("@", Err("@ is followed by a file of names".to_owned())),
        ] {
            assert_eq!(text.parse::<Selection>(), expected, "{text}");
        }
    }

    #[test]
    fn conditions_follow_the_dtype_of_the_column() -> anndata::Result<()> {
        let axis = DataFrame::new(["a", "b", "c", "d"])
            .with_column("n", vec![1_i32, 5, 9, 5])?
            .with_column("x", vec![0.5_f32, f32::NAN, 2.0, 0.1])?
            .with_column("type", Column::categorical_from_strings(["T", "B", "T", "NK"])?)?
            .with_column("good", [Some(true), None, Some(false), Some(true)])?;
        let rows = |text: &str| -> anndata::Result<Vec<u64>> {
            let selection: Selection = text.parse().map_err(Error::invalid_input)?;
            Ok(Selection::selector(&[selection], &axis)?.resolve(&axis)?.positions().collect())
        };
        for (text, expected) in [
            ("n==5", &[1, 3][..]),
            ("n!=5", &[0, 2]),
            ("n<5.5", &[0, 1, 3]),
            ("n>=5", &[1, 2, 3]),
            ("x<=0.5", &[0, 3]),
            ("x>0.1", &[0, 2]),
            ("type in NK,B", &[1, 3]),
            ("type!=T", &[1, 3]),
            ("good==true", &[0, 3]),
            ("good!=true", &[2]),
            ("1:3", &[1, 2]),
            ("-1:", &[3]),
            (":-3", &[0]),
            ("d,a", &[3, 0]),
        ] {
            assert_eq!(rows(text)?, expected, "{text}");
        }
        assert!(rows("no==1").unwrap_err().to_string().contains("there are: n, x, type, good"));
        assert!(rows("n==five").unwrap_err().to_string().contains("'five' is not a value of int32"));
        assert!(rows("n<five").unwrap_err().to_string().contains("'five' is not a value of int32"));
        assert!(rows("1:9").unwrap_err().to_string().contains("out of bounds"));
        Ok(())
    }
}
