//! What a report says of sick containers: which, why, their last words, and what came back in their place.

use serde::Serialize;

use super::verdict::{
    judgement::Judgement,
    sick::{LastWords, Sick},
};

/// The sick containers of a report, and the way back.
#[derive(Debug, Clone, Default)]
pub struct Sickness {
    /// The containers, each with its last words.
    pub containers: Vec<(Sick, LastWords)>,
    /// After a way back: the verdict on whether what runs is what ran before.
    pub returned: Option<Judgement>,
}

impl Sickness {
    /// The lines of a report for a person, not yet made visible.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (sick, words) in &self.containers {
            lines.push(format!("  sick      {}: {}", sick.container, sick.ailment.as_str()));
            lines.extend(words.check.iter().map(|line| format!("    check     | {line}")));
            match words.log.as_deref() {
                None => lines.push("    log       is not known".to_owned()),
                Some([]) => lines.push("    log       is empty".to_owned()),
                Some(log) => lines.extend(log.iter().map(|line| format!("    log       | {line}"))),
            }
        }
        lines
    }

    pub(super) fn wire(&self) -> Vec<WireSick<'_>> {
        self.containers.iter().map(|(sick, words)| wire_sick(sick, words)).collect()
    }

    pub(super) fn wire_returned(&self) -> Option<WireReturned<'_>> {
        let returned = self.returned.as_ref()?;
        Some(WireReturned { verdict: returned.verdict.as_str(), reason: &returned.reason })
    }
}

#[derive(Serialize)]
pub(super) struct WireSick<'a> {
    service: &'a str,
    container: &'a str,
    id: &'a str,
    image: &'a str,
    ailment: &'static str,
    detail: &'a str,
    check: &'a [String],
    log: Option<&'a [String]>,
}

#[derive(Serialize)]
pub(super) struct WireReturned<'a> {
    verdict: &'static str,
    reason: &'a str,
}

fn wire_sick<'a>(sick: &'a Sick, words: &'a LastWords) -> WireSick<'a> {
    WireSick {
        service: &sick.service,
        container: &sick.container,
        id: &sick.id,
        image: &sick.image,
        ailment: sick.ailment.as_str(),
        detail: &sick.detail,
        check: &words.check,
        log: words.log.as_deref(),
    }
}
