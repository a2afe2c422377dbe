//! `remote-context`: a service is built from a git or http URL, not from the checkout.

use crate::{
    analysis::{Facts, links::is_remote},
    diag::{Safety, Sink},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let model = facts.model(service);
        let Some(context) = model.build.as_ref().and_then(|b| b.context.as_ref()) else { continue };
        let Some(url) = context.known.as_deref().filter(|url| is_remote(url) && !is_pinned(url)) else { continue };
        let name = &model.name.value;
        sink.report(
            context.at,
            format!("`{name}` is built from `{url}`: commits that are not pushed there are not in the image, and a pull here changes nothing"),
        )
        .fix(Safety::Manual, "build the checkout, or name a commit behind `#`", Vec::new());
    }
}

/// Whether the URL names a commit: then what is built changes with this file.
fn is_pinned(url: &str) -> bool {
    let Some((_, fragment)) = url.split_once('#') else { return false };
    let reference = fragment.split(':').next().unwrap_or_default();
    reference.len() >= 7 && reference.bytes().all(|b| b.is_ascii_hexdigit())
}
