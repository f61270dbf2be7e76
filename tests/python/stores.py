"""Files of every format through one set of names: `.h5ad`, `.zarr` of both versions, `.zarr.zip`.

A node is a group or an array of h5py or of zarr; paths are joined by `/`.
"""

from __future__ import annotations

import shutil
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import anndata as ad
import h5py
import zarr
from scipy import sparse
from zarr.core.buffer import cpu as buffer

#: The format of a file: what its name ends in, and how zarr is told.
FORMATS = {"h5ad": ".h5ad", "zarr2": ".v2.zarr", "zarr3": ".v3.zarr", "zip": ".zarr.zip"}
# The codecs of zarr itself: the package zarrs, which anndata would take in their place, reads no big-endian values.
zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline"})
#: What messages say in place of values; attributes of HDF5 that zarr has no word for.
REFERENCE = "a reference"


def is_hdf5(path):
    return str(path).endswith(".h5ad")


@contextmanager
def opened(path, mode="r"):
    """The root of a file; closed in the end. The mode is that of h5py: `r`, `r+` or `w`."""
    if is_hdf5(path):
        with h5py.File(path, mode) as file:
            yield file
        return
    # In memory, as zarr takes long for each of many small files. Collected metadata are not used by an edit, and made anew.
    store = zarr.storage.MemoryStore({} if mode == "w" else load(path))
    version = (2 if str(path).endswith(FORMATS["zarr2"]) else 3) if mode == "w" else None
    yield zarr.open_group(store, mode=mode, zarr_format=version, use_consolidated=None if mode == "r" else False)
    if mode != "r":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(store)
        save(store, path)


def load(path):
    """The files of a zarr store, by name."""
    path = Path(path)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    else:
        files = {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    return {name: buffer.Buffer.from_bytes(content) for name, content in files.items()}


def save(store, path):
    """Write the files of a store in memory to a folder or a zip file, made anew."""
    remove(path)
    files = {name: content.to_bytes() for name, content in store._store_dict.items()}
    if str(path).endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return
    for name, content in files.items():
        file = Path(path) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def read(path):
    """The object that anndata reads from a file; sparse matrices of float16 as `read_elem` has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if is_hdf5(path):
                return ad.read_h5ad(path)
            with opened(path) as root:
                return ad.read_zarr(root)
        except ValueError as error:
            if "float16" not in str(error):
                raise
            with opened(path) as root:
                return read_elem(root)


def write(adata, path, **options):
    """Write an object in the format that the name says; text stays text."""
    options.setdefault("convert_strings_to_categoricals", False)
    with warnings.catch_warnings(), ad.settings.override(allow_write_nullable_strings=True):
        warnings.simplefilter("ignore")
        if is_hdf5(path):
            adata.write_h5ad(path, **options)
            return
        store = zarr.storage.MemoryStore()
        with ad.settings.override(zarr_write_format=2 if str(path).endswith(FORMATS["zarr2"]) else 3):
            adata.write_zarr(store, **options)
        save(store, path)


def read_elem(node):
    """What anndata reads from a node. It makes no sparse matrix of float16, as scipy 1.18 has none: here it is one of float32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ad.experimental.read_dispatched(node, widen_half)


def widen_half(read, _name, node, iospec):
    if iospec.encoding_type not in ("csr_matrix", "csc_matrix") or node["data"].dtype != "float16":
        return read(node)
    parts = (node["data"][()].astype("float32"), node["indices"][()], node["indptr"][()])
    return getattr(sparse, iospec.encoding_type)(parts, shape=tuple(node.attrs["shape"]))


def write_elem(group, key, element, **options):
    with warnings.catch_warnings(), ad.settings.override(allow_write_nullable_strings=True):
        warnings.simplefilter("ignore")
        parent, _, name = key.rpartition("/")
        ad.io.write_elem(group[parent] if parent else group, name, element, **options)


def is_group(node):
    return isinstance(node, (h5py.Group, zarr.Group))


def children(node):
    """The names in a group: in the order of the file, where the format has one."""
    return list(node) if isinstance(node, h5py.Group) else sorted(node)


def has_order(node):
    """Whether the order of names in a group means something."""
    return isinstance(node, h5py.Group)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def plain(value):
    """An attribute as JSON has it."""
    if isinstance(value, h5py.Reference):
        return REFERENCE
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else text(value)


def attributes(node):
    return {key: plain(value) for key, value in node.attrs.items()}


def encoding_of(node):
    """`encoding-type` and `encoding-version`, empty where they are missing."""
    get = lambda k: text(node.attrs.get(k, ""))  # noqa: E731
    kind, version = get("encoding-type"), get("encoding-version")
    return (kind if isinstance(kind, str) else repr(kind)), (version if isinstance(version, str) else repr(version))


def dtype_name(dtype):
    """The numpy name without the byte order: ``float32``, ``string`` for any text, ``bytes`` for fixed-size bytes."""
    if h5py.check_string_dtype(dtype) is not None or dtype.kind in "OUT":
        return "string"
    if dtype.kind == "S":
        return "bytes"
    return "records" if dtype.names is not None else dtype.newbyteorder("=").name


def remove(path):
    """Remove a file or the folder that a store is."""
    path = Path(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
