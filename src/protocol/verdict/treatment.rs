//! What becomes of a new version whose containers are sick.

use super::{ailment::Ailment, judgement::Judgement};

/// What becomes of a new version with sick containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The version of before comes back.
    Back,
    /// It stays: the user asked for that, to look at it.
    Kept,
    /// It stays: nothing ran before.
    Alone,
    /// It stays: what ran before was no better, and comes back no better. To blame this version for it would only add
    /// another downtime, and keep out the one that mends it.
    AsBefore,
}

impl Treatment {
    /// By what ailed the service before (`before`), whether there is something to go back to, and whether the user wants to
    /// keep the evidence. `None` without a sick container.
    pub fn of(judgement: &Judgement, before: Option<Ailment>, undo: bool, keep: bool) -> Option<Self> {
        let worst = judgement.sick().map(|sick| sick.ailment).max()?;
        Some(match before {
            Some(before) if !worst.is_worse_than(before) => Self::AsBefore,
            _ if keep => Self::Kept,
            _ if !undo => Self::Alone,
            _ => Self::Back,
        })
    }
}

/// The new version's sickness in words.
pub fn sick_words(judgement: &Judgement) -> String {
    let details: Vec<&str> = judgement.sick().map(|sick| sick.detail.as_str()).collect();
    format!("the new version is sick: {}", details.join(", "))
}
