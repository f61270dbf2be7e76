"""A small realistic single-cell object with every slot filled; all of it made up, from a fixed seed."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

N_OBS, N_VAR, N_KEPT, N_PCS, N_NEIGHBOURS = 300, 500, 400, 8, 6
CLUSTERS = ["B cells", "Monocytes", "NK cells", "T cells"]


def demo_object():
    rng = np.random.default_rng(20)
    cluster = rng.integers(0, len(CLUSTERS), N_OBS)
    counts = simulate_counts(rng, cluster)
    raw = ad.AnnData(normalise(counts), obs=cells(rng, counts, cluster), var=genes(counts))

    keep = np.sort(rng.choice(N_VAR, N_KEPT, replace=False))
    a = raw[:, keep].copy()
    a.raw = raw
    a.layers["counts"] = counts[:, keep]
    scaled = a.X.toarray() - a.X.mean(axis=0).A1 if hasattr(a.X.mean(axis=0), "A1") else a.X.toarray()
    left, singular, right = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
    a.obsm["X_pca"] = (left[:, :N_PCS] * singular[:N_PCS]).astype(np.float32)
    a.obsm["X_umap"] = a.obsm["X_pca"][:, :2] / 3 + rng.normal(0, 0.3, (N_OBS, 2)).astype(np.float32)
    a.varm["PCs"] = right[:N_PCS].T.astype(np.float64).copy()
    neighbours(a)
    near = np.corrcoef(a.varm["PCs"])
    a.varp["gene_correlation"] = sparse.csc_matrix(np.where(near > 0.85, near, 0).astype(np.float32))
    annotate(a, rng, singular)
    return a


def simulate_counts(rng, cluster):
    """Poisson counts whose rates depend on the cluster of the cell; about nine in ten are zero."""
    rates = rng.gamma(0.25, 0.5, (len(CLUSTERS), N_VAR))
    depth = rng.lognormal(0, 0.3, (N_OBS, 1))
    return sparse.csr_matrix(rng.poisson(rates[cluster] * depth).astype(np.float32))


def normalise(counts):
    total = np.asarray(counts.sum(axis=1)).ravel()
    out = sparse.diags_array(1e4 / np.maximum(total, 1)) @ counts
    out = sparse.csr_matrix(out.astype(np.float32))
    out.data = np.log1p(out.data)
    out.indices, out.indptr = out.indices.astype(np.int32), out.indptr.astype(np.int32)
    return out


def cells(rng, counts, cluster):
    letters = np.array(list("ACGT"))
    barcodes = ["".join(letters[rng.integers(0, 4, 12)]) + f"-{i % 2 + 1}" for i in range(N_OBS)]
    frame = pd.DataFrame(index=pd.Index(barcodes, dtype="str"))
    frame["n_counts"] = np.asarray(counts.sum(axis=1)).ravel().astype(np.float32)
    frame["n_genes"] = counts.getnnz(axis=1).astype(np.int64)
    frame["cell_type"] = pd.Categorical.from_codes(cluster, CLUSTERS)
    frame["stage"] = pd.Categorical(rng.choice(["early", "mid", "late"], N_OBS), ["early", "mid", "late"], ordered=True)
    frame["donor_age"] = pd.array([None if i % 7 == 0 else int(v) for i, v in enumerate(rng.integers(20, 80, N_OBS))], dtype="Int32")
    frame["is_doublet"] = pd.array([None if i % 11 == 0 else bool(i % 5 == 0) for i in range(N_OBS)], dtype="boolean")
    frame["passed"] = frame["n_genes"].to_numpy() > 20
    frame["note"] = pd.array([None if i % 4 else f"cell {i}" for i in range(N_OBS)], dtype="string")
    return frame


def genes(counts):
    frame = pd.DataFrame(index=pd.Index([f"GENE{i:03d}" for i in range(N_VAR)], name="symbol", dtype="str"))
    frame["gene_id"] = [f"G{i:08d}" for i in range(N_VAR)]
    frame["mean"] = np.asarray(counts.mean(axis=0)).ravel().astype(np.float64)
    frame["highly_variable"] = frame["mean"].to_numpy() > frame["mean"].median()
    frame["chromosome"] = pd.Categorical([f"chr{i % 22 + 1}" for i in range(N_VAR)])
    return frame


def neighbours(a):
    """The nearest neighbours in the space of the components, as distances and as weights."""
    points = a.obsm["X_pca"].astype(np.float64)
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    order = np.argsort(distance, axis=1)[:, 1 : N_NEIGHBOURS + 1]
    rows = np.repeat(np.arange(N_OBS), N_NEIGHBOURS)
    values = distance[rows, order.ravel()]
    a.obsp["distances"] = sparse.csr_matrix((values, (rows, order.ravel())), (N_OBS, N_OBS))
    weights = sparse.csr_matrix((np.exp(-values / values.mean()).astype(np.float32), (rows, order.ravel())), (N_OBS, N_OBS))
    a.obsp["connectivities"] = weights.maximum(weights.T).tocsr()


def annotate(a, rng, singular):
    """What analysis tools leave in `uns`: colours, parameters, variances and ranked genes."""
    a.uns["title"] = "demonstration data, simulated"
    a.uns["cell_type_colors"] = np.array(["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"])
    variance = singular**2 / (N_OBS - 1)
    a.uns["pca"] = {
        "params": {"n_comps": N_PCS, "zero_center": True, "use_highly_variable": False},
        "variance": variance[:N_PCS].astype(np.float32),
        "variance_ratio": (variance / variance.sum())[:N_PCS].astype(np.float32),
    }
    a.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {"method": "exact", "metric": "euclidean", "n_neighbors": N_NEIGHBOURS, "random_state": 20},
    }
    top = [rng.choice(a.var_names, 25, replace=False) for _ in CLUSTERS]
    scores = [np.sort(rng.gamma(4, 2, 25))[::-1].astype(np.float32) for _ in CLUSTERS]
    a.uns["rank_genes_groups"] = {
        "params": {"groupby": "cell_type", "method": "t-test", "reference": "rest", "use_raw": True},
        "names": np.rec.fromarrays([t.astype(object) for t in top], dtype=[(c, "O") for c in CLUSTERS]),
        "scores": np.rec.fromarrays(scores, dtype=[(c, "f4") for c in CLUSTERS]),
        "pvals": np.rec.fromarrays([np.exp(-s).astype("f8") for s in scores], dtype=[(c, "f8") for c in CLUSTERS]),
    }
