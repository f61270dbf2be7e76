//! The natural order of texts: runs of digits count as numbers, so that `a2` comes before `a10`.
//!
//! It is the order of the Python package `natsort`, by which anndata sorts categories: texts are decomposed (NFD) first,
//! digits of every script form numbers, and each superscript, circled or otherwise adorned digit is a number of its own.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization as _;

/// Compares texts in natural order. Texts of the same order compare by their code points.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return ascii_order(a, b);
    }
    natural_key(a).cmp(&natural_key(b)).then_with(|| a.cmp(b))
}

/// A text as texts and numbers by turns, of which the first text may be empty.
fn natural_key(text: &str) -> Vec<(String, Option<Number>)> {
    let mut key: Vec<(String, Option<Number>)> = Vec::new();
    let mut in_number = false;
    for c in text.nfd() {
        let digit = decimal(c);
        match (key.last_mut(), digit) {
            (Some((_, Some(number))), Some(digit)) if in_number => number.push(digit),
            (Some((piece, None)), None) if adorned(c).is_none() => piece.push(c),
            (last, digit) => match (digit.or_else(|| adorned(c)), last) {
                (Some(value), Some((_, number @ None))) => *number = Some(Number::from(value)),
                (Some(value), _) => key.push((String::new(), Some(Number::from(value)))),
                (None, _) => key.push((c.to_string(), None)),
            },
        }
        in_number = digit.is_some();
    }
    key
}

/// A number of any size: the count of its digits without leading zeros, then these, so that numbers compare as such.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Number {
    len: usize,
    digits: Vec<u8>,
}

impl From<u8> for Number {
    fn from(digit: u8) -> Self {
        let mut number = Self { len: 0, digits: Vec::new() };
        number.push(digit);
        number
    }
}

impl Number {
    fn push(&mut self, digit: u8) {
        if digit != 0 || self.len > 0 {
            self.digits.push(digit);
            self.len += 1;
        }
    }
}

/// The same order for texts that are the same decomposed and have no digits but 0 to 9, piece by piece.
fn ascii_order(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    loop {
        let ((a_piece, a_number), (b_piece, b_number)) = (first_piece(a_rest), first_piece(b_rest));
        if a_piece.is_empty() || b_piece.is_empty() {
            return a_rest.len().cmp(&b_rest.len()).then_with(|| a.cmp(b));
        }
        let order = match (a_number, b_number) {
            (true, true) => {
                let (a, b) = (a_piece.trim_start_matches('0'), b_piece.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            // Numbers before text.
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => a_piece.cmp(b_piece),
        };
        if order != Ordering::Equal {
            return order;
        }
        a_rest = a_rest.get(a_piece.len()..).unwrap_or_default();
        b_rest = b_rest.get(b_piece.len()..).unwrap_or_default();
    }
}

/// The leading run of digits, or of anything else, and whether it is digits.
fn first_piece(text: &str) -> (&str, bool) {
    let number = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != number).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), number)
}

/// The value of a decimal digit of any script.
fn decimal(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.to_digit(10).and_then(|value| u8::try_from(value).ok());
    }
    if !c.is_numeric() {
        return None;
    }
    let zero = ZEROS.partition_point(|&zero| zero <= c).checked_sub(1).and_then(|position| ZEROS.get(position))?;
    u8::try_from(u32::from(c) - u32::from(*zero)).ok().filter(|value| *value < 10)
}

/// The value of a digit that is not a decimal one, such as a superscript.
fn adorned(c: char) -> Option<u8> {
    if c.is_ascii() {
        return None;
    }
    let &(first, _, value) = ADORNED.iter().find(|(first, last, _)| (*first..=*last).contains(&c))?;
    u8::try_from(u32::from(c) - u32::from(first)).ok().map(|position| position + value)
}

/// The zeros of all scripts (Unicode 15.1); each begins a run of ten.
const ZEROS: [char; 68] = [
    '\u{30}',
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{11f50}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e4f0}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// Digits that are not decimal ones: the first and last of a run, and the value of the first.
const ADORNED: [(char, char, u8); 21] = [
    ('\u{b2}', '\u{b3}', 2),
    ('\u{b9}', '\u{b9}', 1),
    ('\u{1369}', '\u{1371}', 1),
    ('\u{19da}', '\u{19da}', 1),
    ('\u{2070}', '\u{2070}', 0),
    ('\u{2074}', '\u{2079}', 4),
    ('\u{2080}', '\u{2089}', 0),
    ('\u{2460}', '\u{2468}', 1),
    ('\u{2474}', '\u{247c}', 1),
    ('\u{2488}', '\u{2490}', 1),
    ('\u{24ea}', '\u{24ea}', 0),
    ('\u{24f5}', '\u{24fd}', 1),
    ('\u{24ff}', '\u{24ff}', 0),
    ('\u{2776}', '\u{277e}', 1),
    ('\u{2780}', '\u{2788}', 1),
    ('\u{278a}', '\u{2792}', 1),
    ('\u{10a40}', '\u{10a43}', 1),
    ('\u{10e60}', '\u{10e68}', 1),
    ('\u{11052}', '\u{1105a}', 1),
    ('\u{1f100}', '\u{1f100}', 0),
    ('\u{1f101}', '\u{1f10a}', 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_texts_and_numbers_by_turns() {
        let number = |digits: &[u8]| Some(Number { len: digits.len(), digits: digits.to_vec() });
        assert_eq!(natural_key(""), []);
        assert_eq!(natural_key("c010d"), [("c".to_owned(), number(&[1, 0])), ("d".to_owned(), None)]);
        assert_eq!(natural_key("0"), [(String::new(), number(&[]))]);
        // Arabic digits are decimal ones, superscripts are numbers each.
        assert_eq!(
            natural_key("1\u{662}²3"),
            [(String::new(), number(&[1, 2])), (String::new(), number(&[2])), (String::new(), number(&[3]))]
        );
        assert_eq!(natural_key("é"), [("e\u{301}".to_owned(), None)]);
    }

    #[test]
    fn both_ways_to_compare_agree_on_ascii() {
        let texts = ["", "a", "a0", "a00", "a01", "a1", "a1b", "a10", "a2", "1", "01", "1a", "a b", "a\tb", "b", "-1"];
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
            assert_eq!(ascii_order(a, b), natural_key(a).cmp(&natural_key(b)).then_with(|| a.cmp(b)), "{a:?} {b:?}");
        }
    }
}
