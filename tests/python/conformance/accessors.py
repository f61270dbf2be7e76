"""References as Python's `anndata.acc` has them: texts and JSON to ask about, and what Python answers.

A question is `{"from": "text" | "repr" | "json", "what": ..., "vec": None | True | False}`. The answer is `{"refused": True}`, or how
what it stands for prints, its dimensions and JSON, whether it is in an object, and its value there. The same is answered by
`tests/examples/conformance/references.rs`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from describe import describe_object
from scipy import sparse

try:
    from anndata.acc import A, AdRef, MetaAcc, MultiAcc
except ImportError:  # anndata before 0.13
    A = None

#: What is put into texts to see whether both sides still agree on them.
PIECES = ["[", "]", ":", ",", ".", "_", " ", "X", "0", "-1", "obs", "[:,:]", "[:, ", "\t", "é", "''", ".0", "\x1f", "\u2003"]


def questions(draw, adata, count):
    """Questions about what is in an object, about what is not, and about texts that are wrong."""
    out = []
    while len(out) < count:
        drawn = question(draw, adata)
        if not differs_knowingly(drawn, adata):
            out.append(drawn)
    return out


def differs_knowingly(question, adata):
    """Whether it is about a column of what is no table, or a name that stands twice, which are otherwise on purpose."""
    try:
        target = target_of(question)
    except (ValueError, TypeError):
        return False
    if not isinstance(target, AdRef) or isinstance(target.acc, MetaAcc):
        return False
    if isinstance(target.acc, MultiAcc):
        mapping = getattr(adata, f"{target.acc.dim}m")
        return target.acc.k in mapping and not is_table(mapping[target.acc.k])
    return any(name in names[names.duplicated()] for name in target.idx for names in (adata.obs_names, adata.var_names) if isinstance(name, str))


def question(draw, adata):
    vec = draw.choose(None, None, True, False)
    kind = draw.choose("text", "text", "repr", "json")
    target = draw.choose(*TARGETS)(draw, adata)
    if kind == "repr":
        return {"from": kind, "what": repr(target), "vec": vec}
    if kind == "json":
        what = [str(target.dim)] if isinstance(target, MetaAcc) else A.to_json(target)
        return {"from": kind, "what": damaged_json(draw, what) if draw.maybe(0.3) else what, "vec": vec}
    text = simplified(target)
    return {"from": kind, "what": damaged(draw, text) if draw.maybe(0.4) else text, "vec": vec}


# ------------------------------------------------------------------ references to ask about


def layer(draw, adata):
    acc = A.layers[draw.choose(*adata.layers, None, "missing")]
    return along(draw, acc, adata.obs_names, adata.var_names)


def meta(draw, adata):
    acc, frame = draw.choose((A.obs, adata.obs), (A.var, adata.var))
    return acc[draw.choose(*frame.columns, None, "missing")] if draw.maybe(0.9) else acc


def multi(draw, adata):
    maps, mapping = draw.choose((A.obsm, adata.obsm), (A.varm, adata.varm))
    key = draw.choose(*mapping, "missing")
    width = mapping[key].shape[1] if is_table(mapping.get(key)) else 0
    return maps[key] if draw.maybe(0.2) else maps[key][int(draw.rng.integers(-width - 1, width + 1))]


def graph(draw, adata):
    maps, mapping, names = draw.choose((A.obsp, adata.obsp, adata.obs_names), (A.varp, adata.varp, adata.var_names))
    return along(draw, maps[draw.choose(*mapping, "missing")], names, names)


TARGETS = [layer, meta, multi, graph]


def along(draw, acc, rows, columns):
    name = lambda names: draw.choose(*names, "missing")  # noqa: E731
    return draw.choose(lambda: acc, lambda: acc[:, :], lambda: acc[name(rows), :], lambda: acc[:, name(columns)])()


def is_table(array):
    return isinstance(array, np.ndarray) and array.ndim == 2 or sparse.issparse(array)


def simplified(target):
    """The text that resolves to a reference, where there is one; nearly that otherwise."""
    if not isinstance(target, AdRef):
        return repr(target)[2:].replace("['", ".").replace("']", "")
    base, idx = simplified(target.acc), target.idx
    if isinstance(target.acc, MetaAcc):
        return f"{base}.{idx}"
    if isinstance(idx, int):
        return f"{base}.{idx}"
    return f"{base}[{','.join(':' if isinstance(i, slice) else i for i in idx)}]"


def damaged(draw, text):
    """The text with a piece left out, put in or repeated."""
    start, end = sorted(int(draw.rng.integers(len(text) + 1)) for _ in range(2))
    piece = draw.choose(*PIECES)
    return draw.choose(
        text[:start] + piece + text[start:], text[:start] + text[start + 1 :], text[:start] + piece + text[end:], text[:end] + text[start:], piece + text
    )


def damaged_json(draw, items):
    items, place = list(items), int(draw.rng.integers(len(items)))
    odd = draw.choose(None, 0, -1, 1.0, True, "a", "X", "obs", "layers", ["a"], {"a": 1})
    return draw.choose(items[:-1], [*items, odd], [*items[:place], odd, *items[place + 1 :]], odd, [items])


# ------------------------------------------------------------------ what Python answers


def answer(question, adata):
    try:
        target = target_of(question)
    except (ValueError, TypeError):
        return {"refused": True}
    is_ref = isinstance(target, AdRef)
    out = {
        "repr": repr(target),
        "dims": sorted(target.dims) if is_ref else None,
        "json": None if isinstance(target, MetaAcc) else A.to_json(target),
        "in": target in adata,
    }
    return out | {"value": value(target, adata)}


def target_of(question):
    what, vec = question["what"], question["vec"]
    if question["from"] == "text":
        return A.resolve(what, vec=vec)
    if question["from"] == "json":
        return A.from_json(what, vec=vec)
    target = eval(what, {"A": A})  # noqa: S307  made by `repr`
    if vec is not None and vec != isinstance(target, AdRef):
        raise ValueError(what)
    return target


def value(target, adata):
    """The description of what is there; None where nothing is."""
    try:
        found = adata[target]
    except (KeyError, IndexError):
        return None
    except AttributeError:
        # A row or column of no `X`.
        if adata.X is not None:
            raise
        return None
    if found is None:
        return None
    if isinstance(found, pd.DataFrame):
        columns = [{"name": str(name)} | described(column.array) for name, column in found.items()]
        return {"kind": "dataframe", "index_name": found.index.name, "shape": list(found.shape), "index": described(found.index.array), "columns": columns}
    return described(found.toarray() if sparse.issparse(found) else found)


def described(array):
    if isinstance(array, pd.arrays.NumpyExtensionArray):
        array = array.to_numpy()
    out = describe_object(np.asarray(array) if isinstance(array, np.ndarray) else array, limit=None)
    out.pop("type", None)  # the form of awkward arrays says it too
    return out
