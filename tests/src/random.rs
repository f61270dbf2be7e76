//! Strategies for random objects, of every kind of element and dtype.

use anndata::awkward::Awkward;
use anndata::storage::Scalar;
use anndata::{
    AnnData, Column, Complex, Compression, DType, DataFrame, Element, Finding, Mapping, NaValue, Raw, Report, Severity,
    SparseFormat, SparseMatrix, Tensor, f16,
};
use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use proptest::collection::vec;
use proptest::prelude::*;

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

/// A tensor from a generated value that must be one.
fn must<T>(made: anndata::Result<T>) -> Result<T, TestCaseError> {
    made.map_err(|error| TestCaseError::fail(error.to_string()))
}

/// Text of any characters but NUL, which no HDF5 string holds.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9]{0,6}",
        1 => "[^\\x00]{0,8}",
        1 => Just("ä ß → 🧬".to_owned()),
        1 => "x{60,300}",
    ]
}

/// Names that a store can hold.
fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z_][a-zA-Z0-9_. -]{0,8}", "[α-ω]{1,4}"]
}

/// The errors in a file of a random object, but that it holds float16 in a sparse matrix or an index, for which Python has no
/// type: such a file is right, and Python refuses it.
pub fn errors(report: &Report) -> Vec<&Finding> {
    let is_wrong = |finding: &&Finding| finding.severity == Severity::Error && !finding.rule.ends_with("-half");
    report.findings.iter().filter(is_wrong).collect()
}

/// A tensor of this shape and any dtype.
pub fn tensor(shape: Vec<usize>) -> BoxedStrategy<Tensor> {
    let len: usize = shape.iter().product();
    let text_shape = shape.clone();
    prop_oneof![
        6 => prop::sample::select(&DType::NUMERIC[..]).prop_flat_map(move |dtype| number_tensor(dtype, shape.clone())),
        1 => vec(text(), len).prop_map(move |texts| {
            Tensor::from_strings(text_shape.clone(), texts).unwrap_or_else(|_| Tensor::string(""))
        }),
    ]
    .boxed()
}

/// A tensor of this dtype of numbers and shape, of any bits.
fn number_tensor(dtype: DType, shape: Vec<usize>) -> BoxedStrategy<Tensor> {
    let len: usize = shape.iter().product();
    let limit = if dtype == DType::Bool { 2_u8 } else { 255 };
    let size = dtype.size().unwrap_or(1);
    // Runs of equal bytes, so that compression has something to do.
    let bytes = prop_oneof![vec(0..limit, len * size), (0..limit).prop_map(move |byte| vec![byte; len * size])];
    bytes
        .prop_filter_map("no tensor", move |bytes| Tensor::from_bytes(dtype.clone(), shape.clone(), bytes).ok())
        .boxed()
}

/// A sparse matrix of this shape: any dtype of values, any width of indices that holds them, unsorted.
pub fn sparse(rows: usize, columns: usize) -> BoxedStrategy<SparseMatrix> {
    let format = prop_oneof![Just(SparseFormat::Csr), Just(SparseFormat::Csc)];
    let index = prop::sample::select(&INTEGERS[..]);
    (format, prop::sample::select(&DType::NUMERIC[..]), index.clone(), index)
        .prop_flat_map(move |(format, dtype, index, pointer)| {
            let (major, minor) = if format == SparseFormat::Csr { (rows, columns) } else { (columns, rows) };
            let row = (0..=minor.min(4)).prop_flat_map(move |n| {
                let all: Vec<usize> = (0..minor).collect();
                prop::sample::subsequence(all, n).prop_shuffle()
            });
            vec(row, major).prop_flat_map(move |lists| {
                let mut pointers = vec![0_u8];
                for list in &lists {
                    let last = pointers.last().copied().unwrap_or(0);
                    pointers.push(last + u8::try_from(list.len()).unwrap_or(0));
                }
                let indices: Vec<u8> = lists.iter().flatten().map(|&i| u8::try_from(i).unwrap_or(0)).collect();
                let (index, pointer) = (index.clone(), pointer.clone());
                number_tensor(dtype.clone(), vec![indices.len()]).prop_filter_map("no matrix", move |data| {
                    let indices = Tensor::from_vec([indices.len()], indices.clone()).ok()?.cast(&index).ok()?;
                    let pointers = Tensor::from_vec([pointers.len()], pointers.clone()).ok()?.cast(&pointer).ok()?;
                    SparseMatrix::new(format, (rows, columns), data, indices, pointers).ok()
                })
            })
        })
        .boxed()
}

