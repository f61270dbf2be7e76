//! The same answers whatever the number of partitions.

use super::cells::{Result, Stored, ask, in_files, number, session, stored_values};

const FORMATS: [[Stored; 3]; 3] = [
    [Stored::Csr, Stored::Csr, Stored::Csr],
    [Stored::Csc, Stored::Dense, Stored::Csr],
    [Stored::Dense, Stored::Csr, Stored::Csc],
];

#[tokio::test(flavor = "multi_thread")]
async fn each_row_is_counted_once() -> Result<()> {
    for stored in FORMATS {
        let folder = tempfile::tempdir()?;
        let collection = in_files(folder.path(), stored)?;
        let values = i64::try_from(stored_values(stored))?;
        for partitions in 1..=8 {
            let context = session(&collection, partitions)?;
            // By what is known of it, and by counting rows.
            for (sql, expected) in [
                ("SELECT count(*) FROM d.obs", 81),
                ("SELECT count(*) FROM d.obs WHERE obs_id >= 0", 81),
                ("SELECT count(*) FROM d.var", 9),
                ("SELECT count(*) FROM d.x", values),
                ("SELECT count(*) FROM d.x WHERE value > -1", values),
                ("SELECT count(obs_name) FROM d.x WHERE obs_id >= 0", values),
                ("SELECT count(*) FROM (SELECT obs_id FROM d.x UNION ALL SELECT obs_id FROM d.x)", 2 * values),
                ("SELECT count(*) FROM (SELECT obs_id FROM d.obs UNION ALL SELECT obs_id FROM d.x)", 81 + values),
                ("SELECT count(*) FROM d.obs a JOIN d.obs b ON a.obs_id = b.obs_id", 81),
                ("SELECT count(*) FROM d.x a JOIN d.x b ON a.obs_id = b.obs_id AND a.var_id = b.var_id", values),
                ("SELECT count(*) FROM d.x JOIN d.obs USING (obs_id) JOIN d.var USING (var_id)", values),
                ("SELECT count(*) FROM d.\"obsm_X_pca\"", 81),
                ("SELECT count(*) FROM gene('g3')", 81),
                ("SELECT count(*) FROM (SELECT * FROM d.x LIMIT 5)", 5),
                ("SELECT count(*) FROM (SELECT * FROM d.obs LIMIT 200)", 81),
                ("SELECT count(*) FROM d.obs WHERE _store = 'two'", 31),
                ("SELECT count(DISTINCT obs_id) FROM d.obs", 81),
            ] {
                assert_eq!(number(&context, sql).await?, expected, "{sql} in {partitions} partitions of {stored:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_those_of_the_stores() -> Result<()> {
    for stored in FORMATS {
        let folder = tempfile::tempdir()?;
        let collection = in_files(folder.path(), stored)?;
        let context = session(&collection, 3)?;
        let found =
            ask(&context, "SELECT _store, obs_name, var_name, value FROM d.x WHERE value <> 0 ORDER BY obs_id, var_id")
                .await?;
        let mut expected = Vec::new();
        for (number, n_obs, genes) in [(0, 50, 0..6), (2, 31, 2..9)] {
            for row in 0..n_obs {
                for gene in genes.clone() {
                    let value = super::cells::value(number, row, gene);
                    if value != 0.0 {
                        let store = if number == 0 { "one" } else { "two" };
                        let (obs, var) = (format!("cell{row}-{number}"), format!("g{gene}"));
                        expected.push(vec![store.to_owned(), obs, var, value.to_string()]);
                    }
                }
            }
        }
        assert_eq!(found, expected, "{stored:?}");
    }
    Ok(())
}
