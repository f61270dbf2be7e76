//! Signals that end the command: what it has under way is removed first.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal came that ends the command.
static CAME: AtomicBool = AtomicBool::new(false);

/// From here on SIGINT, SIGTERM and SIGHUP remove temporary files before they end the command, unless they were ignored
/// when it was started, as by `nohup`; and a file that would be longer than `ulimit -f` allows is an error of writing.
#[cfg(unix)]
pub(crate) fn watch() {
    use std::sync::Arc;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

    // If this cannot be set up, the command works as well, and the next one removes what a signal leaves.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    let ignored = ignored();
    let watched = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(move |signal| (ignored >> (signal - 1)) & 1 == 0);
    // In the thread: without one, signals do what they always do.
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let Ok(mut signals) = signal_hook::iterator::Signals::new(watched) else { return };
        if let Some(signal) = signals.forever().next() {
            CAME.store(true, Ordering::Release);
            anndata::storage::atomic::abandon();
            // Ends the command as the signal would have.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    drop(thread);
}

#[cfg(not(unix))]
pub(crate) fn watch() {}

/// If a signal came, the errors that it caused are not reported: waits for the end.
pub(crate) fn wait_where_one_came() {
    while CAME.load(Ordering::Acquire) {
        std::thread::park();
    }
}

/// The signals that this process ignores, one bit each. None if the system does not say.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
