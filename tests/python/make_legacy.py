"""Write one small file with the anndata release that is installed; runs on Python 3.6 and later.

It fills every slot that the release knows: categoricals (ordered, unused, missing), strings, raw, record
arrays, CSR and CSC matrices, nested uns. `make_legacy_all.py` runs it under every old release.

Usage: ``python make_legacy.py OUT.h5ad``
"""

import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

N_OBS, N_VAR = 8, 5
VERSION = tuple(int(p) for p in str(ad.__version__).split("+")[0].split(".")[:2])


def build():
    rng = np.random.RandomState(7)
    x = sparse.random(N_OBS, N_VAR, 0.4, format="csr", dtype=np.float64, random_state=rng).astype(np.float32)
    obs = pd.DataFrame(index=["cell%d" % i for i in range(N_OBS)])
    obs["number"] = np.arange(N_OBS, dtype=np.int64)
    obs["fraction"] = np.linspace(0, 1, N_OBS)
    obs["small"] = np.arange(N_OBS, dtype=np.float32)
    obs["flag"] = np.arange(N_OBS) % 3 == 0
    obs["cluster"] = pd.Categorical(list("abcaabcb"))
    obs["stage"] = pd.Categorical(["late", "early"] * 4, ["early", "mid", "late"], ordered=True)
    obs["holes"] = pd.Categorical(["x", None, "y", "x", None, "y", "x", "y"])
    var = pd.DataFrame(index=["gene%d" % i for i in range(N_VAR)])
    var["mean"] = np.asarray(x.mean(axis=0)).ravel()
    var["name"] = ["unique %d" % i for i in range(N_VAR)]
    var["kind"] = pd.Categorical(["p", "q", "p", "p", "q"])

    wide = ad.AnnData(x, obs=obs.copy(), var=var.copy())
    wide.varm["PCs"] = np.arange(N_VAR * 2.0).reshape(N_VAR, 2)
    a = wide[:, :4].copy()
    a.raw = wide
    a.obsm["X_pca"] = rng.normal(size=(N_OBS, 3))
    a.obsm["X_umap"] = rng.normal(size=(N_OBS, 2)).astype(np.float32)
    a.varm["loadings"] = rng.normal(size=(4, 2))
    if VERSION >= (0, 6):
        a.layers["counts"] = sparse.csc_matrix(a.X)
        a.layers["dense"] = a.X.toarray().astype(np.float64)
    if VERSION >= (0, 7):
        a.obsp["connectivities"] = sparse.random(N_OBS, N_OBS, 0.3, format="csr", random_state=rng)
        a.varp["correlation"] = np.eye(4)
        a.obsm["frame"] = pd.DataFrame({"p": range(N_OBS)}, index=a.obs_names)
    if VERSION >= (0, 9):
        a.obs["nullable"] = pd.array([1, None, 3, 4, None, 6, 7, 8], dtype="Int64")
        a.obs["maybe"] = pd.array([True, None, False, True, None, True, True, False], dtype="boolean")
    fill_uns(a)
    return a


def fill_uns(a):
    a.uns["text"] = "a string"
    a.uns["number"] = 3
    a.uns["fraction"] = 0.25
    a.uns["cluster_colors"] = np.array(["#ff0000", "#00ff00", "#0000ff"])
    a.uns["nested"] = {"deeper": {"array": np.arange(4), "flag": True}, "text": "inside"}
    a.uns["sparse"] = sparse.csr_matrix(np.eye(3))
    a.uns["ranked"] = {
        "names": np.array([("g1", "g2"), ("g3", "long name")], dtype=[("a", "U20"), ("b", "U20")]),
        "scores": np.array([(1.5, 2.5), (0.5, -1.0)], dtype=[("a", "f4"), ("b", "f4")]),
    }
    if VERSION < (0, 7):
        n = sparse.csr_matrix(np.eye(N_OBS))
        a.uns["neighbors"] = {"params": {"n_neighbors": 2}, "connectivities": n, "distances": n * 2}
    else:
        a.uns["neighbors"] = {"params": {"n_neighbors": 2, "metric": "euclidean"}}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    adata = build()
    (adata.write_h5ad if hasattr(adata, "write_h5ad") else adata.write)(sys.argv[1])
    print(ad.__version__, sys.argv[1])