/// A column of any kind.
pub fn column(len: usize) -> BoxedStrategy<Column> {
    let missing = vec(any::<bool>(), len);
    let na_value = prop_oneof![Just(NaValue::Na), Just(NaValue::Nan)];
    let nullable_number =
        prop::sample::select(&DType::NUMERIC[..9]).prop_flat_map(move |dtype| number_tensor(dtype, vec![len]));
    prop_oneof![
        tensor(vec![len]).prop_filter_map("no column", |values| Column::plain(&values).ok()),
        (nullable_number, missing.clone()).prop_filter_map("no column", |(values, missing)| Column::nullable(
            &values,
            &missing,
            NaValue::Na
        )
        .ok()),
        (vec(text(), len), missing, na_value).prop_filter_map("no column", move |(texts, missing, na_value)| {
            Column::nullable(&Tensor::from_strings([len], texts).ok()?, &missing, na_value).ok()
        }),
        categorical(len),
    ]
    .boxed()
}

/// Codes of any width, unused categories, missing ones where codes are signed; categories of any kind.
fn categorical(len: usize) -> impl Strategy<Value = Column> {
    let categories = (1_u8..6).prop_flat_map(|n| {
        let n = usize::from(n);
        prop_oneof![
            prop::collection::btree_set("[a-zé]{1,6}", n..=n).prop_map(Column::strings),
            Just(Column::from((0..n).map(|i| f64::from(u8::try_from(i).unwrap_or(0)) * 0.5).collect::<Vec<f64>>())),
            Just(Column::from((0..n).map(|i| 3 - i64::try_from(i).unwrap_or(0)).collect::<Vec<i64>>())),
        ]
    });
    (categories, prop::sample::select(&INTEGERS[..]), any::<bool>()).prop_flat_map(
        move |(categories, width, ordered)| {
            let lowest = if width.is_signed_integer() { -1 } else { 0_i64 };
            let highest = i64::try_from(categories.len()).unwrap_or(1);
            vec(lowest..highest, len).prop_filter_map("no column", move |codes| {
                let codes = Tensor::from_vec([codes.len()], codes).ok()?.cast(&width).ok()?;
                Column::categorical(&codes, &categories, ordered).ok()
            })
        },
    )
}

/// A frame with this index.
pub fn frame(names: Vec<String>) -> BoxedStrategy<DataFrame> {
    let index_name = prop::option::of(Just("the index".to_owned()));
    (prop::collection::btree_map(key(), column(names.len()), 0..4), index_name)
        .prop_filter_map("no frame", move |(columns, index_name)| {
            let frame = DataFrame::new(&names).with_index_name(index_name);
            // From the last to the first: an order that sorting does not make.
            columns
                .into_iter()
                .rev()
                .filter(|(name, _)| name != "_index")
                .try_fold(frame, |frame, (name, column)| frame.with_column(name, column).ok())
        })
        .boxed()
}

/// Lists of texts or numbers, some of them missing.
fn awkward(len: usize) -> impl Strategy<Value = Awkward> {
    let numbers = vec(prop::option::of(vec(any::<i64>(), 0..4)), len).prop_map(|lists| {
        let mut builder = ListBuilder::new(Int64Builder::new());
        for list in lists {
            builder.append_option(list.map(|list| list.into_iter().map(Some)));
        }
        Awkward::from_arrow(&builder.finish())
    });
    let texts = vec(vec(prop::option::of(text()), 0..3), len).prop_map(|lists| {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for list in lists {
            builder.append_value(list);
        }
        Awkward::from_arrow(&builder.finish())
    });
    prop_oneof![numbers, texts].prop_filter_map("no awkward array", Result::ok)
}

fn records(len: usize) -> impl Strategy<Value = Tensor> {
    (number_tensor(DType::F32, vec![len]), vec(text(), len), number_tensor(DType::I16, vec![len, 2])).prop_filter_map(
        "no records",
        move |(scores, names, pairs)| {
            let names = Tensor::from_strings([len], names).ok()?;
            Tensor::from_fields([len], [("scores", scores), ("names", names), ("pairs", pairs)]).ok()
        },
    )
}

fn scalar<T: Scalar>(value: T) -> Element {
    Tensor::scalar(value).into()
}

