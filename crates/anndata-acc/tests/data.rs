//! References looked for in data, and read.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use anndata_acc::{A, AccError, Access, AdRef, Contained, RefAcc, acc};
use anndata_format::{
    AnnData, Column, ColumnKind, DType, DataFrame, Element, NaValue, Raw, SparseFormat, SparseMatrix, Tensor,
};
use ndarray::{Array2, ArrayD};

const CELLS: usize = 10;
const GENES: usize = 5;

/// Made-up values, a few of them zero.
fn values(rows: usize, columns: usize, seed: usize) -> Tensor {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let value = |i: usize| if (i * 7 + seed).is_multiple_of(3) { 0.0 } else { (i * 31 % 97 + seed) as f32 };
    Tensor::from_vec([rows, columns], (0..rows * columns).map(value).collect()).unwrap()
}

fn sparse(dense: &Tensor, format: SparseFormat) -> Element {
    SparseMatrix::from_dense(dense, format).unwrap().into()
}

/// The same object with matrices made by a function.
fn object(matrix: impl Fn(Tensor) -> Element) -> AnnData {
    let groups = Column::categorical(
        &Tensor::from_vec([GENES], vec![1_i8, 0, 1, -1, 0]).unwrap(),
        &Column::strings(["a", "b", "unused"]),
        true,
    );
    AnnData::builder()
        .x(matrix(values(CELLS, GENES, 1)))
        .layer("a", matrix(values(CELLS, GENES, 2)))
        .obs(
            DataFrame::new((0..CELLS).map(|i| format!("cell-{i}")))
                .with_column("type", (0_i64..10).collect::<Vec<_>>())
                .unwrap(),
        )
        .var(DataFrame::new((0..GENES).map(|i| format!("gene-{i}"))).with_column("grp", groups.unwrap()).unwrap())
        .obsm("umap", matrix(values(CELLS, 2, 3)))
        .varp("cons", matrix(values(GENES, GENES, 4)))
        .build()
        .unwrap()
}

fn adata() -> AnnData {
    object(Element::from)
}

