//! Random queries (conditions, joins of `obs` with `x`, groups, order, limit) give what a plain loop over all rows gives.

use std::collections::{BTreeMap, HashMap};

use super::cells::{KINDS, Result, Stored, ask, in_files, in_memory, session, stored_values, value};

/// A value of a row.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Value {
    Number(f64),
    Text(String),
    Truth(bool),
    // As SQL sorts it.
    Null,
}

impl Value {
    fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Number(number) => format!("{number:.6}"),
            Self::Text(text) => text.clone(),
            Self::Truth(truth) => truth.to_string(),
        }
    }

    /// What an answer has, so that `1` and `1.0` are the same.
    fn of(text: &str) -> Self {
        match (text, text.parse::<f64>()) {
            ("null", _) => Self::Null,
            (_, Ok(number)) => Self::Number(number),
            ("true" | "false", _) => Self::Truth(text == "true"),
            _ => Self::Text(text.to_owned()),
        }
    }
}

type Row = HashMap<&'static str, Value>;

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn count(number: usize) -> Value {
    Value::Number(number as f64)
}

/// The observations of all stores.
fn observations() -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, n_obs, store) in [(0, 50, "one"), (2, 31, "two")] {
        for row in 0..n_obs {
            let kind = (row % 7 != 3).then(|| KINDS[(row * 5 + number) % (2 + number % 3)]);
            let age = (row * 13 + number) % 90;
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let score = (row % 11) as f64 / 4.0 - 1.0;
            rows.push(HashMap::from([
                ("obs_id", count(rows.len())),
                ("obs_name", Value::Text(format!("cell{row}-{number}"))),
                ("kind", kind.map_or(Value::Null, |kind| Value::Text(kind.to_owned()))),
                ("age", if row % 5 == 1 { Value::Null } else { count(age) }),
                ("score", Value::Number(score)),
                ("donor", Value::Text(format!("d{}", (row + number) % 3))),
                ("is_cell", Value::Truth(row % 4 != 0)),
                ("_store", Value::Text(store.to_owned())),
                ("_row", count(row)),
            ]));
        }
    }
    rows
}

