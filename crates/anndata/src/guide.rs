//! The guide: pages to read from top to bottom, whose examples are all run as tests.
//!
//! | page | what it is about |
//! | --- | --- |
//! | [`quick_start`] | from an empty program to a file that Python reads |
//! | [`from_python`] | every name of Python's anndata, and what it is here |
//! | [`selecting`] | ranges, positions, names, masks and conditions |
//! | [`editing`] | setting, removing and renaming; names, categories, values |
//! | [`conversions`] | values of ndarray, sprs, Arrow and JSON, in and out |
//! | [`views_and_lazy`] | what is read when: views, lazy and backed objects |
//! | [`concatenation`] | joins, merges, labels |
//! | [`zarr_and_clouds`] | versions, chunks and shards; stores behind a URL |
//! | [`loaders`] | batches of rows to train with; from AnnLoader and annbatch |
//! | [`async_io`] | reading and writing without blocking |
//! | [`errors`] | kinds of errors, and what to do about each |
//! | [`performance`] | what costs what |
//! | [`own_encoding`] | an element that the format does not have |
//! | [`own_backend`] | a store that this crate does not know |
//!
//! Whole programs are in the folder `examples` of the crate: `cargo run --example qc`. Its page `README.md` says where there is
//! a program for each of the main jobs.
//!
//! Beside the guide: [`specification`](crate::specification), the format of the files, and [`settings`](crate::settings), what
//! stands in the place of Python's global settings.

macro_rules! pages {
    ($($page:ident, $text:literal;)*) => {
        $(#[doc = include_str!($text)] pub mod $page {})*
    };
}

pages! {
    quick_start, "../docs/guide/quick_start.md";
    from_python, "../docs/guide/from_python.md";
    selecting, "../docs/guide/selecting.md";
    editing, "../docs/guide/editing.md";
    conversions, "../docs/guide/conversions.md";
    views_and_lazy, "../docs/guide/views_and_lazy.md";
    concatenation, "../docs/guide/concatenation.md";
    zarr_and_clouds, "../docs/guide/zarr_and_clouds.md";
    loaders, "../docs/guide/loaders.md";
    async_io, "../docs/guide/async_io.md";
    errors, "../docs/guide/errors.md";
    performance, "../docs/guide/performance.md";
    own_encoding, "../docs/guide/own_encoding.md";
    own_backend, "../docs/guide/own_backend.md";
}
