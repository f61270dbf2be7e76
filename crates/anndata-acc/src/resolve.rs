//! Simplified texts: `obs.louvain`, `obsm.pca.0`, `X[:,gene]`.

use crate::{A, AccError, AdAcc, AdRef, Idx2D, RefAcc, Result, Target};

impl<R: From<AdRef>> AdAcc<R> {
    /// What a simplified text stands for.
    ///
    /// | text | reference | | text | whole array |
    /// | --- | --- | --- | --- | --- |
    /// | `X[:,:]`, `X[c,:]`, `X[:,g]` | `A.X[:, :]`, `A.X['c', :]`, `A.X[:, 'g']` | | `X` | `A.X` |
    /// | `layers.y[:,g]` | `A.layers['y'][:, 'g']` | | `layers.y` | `A.layers['y']` |
    /// | `obs.a`, `var.b` | `A.obs['a']`, `A.var['b']` | | | |
    /// | `obsm.c.0`, `varm.d.1` | `A.obsm['c'][:, 0]`, `A.varm['d'][:, 1]` | | `obsm.c`, `varm.d` | `A.obsm['c']`, `A.varm['d']` |
    /// | `obsp.g[c1,:]`, `varp.h[:,:]` | `A.obsp['g']['c1', :]`, `A.varp['h'][:, :]` | | `obsp.g`, `varp.h` | `A.obsp['g']`, `A.varp['h']` |
    ///
    /// Names are not quoted. If only one of the two will do, see [`resolve_ref`](Self::resolve_ref) and
    /// [`resolve_acc`](Self::resolve_acc) (in Python: `vec=True`, `vec=False`). What is `strict=False` in Python is
    /// `.ok()` here.
    ///
    /// # Errors
    /// If the text is none of these; the error says what was expected.
    pub fn resolve(&self, spec: &str) -> Result<Target<R>> {
        resolve(spec, None).map(Target::making)
    }

    /// The reference that a simplified text stands for.
    ///
    /// ```
    /// use anndata_acc::A;
    ///
    /// assert_eq!(A.resolve_ref("layers.y[:,g]")?, A.layer("y").column("g"));
    /// assert!(A.resolve_ref("layers.y").unwrap_err().to_string().contains("it stands for a whole array"));
    /// # Ok::<(), anndata_acc::AccError>(())
    /// ```
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and if it stands for a whole array.
    pub fn resolve_ref(&self, spec: &str) -> Result<R> {
        let target = resolve(spec, Some(true))?;
        target.into_ref().map(R::from).ok_or_else(|| AccError::is_whole(spec))
    }

    /// The accessor of the whole array that a simplified text stands for.
    ///
    /// ```
    /// use anndata_acc::A;
    ///
    /// assert_eq!(A.resolve_acc("obsm.c")?, A.obsm("c").into());
    /// assert!(A.resolve_acc("obsm.c.0").unwrap_err().to_string().contains("it stands for a reference"));
    /// # Ok::<(), anndata_acc::AccError>(())
    /// ```
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and if it stands for a reference.
    pub fn resolve_acc(&self, spec: &str) -> Result<RefAcc<R>> {
        let target = resolve(spec, Some(false))?;
        target.into_acc().map(RefAcc::making).ok_or_else(|| AccError::is_reference(spec))
    }
}

/// Whether the text resolves to the reference.
impl PartialEq<str> for AdRef {
    fn eq(&self, spec: &str) -> bool {
        A.resolve_ref(spec).is_ok_and(|other| other == *self)
    }
}

/// Whether the text resolves to the reference.
impl PartialEq<&str> for AdRef {
    fn eq(&self, spec: &&str) -> bool {
        *self == **spec
    }
}

/// What a simplified text stands for; `vec` says that it has to be a reference, or a whole array.
fn resolve(spec: &str, vec: Option<bool>) -> Result<Target> {
    let target = parse(spec)?;
    match (vec, &target) {
        (Some(true), Target::Acc(_)) => Err(AccError::is_whole(spec)),
        (Some(false), Target::Ref(_)) => Err(AccError::is_reference(spec)),
        _ => Ok(target),
    }
}

fn parse(spec: &str) -> Result<Target> {
    if spec.starts_with('X') {
        let (name, idx) = name_and_idx(spec, spec)?;
        if name != "X" {
            return Err(AccError::syntax(spec, format!("there is no `{name}`; expected `X` or `X[…]`")));
        }
        return Ok(idx.map_or_else(|| Target::Acc(A.x().into()), |idx| A.x().at(idx).into()));
    }
    let Some((slot, rest)) = spec.split_once('.') else {
        return Err(AccError::syntax(
            spec,
            "expected parts with a period between, such as `obs.x` for the column `x` of `obs`",
        ));
    };
    Ok(match slot {
        "obs" => A.obs(rest).into(),
        "var" => A.var(rest).into(),
        "layers" => {
            let (name, idx) = name_and_idx(rest, spec)?;
            let acc = A.layer(name);
            idx.map_or_else(|| Target::Acc(acc.clone().into()), |idx| acc.at(idx).into())
        }
        "obsp" | "varp" => {
            let (name, idx) = name_and_idx(rest, spec)?;
            let acc = if slot == "obsp" { A.obsp(name) } else { A.varp(name) };
            idx.map_or_else(|| Target::Acc(acc.clone().into()), |idx| acc.at(idx).into())
        }
        "obsm" | "varm" => {
            let (name, position) = name_and_position(rest, spec)?;
            let acc = if slot == "obsm" { A.obsm(name) } else { A.varm(name) };
            position.map_or_else(|| Target::Acc(acc.clone().into()), |position| acc.column(position).into())
        }
        _ => {
            return Err(AccError::syntax(
                spec,
                format!("there is no `{slot}`; expected `X`, `layers`, `obs`, `var`, `obsm`, `varm`, `obsp` or `varp`"),
            ));
        }
    })
}

