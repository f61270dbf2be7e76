//! Points in the plane as a picture: round, smooth at their edges, on nothing, so that it is at home on any background.
//!
//! There are as many colours in the picture as there are categories, or steps of a scale, each in some degrees of opacity. So it
//! has a palette, and a hundred thousand points take some 100 KB.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::color::Rgb;
use crate::number::{float, position};

/// The height and width of a picture.
pub(crate) const SIZE: usize = 960;

/// What no point comes near to, so that none is cut.
const MARGIN: f64 = 16.0;

/// The most colours of a picture.
pub(crate) const MAX_COLORS: usize = 127;

/// Where points are in the picture.
#[derive(Debug, Clone)]
pub(crate) struct Points(Vec<Option<(f32, f32)>>);

/// How the axes of a plane are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// Each as long as there is room, the second from below to above.
    Chart,
    /// Both in one scale, the second from above to below: places in an image.
    Image,
}

impl Points {
    /// Of coordinates; a point of which one is not finite is nowhere.
    pub(crate) fn new(x: &[f64], y: &[f64], plane: Plane) -> Self {
        let (x_range, y_range) = (range(x), range(y));
        let longest = (x_range.1 - x_range.0).max(y_range.1 - y_range.0);
        let scaled = |value: f64, (min, max): (f64, f64)| {
            let length = if plane == Plane::Image { longest } else { max - min };
            let middle = f64::midpoint(min, max);
            let share = if length > 0.0 { (value - middle) / length } else { 0.0 };
            (share + 0.5) * (float(SIZE) - 2.0 * MARGIN) + MARGIN
        };
        let points = x.iter().zip(y).map(|(&x, &y)| {
            let (at_x, at_y) = (scaled(x, x_range), scaled(y, y_range));
            let at_y = if plane == Plane::Chart { float(SIZE) - at_y } else { at_y };
            (at_x.is_finite() && at_y.is_finite()).then_some((narrow(at_x), narrow(at_y)))
        });
        Self(points.collect())
    }

    /// The number of points that are somewhere.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// The picture, as an address that has all of it. `codes` says the colour of each point, the position of one in `colors`.
    /// Points of the first colour, that of what has no value, lie below all others; those, in no order.
    pub(crate) fn picture(&self, codes: &[u8], colors: &[Rgb]) -> Option<String> {
        let levels = (255 / colors.len().clamp(1, MAX_COLORS)).min(15);
        let mut cells = vec![Cell::default(); SIZE * SIZE];
        let radius = self.radius();
        let order = shuffled(self.0.len());
        let below = order.iter().filter(|&&at| codes.get(at) == Some(&0));
        let above = order.iter().filter(|&&at| codes.get(at).is_some_and(|&code| code > 0));
        for &at in below.chain(above) {
            if let (Some(Some(point)), Some(&code)) = (self.0.get(at), codes.get(at)) {
                draw(&mut cells, *point, radius, code);
            }
        }
        encode(&cells, colors, levels)
    }

    /// The radius of a point: the more there are, the smaller.
    fn radius(&self) -> f32 {
        let room = 0.25 * float(SIZE * SIZE) / float(self.len().max(1));
        narrow((room / std::f64::consts::PI).sqrt().clamp(1.6, 9.0))
    }
}

/// What a pixel of a picture is.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    color: u8,
    /// From 0, nothing, to 255.
    cover: u8,
}

/// Draws a point. Where it covers half of a pixel, or more than what is there, it has that pixel.
fn draw(cells: &mut [Cell], (x, y): (f32, f32), radius: f32, color: u8) {
    let span = |center: f32| {
        let from = position(f64::from(center - radius - 1.0), SIZE);
        from..=position(f64::from(center + radius + 1.0), SIZE)
    };
    for row in span(y) {
        for column in span(x) {
            let (right, down) = (narrow(float(column)) + 0.5 - x, narrow(float(row)) + 0.5 - y);
            let cover = (radius + 0.5 - right.hypot(down)).clamp(0.0, 1.0);
            let Some(cell) = cells.get_mut(row * SIZE + column) else { continue };
            let cover = to_byte(cover);
            if cover >= 128 {
                *cell = Cell { color, cover: cover.max(cell.cover) };
            } else if cover > cell.cover {
                *cell = Cell { color, cover };
            }
        }
    }
}

