"""Two implementations of anndata held side by side: cases made by Python, run by Rust, judged by Python.

`tests/README.md` tells how it works, and how an operation is added.
"""
