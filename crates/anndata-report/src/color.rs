//! Colours of categories and of numbers.

use anndata_format::{AnnData, Result};
use colorous::{TABLEAU10, VIRIDIS};

use crate::number::float;

/// Red, green and blue.
pub(crate) type Rgb = [u8; 3];

/// What has no value.
pub(crate) const MISSING: Rgb = [150, 150, 150];

/// Hues that follow each other by this angle are far apart.
const GOLDEN_ANGLE: f32 = 137.508;

/// The colour as CSS has it.
pub(crate) fn css([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The colour of a number from 0 to 1.
pub(crate) fn of_share(share: f64) -> Rgb {
    let color = VIRIDIS.eval_continuous(share.clamp(0.0, 1.0));
    [color.r, color.g, color.b]
}

/// Colours that a reader can tell apart, if that is possible.
pub(crate) fn palette(len: usize) -> Vec<Rgb> {
    if len <= TABLEAU10.len() {
        return TABLEAU10.iter().take(len).map(|color| [color.r, color.g, color.b]).collect();
    }
    // Three lightnesses keep those of near hues apart.
    let lightness = [0.62, 0.78, 0.5];
    let hues = std::iter::successors(Some(20.0_f32), |hue| Some((hue + GOLDEN_ANGLE) % 360.0));
    let colors = hues.zip(lightness.into_iter().cycle());
    colors
        .take(len)
        .map(|(hue, lightness)| rgb(&csscolorparser::Color::from_oklcha(lightness, 0.15, hue.to_radians(), 1.0)))
        .collect()
}

/// The colours that an object has for the categories of a column, as scanpy keeps them: `uns["louvain_colors"]`. `None` if it
/// has none, or not one for each, or if one of them is not a colour.
pub(crate) fn of_categories(adata: &AnnData, column: &str, categories: usize) -> Option<Vec<Rgb>> {
    let names = stored(adata, column).ok()??;
    let colors: Option<Vec<Rgb>> = names.iter().take(categories).map(|name| parse(name)).collect();
    colors.filter(|colors| colors.len() == categories)
}

/// Whether an object has colours for a column.
pub(crate) fn has(adata: &AnnData, column: &str) -> bool {
    adata.uns().contains_key(&format!("{column}_colors"))
}

fn stored(adata: &AnnData, column: &str) -> Result<Option<Vec<String>>> {
    adata.uns().get(&format!("{column}_colors")).map(|colors| colors.to_tensor()?.to_strings()).transpose()
}

/// A colour by its name or number, as CSS has it, or as one of matplotlib's ten (`tab:blue`, `C0`).
fn parse(text: &str) -> Option<Rgb> {
    const TAB: [&str; 10] = ["blue", "orange", "green", "red", "purple", "brown", "pink", "gray", "olive", "cyan"];
    let tab = text.strip_prefix("tab:").and_then(|name| TAB.iter().position(|own| *own == name));
    let numbered = text.strip_prefix('C').and_then(|number| number.parse::<usize>().ok()).map(|number| number % 10);
    // The ten of d3, which matplotlib took over.
    if let Some(color) = tab.or(numbered).and_then(|at| colorous::CATEGORY10.get(at)) {
        return Some([color.r, color.g, color.b]);
    }
    csscolorparser::parse(text).ok().map(|color| rgb(&color))
}

fn rgb(color: &csscolorparser::Color) -> Rgb {
    let [red, green, blue, _] = color.to_rgba8();
    [red, green, blue]
}

/// The colours of numbers as CSS has a gradient, from left to right.
pub(crate) fn gradient() -> String {
    const STEPS: usize = 10;
    let stops: Vec<String> = (0..=STEPS).map(|step| css(of_share(float(step) / float(STEPS)))).collect();
    format!("linear-gradient(to right,{})", stops.join(","))
}

#[cfg(test)]
mod tests {
    use anndata_format::Tensor;

    use super::*;

    #[test]
    fn palettes_are_of_different_colours() {
        for len in [0, 3, 10, 28, 60] {
            let mut colors = palette(len);
            assert_eq!(colors.len(), len);
            colors.sort_unstable();
            colors.dedup();
            assert_eq!(colors.len(), len);
        }
    }

    #[test]
    fn colours_of_an_object_are_those_of_its_categories() -> Result<()> {
        let with = |colors: &[&str]| -> Result<AnnData> {
            let colors = Tensor::from_strings([colors.len()], colors)?;
            AnnData::builder().shape(0, 0).uns("kind_colors", colors).build()
        };
        let adata = with(&["#ff0000", "tab:blue", "rebeccapurple", "C1"])?;
        let all = of_categories(&adata, "kind", 4).unwrap();
        assert_eq!(
            all.iter().map(|&color| css(color)).collect::<Vec<_>>(),
            ["#ff0000", "#1f77b4", "#663399", "#ff7f0e"]
        );
        assert_eq!(of_categories(&adata, "kind", 2).unwrap().len(), 2);
        assert_eq!(of_categories(&adata, "kind", 5), None);
        assert_eq!(of_categories(&adata, "other", 1), None);
        assert_eq!(of_categories(&with(&["red;background:url(x)"])?, "kind", 1), None);
        Ok(())
    }
}
