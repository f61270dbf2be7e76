//! Columns, types, filters, joins, groups and order, each against what is known to be right.

use super::cells::{Result, Stored, ask, in_files, in_memory, number, plan_of, session, value};

const CSR: [Stored; 3] = [Stored::Csr; 3];

#[tokio::test]
async fn tables_have_their_columns_and_types() -> Result<()> {
    let context = session(&in_memory(CSR)?, 2)?;
    let columns = |table: &str| {
        format!(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = '{table}' \
             ORDER BY ordinal_position"
        )
    };
    context.sql("SET datafusion.catalog.information_schema = true").await?.collect().await?;
    let text = |rows: Vec<Vec<String>>| rows.into_iter().map(|row| row.join(" ")).collect::<Vec<_>>();
    assert_eq!(
        text(ask(&context, &columns("obs")).await?),
        [
            "obs_id Int64 NO",
            "obs_name Utf8View NO",
            "kind Dictionary(Int32, LargeUtf8) YES",
            "age Int64 YES",
            "score Float64 YES",
            "donor LargeUtf8 YES",
            "is_cell Boolean YES",
            "_store Utf8View NO",
            "_row Int64 NO",
        ]
    );
    assert_eq!(
        text(ask(&context, &columns("x")).await?),
        [
            "obs_id Int64 NO",
            "obs_name Utf8View NO",
            "var_id Int64 NO",
            "var_name Utf8View NO",
            "value Float32 NO",
            "_store Utf8View NO",
        ]
    );
    let counts = text(ask(&context, &columns("layers_counts")).await?);
    assert_eq!(counts[4], "value UInt16 NO");
    assert_eq!(text(ask(&context, &columns("obsm_X_pca")).await?)[2..], ["d0 Float32 NO", "d1 Float32 NO"]);
    Ok(())
}

#[tokio::test]
async fn filters_are_exact() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for collection in [in_memory(CSR)?, in_files(folder.path(), CSR)?] {
        let context = session(&collection, 3)?;
        for (condition, expected) in [
            ("kind = 'T'", 29),
            ("kind <> 'T'", 41),
            ("kind IS NULL", 11),
            ("kind IN ('B', 'NK')", 34),
            ("kind LIKE 'N%'", 7),
            ("kind = 'nothing'", 0),
            ("age IS NULL", 16),
            ("age >= 45 AND NOT is_cell", 9),
            ("score BETWEEN 0 AND 0.5", 23),
            ("donor = 'd1' OR score < -0.5", 38),
            ("_store = 'two' AND _row < 3", 3),
            ("_store LIKE 't%'", 31),
            ("obs_name = 'cell7-2'", 1),
            ("obs_id BETWEEN 48 AND 52", 5),
            ("obs_id % 10 = 0", 9),
        ] {
            let sql = format!("SELECT count(*) FROM d.obs WHERE {condition}");
            let plan = plan_of(&context, &sql).await?;
            assert!(!plan.contains("FilterExec"), "{condition}: {plan}");
            // Counted by what is not pushed down, too.
            let again = format!("SELECT sum(CASE WHEN {condition} THEN 1 ELSE 0 END) FROM d.obs");
            let found = (number(&context, &sql).await?, number(&context, &again).await?);
            assert_eq!(found.0, found.1, "{condition}");
            assert_eq!(found.0, expected, "{condition}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn x_is_filtered_by_both_axes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for stored in [CSR, [Stored::Csc; 3], [Stored::Dense; 3]] {
        let context = session(&in_files(folder.path(), stored)?, 3)?;
        let sql = "SELECT obs_id, var_name, value FROM d.x WHERE var_name IN ('g2', 'g7') AND obs_id IN (3, 11, 60, 71) \
                   AND value > 0 ORDER BY obs_id, var_id";
        let mut expected = Vec::new();
        for (id, number, row) in [(3, 0, 3), (11, 0, 11), (60, 2, 10), (71, 2, 21)] {
            for gene in [2, 7] {
                let value = value(number, row, gene);
                if value > 0.0 && (number == 2 || gene == 2) {
                    expected.push(vec![id.to_string(), format!("g{gene}"), value.to_string()]);
                }
            }
        }
        assert!(!expected.is_empty());
        assert_eq!(ask(&context, sql).await?, expected, "{stored:?}");
        let joined = "SELECT o.kind, count(*) AS n, sum(x.value) AS s FROM d.x x JOIN d.obs o ON x.obs_id = o.obs_id \
                      WHERE o.donor = 'd1' AND x.value <> 0 GROUP BY o.kind ORDER BY o.kind NULLS LAST";
        let slow = "SELECT o.kind, count(*) AS n, sum(x.value) AS s FROM d.x x JOIN d.obs o ON x.obs_name = o.obs_name \
                    WHERE concat(o.donor, '') = 'd1' AND x.value <> 0 GROUP BY o.kind ORDER BY o.kind NULLS LAST";
        assert_eq!(ask(&context, joined).await?, ask(&context, slow).await?);
    }
    Ok(())
}

#[tokio::test]
async fn order_is_known_and_limits_are_pushed() -> Result<()> {
    let context = session(&in_memory(CSR)?, 2)?;
    let plan = plan_of(&context, "SELECT * FROM d.x ORDER BY obs_id").await?;
    assert!(plan.contains("SortPreservingMergeExec") && !plan.contains("SortExec"), "{plan}");
    let plan = plan_of(&context, "SELECT obs_name FROM d.obs WHERE kind = 'T' LIMIT 2").await?;
    assert!(plan.contains("limit=2"), "{plan}");
    assert_eq!(ask(&context, "SELECT obs_name FROM d.obs WHERE kind = 'T' LIMIT 2").await?.len(), 2);
    // By column where it is stored so.
    let context = session(&in_memory([Stored::Csc; 3])?, 2)?;
    let plan = plan_of(&context, "SELECT * FROM d.x ORDER BY obs_id").await?;
    assert!(plan.contains("SortExec"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn plans_tell_what_is_read() -> Result<()> {
    let context = session(&in_memory(CSR)?, 2)?;
    for (sql, reads) in [
        ("SELECT kind FROM d.obs WHERE donor = 'd1'", "reads=[obs/donor, obs/kind]"),
        ("SELECT obs_id FROM d.obs WHERE _row < 3", "reads=[]"),
        ("SELECT value FROM d.x WHERE obs_name = 'cell1-0'", "reads=[obs names, X (the rows that pass)]"),
        ("SELECT g1 FROM gene('g1')", "reads=[X (all of the rows)]"),
        ("SELECT d0 FROM d.\"obsm_X_pca\"", "reads=[obsm/X_pca]"),
    ] {
        let plan = plan_of(&context, sql).await?;
        assert!(plan.contains(reads), "{sql}: {plan}");
    }
    let context = session(&in_memory([Stored::Csc; 3])?, 2)?;
    let plan = plan_of(&context, "SELECT g1 FROM gene('g1')").await?;
    assert!(plan.contains("reads=[X (the columns asked for)]"), "{plan}");
    Ok(())
}
