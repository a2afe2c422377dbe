//! Whether a container is sick: whatever bytes it has, it does not stay up, or its own health check fails.

use serde::{Deserialize, Serialize};

use super::{ailment::Ailment, evidence::ReplicaEvidence};

/// A sick container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sick {
    /// Its service.
    pub service: String,
    /// Its full ID.
    pub id: String,
    /// Its name.
    pub container: String,
    /// Its image.
    pub image: String,
    /// What is wrong.
    pub ailment: Ailment,
    /// The same as a clause that names it.
    pub detail: String,
}

impl Sick {
    /// What the evidence says of a container.
    pub(in crate::protocol) fn of(service: &str, replica: &ReplicaEvidence) -> Option<Self> {
        let container = &replica.container;
        let loops = replica.unsettled.as_ref().is_some_and(|unsettled| unsettled.loops);
        let ailment = super::ailment::ailment(container, loops)?;
        let name = &container.name;
        let how = container.ended.map(|ended| {
            let memory = if ended.for_memory { ", as there was no memory left" } else { "" };
            format!("with exit code {}{memory}", ended.code)
        });
        let detail = match (ailment, how) {
            (Ailment::Exited, Some(how)) => format!("`{name}` ended {how}"),
            (Ailment::Exited, None) => format!("`{name}` ended"),
            (Ailment::CrashLoop, how) => {
                let how = how.map(|how| format!(", the last time {how}")).unwrap_or_default();
                format!("`{name}` ends again and again ({} restarts){how}", container.restarts)
            }
            (Ailment::Unhealthy, _) => format!("the health check of `{name}` fails"),
        };
        Some(Self {
            service: service.to_owned(),
            id: container.id.clone(),
            container: name.clone(),
            image: container.image.0.clone(),
            ailment,
            detail,
        })
    }
}

/// The last that a sick container said, without the secrets that its environment knows. Neither the ledger nor the journal
/// has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastWords {
    /// The last lines of its log; `None` where it could not be asked, or the secrets in it are not known.
    pub log: Option<Vec<String>>,
    /// The last lines that its health check printed.
    pub check: Vec<String>,
}
