//! Awkward arrays: a form, a length and buffers that need not fit each other.

use anndata::awkward::Awkward;
use anndata::{DType, Tensor};

/// What the buffers of a node are called, and of which types they may be.
const PARTS: [(&str, &[DType]); 5] = [
    ("offsets", &[DType::I64, DType::I32, DType::U32]),
    ("data", &[DType::F64, DType::U8, DType::I64, DType::Bool]),
    ("index", &[DType::I64, DType::I32, DType::I8]),
    ("tags", &[DType::I8]),
    ("mask", &[DType::I8, DType::U8]),
];

/// A form in JSON, a zero byte, a length, and for each buffer its type and length and its bytes.
pub(crate) fn run(input: &[u8]) {
    let Some(end) = input.iter().position(|&byte| byte == 0) else { return };
    let Ok(form) = std::str::from_utf8(&input[..end]) else { return };
    let Some((&length, mut rest)) = input[end + 1..].split_first() else { return };
    let mut buffers = Vec::new();
    for node in 0..4 {
        for (part, dtypes) in PARTS {
            let [kind, count, bytes @ ..] = rest else { break };
            let dtype = dtypes[usize::from(*kind) % dtypes.len()].clone();
            let (len, size) = (usize::from(*count), dtype.size().unwrap_or(1));
            let (bytes, after) = bytes.split_at(bytes.len().min(len * size));
            rest = after;
            let bytes: Vec<u8> = if dtype == DType::Bool {
                bytes.iter().map(|byte| byte & 1).collect()
            } else {
                bytes[..bytes.len() / size * size].to_vec()
            };
            let values = Tensor::from_bytes(dtype, [bytes.len() / size], bytes).expect("bytes of whole numbers");
            buffers.push((format!("node{node}-{part}"), values));
        }
    }
    let Ok(array) = Awkward::new(form, length.into(), buffers.into_iter().collect()) else { return };
    let len = array.len();
    let list = array.to_list();
    if let Ok(list) = &list {
        assert_eq!(list.as_array().map(Vec::len), Some(len), "{form}");
    }
    if let Ok(arrow) = array.to_arrow() {
        let back = Awkward::from_arrow(arrow.as_ref()).expect("what became Arrow comes back");
        assert_eq!(back.len(), len, "{form}");
    }
    if let Ok(part) = array.slice(len / 3..len) {
        assert_eq!(part.len(), len - len / 3, "{form}");
        let _ = part.to_list();
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let numbers = |node: usize| {
        format!(
            r#"{{"class":"NumpyArray","primitive":"float64","inner_shape":[],"parameters":{{}},"form_key":"node{node}"}}"#
        )
    };
    let list = |content: &str| {
        format!(
            r#"{{"class":"ListOffsetArray","offsets":"i64","content":{content},"parameters":{{}},"form_key":"node0"}}"#
        )
    };
    let record = format!(
        r#"{{"class":"RecordArray","fields":["a","b"],"contents":[{},{}],"parameters":{{}},"form_key":"node3"}}"#,
        numbers(0),
        numbers(1)
    );
    let option = format!(
        r#"{{"class":"IndexedOptionArray","index":"i64","content":{},"parameters":{{}},"form_key":"node1"}}"#,
        numbers(0)
    );
    let seed = |form: String| {
        let offsets: Vec<u8> = [0_i64, 2, 3].into_iter().flat_map(i64::to_le_bytes).collect();
        let values: Vec<u8> = [0.5_f64, 1.5, 2.5].into_iter().flat_map(f64::to_le_bytes).collect();
        let index: Vec<u8> = [1_i64, -1].into_iter().flat_map(i64::to_le_bytes).collect();
        let node = [vec![0, 3], offsets, vec![0, 3], values, vec![0, 2], index, vec![0, 0, 0, 0]].concat();
        [form.into_bytes(), vec![0, 2], node.clone(), node].concat()
    };
    [numbers(0), list(&numbers(1)), record, option].map(seed).to_vec()
}