/// The parts of `name`, or of `name[row,:]` and `name[:,column]`.
///
/// The row ends at the first comma; one space behind the comma does not count.
fn name_and_idx<'a>(text: &'a str, spec: &str) -> Result<(&'a str, Option<Idx2D>)> {
    let Some((name, idx)) = text.split_once('[') else { return Ok((text, None)) };
    let malformed = || AccError::syntax(spec, "expected `name[:,:]`, `name[i,:]` or `name[:,j]`");
    let (row, column) = idx.strip_suffix(']').and_then(|idx| idx.split_once(',')).ok_or_else(malformed)?;
    let mut rest = column.chars();
    let column = match rest.next() {
        Some(first) if is_space(first) && !rest.as_str().is_empty() => rest.as_str(),
        _ => column,
    };
    if name.is_empty() || row.is_empty() || column.is_empty() || column.contains(']') {
        return Err(malformed());
    }
    let idx = match (row, column) {
        (":", ":") => Idx2D::All,
        (row, ":") => Idx2D::Row(row.to_owned()),
        (":", column) => Idx2D::Column(column.to_owned()),
        (row, column) => {
            return Err(AccError::syntax(spec, format!("expected `:` in place of `{row}` or of `{column}`")));
        }
    };
    Ok((name, Some(idx)))
}

/// What Python's regular expressions take for a space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// The parts of `name`, or of `name.0`.
fn name_and_position<'a>(text: &'a str, spec: &str) -> Result<(&'a str, Option<i64>)> {
    let Some((name, number)) = text.split_once('.') else { return Ok((text, None)) };
    let position = number_of(number).filter(|_| !name.is_empty());
    let position =
        position.ok_or_else(|| AccError::syntax(spec, "expected `name.i`, where `i` is the number of a column"))?;
    Ok((name, Some(position)))
}

/// A number as Python's `int` reads it: digits may have single underscores between them.
fn number_of(text: &str) -> Option<i64> {
    let parts =
        text.split('_').map(|part| (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())).then_some(part));
    parts.collect::<Option<String>>()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each text prints as, or what is said of it.
    fn printed(spec: &str, vec: Option<bool>) -> String {
        resolve(spec, vec).map_or_else(|error| error.to_string(), |target| target.to_string())
    }

    #[test]
    fn odd_texts_are_taken_as_python_takes_them() {
        for (spec, expected) in [
            ("X[:, ]", "A.X[:, ' ']"),
            ("X[a]b,:]", "A.X['a]b', :]"),
            ("X[a[b,:]", "A.X['a[b', :]"),
            ("X[:,a,b]", "A.X[:, 'a,b']"),
            ("X[ :,:]", "A.X[' :', :]"),
            ("X[:,  :]", "A.X[:, ' :']"),
            ("X[:, :]", "A.X[:, :]"),
            ("X[:,\x1cq]", "A.X[:, 'q']"),
            ("X[::,:]", "A.X['::', :]"),
            ("layers.", "A.layers['']"),
            ("layers.a.b[:,g]", "A.layers['a.b'][:, 'g']"),
            ("layers.a]", "A.layers['a]']"),
            ("obsm.", "A.obsm['']"),
            ("obs.", "A.obs['']"),
            ("obs.a.b[0]", "A.obs['a.b[0]']"),
            ("obs.index", "A.obs['index']"),
            ("obsm.c.1_0", "A.obsm['c'][:, 10]"),
            ("obsm.c.007", "A.obsm['c'][:, 7]"),
        ] {
            assert_eq!(printed(spec, None), expected, "{spec}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for (spec, message) in [
            ("", "a period between"),
            ("obs", "a period between"),
            ("Xa", "there is no `Xa`"),
            ("X.a", "there is no `X.a`"),
            ("Xfoo[:,:]", "there is no `Xfoo`"),
            ("X[:,:", "expected `name[:,:]`"),
            ("X[:]", "expected `name[:,:]`"),
            ("X[]", "expected `name[:,:]`"),
            ("X[:,:]]", "expected `name[:,:]`"),
            ("X[:,:]x", "expected `name[:,:]`"),
            ("layers.[:,:]", "expected `name[:,:]`"),
            ("layers.x[:,]", "expected `name[:,:]`"),
            ("layers.x[,:]", "expected `name[:,:]`"),
            ("X[a,b]", "in place of `a` or of `b`"),
            (".x", "there is no ``"),
            ("uns.a", "there is no `uns`"),
            ("raw.X", "there is no `raw`"),
            ("to_json.x", "there is no `to_json`"),
            ("obsm.c._1", "expected `name.i`"),
            ("obsm.c.1__0", "expected `name.i`"),
            ("obsm.c.-1", "expected `name.i`"),
            ("obsm.c.x", "expected `name.i`"),
            ("obsm.c.", "expected `name.i`"),
            ("obsm..0", "expected `name.i`"),
            ("obsm.a.b.0", "expected `name.i`"),
        ] {
            let error = printed(spec, None);
            assert!(error.contains(message) && error.contains(spec), "{spec}: {error} should say {message}");
            assert!(printed(spec, Some(true)).contains(message) && printed(spec, Some(false)).contains(message));
        }
    }
}
