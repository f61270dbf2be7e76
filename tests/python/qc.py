"""The chapter on quality control as scanpy does it, compared with what the examples `qc` and `groupby` made of the same file.

python qc.py make PATH            counts of 1,500 cells and 800 genes, some of them mitochondrial
python qc.py check INPUT OUTPUT   OUTPUT is what `qc` wrote
python qc.py groups INPUT COLUMN OUTPUT   OUTPUT is what `groupby` wrote
"""

import sys

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

CELLS, GENES = 1_500, 800
TOLERANCE = 1e-6


def make(path):
    rng = np.random.default_rng(17)
    depth = rng.lognormal(0, 0.6, CELLS)
    expression = rng.gamma(0.4, 1.5, (4, GENES))
    kinds = rng.integers(0, 4, CELLS)
    counts = rng.poisson(depth[:, None] * expression[kinds] * 0.6).astype("float32")
    # Cells that die: few genes, or many mitochondrial counts.
    counts[::50, 40:] = 0
    counts[::37, :20] *= 12
    names = [f"MT-{i}" if i < 20 else f"gene-{i}" for i in range(GENES)]
    obs = pd.DataFrame({"cell_type": pd.Categorical.from_codes(kinds, ["B", "NK", "T", "mono"])})
    obs.index = [f"cell-{i}" for i in range(CELLS)]
    ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=names)).write_h5ad(path)


def scanpy_qc(path):
    adata = ad.read_h5ad(path)
    if "counts" in adata.layers:
        adata.X = adata.layers["counts"]
    adata.X = adata.X.astype("float32")
    return quality_control(adata)


def quality_control(adata):
    """The chapter, as scanpy does it."""
    import scanpy as sc

    adata.var["mt"] = adata.var_names.str.startswith("MT-")
    sc.pp.calculate_qc_metrics(adata, qc_vars=["mt"], percent_top=None, log1p=False, inplace=True)
    adata = adata[(adata.obs["n_genes_by_counts"] >= 20) & (adata.obs["pct_counts_mt"] < 20)].copy()
    sc.pp.filter_genes(adata, min_cells=3)
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    sc.pp.highly_variable_genes(adata, flavor="seurat")
    return adata


def check(source, output):
    ours, theirs = ad.read_h5ad(output), scanpy_qc(source)
    assert list(ours.obs_names) == list(theirs.obs_names), "other cells are left"
    assert list(ours.var_names) == list(theirs.var_names), "other genes are left"
    same("X", dense(ours.X), dense(theirs.X))
    for name in ["n_genes_by_counts", "total_counts", "pct_counts_mt"]:
        same(name, ours.obs[name], theirs.obs[name])
    for name in ["means", "dispersions"]:
        same(name, ours.var[name], theirs.var[name])
    # scanpy has these as float32, and they are differences of like numbers divided by small ones.
    same("dispersions_norm", ours.var["dispersions_norm"], theirs.var["dispersions_norm"], 10 * TOLERANCE)
    assert (ours.var["highly_variable"] == theirs.var["highly_variable"]).all(), "other genes are highly variable"
    print(f"{theirs.n_obs} cells, {theirs.n_vars} genes, {theirs.var['highly_variable'].sum()} of them highly variable: equal")


def groups(source, column, output):
    ours, adata = ad.read_h5ad(output), ad.read_h5ad(source)
    table = pd.DataFrame(dense(adata.X).astype("float64")).groupby(adata.obs[column].to_numpy())
    expected = {"mean": table.mean(), "count_nonzero": table.agg(lambda values: (values != 0).sum())}
    for name, frame in expected.items():
        assert list(ours.obs_names) == [str(group) for group in frame.index], "other groups"
        same(name, ours.layers[name], frame.to_numpy())
    print(f"{ours.n_obs} groups: equal")


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def same(what, ours, theirs, tolerance=TOLERANCE):
    ours, theirs = np.asarray(ours, "float64"), np.asarray(theirs, "float64")
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} and {theirs.shape}"
    assert (np.isnan(ours) == np.isnan(theirs)).all(), f"{what}: other values are missing"
    error = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1)
    assert np.nanmax(error, initial=0) <= tolerance, f"{what} differs by {np.nanmax(error)}"


if __name__ == "__main__":
    {"make": make, "check": check, "groups": groups}[sys.argv[1]](*sys.argv[2:])
