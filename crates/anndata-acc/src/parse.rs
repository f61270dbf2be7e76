//! References in the form in which they are printed: `A.obsm['pca'][:, 0]`.

use std::str::FromStr;

use crate::quote::unquote;
use crate::{A, AccError, AdRef, Idx2D, RefAcc, Result, Target};

/// Parses the printed form, and what else Python reads as the same: `A.X[ : , "g"]`, `A.obsm['pca'][0]`,
/// `A.layers[None]`.
impl FromStr for Target {
    type Err = AccError;

    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser { rest: text, text };
        let target = parser.target()?;
        if parser.eat("") && parser.rest.is_empty() { Ok(target) } else { Err(parser.expected("the end")) }
    }
}

/// Parses the printed form of a reference.
///
/// ```
/// use anndata_acc::{A, AdRef};
///
/// assert_eq!("A.obs['cell type']".parse::<AdRef>()?, A.obs("cell type"));
/// assert_eq!("A.var.index".parse::<AdRef>()?, A.var_index());
/// let error = "A.X['cell-1']".parse::<AdRef>().unwrap_err();
/// assert_eq!(error.to_string(), "`A.X['cell-1']` is not a reference: expected `,` and `:` before `]`");
/// # Ok::<(), anndata_acc::AccError>(())
/// ```
impl FromStr for AdRef {
    type Err = AccError;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<Target>()?.into_ref().ok_or_else(|| AccError::is_whole(text))
    }
}

/// Parses the printed form of the accessor of a whole array.
impl FromStr for RefAcc {
    type Err = AccError;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<Target>()?.into_acc().ok_or_else(|| AccError::is_reference(text))
    }
}

