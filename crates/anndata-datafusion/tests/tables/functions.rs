//! Table functions.

use super::cells::{KINDS, Result, Stored, ask, in_files, in_memory, session, value};

const FORMATS: [[Stored; 3]; 3] = [[Stored::Csr; 3], [Stored::Csc; 3], [Stored::Dense; 3]];

/// The stores as plain code knows them: number, cells, genes and where the cells begin.
const STORES: [(usize, usize, std::ops::Range<usize>, usize); 2] = [(0, 50, 0..6, 0), (2, 31, 2..9, 50)];

#[tokio::test]
async fn genes_are_columns_with_zeros_and_without_what_was_not_measured() -> Result<()> {
    for stored in FORMATS {
        let folder = tempfile::tempdir()?;
        let context = session(&in_files(folder.path(), stored)?, 3)?;
        let rows = ask(&context, "SELECT obs_id, g7, g3, g0 FROM gene('g3', 'g0', 'g7') ORDER BY obs_id").await?;
        let mut expected = Vec::new();
        for (number, n_obs, genes, start) in STORES {
            for row in 0..n_obs {
                let of = |gene: usize| {
                    if genes.contains(&gene) { shown(value(number, row, gene)) } else { "null".to_owned() }
                };
                expected.push(vec![(start + row).to_string(), of(7), of(3), of(0)]);
            }
        }
        assert_eq!(rows, expected, "{stored:?}");
        let some = ask(&context, "SELECT obs_id FROM gene('g3') WHERE g3 > 5 AND obs_id < 20 ORDER BY obs_id").await?;
        let expected = (0..20).filter(|row| value(0, *row, 3) > 5.0).map(|row| vec![row.to_string()]);
        assert_eq!(some, expected.collect::<Vec<_>>());
    }
    Ok(())
}

fn shown(value: f32) -> String {
    if value == 0.0 { "0.0".to_owned() } else { value.to_string() }
}

#[tokio::test]
async fn totals_are_those_of_all_genes() -> Result<()> {
    for stored in FORMATS {
        let folder = tempfile::tempdir()?;
        let context = session(&in_files(folder.path(), stored)?, 4)?;
        let rows = ask(&context, "SELECT obs_id, total, n_detected FROM cell_totals() ORDER BY obs_id").await?;
        let mut expected = Vec::new();
        for (number, n_obs, genes, start) in STORES {
            for row in 0..n_obs {
                let values: Vec<f64> = genes.clone().map(|gene| f64::from(value(number, row, gene))).collect();
                let total = values.iter().sum::<f64>();
                let detected = values.iter().filter(|value| **value != 0.0).count();
                expected.push(vec![(start + row).to_string(), format!("{total:?}"), detected.to_string()]);
            }
        }
        assert_eq!(rows, expected, "{stored:?}");
        let counts = ask(&context, "SELECT sum(total) FROM cell_totals_in('counts')").await?;
        let sum = ask(&context, "SELECT cast(sum(value) AS DOUBLE) FROM d.layers_counts").await?;
        assert_eq!(counts, sum);
    }
    Ok(())
}

#[tokio::test]
async fn pseudobulk_is_over_the_cells_that_have_the_gene() -> Result<()> {
    for stored in FORMATS {
        let folder = tempfile::tempdir()?;
        for partitions in [1, 3, 8] {
            let context = session(&in_files(folder.path(), stored)?, partitions)?;
            let rows = ask(
                &context,
                "SELECT kind, donor, var_name, n_cells, sum, mean, fraction FROM pseudobulk('kind', 'donor') \
                 ORDER BY kind NULLS LAST, donor, var_id",
            )
            .await?;
            let mut expected = Vec::new();
            let mut kinds: Vec<Option<&str>> = KINDS.iter().copied().map(Some).collect();
            kinds.sort_unstable();
            kinds.push(None);
            for kind in kinds {
                for donor in 0..3 {
                    for gene in 0..9 {
                        let mut cells = Vec::new();
                        for (number, n_obs, genes, _) in STORES {
                            for row in (0..n_obs).filter(|_| genes.contains(&gene)) {
                                let own = (row % 7 != 3).then(|| KINDS[(row * 5 + number) % (2 + number % 3)]);
                                if own == kind && (row + number) % 3 == donor {
                                    cells.push(f64::from(value(number, row, gene)));
                                }
                            }
                        }
                        if cells.is_empty() {
                            continue;
                        }
                        #[expect(clippy::cast_precision_loss, reason = "few cells")]
                        let n = cells.len() as f64;
                        let sum = cells.iter().sum::<f64>();
                        #[expect(clippy::cast_precision_loss, reason = "few cells")]
                        let expressed = cells.iter().filter(|value| **value != 0.0).count() as f64;
                        expected.push(vec![
                            kind.unwrap_or("null").to_owned(),
                            format!("d{donor}"),
                            format!("g{gene}"),
                            cells.len().to_string(),
                            format!("{sum:?}"),
                            format!("{:?}", sum / n),
                            format!("{:?}", expressed / n),
                        ]);
                    }
                }
            }
            assert_eq!(rows, expected, "{stored:?} in {partitions}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn conditions_on_groups_and_genes_reach_the_pass_over_the_matrix() -> Result<()> {
    let context = session(&in_memory([Stored::Csr; 3])?, 2)?;
    let sql = "SELECT donor, var_name, n_cells, mean FROM pseudobulk('donor') WHERE var_name = 'g4' AND donor <> 'd0' \
               ORDER BY donor";
    let plan = super::cells::plan_of(&context, sql).await?;
    assert!(plan.contains("filters=[") && plan.contains("g4"), "{plan}");
    let all = ask(&context, "SELECT donor, var_name, n_cells, mean FROM pseudobulk('donor') ORDER BY donor").await?;
    let expected: Vec<_> = all.into_iter().filter(|row| row[1] == "g4" && row[0] != "d0").collect();
    assert_eq!((expected.len(), ask(&context, sql).await?), (2, expected));
    Ok(())
}
