//! The nearest of the keys that are there, for messages about one that is not.

use strsim::osa_distance;

/// The candidate that is most likely meant: the one of the fewest edits (at most a third of the characters, case does
/// not count), among equals one that contains what was asked for; else one that contains it or is contained in it.
pub(crate) fn nearest<S: AsRef<str>>(wanted: &str, candidates: impl IntoIterator<Item = S>) -> Option<String> {
    let folded = wanted.to_lowercase();
    let len = folded.chars().count();
    let most = (len / 3).max(1);
    let mut best: Option<((usize, bool), S)> = None;
    for candidate in candidates {
        let text = candidate.as_ref().to_lowercase();
        let edits = if text.chars().count().abs_diff(len) > most { None } else { Some(osa_distance(&folded, &text)) };
        let contains = len >= 2 && text.contains(&folded);
        let distance = match edits.filter(|&edits| edits <= most && edits < len) {
            Some(edits) => (edits, !contains),
            None if contains || (text.len() >= 2 && folded.contains(&text)) => (most + 1, !contains),
            None => continue,
        };
        if best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.as_ref().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_likely_meant_is_found() {
        let keys = ["louvain", "leiden", "X_pca", "n_genes", "CD4", "CD8A"];
        for (wanted, expected) in [
            ("luovain", Some("louvain")),
            ("Leiden", Some("leiden")),
            ("pca", Some("X_pca")),
            ("n_gene", Some("n_genes")),
            ("cd8b", Some("CD8A")),
            ("CD8", Some("CD8A")),
            ("tissue", None),
            ("", None),
            ("q", None),
        ] {
            assert_eq!(nearest(wanted, keys).as_deref(), expected, "{wanted}");
        }
    }
}
