//! Dtypes as text, and dtypes, specs, attributes and tensors through serde: what comes back is what was given.

#![expect(clippy::unwrap_used, reason = "a test stops where its own helpers fail")]

use std::num::NonZeroU32;

use anndata_storage::{
    ArraySpec, Attribute, Attributes, Codec, Complex, DType, Field, OpaqueType, Tensor, TimeStep, TimeUnit,
};
use arrow_array::LargeBinaryArray;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every dtype that has no others within it.
fn leaf() -> impl Strategy<Value = DType> {
    use DType::{Bool, Complex64, Complex128, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let named = vec![Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, F32, F64, Complex64, Complex128, DType::String];
    let units = ["generic", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"];
    let unit = proptest::sample::select(units.to_vec()).prop_map(|unit| unit.parse::<TimeUnit>().unwrap());
    // As many of a unit as numpy allows.
    let step = (unit, 1..=i32::MAX.unsigned_abs())
        .prop_map(|(unit, count)| TimeStep::new(unit, NonZeroU32::new(count).unwrap()));
    let bytes = || proptest::collection::vec(any::<u8>(), 0..5);
    let opaque = (any::<String>(), any::<String>(), bytes(), bytes(), any::<Option<usize>>(), any::<bool>());
    prop_oneof![
        proptest::sample::select(named),
        step.clone().prop_map(DType::Datetime),
        step.prop_map(DType::Timedelta),
        any::<usize>().prop_map(DType::FixedBytes),
        any::<usize>().prop_map(DType::FixedUtf8),
        any::<usize>().prop_map(DType::FixedUtf32),
        any::<String>().prop_map(|what| DType::Unknown(what.into())),
        "[a-z(),\": ]{0,6}".prop_map(|what| DType::Unknown(what.into())),
        opaque.prop_map(|(format, words, key, encoded, size, reference)| DType::Opaque(if reference {
            OpaqueType::references(format, words, key, encoded)
        } else {
            OpaqueType::new(format, words, key, encoded, size)
        })),
    ]
}

fn dtype() -> impl Strategy<Value = DType> {
    leaf().prop_recursive(4, 20, 4, |inner| {
        let name = prop_oneof![any::<String>(), "[a-z(),\":\\[\\] ]{0,6}"];
        let shape = proptest::collection::vec(any::<usize>(), 0..3);
        let field = (name, inner, shape).prop_map(|(name, dtype, shape)| Field { name: name.into(), dtype, shape });
        proptest::collection::vec(field, 0..4).prop_map(|fields| DType::Compound(fields.into()))
    })
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn a_dtype_is_what_its_text_is_parsed_as(dtype in dtype()) {
        let parsed: DType = format!("{dtype:#}").parse().unwrap();
        prop_assert_eq!(&parsed, &dtype);
        // Equality of types of one format is by their keys: the rest comes back as well.
        prop_assert_eq!(format!("{parsed:#}"), format!("{dtype:#}"));
        let has_opaque = format!("{dtype:#}").contains("opaque(");
        prop_assert!(has_opaque || dtype.to_string().parse::<DType>().unwrap() == dtype);
        prop_assert_eq!(through_json(&dtype), dtype);
    }

    #[test]
    fn no_text_is_more_than_an_error(text in "(record\\(|[a-zA-Z0-9_\\[\\](),: \"\\\\]|opaque|unknown|datetime64){0,12}") {
        if let Ok(dtype) = text.parse::<DType>() {
            prop_assert_eq!(format!("{dtype:#}").parse::<DType>().unwrap(), dtype);
        }
    }
}

#[test]
fn texts_that_name_no_dtype_say_so() {
    let deep = "record(a: ".repeat(100_000);
    for bad in [
        "",
        "float",
        "Float32",
        "S",
        "U-1",
        "S99999999999999999999",
        "record(a int8)",
        "record(a: int8",
        "int8 ",
        "datetime64[parsec]",
        "utf8[",
        "opaque(\"a\")",
        "float of 16 bytes (HDF5)",
        "record(a: int8[)",
        &deep,
    ] {
        let error = bad.parse::<DType>().unwrap_err();
        assert!(error.is_dtype() && error.message().contains("is not a dtype"), "{bad:.40}: {error:.200}");
    }
    assert_eq!("datetime64".parse::<DType>().unwrap(), DType::Datetime(TimeUnit::Generic.into()));
    let generic = Field { name: "t".into(), dtype: DType::Datetime(TimeUnit::Generic.into()), shape: vec![3] };
    assert_eq!("record(t: datetime64[3])".parse::<DType>().unwrap(), DType::Compound([generic].into()));
}

#[test]
fn specs_come_back_from_json() {
    let plain = ArraySpec::new(DType::F32, [3, 0]);
    assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"dtype":"float32","shape":[3,0]}"#);
    let blosc = Codec::Blosc { compressor: "lz4".into(), level: 5, shuffle: 1 };
    let codecs = [
        Codec::Shuffle,
        Codec::Zlib { level: 4 },
        blosc,
        Codec::Zstd { level: -3 },
        Codec::Other { name: "x".into(), configuration: r#"{"level":3}"#.into() },
    ];
    let full = plain.clone().with_chunks([2, 1]).with_codecs(codecs).with_resizable(true);
    for spec in [plain, ArraySpec { shards: Some(vec![4, 1]), ..full }, ArraySpec::null(DType::String)] {
        assert_eq!(through_json(&spec), spec);
    }
}

#[test]
fn attributes_and_tensors_come_back_from_json_to_the_last_bit() {
    let nan = f64::from_bits(0x7ff8_dead_beef_0001);
    let lists = OpaqueType::new("HDF5", "lists of int8", *b"k", *b"e", None);
    let lists = Tensor::from_lists(DType::Opaque(lists), [2], LargeBinaryArray::from_iter_values([&b"ab"[..], b""]));
    let texts = Tensor::from_strings([2], ["ü", ""]).unwrap();
    let values = [
        Tensor::from_vec([4], vec![nan, -0.0, 0.1 + 0.2, f64::INFINITY]).unwrap(),
        Tensor::scalar(i8::MIN),
        Tensor::scalar(u64::MAX),
        Tensor::scalar(true),
        Tensor::scalar(Complex::new(1.5_f32, -2.0)),
        Tensor::from_bytes(DType::FixedBytes(3), [2], b"ab\0c\0\0").unwrap(),
        Tensor::from_vec([0, 3], Vec::<i16>::new()).unwrap(),
        Tensor::from_fields([2], [("text", texts.clone()), ("n", Tensor::from_vec([2, 1], vec![1_u8, 2]).unwrap())])
            .unwrap(),
        texts,
        lists.unwrap(),
    ];
    let mut all: Attributes = (0..).zip(&values).map(|(i, value)| (format!("z{i}"), value.clone().into())).collect();
    all.insert("null".into(), Attribute::Null);
    all.insert("reference".into(), Attribute::Reference("obs/a".into()));
    all.insert(
        "json".into(),
        Attribute::Json(serde_json::json!({"b": [1, 0.1, null], "a": 1.797_693_134_862_315_7e308})),
    );
    all.insert("a".into(), "last".into());
    let read = through_json(&all);
    assert_eq!(read.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    for ((name, read), value) in read.iter().zip(&values) {
        let Attribute::Tensor(read) = read else { panic!("{name} is {read:?}") };
        assert_eq!(
            (read.dtype(), read.shape(), read.as_bytes()),
            (value.dtype(), value.shape(), value.as_bytes()),
            "{name}"
        );
    }
    for (name, value) in &all {
        assert!(name == "z0" || read.get(name) == Some(value), "{name}: {:?}", read.get(name));
    }
}

#[test]
fn tensors_that_contradict_themselves_are_refused() {
    for bad in [
        r#"{"dtype":"int32","shape":[2],"values":{"bytes":"AAAA"}}"#,
        r#"{"dtype":"int32","shape":[1],"values":{"texts":["a"]}}"#,
        r#"{"dtype":"string","shape":[2],"values":{"texts":["a"]}}"#,
        r#"{"dtype":"bool","shape":[1],"values":{"bytes":"Ag=="}}"#,
        r#"{"dtype":"string","shape":[1],"values":{"bytes":""}}"#,
        r#"{"dtype":"record(a: int8)","shape":[1],"values":{"fields":[]}}"#,
        r#"{"dtype":"record(a: int8)","shape":[1],"values":{"fields":[{"dtype":"int16","shape":[1],"values":{"bytes":"AAA="}}]}}"#,
        r#"{"dtype":"int8","shape":[18446744073709551615,2],"values":{"bytes":""}}"#,
    ] {
        assert!(serde_json::from_str::<Tensor>(bad).is_err(), "{bad}");
    }
}
