//! Changes of bytes, drawn at random.

use serde_json::Value;

use super::sources::Files;
use crate::crash::Random;

/// Numbers that are most often wrong.
const ODD: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, u64::MAX];

/// The most bytes that are changed in one piece.
const PIECE: u64 = 512;

/// Changes one to eight things in the files of an object.
pub(super) fn change(files: &mut Files, random: &mut Random) {
    // Mostly few, so that much stays sound.
    let most = random.below(8);
    for _ in 0..=random.below(1 + most) {
        let count = files.len() as u64;
        if count == 0 {
            return;
        }
        let (which, other) = (pick(random, count), pick(random, count));
        let is_document = files[which].1.first() == Some(&b'{');
        match random.below(16) {
            // A file is missing, or is another.
            0 if count > 1 => drop(files.remove(which)),
            1 if count > 1 => files[which].1 = files[other].1.clone(),
            2..10 if is_document => document(&mut files[which].1, random),
            _ => bytes(&mut files[which].1, random),
        }
    }
}

/// A position below `end`, which is not 0.
fn pick(random: &mut Random, end: u64) -> usize {
    usize::try_from(random.below(end)).unwrap_or(0)
}

/// One change of bytes.
fn bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    let len = bytes.len() as u64;
    if len == 0 {
        return;
    }
    let at = pick(random, len);
    let piece = pick(random, PIECE).min(bytes.len() - at);
    let from = pick(random, len);
    let byte = u8::try_from(random.below(256)).unwrap_or(0);
    match random.below(12) {
        0 | 1 => bytes[at] = byte,
        2 | 3 => bytes[at] ^= 1 << (byte % 8),
        4 => bytes[at..at + piece].fill(byte),
        5 => bytes[at..at + piece].iter_mut().for_each(|byte| *byte = u8::try_from(random.below(256)).unwrap_or(0)),
        // A number, mostly where numbers are, becomes an odd one or one of another position: an address, a length.
        6..9 => {
            let width = 1 << random.below(4);
            let (at, from) = (at - at % width, from - from % width);
            let new = if random.below(2) == 0 {
                ODD[pick(random, ODD.len() as u64)].to_le_bytes()[..width].to_vec()
            } else {
                bytes[from..].iter().copied().take(width).collect()
            };
            bytes[at..].iter_mut().zip(new).for_each(|(old, new)| *old = new);
        }
        // Two pieces change places.
        9 => {
            let piece = piece.min(bytes.len() - from);
            for offset in 0..piece {
                bytes.swap(at + offset, from + offset);
            }
        }
        10 => drop(bytes.drain(at..at + piece)),
        _ => bytes.truncate(at),
    }
}

/// One change of a value in a document of JSON.
#[allow(clippy::expect_used, reason = "a position below the length")]
fn document(text: &mut Vec<u8>, random: &mut Random) {
    let Ok(mut value) = serde_json::from_slice::<Value>(text) else { return bytes(text, random) };
    let mut here = &mut value;
    // Down to a value, ending at any on the way.
    while random.below(8) != 0 {
        let len = here.as_object().map_or(0, serde_json::Map::len).max(here.as_array().map_or(0, Vec::len));
        if len == 0 {
            break;
        }
        let at = pick(random, len as u64);
        here = match here {
            Value::Object(map) => map.values_mut().nth(at).expect("below its length"),
            Value::Array(items) => &mut items[at],
            _ => unreachable!("it has a length"),
        };
    }
    let odd = ODD[pick(random, ODD.len() as u64)];
    match (random.below(6), &mut *here) {
        (0, Value::Object(map)) => drop(map.shift_remove_entry_at(random)),
        (0 | 1, Value::Array(items)) => items.push(odd.into()),
        (2, Value::Array(items)) => drop(items.pop()),
        (0..4, Value::Number(number)) => {
            let number = number.as_u64().unwrap_or(odd);
            *here = [number.wrapping_add(1), number / 2, number.wrapping_mul(1 << 20), odd][pick(random, 4)].into();
        }
        (0..4, Value::String(text)) => {
            let at = text.char_indices().map(|(at, _)| at).nth(pick(random, text.len() as u64 + 1)).unwrap_or(0);
            text.insert(at, ['x', '/', '\0', '9'][pick(random, 4)]);
        }
        (_, here) => {
            *here =
                [Value::Null, odd.into(), "text".into(), Value::Array(vec![]), true.into()][pick(random, 5)].clone();
        }
    }
    *text = value.to_string().into_bytes();
}

trait Remove {
    fn shift_remove_entry_at(&mut self, random: &mut Random) -> Option<Value>;
}

impl Remove for serde_json::Map<String, Value> {
    fn shift_remove_entry_at(&mut self, random: &mut Random) -> Option<Value> {
        let key = self.keys().nth(pick(random, self.len() as u64))?.clone();
        self.shift_remove(&key)
    }
}