/// The picture as PNG with a palette: entry 0 is nothing, and each color has an entry for each degree of opacity.
fn encode(cells: &[Cell], colors: &[Rgb], levels: usize) -> Option<String> {
    let (mut palette, mut opacity) = (vec![0, 0, 0], vec![0]);
    for color in colors.iter().take(MAX_COLORS) {
        for level in 1..=levels {
            palette.extend(color);
            opacity.push(to_byte(narrow(float(level) / float(levels))));
        }
    }
    let entry = |cell: &Cell| {
        let level = (usize::from(cell.cover) * levels).div_ceil(255);
        let entry = if level == 0 { 0 } else { usize::from(cell.color) * levels + level };
        // Fallback: there are at most 255 entries, as there are that many colours times levels; another would be nothing.
        u8::try_from(entry).unwrap_or(0)
    };
    let pixels: Vec<u8> = cells.iter().map(entry).collect();
    let mut file = Vec::new();
    let size = u32::try_from(SIZE).ok()?;
    let mut encoder = png::Encoder::new(&mut file, size, size);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_trns(opacity);
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(&file)))
}

/// Positions in an order that has nothing to do with theirs, and is always the same.
fn shuffled(len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    // The mixing step of SplitMix64.
    order.sort_by_cached_key(|&at| {
        let mixed = (at as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) ^ (mixed >> 31)
    });
    order
}

/// The smallest and the largest of the finite values.
fn range(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().filter(|value| value.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &value| (min.min(value), max.max(value)))
}

#[expect(clippy::cast_possible_truncation, reason = "a place in a picture")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// A share from 0 to 1, as 0 to 255.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 255")]
fn to_byte(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels of a picture: red, green, blue, opacity.
    fn pixels(picture: &str) -> Vec<[u8; 4]> {
        let file = STANDARD.decode(picture.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        bytes.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect()
    }

    #[test]
    fn points_are_where_they_belong_in_their_colours() {
        let points = Points::new(&[0.0, 1.0, f64::NAN], &[0.0, 1.0, 0.0], Plane::Chart);
        assert_eq!(points.len(), 2);
        let pixels = pixels(&points.picture(&[1, 2, 1], &[[9, 9, 9], [255, 0, 0], [0, 0, 255]]).unwrap());
        assert_eq!(pixels.len(), SIZE * SIZE);
        // The first is below to the left, the second above to the right, and nothing is between.
        assert_eq!(pixels[(SIZE - 16) * SIZE + 16], [255, 0, 0, 255]);
        assert_eq!(pixels[16 * SIZE + SIZE - 16], [0, 0, 255, 255]);
        assert_eq!(pixels[SIZE / 2 * SIZE + SIZE / 2][3], 0);
    }

    #[test]
    fn places_in_an_image_go_down_and_keep_their_proportions() {
        let points = Points::new(&[0.0, 10.0], &[0.0, 1.0], Plane::Image);
        let [Some((x, first)), Some((_, second))] = points.0[..] else { panic!("points are nowhere") };
        assert!(x < 20.0 && first < second && second - first < 100.0, "{points:?}");
    }

    #[test]
    fn one_point_and_none_are_drawn() {
        assert!(
            pixels(&Points::new(&[3.0], &[-2.0], Plane::Chart).picture(&[0], &[[1, 2, 3]]).unwrap())
                .contains(&[1, 2, 3, 255])
        );
        assert!(
            pixels(&Points::new(&[], &[], Plane::Chart).picture(&[], &[]).unwrap()).iter().all(|pixel| pixel[3] == 0)
        );
    }
}