/// The stored values, beside what is known of their observation.
fn values(stored: [Stored; 3]) -> Vec<Row> {
    let observations = observations();
    let mut rows = Vec::new();
    for (number, n_obs, genes, start, stored) in [(0, 50, 0..6, 0, stored[0]), (2, 31, 2..9, 50, stored[2])] {
        for row in 0..n_obs {
            for gene in genes.clone() {
                let value = value(number, row, gene);
                if value != 0.0 || stored == Stored::Dense {
                    let mut all = observations[start + row].clone();
                    all.insert("var_id", count(gene));
                    all.insert("var_name", Value::Text(format!("g{gene}")));
                    all.insert("value", Value::Number(f64::from(value)));
                    rows.push(all);
                }
            }
        }
    }
    assert_eq!(rows.len(), stored_values(stored));
    rows
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

type Test = Box<dyn Fn(&Row) -> bool>;

/// A condition: as SQL, and as code.
fn condition(random: &mut Random, columns: &[&'static str]) -> (String, Test) {
    let column = *random.pick(columns);
    let values: Vec<Value> = match column {
        "kind" => KINDS.iter().map(|kind| Value::Text((*kind).to_owned())).collect(),
        "donor" => (0..4).map(|donor| Value::Text(format!("d{donor}"))).collect(),
        "obs_name" => (0..9).map(|row| Value::Text(format!("cell{}-{}", row * 5, row % 3))).collect(),
        "var_name" => (0..10).map(|gene| Value::Text(format!("g{gene}"))).collect(),
        "_store" => ["one", "none", "two"].map(|store| Value::Text(store.to_owned())).into(),
        "is_cell" => {
            let wanted = random.below(2) == 0;
            let sql = if wanted { "is_cell".to_owned() } else { "NOT is_cell".to_owned() };
            return (sql, Box::new(move |row| row["is_cell"] == Value::Truth(wanted)));
        }
        "score" => (0..10).map(|step| Value::Number(f64::from(step) / 4.0 - 1.0)).collect(),
        "value" => (0..9).map(|step| Value::Number(f64::from(step) + 0.5)).collect(),
        _ => (0..90).map(|number| Value::Number(f64::from(number))).collect(),
    };
    let literal = |value: &Value| match value {
        Value::Text(text) => format!("'{text}'"),
        other => other.shown(),
    };
    if random.below(6) == 0 {
        let wanted = random.below(2) == 0;
        let sql = format!("{column} IS {}NULL", if wanted { "" } else { "NOT " });
        return (sql, Box::new(move |row| (row[column] == Value::Null) == wanted));
    }
    if random.below(4) == 0 {
        let some: Vec<Value> = (0..3).map(|_| random.pick(&values).clone()).collect();
        let sql = format!("{column} IN ({})", some.iter().map(literal).collect::<Vec<_>>().join(", "));
        return (sql, Box::new(move |row| some.contains(&row[column])));
    }
    let value = random.pick(&values).clone();
    let operator = *random.pick(&["=", "<>", "<", "<=", ">", ">="]);
    let sql = format!("{column} {operator} {}", literal(&value));
    let test = move |row: &Row| {
        let own = &row[column];
        *own != Value::Null
            && match operator {
                "=" => *own == value,
                "<>" => *own != value,
                "<" => *own < value,
                "<=" => *own <= value,
                ">" => *own > value,
                _ => *own >= value,
            }
    };
    (sql, Box::new(test))
}

/// One to three conditions, of which two may be alternatives.
fn conditions(random: &mut Random, columns: &[&'static str]) -> (String, Test) {
    let (mut sql, mut test) = condition(random, columns);
    for _ in 0..random.below(3) {
        let (more, also) = condition(random, columns);
        if random.below(3) == 0 {
            sql = format!("({sql} OR {more})");
            let before = test;
            test = Box::new(move |row| before(row) || also(row));
        } else {
            sql = format!("{sql} AND {more}");
            let before = test;
            test = Box::new(move |row| before(row) && also(row));
        }
    }
    (sql, test)
}

const OF_OBS: [&str; 9] = ["obs_id", "obs_name", "kind", "age", "score", "donor", "is_cell", "_store", "_row"];
const OF_X: [&str; 6] = ["obs_id", "obs_name", "var_id", "var_name", "value", "_store"];
const NUMBERS: [&str; 6] = ["age", "score", "value", "obs_id", "_row", "var_id"];

/// A query, and what it is to give: rows, and how many of them in order.
fn query(random: &mut Random, stored: [Stored; 3]) -> (String, Vec<Vec<Value>>) {
    let (from, columns, rows): (&str, Vec<&str>, Vec<Row>) = match random.below(4) {
        0 => ("d.obs", OF_OBS.to_vec(), observations()),
        1 => ("d.x", OF_X.to_vec(), values(stored)),
        _ => {
            // Not every column, so that projections differ.
            let from = "(SELECT o.*, x.var_id, x.var_name, x.value FROM d.x x JOIN d.obs o ON x.obs_id = o.obs_id)";
            let columns = OF_OBS.iter().chain(&OF_X[2..5]).copied().collect();
            (from, columns, values(stored))
        }
    };
    let (condition, test) = if random.below(8) == 0 {
        ("TRUE".to_owned(), Box::new(|_: &Row| true) as Test)
    } else {
        conditions(random, &columns)
    };
    let rows: Vec<Row> = rows.into_iter().filter(|row| test(row)).collect();
    if random.below(2) == 0 {
        let keys: Vec<&str> = {
            let of = ["kind", "donor", "is_cell", "_store", "var_name", "obs_id"];
            let of: Vec<&str> = of.into_iter().filter(|key| columns.contains(key)).collect();
            let mut keys: Vec<&str> = (0..=random.below(2)).map(|_| *random.pick(&of)).collect();
            keys.dedup();
            keys
        };
        let of: Vec<&str> = NUMBERS.into_iter().filter(|column| columns.contains(column)).collect();
        let column = *random.pick(&of);
        let mut groups: BTreeMap<String, (Vec<Value>, Vec<f64>, usize)> = BTreeMap::new();
        for row in &rows {
            let key: Vec<Value> = keys.iter().map(|key| row[key].clone()).collect();
            let name = key.iter().map(Value::shown).collect::<Vec<_>>().join("|");
            let group = groups.entry(name).or_insert((key, Vec::new(), 0));
            group.2 += 1;
            if let Value::Number(number) = row[column] {
                group.1.push(number);
            }
        }
        let sql = format!(
            "SELECT {0}, count(*), count({column}), sum({column}), min({column}), max({column}), avg({column}) FROM {from} \
             WHERE {condition} GROUP BY {0}",
            keys.join(", ")
        );
        let of_group = |(key, numbers, n): (Vec<Value>, Vec<f64>, usize)| {
            let number = |of: f64| if numbers.is_empty() { Value::Null } else { Value::Number(of) };
            let sum: f64 = numbers.iter().sum();
            #[expect(clippy::cast_precision_loss, reason = "few rows")]
            let mean = sum / numbers.len() as f64;
            let (least, most) = (f64::INFINITY, f64::NEG_INFINITY);
            let (least, most) = numbers.iter().fold((least, most), |(a, b), &of| (a.min(of), b.max(of)));
            let mut row = key;
            row.extend([count(n), count(numbers.len()), number(sum), number(least), number(most), number(mean)]);
            row
        };
        return (sql, groups.into_values().map(of_group).collect());
    }
    let mut shown: Vec<&str> = (0..3).map(|_| *random.pick(&columns)).collect();
    shown.extend(["obs_id", "var_id"].into_iter().filter(|key| columns.contains(key)));
    shown.sort_unstable();
    shown.dedup();
    let mut order: Vec<&str> = vec!["obs_id", "var_id"];
    order.retain(|key| columns.contains(key));
    let descending = random.below(2) == 0;
    let mut rows: Vec<Vec<Value>> = {
        let mut rows = rows;
        rows.sort_by(|a, b| {
            let key = |row: &Row| order.iter().map(|key| row[key].clone()).collect::<Vec<_>>();
            let by_key = key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal);
            if descending { by_key.reverse() } else { by_key }
        });
        rows.iter().map(|row| shown.iter().map(|column| row[column].clone()).collect()).collect()
    };
    let mut sql = format!("SELECT {} FROM {from} WHERE {condition} ORDER BY ", shown.join(", "));
    let direction = if descending { "DESC" } else { "ASC" };
    sql.push_str(&order.iter().map(|key| format!("{key} {direction}")).collect::<Vec<_>>().join(", "));
    if random.below(2) == 0 {
        let (limit, offset) = (random.below(12), random.below(4));
        sql = format!("{sql} LIMIT {limit} OFFSET {offset}");
        rows = rows.into_iter().skip(offset).take(limit).collect();
    }
    (sql, rows)
}

fn sorted(mut rows: Vec<Vec<String>>, sql: &str) -> Vec<Vec<String>> {
    if !sql.contains("ORDER BY") {
        rows.sort();
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_equal_plain_loops() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut n = 0;
    for (at, stored) in
        [[Stored::Csr; 3], [Stored::Csc, Stored::Csr, Stored::Dense], [Stored::Dense, Stored::Csr, Stored::Csc]]
            .into_iter()
            .enumerate()
    {
        let folder = folder.path().join(at.to_string());
        std::fs::create_dir(&folder)?;
        for collection in [in_memory(stored)?, in_files(&folder, stored)?] {
            for partitions in [1, 4] {
                let context = session(&collection, partitions)?;
                for _ in 0..25 {
                    n += 1;
                    let (sql, expected) = query(&mut Random(n), stored);
                    let found = ask(&context, &sql).await.map_err(|error| format!("{sql}: {error}"))?;
                    let found = found.iter().map(|row| row.iter().map(|value| Value::of(value).shown()).collect());
                    let expected = expected.iter().map(|row| row.iter().map(Value::shown).collect());
                    assert_eq!(sorted(found.collect(), &sql), sorted(expected.collect(), &sql), "{n}: {sql}");
                }
            }
        }
    }
    assert_eq!(n, 300);
    Ok(())
}