#[test]
fn what_is_there_is_found() {
    let adata = adata();
    for reference in [
        acc!(X[:, :]),
        acc!(X[:, "gene-3"]),
        acc!(X["cell-5", :]),
        acc!(obs["type"]),
        acc!(obs.index),
        acc!(layers["a"][:, :]),
        acc!(layers["a"][:, "gene-1"]),
        acc!(layers["a"]["cell-7", :]),
        acc!(obsm["umap"][0]),
        acc!(obsm["umap"][1]),
        acc!(obsm["umap"][-1]),
        acc!(obsm["umap"][-2]),
        acc!(varp["cons"][:, :]),
        acc!(varp["cons"]["gene-4", :]),
        acc!(varp["cons"][:, "gene-4"]),
    ] {
        assert!(adata.contains(&reference).unwrap(), "{reference}");
        assert!(adata.contains(&reference.acc()).unwrap(), "{reference}");
        // Nothing is in an empty object but the indexes.
        let empty = AnnData::builder().build().unwrap();
        let is_index = [acc!(obs.index), acc!(var.index)].contains(&reference);
        assert_eq!(empty.contains(&reference).unwrap(), is_index, "{reference}");
    }
    let whole: [&dyn Contained<AnnData>; 8] = [
        &acc!(X),
        &acc!(obs),
        &acc!(layers),
        &acc!(layers["a"]),
        &acc!(obsm),
        &acc!(obsm["umap"]),
        &acc!(varp),
        &acc!(varp["cons"]),
    ];
    for (i, acc) in whole.into_iter().enumerate() {
        assert!(adata.contains(acc).unwrap(), "{i}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let adata = adata();
    let absent: [&dyn Contained<AnnData>; 15] = [
        &acc!(layers["a"]["gene-0", :]),
        &acc!(layers["a"][:, "cell-3"]),
        &acc!(layers["b"]),
        &acc!(obs["nope"]),
        &acc!(obsm["umap"][:, 2]),
        &acc!(obsm["umap"][:, 3]),
        &acc!(obsm["umap"][:, -3]),
        &acc!(obsm["umap"][i64::MIN]),
        &acc!(obsm["b"]),
        &acc!(varm),
        &acc!(obsp),
        &acc!(varp["cons"]["cell-1", :]),
        &acc!(varp["cons"][:, "cell-2"]),
        &acc!(varp["b"]),
        &acc!(varp["b"][:, :]),
    ];
    for (i, what) in absent.into_iter().enumerate() {
        assert!(!adata.contains(what).unwrap(), "{i}");
    }
    // X is not a layer.
    let only_x = AnnData::builder().x(values(2, 2, 0)).build().unwrap();
    assert!(only_x.contains(&acc!(X)).unwrap() && !only_x.contains(&acc!(layers)).unwrap());
}

/// The values that each reference names, from the dense object.
fn expected() -> Vec<(AdRef, Vec<f32>)> {
    let of = |tensor: Tensor| tensor.to_array::<f32>().unwrap().into_dimensionality::<ndarray::Ix2>().unwrap();
    let (x, a) = (of(values(CELLS, GENES, 1)), of(values(CELLS, GENES, 2)));
    let (umap, cons) = (of(values(CELLS, 2, 3)), of(values(GENES, GENES, 4)));
    vec![
        (acc!(X[:, "gene-3"]), x.column(3).to_vec()),
        (acc!(X["cell-5", :]), x.row(5).to_vec()),
        (acc!(layers["a"][:, "gene-1"]), a.column(1).to_vec()),
        (acc!(layers["a"]["cell-7", :]), a.row(7).to_vec()),
        (acc!(obsm["umap"][0]), umap.column(0).to_vec()),
        (acc!(obsm["umap"][:, -1]), umap.column(1).to_vec()),
        (acc!(varp["cons"]["gene-4", :]), cons.row(4).to_vec()),
        (acc!(varp["cons"][:, "gene-4"]), cons.column(4).to_vec()),
    ]
}

#[test]
fn vectors_are_flat_and_dense_whatever_holds_them() {
    for adata in
        [adata(), object(|dense| sparse(&dense, SparseFormat::Csr)), object(|dense| sparse(&dense, SparseFormat::Csc))]
    {
        for (reference, expected) in expected() {
            let element = adata.get(&reference).unwrap();
            let Element::Tensor(tensor) = &element else { panic!("{reference}: {}", element.kind_name()) };
            assert_eq!((tensor.dtype(), tensor.shape()), (&DType::F32, &[expected.len()][..]), "{reference}");
            assert_eq!(adata.get_as::<Vec<f32>>(&reference).unwrap(), expected, "{reference}");
            let error = adata.get_as::<Vec<f64>>(&reference).unwrap_err();
            assert!(matches!(&error, AccError::Unsuitable { .. }) && error.to_string().contains("float32"), "{error}");
        }
    }
}

#[test]
fn whole_matrices_are_as_they_are_held() {
    let dense = adata();
    for (reference, acc) in [
        (acc!(X[:, :]), RefAcc::from(acc!(X))),
        (acc!(layers["a"][:, :]), acc!(layers["a"]).into()),
        (acc!(varp["cons"][:, :]), acc!(varp["cons"]).into()),
    ] {
        let expected: ArrayD<f32> = dense.get_as(&reference).unwrap();
        assert_eq!(dense.get(&reference).unwrap(), dense.get(&acc).unwrap());
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let adata = object(|dense| sparse(&dense, format));
            let matrix: SparseMatrix = adata.get_as(&reference).unwrap();
            assert_eq!(matrix.format(), format);
            assert_eq!(adata.get(&acc).unwrap(), Element::from(matrix));
            assert_eq!(adata.get_as::<Array2<f32>>(&reference).unwrap().into_dyn(), expected);
        }
    }
    assert_eq!(dense.get(&acc!(X)).unwrap(), dense.x().unwrap().clone());
    assert_eq!(dense.get(&acc!(obsm["umap"])).unwrap(), dense.obsm()["umap"]);
    assert_eq!(dense.get_as::<DataFrame>(&acc!(obs)).unwrap(), *dense.obs());
    assert_eq!(dense.get_as::<DataFrame>(&acc!(var)).unwrap(), *dense.var());
    assert!(dense.get_as::<SparseMatrix>(&acc!(X)).is_err_and(|error| error.to_string().starts_with("A.X: ")));
    assert!(
        dense
            .get_as::<Vec<f32>>(&acc!(X))
            .is_err_and(|error| error.to_string().contains("expected one dimension, found 2"))
    );
}

#[test]
fn columns_keep_their_kind() {
    let mut adata = adata();
    let grp: Column = adata.get_as(&acc!(var["grp"])).unwrap();
    assert_eq!(grp.kind(), ColumnKind::Categorical { ordered: true });
    assert_eq!(grp.codes_and_categories().unwrap().1.len(), 3);
    let texts: Vec<Option<String>> = adata.get_as(&acc!(var["grp"])).unwrap();
    assert_eq!(
        texts.iter().map(Option::as_deref).collect::<Vec<_>>(),
        [Some("b"), Some("a"), Some("b"), None, Some("a")]
    );
    assert!(adata.get_as::<Vec<String>>(&acc!(var["grp"])).is_err_and(|error| error.to_string().contains("missing")));
    assert_eq!(adata.get_as::<Vec<String>>(&acc!(var.index)).unwrap()[4], "gene-4");
    assert_eq!(adata.get_as::<Vec<i64>>(&acc!(obs["type"])).unwrap()[9], 9);

    let values = Tensor::from_vec([GENES], vec![1_u8, 2, 3, 4, 5]).unwrap();
    let nullable = Column::nullable(&values, &[false, false, true, false, false], NaValue::Na).unwrap();
    adata.set_var(adata.var().clone().with_column("n", nullable.clone()).unwrap()).unwrap();
    assert_eq!(adata.get(&acc!(var["n"])).unwrap(), Element::Column(nullable));
    assert!(adata.get_as::<Vec<u8>>(&acc!(var["n"])).is_err_and(|error| error.to_string().contains("missing")));
}

#[test]
fn columns_of_frames_and_odd_arrays_in_obsm() {
    let mut adata = adata();
    let frame = DataFrame::with_index(adata.obs().index().clone())
        .with_column("p", vec![0.5_f64; CELLS])
        .and_then(|frame| frame.with_column("q", vec!["t"; CELLS]))
        .unwrap();
    adata.set_obsm("frame", frame).unwrap();
    assert!(adata.contains(&acc!(obsm["frame"][:, 1])).unwrap());
    assert!(!adata.contains(&acc!(obsm["frame"][:, 2])).unwrap());
    assert_eq!(adata.get_as::<Vec<String>>(&acc!(obsm["frame"][:, -1])).unwrap(), ["t"; CELLS]);
    assert_eq!(adata.get_as::<Vec<f64>>(&acc!(obsm["frame"][0])).unwrap(), [0.5; CELLS]);

    adata.set_obsm("cube", Tensor::from_vec([CELLS, 2, 2], vec![0_i32; CELLS * 4]).unwrap()).unwrap();
    adata.set_obsm("flat", Tensor::from_vec([CELLS], vec![0_i32; CELLS]).unwrap()).unwrap();
    // An array of one dimension is a column.
    assert_eq!(adata.get_as::<Vec<i32>>(&acc!(obsm["flat"][0])).unwrap(), [0; CELLS]);
    let cube = acc!(obsm["cube"][0]);
    assert!(!adata.contains(&cube).unwrap());
    let error = adata.get(&cube).unwrap_err();
    assert!(matches!(error, AccError::Unsuitable { .. }) && error.to_string().contains("shape [10"), "{error}");
    for dtype in [DType::Bool, DType::U16, DType::I64, DType::F16, DType::Complex128] {
        let dense = values(CELLS, 2, 0).cast(&DType::Bool).unwrap().cast(&dtype).unwrap();
        let expected = dense.take(1, &[1]).unwrap().reshape([CELLS]).unwrap();
        adata.set_obsm("typed", sparse(&dense, SparseFormat::Csr)).unwrap();
        assert_eq!(adata.get_as::<Tensor>(&acc!(obsm["typed"][1])).unwrap(), expected);
        adata.set_obsm("typed", dense).unwrap();
        assert_eq!(adata.get_as::<Tensor>(&acc!(obsm["typed"][1])).unwrap(), expected);
    }
}

#[test]
fn what_is_missing_is_told_with_what_is_near() {
    let adata = adata();
    let told = |reference: AdRef| {
        let error = adata.get(&reference).unwrap_err();
        assert!(error.is_missing() || matches!(error, AccError::Unsuitable { .. }), "{error:?}");
        error.to_string()
    };
    assert_eq!(told(acc!(obs["Type"])), "A.obs['Type']: there is no 'Type' in obs; did you mean 'type'?");
    assert_eq!(
        told(acc!(obsm["X_umap"][0])),
        "A.obsm['X_umap'][:, 0]: there is no 'X_umap' in obsm; did you mean 'umap'?"
    );
    assert_eq!(told(acc!(layers["zzz"][:, :])), "A.layers['zzz'][:, :]: there is no 'zzz' in layers");
    assert_eq!(
        told(acc!(X[:, "gene3"])),
        "A.X[:, 'gene3']: there is no 'gene3' in the index of var; did you mean 'gene-3'?"
    );
    assert_eq!(
        told(acc!(varp["cons"]["cell-1", :])),
        "A.varp['cons']['cell-1', :]: there is no 'cell-1' in the index of var"
    );
    assert_eq!(told(acc!(obsm["umap"][-3])), "A.obsm['umap'][:, -3]: column -3 is out of range of 2");
    let error = AnnData::builder().build().unwrap().get(&A.x()).unwrap_err();
    assert_eq!(error.to_string(), "A.X: there is no 'X' in the data");
    assert!(error.is_missing());
    let error: anndata_format::Error = adata.get(&acc!(obs["Type"])).unwrap_err().into();
    assert!(error.is_not_found());
}

#[test]
fn repeated_names_are_refused() {
    let mut adata = adata();
    adata.set_var(DataFrame::new(["g", "g", "h", "i", "j"])).unwrap();
    assert!(adata.contains(&acc!(X[:, "g"])).unwrap());
    assert!(matches!(adata.get(&acc!(X[:, "g"])), Err(AccError::RepeatedName { name, .. }) if name == "g"));
    assert_eq!(adata.get_as::<Vec<f32>>(&acc!(X[:, "h"])).unwrap().len(), CELLS);
}

#[test]
fn raw_has_a_matrix_and_variables_of_its_own() {
    let var = DataFrame::new(["r1", "r2"]).with_column("n", vec![1_i64, 2]).unwrap();
    let raw =
        Raw::new(Some(values(CELLS, 2, 5).into()), var, [("m".to_owned(), values(2, 3, 6).into())].into()).unwrap();
    assert_eq!(raw.get_as::<Vec<f32>>(&acc!(X[:, "r2"])).unwrap().len(), CELLS);
    assert_eq!(raw.get_as::<Vec<i64>>(&acc!(var["n"])).unwrap(), [1, 2]);
    assert_eq!(raw.get_as::<Vec<f32>>(&acc!(varm["m"][:, 2])).unwrap().len(), 2);
    assert!(!raw.contains(&acc!(layers)).unwrap() && raw.contains(&acc!(varm)).unwrap());
    for absent in [acc!(obs["n"]), acc!(X["cell-1", :]), acc!(obsp["d"][:, :])] {
        assert!(!raw.contains(&absent).unwrap());
        assert!(raw.get(&absent).is_err_and(|error| error.to_string().contains("the data have no obs")), "{absent}");
    }
}
