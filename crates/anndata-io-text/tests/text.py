"""Makes files of every format, reads them with anndata and scanpy, and says what came out, for `python.rs`; and reads what that
wrote.

    text.py make FOLDER [SAMPLES]    files and what Python reads of them; `cases.json` lists both
    text.py check FOLDER             what Rust wrote against the `.h5ad` files beside it
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import io, sparse

warnings.simplefilter("ignore")
HAS = {name: importlib.util.find_spec(name) is not None for name in ["scanpy", "loompy", "mudata", "openpyxl"]}


class Cases:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cases = []

    def add(self, reader: str, path: Path, adata: ad.AnnData, **options) -> None:
        expected = self.folder / f"expected-{len(self.cases)}.h5ad"
        adata.write_h5ad(expected)
        self.cases.append(dict(reader=reader, path=str(path), expected=str(expected), options=options))


def text_file(path: Path, text: str) -> Path:
    (gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w")).write(text)
    return path


def mtx(cases: Cases, rng: np.random.Generator) -> None:
    counts = sparse.random(200, 90, 0.2, random_state=rng, data_rvs=lambda n: rng.integers(1, 300, n)).tocoo()
    square = sparse.random(50, 50, 0.1, random_state=rng)
    matrices = dict(
        integer=(counts.astype(np.int64), {}),
        csc=(counts.tocsc().tocoo().astype(np.int64), {}),
        real=(sparse.random(60, 70, 0.3, random_state=rng), {}),
        pattern=(counts, dict(field="pattern")),
        symmetric=((square + square.T).tocoo(), dict(symmetry="symmetric")),
        skew=((square - square.T).tocoo(), dict(symmetry="skew-symmetric")),
        array=(rng.normal(size=(30, 20)).round(2), {}),
        twice=(sparse.coo_matrix(([1, 2, 3], ([1, 1, 0], [2, 2, 0])), shape=(3, 4)), {}),
        empty=(sparse.coo_matrix((4, 0)), {}),
    )
    for name, (matrix, options) in matrices.items():
        path = cases.folder / f"{name}.mtx"
        io.mmwrite(path, matrix, **options)
        if name == "integer":
            data = path.read_bytes()
            path = path.with_suffix(".mtx.gz")
            path.write_bytes(gzip.compress(data))
        cases.add("mtx", path, ad.io.read_mtx(path))
        cases.add("mtx", path, ad.io.read_mtx(path, dtype="float64"), dtype="float64")


def tables(cases: Cases, rng: np.random.Generator) -> None:
    folder = cases.folder
    frame = pd.DataFrame(rng.normal(size=(40, 7)), [f"r{i}" for i in range(40)], [f"c{i}" for i in range(7)])
    frame.to_csv(folder / "frame.csv")
    frame.to_csv(folder / "frame.csv.gz")
    (frame * 1e18).to_csv(folder / "large.tsv", sep="\t")
    cases.add("csv", folder / "frame.csv", ad.io.read_csv(folder / "frame.csv"))
    cases.add("csv", folder / "frame.csv.gz", ad.io.read_csv(folder / "frame.csv.gz", dtype="float64"), dtype="float64")
    cases.add("text", folder / "large.tsv", ad.io.read_text(folder / "large.tsv", "\t"), delimiter="\t")
    texts = {
        "numbers.csv": "1,2\n3,4\n",
        "comments.csv": "# first\n#\n# a b\nr,1,2\ns,3,4\n",
        "integers.csv": "7,8\n9,1,2\n5,3,4\n",
        "corner.csv": "x,a,b\nr,1,nan\n",
        "quotes.csv": '"","a","b"\n"r",1e3,-2.5\n',
        "named.csv": ",a,b\n1,2,3\n4,5,6\n",
        "one.csv": "r,1\n",
        "crlf.csv": "x,a,b\r\nr,1,2\r\n\r\ns,3,4\r\n",
    }
    for name, text in texts.items():
        path = folder / name
        path.write_bytes(text.encode())
        cases.add("csv", path, ad.io.read_csv(path))
    cases.add("csv", folder / "named.csv", ad.io.read_csv(folder / "named.csv", first_column_names=True), names=True)
    path = text_file(folder / "spaces.txt", "g  a\tb\nr 1   2\n s 3 4\n".replace("\n s", "\ns"))
    cases.add("text", path, ad.io.read_text(path))


def umi_tools(cases: Cases, rng: np.random.Generator) -> None:
    rows = [(f"g{rng.integers(20)}", f"cell{rng.integers(9)}", rng.integers(1, 50)) for _ in range(300)]
    table = pd.DataFrame(rows, columns=["gene", "cell", "count"])
    path = cases.folder / "umi.tsv.gz"
    table.to_csv(path, sep="\t", index=False)
    cases.add("umi_tools", path, ad.io.read_umi_tools(path))


def hdf(cases: Cases, rng: np.random.Generator) -> None:
    path = cases.folder / "matrix.h5"
    with h5py.File(path, "w") as f:
        f["data"] = rng.normal(size=(3, 2)).astype("f4")
        f["row_names"] = np.array(["a", "b", "c"], dtype="S1").astype("O")
        f["col_names"] = np.array(["x", "y"], dtype="O")
    adata = ad.io.read_hdf(path, "data")
    adata.obs_names = [name.decode() if isinstance(name, bytes) else name for name in adata.obs_names]
    adata.var_names = [name.decode() if isinstance(name, bytes) else name for name in adata.var_names]
    cases.add("hdf", path, adata, key="data")


def write_10x(group: h5py.Group, matrix: sparse.csc_matrix) -> None:
    group["data"] = matrix.data.astype("i4")
    group["indices"] = matrix.indices.astype("i8")
    group["indptr"] = matrix.indptr.astype("i8")
    group["shape"] = np.array(matrix.shape, "i4")
    group["barcodes"] = np.array([f"AAC{i}-1" for i in range(matrix.shape[1])], "S")


def tenx(cases: Cases, rng: np.random.Generator) -> None:
    import scanpy as sc

    folder = cases.folder
    counts = sparse.random(30, 20, 0.3, "csc", random_state=rng, data_rvs=lambda n: rng.integers(1, 9, n))
    ids = np.array([f"ENSG{i}" for i in range(30)], "S")
    names = np.array([f"G{i % 28}" for i in range(30)], "S")
    types = np.array(["Gene Expression"] * 25 + ["Antibody Capture"] * 5, "S")
    genomes = np.array(["hg"] * 20 + ["mm"] * 5 + [""] * 5, "S")
    path = folder / "v3.h5"
    with h5py.File(path, "w") as f:
        write_10x(f.create_group("matrix"), counts)
        features = f.create_group("matrix/features")
        for name, values in dict(id=ids, name=names, feature_type=types, genome=genomes, pattern=types).items():
            features[name] = values
        features["_all_tag_keys"] = np.array([b"genome"])
    cases.add("10x_h5", path, sc.read_10x_h5(path))
    cases.add("10x_h5", path, sc.read_10x_h5(path, gex_only=False), gex_only=False)
    cases.add("10x_h5", path, sc.read_10x_h5(path, genome="mm"), genome="mm")
    path = folder / "probes.h5"
    with h5py.File(path, "w") as f:
        write_10x(f.create_group("matrix"), counts)
        f["matrix/filtered_barcodes"] = np.arange(20) % 3 == 0
        features = f.create_group("matrix/features")
        for name, values in dict(id=ids, name=names, feature_type=types, genome=genomes, gene_id=ids).items():
            features[name] = values
        features["filtered_probes"] = np.arange(30) % 2 == 0
    cases.add("10x_h5", path, sc.read_10x_h5(path))
    path = folder / "v2.h5"
    with h5py.File(path, "w") as f:
        for genome in ["hg19", "mm10"]:
            group = f.create_group(genome)
            write_10x(group, counts)
            group["genes"], group["gene_names"] = ids, names
    cases.add("10x_h5", path, sc.read_10x_h5(path, genome="mm10"), genome="mm10")

    v3, v2, star = folder / "v3", folder / "v2", folder / "star"
    lines = list(zip(ids.astype(str), names.astype(str), types.astype(str)))
    barcodes = "".join(f"AAC{i}-1\n" for i in range(20))
    for path, ending in [(v3, ".gz"), (v2, ""), (star, "")]:
        path.mkdir()
        io.mmwrite(path / "pre_matrix.mtx", counts.astype("i8"))
        if ending:
            (path / "pre_matrix.mtx.gz").write_bytes(gzip.compress((path / "pre_matrix.mtx").read_bytes()))
            (path / "pre_matrix.mtx").unlink()
        width, stem = (2, "genes") if path == v2 else (3, "features")
        text_file(path / f"pre_{stem}.tsv{ending}", "".join("\t".join(line[:width]) + "\n" for line in lines))
        text_file(path / f"pre_barcodes.tsv{ending}", barcodes)
    both = dict(prefix="pre_")
    for path in [v3, v2]:
        cases.add("10x_mtx", path, sc.read_10x_mtx(path, **both), **both)
    options = dict(prefix="pre_", gex_only=False, make_unique=False)
    cases.add("10x_mtx", v3, sc.read_10x_mtx(v3, **options), **options)
    cases.add("10x_mtx", v3, sc.read_10x_mtx(v3, var_names="gene_ids", **both), var_names="gene_ids", **both)
    cases.add("10x_mtx", star, sc.read_10x_mtx(star, compressed=False, **both), **both)


def annotated(rng: np.random.Generator) -> ad.AnnData:
    return ad.AnnData(
        sparse.random(70, 130, 0.2, "csr", dtype="f4", random_state=rng),
        obs=pd.DataFrame({"n": range(70), "x": rng.normal(size=70), "kind": list("abcdefg") * 10}, [f"c{i}" for i in range(70)]),
        var=pd.DataFrame({"é": ["a &amp; &lt;b&gt;"] * 130, "flag": [True, False] * 65}, [f"g{i}" for i in range(130)]),
        layers={"spliced": sparse.random(70, 130, 0.1, "csr", random_state=rng), "other": rng.integers(0, 5, (70, 130))},
        obsm={"X_pca": rng.normal(size=(70, 3))},
    )


def loom(cases: Cases, rng: np.random.Generator) -> None:
    import loompy

    path = cases.folder / "a.loom"
    adata = annotated(rng)
    # Not by anndata, whose `write_loom` of 0.13 fails where there is an X.
    layers = {"": adata.X.T} | {key: layer.T for key, layer in adata.layers.items() if key is not None}
    rows = {key: np.array(adata.var[key].tolist()) for key in adata.var} | {"var_names": adata.var_names.to_numpy(object)}
    columns = {key: np.array(adata.obs[key].tolist()) for key in adata.obs} | {"obs_names": adata.obs_names.to_numpy(object)}
    loompy.create(str(path), layers, rows, columns | dict(adata.obsm))
    names = dict(obs_names="obs_names", var_names="var_names")
    cases.add("loom", path, ad.io.read_loom(path, **names), **names)
    cases.add("loom", path, ad.io.read_loom(path, sparse=False, X_name="", **names), sparse=False, x_name="", **names)


def mudata(cases: Cases, rng: np.random.Generator) -> None:
    from mudata import MuData

    rna = annotated(rng)
    protein = ad.AnnData(rng.normal(size=(40, 4)), obs=pd.DataFrame(index=[f"c{i + 50}" for i in range(40)]))
    path = cases.folder / "a.h5mu"
    MuData({"rna": rna, "prot": protein}).write(path)
    for name, modality in [("rna", rna), ("prot", protein)]:
        cases.add("h5mu", path, modality, modality=name)


def excel(cases: Cases, rng: np.random.Generator) -> None:
    path = cases.folder / "a.xlsx"
    frame = pd.DataFrame(rng.normal(size=(5, 3)), [f"r{i}" for i in range(5)], ["a", "b", "c"])
    frame.to_excel(path, sheet_name="second")
    adata = ad.io.read_excel(path, "second")
    adata.X = adata.X.astype("f4")
    # What pandas calls a column without a title.
    assert adata.obs_names.name in (None, "Unnamed: 0"), adata.obs_names.name
    adata.obs_names.name = None
    cases.add("excel", path, adata, sheet="second")


def samples(cases: Cases, folder: Path) -> None:
    cases.add("csv", folder / "adata.csv", ad.io.read_csv(folder / "adata.csv"))
    cases.add("text", folder / "adata-comments.tsv", ad.io.read_text(folder / "adata-comments.tsv", "\t"), delimiter="\t")
    cases.add("umi_tools", folder / "umi_tools.tsv.gz", ad.io.read_umi_tools(folder / "umi_tools.tsv.gz"))
    if HAS["scanpy"]:
        import scanpy as sc

        for name in ["10x-v1.h5", "10x-v3.h5"]:
            cases.add("10x_h5", folder / name, sc.read_10x_h5(folder / name))
        cases.add("10x_mtx", folder / "10x-v3-mtx", sc.read_10x_mtx(folder / "10x-v3-mtx"))


def make(folder: Path, sample: Path | None) -> None:
    cases, rng = Cases(folder), np.random.default_rng(0)
    for part in [mtx, tables, umi_tools, hdf]:
        part(cases, rng)
    for part, package in [(tenx, "scanpy"), (loom, "loompy"), (mudata, "mudata"), (excel, "openpyxl")]:
        if HAS[package]:
            part(cases, rng)
        else:
            print(f"{package} is not installed: its formats are not compared")
    if sample is not None:
        samples(cases, sample)
    (folder / "cases.json").write_text(json.dumps(cases.cases))


def same(one: ad.AnnData, other: ad.AnnData) -> None:
    dense = lambda x: x.toarray() if sparse.issparse(x) else x
    np.testing.assert_array_equal(dense(one.X), dense(other.X))
    assert list(one.obs_names) == list(other.obs_names)
    assert list(one.var_names) == list(other.var_names)


def check(folder: Path) -> None:
    expected = ad.read_h5ad(folder / "object.h5ad")
    if HAS["scanpy"]:
        import scanpy as sc

        found = sc.read_10x_mtx(folder / "mtx", make_unique=False)
        same(found, expected)
        assert list(found.var["gene_ids"]) == list(expected.var["gene_ids"])
    expected.strings_to_categoricals()
    python = folder / "python-csvs"
    expected.write_csvs(python, skip_data=False)
    for path in sorted(python.rglob("*.csv")):
        theirs, ours = path.read_text(), (folder / "csvs" / path.relative_to(python)).read_text()
        assert ours == theirs, f"{path.name}: {ours!r} is not {theirs!r}"
    if HAS["loompy"]:
        found = ad.io.read_loom(folder / "object.loom", obs_names="obs_names", var_names="var_names")
        same(found, expected)
        assert list(found.obs["n"]) == list(expected.obs["n"])
        np.testing.assert_array_equal(found.layers["twice"].toarray(), expected.layers["twice"].toarray())
    if HAS["mudata"]:
        import mudata

        with warnings.catch_warnings():
            # Of the signature at the beginning of the file.
            warnings.filterwarnings("error", message=".*not created by muon")
            found = mudata.read_h5mu(folder / "object.h5mu")
        assert list(found.mod) == ["rna", "prot"], list(found.mod)
        same(found["rna"], expected)
        made = mudata.MuData(dict(found.mod))
        assert list(found.obs_names) == list(made.obs_names)
        assert list(found.var_names) == list(made.var_names)
        for key in ["rna", "prot"]:
            for slot in ["obsmap", "varmap"]:
                np.testing.assert_array_equal(getattr(found, slot)[key], getattr(made, slot)[key])
                assert getattr(found, slot)[key].dtype == getattr(made, slot)[key].dtype


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    else:
        check(Path(sys.argv[2]))
