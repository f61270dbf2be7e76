//! References to arrays, as text and as JSON: what is parsed prints as a text that means the same.

use anndata::acc::{A, AdRef, Target};

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(reference) = text.parse::<AdRef>() {
        let printed = reference.to_string();
        assert_eq!(printed.parse::<AdRef>().ok(), Some(reference), "{printed}");
    }
    if let Ok(target) = text.parse::<Target>() {
        let printed = target.to_string();
        assert_eq!(printed.parse::<Target>().ok(), Some(target), "{printed}");
    }
    let _ = A.resolve(text);
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(input)
        && let Ok(target) = A.from_json(&value)
    {
        let stored = serde_json::to_value(&target).expect("what was read from JSON has a JSON form");
        assert_eq!(A.from_json(&stored).ok(), Some(target), "{stored}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "A.X[:, 'gene-3']",
        "A.layers[\"a\\u00e4\\n\"]['cell', :]",
        "A.obs['cell type']",
        "A.var.index",
        "A.obsm['pca'][:, 0]",
        "A.varp['cons'][:, 'g']",
        "obsm.pca.0",
        "layers.counts",
        "[\"layers\", null, \"c\", null]",
        "[\"obsm\", \"pca\", 0]",
        "[\"varp\", \"cons\", null, null]",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