/// What is left of a text.
struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn target(&mut self) -> Result<Target> {
        if !(self.eat("A") && self.eat(".")) {
            return Err(self.expected("`A.`"));
        }
        self.eat("");
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let before = std::mem::replace(&mut self.rest, rest);
        match name {
            "X" => Ok(match self.idx2d()? {
                None => Target::Acc(A.x().into()),
                Some(idx) => A.x().at(idx).into(),
            }),
            "layers" => {
                let acc = A.layers().get(self.key_or_none("a key")?.as_deref());
                Ok(match self.idx2d()? {
                    None => Target::Acc(acc.into()),
                    Some(idx) => acc.at(idx).into(),
                })
            }
            "obs" | "var" => {
                let acc = if name == "obs" { A.obs_frame() } else { A.var_frame() };
                if self.eat(".") {
                    return if self.eat("index") { Ok(acc.index().into()) } else { Err(self.expected("`index`")) };
                }
                if !self.sees("[") {
                    return Ok(Target::Acc(acc.into()));
                }
                Ok(acc.at(self.key_or_none("the name of a column")?).into())
            }
            "obsm" | "varm" => {
                let k = self.key()?;
                let acc = if name == "obsm" { A.obsm(k) } else { A.varm(k) };
                Ok(match self.position()? {
                    None => Target::Acc(acc.into()),
                    Some(position) => acc.column(position).into(),
                })
            }
            "obsp" | "varp" => {
                let k = self.key()?;
                let acc = if name == "obsp" { A.obsp(k) } else { A.varp(k) };
                Ok(match self.idx2d()? {
                    None => Target::Acc(acc.into()),
                    Some(idx) => acc.at(idx).into(),
                })
            }
            _ => {
                self.rest = before;
                Err(self.expected("`X`, `layers`, `obs`, `var`, `obsm`, `varm`, `obsp` or `varp`"))
            }
        }
    }

    /// `['key']`.
    fn key(&mut self) -> Result<String> {
        self.key_or_none("a key").and_then(|key| key.ok_or_else(|| self.expected("a key in quotes, not `None`,")))
    }

    /// `['key']` or `[None]`.
    fn key_or_none(&mut self, what: &str) -> Result<Option<String>> {
        if !self.eat("[") {
            return Err(self.expected(&format!("`[` and {what}")));
        }
        let key = if self.eat("None") { None } else { Some(self.quoted(what)?) };
        self.close()?;
        Ok(key)
    }

    /// `[:, 0]` or `[0]`, where there is a bracket.
    fn position(&mut self) -> Result<Option<i64>> {
        if !self.eat("[") {
            return Ok(None);
        }
        if self.eat(":") && !self.eat(",") {
            return Err(self.expected("`,`"));
        }
        self.eat("");
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let end = match self.rest.strip_prefix('-') {
            Some(rest) => 1 + digits(rest),
            None => digits(self.rest),
        };
        let (number, rest) = self.rest.split_at(end);
        let Ok(position) = number.parse() else { return Err(self.expected("the number of a column")) };
        self.rest = rest;
        self.close()?;
        Ok(Some(position))
    }

    /// `[:, :]`, `['row', :]` or `[:, 'column']`, where there is a bracket.
    fn idx2d(&mut self) -> Result<Option<Idx2D>> {
        if !self.eat("[") {
            return Ok(None);
        }
        let row = if self.eat(":") { None } else { Some(self.quoted("`:` or a name")?) };
        if !self.eat(",") {
            return Err(self.expected(if row.is_some() { "`,` and `:`" } else { "`,` and a name" }));
        }
        let idx = match row {
            Some(row) if self.eat(":") => Idx2D::Row(row),
            Some(_) => return Err(self.expected("`:`, as the row is named,")),
            None if self.eat(":") => Idx2D::All,
            None => Idx2D::Column(self.quoted("`:` or a name")?),
        };
        self.close()?;
        Ok(Some(idx))
    }

    fn quoted(&mut self, what: &str) -> Result<String> {
        self.eat("");
        let Some((text, rest)) = unquote(self.rest) else {
            return Err(self.expected(&format!("{what} in quotes")));
        };
        // As the rest is borrowed from the text, its length says where it begins.
        self.rest = rest;
        Ok(text)
    }

    fn close(&mut self) -> Result<()> {
        if self.eat("]") { Ok(()) } else { Err(self.expected("`]`")) }
    }

    /// Whether this comes next, after spaces.
    fn sees(&self, token: &str) -> bool {
        self.rest.trim_start_matches([' ', '\t']).starts_with(token)
    }

    /// Goes past spaces and this, where it comes next.
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t']).strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expected(&self, what: &str) -> AccError {
        let rest = self.rest.trim_start();
        let location = if rest.is_empty() { "at the end".to_owned() } else { format!("before `{rest}`") };
        AccError::syntax(self.text, format!("expected {what} {location}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_same_are_read() -> Result<()> {
        for (text, expected) in [
            ("A.X[:, 'g']", A.x().column("g")),
            (" A . X [ : ,\"g\" ] ", A.x().column("g")),
            ("A.layers[None][:,:]", A.x().all()),
            ("A.layers['None']['None',:]", A.layer("None").row("None")),
            ("A.obsm['c'][0]", A.obsm("c").column(0)),
            ("A.varm['c'][:, -12]", A.varm("c").column(-12)),
            ("A.obs[None]", A.obs_index()),
            ("A.obs['index']", A.obs("index")),
            ("A.var .index", A.var_index()),
            ("A.varp['it\\'s'][:, \"]\"]", A.varp("it's").column("]")),
        ] {
            assert_eq!(text.parse::<AdRef>()?, expected, "{text}");
        }
        assert_eq!("A.X".parse::<RefAcc>()?, A.x().into());
        assert_eq!("A.obs".parse::<RefAcc>()?, A.obs_frame().into());
        assert_eq!("A.varm['a']".parse::<RefAcc>()?, A.varm("a").into());
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, message) in [
            ("", "expected `A.` at the end"),
            ("obs.a", "expected `A.` before `obs.a`"),
            ("A.uns['a']", "expected `X`, `layers`, `obs`, `var`, `obsm`, `varm`, `obsp` or `varp` before `uns['a']`"),
            ("A.X[:3, :]", "expected `,` and a name before `3, :]`"),
            ("A.X[:, b'']", "expected `:` or a name in quotes before `b'']`"),
            ("A.X['a', 'b']", "expected `:`, as the row is named, before `'b']`"),
            ("A.layers[1]", "expected a key in quotes before `1]`"),
            ("A.layers", "expected `[` and a key at the end"),
            ("A.obs[1]", "expected the name of a column in quotes before `1]`"),
            ("A.obs.names", "expected `index` before `names`"),
            ("A.obsm[None]", "expected a key in quotes, not `None`, at the end"),
            ("A.obsm['a'][:3, 0]", "expected `,` before `3, 0]`"),
            ("A.obsm['a']['b']", "expected the number of a column before `'b']`"),
            ("A.obsm['a'][True]", "expected the number of a column before `True]`"),
            ("A.obsm['a'][99999999999999999999]", "expected the number of a column before"),
            ("A.varp['x']['a', :", "expected `]` at the end"),
            ("A.varp['x']['a', :] + 1", "expected the end before `+ 1`"),
            ("A.obsm['a']", "stands for a whole array"),
        ] {
            let error = text.parse::<AdRef>().map_or_else(|error| error.to_string(), |found| found.to_string());
            assert!(error.contains(message), "{text}: {error} should say {message}");
        }
        assert!(
            "A.obs['a']".parse::<RefAcc>().is_err_and(|error| error.to_string().contains("stands for a reference"))
        );
    }
}
