//! Charts as HTML and SVG, whose colours are those of the page, light or dark, and as rasters.

pub(crate) mod bars;
pub(crate) mod histogram;
pub(crate) mod raster;
