//! Parsing of a text on all cores: one thread decompresses, others parse, and the caller takes what they made in order.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anndata_storage::{OrBug as _, Result};

use super::{Block, Blocks};

/// Parses the blocks that follow, and hands the results to `take` in the order of the text. No more than a few blocks, and
/// what was made of them, are in memory at a time. The first error in the order of the text ends it.
pub(crate) fn parse<R: Send>(
    blocks: &mut Blocks,
    parse: impl Fn(&Block) -> Result<R> + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let path = blocks.source().path.clone();
    let threads = rayon::current_num_threads().max(1);
    let (give, taken) = sync_channel::<(usize, Result<Block>)>(threads);
    let (done, results) = sync_channel(threads * 2);
    // The memory of a block is that of a later one: new pages of the system take as long as parsing a tenth of it.
    let (used, spare) = channel();
    blocks.reuse(spare);
    // Dropped with the last worker, so that the reader ends as well.
    let taken = Arc::new(Mutex::new(taken));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0.. {
                let Some(block) = blocks.next().transpose() else { break };
                let ended = block.is_err();
                // Nobody takes it where there was an error before it.
                if give.send((number, block)).is_err() || ended {
                    break;
                }
            }
        });
        for _ in 0..threads {
            let (done, used, taken, parse) = (done.clone(), used.clone(), Arc::clone(&taken), &parse);
            scope.spawn(move || {
                while let Some((number, block)) = next(&taken) {
                    let parsed = block.and_then(|block| {
                        let parsed = parse(&block);
                        // Nobody takes it behind the last block.
                        let _ = used.send(block.bytes);
                        parsed
                    });
                    if done.send((number, parsed)).is_err() {
                        break;
                    }
                }
            });
        }
        drop((done, taken));
        let taken = in_order(&results, &mut take);
        // Whoever waits to send ends.
        drop(results);
        taken
    })
    .map_err(|error| error.in_file(path))
}

/// The next block, whichever thread asks first.
fn next(blocks: &Mutex<Receiver<(usize, Result<Block>)>>) -> Option<(usize, Result<Block>)> {
    blocks.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn in_order<R>(results: &Receiver<(usize, Result<R>)>, take: &mut dyn FnMut(R) -> Result<()>) -> Result<()> {
    let (mut waiting, mut expected) = (BTreeMap::new(), 0);
    while let Ok((number, result)) = results.recv() {
        waiting.insert(number, result);
        while let Some(result) = waiting.remove(&expected) {
            take(result?)?;
            expected += 1;
        }
    }
    waiting.is_empty().then_some(()).or_bug("a block of text was lost")
}
