//! Characters that older files have as entities of XML, as their text is ASCII.

/// The text with the characters that entities stand for: numbers, and the five that XML knows by name. Others stay.
pub(super) fn unescaped(text: &str) -> String {
    let (mut made, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('&') {
        made.push_str(before);
        let entity = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (character, after) = entity.unwrap_or(('&', after));
        made.push(character);
        rest = after;
    }
    made.push_str(rest);
    made
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return code.ok().and_then(char::from_u32);
    }
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn entities_become_characters() {
        assert_eq!(unescaped("a &amp; b &#233;&#xE9; &lt;&gt;&quot;&apos;"), "a & b éé <>\"'");
        for text in ["", "no", "a & b", "&unknown;", "&#x110000;", "&#;", "&"] {
            assert_eq!(unescaped(text), text);
        }
    }
}
