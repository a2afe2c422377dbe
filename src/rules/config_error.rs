//! `config-error`: a mistake in `unstale.toml`. `config` finds it when it reads the file, before any rule runs.

use crate::{analysis::Facts, diag::Sink};

pub(super) fn check(_: &Facts<'_>, _: &mut Sink<'_>) {}
