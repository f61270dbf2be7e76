//! [`Classes`]: the rows that have the same values in some columns.

use std::collections::HashMap;

use anndata_core::Result;
use anndata_storage::{Error, OrBug};

use crate::Collection;
use crate::encoder::series;

/// For each row a number, the same for rows that have the same values in all of some columns, in the order of their first rows. That
/// a value is missing is a value.
#[derive(Debug)]
pub(crate) struct Classes {
    pub(crate) codes: Vec<u32>,
    pub(crate) count: usize,
}

impl Classes {
    pub(crate) fn of(data: &Collection, columns: &[String]) -> Result<Self> {
        if columns.is_empty() {
            return Err(Error::invalid_input("expected a column of obs at least, found none"));
        }
        let mut classes = Self { codes: vec![0; data.n_obs()], count: 1 };
        for column in columns {
            let (codes, _) = series(data, column)?.load_once()?.factorize()?;
            classes = classes.and(&codes)?;
        }
        Ok(classes)
    }

    /// Those that are the same in this column as well.
    fn and(&self, codes: &[i64]) -> Result<Self> {
        let mut numbers: HashMap<(u32, i64), u32> = HashMap::new();
        let both = self.codes.iter().zip(codes).map(|(&class, &code)| {
            let next = u32::try_from(numbers.len()).or_bug("more classes than rows")?;
            Ok(*numbers.entry((class, code)).or_insert(next))
        });
        let codes = both.collect::<Result<Vec<u32>>>()?;
        Ok(Self { codes, count: numbers.len() })
    }
}
