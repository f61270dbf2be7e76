//! [`Stream`]: the rows of one epoch in order, any stretch of which can be asked for.

use std::ops::Range;
use std::sync::Arc;

use anndata_core::Result;
use anndata_storage::OrBug;

use super::alias::Alias;
use super::compose::Composed;
use super::slots::{Base, Copies, Slots, Units};
use super::{Order, RowSet};
use crate::random::{Key, Permutation};

/// What keys are made with, so that no two choices are of the same numbers.
mod purpose {
    pub(super) const UNITS: u64 = 1;
    pub(super) const CURSORS: u64 = 2;
    pub(super) const COPIES: u64 = 3;
    pub(super) const DRAWS: u64 = 4;
    pub(super) const WINDOW: u64 = 5;
}

/// The positions of rows that are counted together where some come more or less than once, unless they are in units.
const COUNTED: u64 = 4096;

/// What is the same in every epoch. A *position* is that of a row among those that are asked for.
#[derive(Debug, Clone)]
pub(super) struct Arrangement {
    pub(super) rows: RowSet,
    pub(super) order: Order,
    pub(super) units: Units,
    pub(super) drawn: Drawn,
    pub(super) composed: Option<Arc<Composed>>,
}

/// How often a position comes.
#[derive(Debug, Clone)]
pub(super) enum Drawn {
    /// Once.
    Each,
    /// By its weight.
    Thinned(Arc<[f32]>),
    /// So many are drawn.
    Replaced(Arc<Alias>, u64),
}

/// The positions of an epoch, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    key: Key,
    len: u64,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    InOrder(Base),
    /// From `offset` on, and at the end from the beginning, in so many stretches, of each of which one comes in turn.
    Interleaved {
        base: Base,
        cursors: u64,
        offset: u64,
    },
    Replaced(Arc<Alias>),
    Listed(Arc<[u64]>),
}

impl Stream {
    pub(super) fn new(of: &Arrangement, seed: u64, epoch: u64) -> Result<Self> {
        let key = Key::new(seed).with(epoch);
        let positions = of.rows.len();
        if let Some(composed) = &of.composed {
            let listed: Arc<[u64]> = composed.positions(key)?.into();
            return Ok(Self { key, len: listed.len() as u64, kind: Kind::Listed(listed) });
        }
        let copies = |weights: &Arc<[f32]>| Copies { weights: Arc::clone(weights), key: key.with(purpose::COPIES) };
        let copies = match &of.drawn {
            Drawn::Replaced(alias, rows) => {
                return Ok(Self { key, len: *rows, kind: Kind::Replaced(Arc::clone(alias)) });
            }
            Drawn::Each => None,
            Drawn::Thinned(weights) => Some(copies(weights)),
        };
        let (base, len) = match (of.order, copies) {
            (Order::Shuffled { .. }, copies) => {
                let permutation = Permutation::new(key.with(purpose::UNITS), of.units.count(positions));
                Slots::base(positions, of.units.clone(), Some(permutation), copies)?
            }
            (_, None) => (Base::Whole, positions),
            (_, copies) => Slots::base(positions, Units::Equal(COUNTED), None, copies)?,
        };
        let kind = match of.order {
            Order::Interleaved { cursors, .. } if len > 0 => {
                let (cursors, offset) = (u64::from(cursors).min(len), key.with(purpose::CURSORS).below(0, len));
                Kind::Interleaved { base, cursors, offset }
            }
            _ => Kind::InOrder(base),
        };
        Ok(Self { key, len, kind })
    }

    /// The number of positions that come.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether the rows of windows are shuffled; else their order is that in which they come.
    pub(super) fn shuffles(&self, order: Order) -> bool {
        order != Order::Sequential && !matches!(self.kind, Kind::Replaced(_) | Kind::Listed(_))
    }

    /// The key that the rows of the window are shuffled by which begins here.
    pub(super) fn window_key(&self, start: u64) -> Key {
        self.key.with(purpose::WINDOW).with(start)
    }

    /// A stretch of the positions.
    pub(super) fn positions(&self, range: Range<u64>) -> Result<Vec<u64>> {
        let len = usize::try_from(range.end.saturating_sub(range.start)).ok().or_bug("a window beyond memory")?;
        let mut all = Vec::with_capacity(len);
        match &self.kind {
            Kind::InOrder(base) => base.extend(range, &mut all)?,
            Kind::Replaced(alias) => {
                let key = self.key.with(purpose::DRAWS);
                all.extend(range.map(|number| alias.draw(key, number)));
            }
            Kind::Listed(listed) => {
                let to = |index: u64| usize::try_from(index).or_bug("a window beyond memory");
                all.extend(listed.get(to(range.start)?..to(range.end)?).or_bug("a window beyond the epoch")?);
            }
            Kind::Interleaved { base, cursors, offset } => {
                // Those of each cursor, and then in turn.
                let own = (0..*cursors).map(|cursor| {
                    let (begin, steps) = self.steps(cursor, *cursors, &range);
                    let mut own = Vec::new();
                    let (from, to) = (begin + steps.start + offset, begin + steps.end + offset);
                    // What goes beyond the end goes on at the beginning.
                    base.extend(from.min(self.len)..to.min(self.len), &mut own)?;
                    base.extend(from.max(self.len) - self.len..to.max(self.len) - self.len, &mut own)?;
                    Ok(own.into_iter())
                });
                let mut own = own.collect::<Result<Vec<_>>>()?;
                for index in range {
                    let steps = self.len / cursors;
                    let cursor = if index < steps * cursors { index % cursors } else { index - steps * cursors };
                    let cursor = usize::try_from(cursor).ok().and_then(|cursor| own.get_mut(cursor));
                    all.push(cursor.and_then(Iterator::next).or_bug("a cursor beyond its end")?);
                }
            }
        }
        Ok(all)
    }