/// What `uns` may hold, nested.
fn unstructured() -> BoxedStrategy<Element> {
    let leaf = prop_oneof![
        Just(Element::Null),
        any::<f64>().prop_map(scalar),
        any::<i8>().prop_map(scalar),
        any::<u64>().prop_map(scalar),
        any::<bool>().prop_map(scalar),
        any::<u16>().prop_map(|bits| scalar(f16::from_bits(bits))),
        any::<(f32, f32)>().prop_map(|(real, imaginary)| scalar(Complex::new(real, imaginary))),
        text().prop_map(|text| Element::from(text.as_str())),
        vec(0..4_usize, 1..4).prop_flat_map(tensor).prop_map(Element::from),
        (0..5_usize, 0..5_usize).prop_flat_map(|(rows, columns)| sparse(rows, columns)).prop_map(Element::from),
        // A plain column is an array when it is read.
        (0..6_usize).prop_flat_map(categorical).prop_map(Element::from),
        (0..4_usize).prop_flat_map(|len| frame((0..len).map(|i| format!("r{i}")).collect())).prop_map(Element::from),
        (0..4_usize).prop_flat_map(records).prop_map(Element::from),
        (0..4_usize).prop_flat_map(awkward).prop_map(Element::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| mapping(inner.boxed()).prop_map(Element::from)).boxed()
}

fn mapping(element: BoxedStrategy<Element>) -> impl Strategy<Value = Mapping> {
    prop::collection::btree_map(key(), element, 0..3).prop_map(|map| map.into_iter().rev().collect())
}

fn matrix(rows: usize, columns: usize) -> BoxedStrategy<Element> {
    let dense =
        prop::sample::select(&DType::NUMERIC[..]).prop_flat_map(move |dtype| number_tensor(dtype, vec![rows, columns]));
    prop_oneof![dense.prop_map(Element::from), sparse(rows, columns).prop_map(Element::from)].boxed()
}

fn aligned(names: Vec<String>) -> BoxedStrategy<Element> {
    let len = names.len();
    prop_oneof![
        (0..3_usize).prop_flat_map(move |width| tensor(vec![len, width])).prop_map(Element::from),
        (0..4_usize).prop_flat_map(move |width| sparse(len, width)).prop_map(Element::from),
        frame(names).prop_map(Element::from),
        awkward(len).prop_map(Element::from),
    ]
    .boxed()
}

/// Names of rows, all different.
fn labels(prefix: &str, len: usize) -> Vec<String> {
    (0..len).map(|i| format!("{prefix}{i}é")).collect()
}

/// An object with something in every slot; axes may be empty.
pub fn adata() -> BoxedStrategy<AnnData> {
    (0..6_usize, 0..6_usize)
        .prop_flat_map(|(n_obs, n_vars)| {
            let (obs, var) = (labels("cell", n_obs), labels("gene", n_vars));
            let raw = (frame(labels("raw", n_vars + 1)), prop::option::of(matrix(n_obs, n_vars + 1)));
            let frames = (frame(obs.clone()), frame(var.clone()), prop::option::of(raw));
            let matrices = (prop::option::of(matrix(n_obs, n_vars)), mapping(matrix(n_obs, n_vars)));
            let aligned = (mapping(aligned(obs)), mapping(aligned(var)));
            let pairs = (mapping(matrix(n_obs, n_obs)), mapping(matrix(n_vars, n_vars)));
            let slots = (matrices, frames, aligned, pairs, mapping(unstructured()));
            slots.prop_map(move |((x, layers), (obs, var, raw), (obsm, varm), (obsp, varp), uns)| {
                let mut builder = AnnData::builder().shape(n_obs, n_vars).obs(obs).var(var);
                for (key, layer) in layers {
                    builder = builder.layer(key, layer);
                }
                if let Some(x) = x {
                    builder = builder.x(x);
                }
                let raw = raw.map(|(var, x)| must(Raw::new(x, var, Mapping::new()))).transpose()?;
                let builder = builder.all_obsm(obsm).all_varm(varm).all_obsp(obsp).all_varp(varp).all_uns(uns);
                must(builder.raw(raw).build())
            })
        })
        .prop_filter_map("an object that does not fit itself", |made: Result<AnnData, TestCaseError>| made.ok())
        .boxed()
}

/// Any compression at a low effort.
pub fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![
        Compression::Default,
        Compression::None,
        Compression::Gzip(1),
        Compression::Lzf,
        Compression::Zstd(1),
        Compression::Blosc(1),
    ])
}
