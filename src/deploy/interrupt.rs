//! Ctrl-C during a deploy: the first one lets the running step end, the second one ends this process at once.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

static SEEN: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on the first signal is only noted.
pub(super) fn watch() {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag that the first one has set.
        let ended = flag::register_conditional_default(signal, Arc::clone(&SEEN));
        // Where signals cannot be watched, the first one ends the process, and the worker does not need it.
        drop(ended.and_then(|_| flag::register(signal, Arc::clone(&SEEN))));
    }
}

/// Whether there was one.
pub(super) fn seen() -> bool {
    SEEN.load(Ordering::Relaxed)
}