    /// Where a cursor begins, and which of its steps are in a stretch. The first cursors have a step more where that is needed.
    fn steps(&self, cursor: u64, cursors: u64, range: &Range<u64>) -> (u64, Range<u64>) {
        let (steps, longer) = (self.len / cursors, self.len % cursors);
        let own = steps + u64::from(cursor < longer);
        // The first step whose index is not before `index`.
        let first = |index: u64| {
            if index <= steps * cursors {
                (index.saturating_sub(cursor)).div_ceil(cursors).min(own)
            } else {
                own.min(steps + u64::from(index > steps * cursors + cursor))
            }
        };
        (cursor * steps + cursor.min(longer), first(range.start)..first(range.end))
    }

    /// Where cursors begin, sorted, if each goes on from there; `None` if the order is none of cursors.
    pub(super) fn cursor_starts(&self) -> Option<Vec<u64>> {
        match &self.kind {
            Kind::Interleaved { base: Base::Whole, cursors, offset } => {
                let start = |cursor| (self.steps(cursor, *cursors, &(0..0)).0 + offset) % self.len;
                let mut starts: Vec<u64> = (0..*cursors).map(start).collect();
                starts.sort_unstable();
                Some(starts)
            }
            Kind::InOrder(base) if base.is_shuffled() => None,
            Kind::Replaced(_) | Kind::Listed(_) => None,
            Kind::InOrder(_) | Kind::Interleaved { .. } => Some(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::Unit;

    fn arrangement(len: u64, order: Order, units: Units, drawn: Drawn) -> Arrangement {
        Arrangement { rows: RowSet::from(0..len), order, units, drawn, composed: None }
    }

    /// All stretches of a stream are those of the whole, which has each position as often as is said.
    fn check(of: &Arrangement, seed: u64) -> Result<Vec<u64>> {
        let stream = Stream::new(of, seed, 3)?;
        let all = stream.positions(0..stream.len())?;
        assert_eq!(all.len() as u64, stream.len());
        for start in 0..stream.len() {
            let end = (start + 1 + start % 11).min(stream.len());
            let (from, to) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
            assert_eq!(stream.positions(start..end)?, all[from..to], "{of:?} {start}..{end}");
        }
        Ok(all)
    }

    #[test]
    fn every_order_has_each_position_once_and_is_known_from_anywhere() -> Result<()> {
        let cursors = |cursors| Order::Interleaved { cursors, unit: Unit::StoredChunk };
        let shuffled = Order::Shuffled { unit: Unit::Rows(1) };
        for len in [0, 1, 2, 5, 16, 17, 63, 100] {
            for order in [Order::Sequential, shuffled, cursors(1), cursors(3), cursors(16), cursors(200)] {
                for units in [Units::Equal(1), Units::Equal(7), Units::Equal(500), Units::Ends([len / 3, len].into())] {
                    let mut all = check(&arrangement(len, order, units, Drawn::Each), len)?;
                    all.sort_unstable();
                    assert!(all.into_iter().eq(0..len), "{len} {order:?}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn weights_say_how_often_a_position_comes() -> Result<()> {
        let weights: Arc<[f32]> = (0..100_u8).map(|at| [0.0, 1.0, 2.0, 0.5][usize::from(at % 4)]).collect();
        let orders = [
            Order::Sequential,
            Order::Shuffled { unit: Unit::Rows(8) },
            Order::Interleaved { cursors: 7, unit: Unit::Rows(8) },
        ];
        let mut halves = 0;
        for order in orders {
            for seed in 0..20 {
                let of = arrangement(100, order, Units::Equal(8), Drawn::Thinned(Arc::clone(&weights)));
                let mut all = check(&of, seed)?;
                all.sort_unstable();
                let count = |position: u64| all.iter().filter(|&&other| other == position).count();
                for position in 0..100 {
                    match position % 4 {
                        0 => assert_eq!(count(position), 0),
                        1 => assert_eq!(count(position), 1),
                        2 => assert_eq!(count(position), 2),
                        _ => halves += count(position),
                    }
                }
            }
        }
        // Of 25 positions in 60 epochs, about a half.
        assert!((600..900).contains(&halves), "{halves}");
        Ok(())
    }

    #[test]
    fn draws_are_as_frequent_as_their_weights() -> Result<()> {
        let alias = Arc::new(Alias::new(&[1.0, 0.0, 3.0])?);
        let all = check(&arrangement(3, Order::Sequential, Units::Equal(1), Drawn::Replaced(alias, 4000)), 5)?;
        let count = |position: u64| all.iter().filter(|&&other| other == position).count();
        assert_eq!(count(1), 0);
        assert!((900..1100).contains(&count(0)), "{}", count(0));
        Ok(())
    }
}
