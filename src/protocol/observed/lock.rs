//! Who deploys to a server's checkout at the moment, and what was left there unfinished.

use serde::{Deserialize, Serialize};

use crate::protocol::names::Sha;

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The deploy's id.
    pub id: String,
    /// The person or agent, and the machine.
    pub who: String,
    /// Since when, by the server's clock, as RFC 3339.
    pub since: String,
    /// The service.
    pub service: String,
    /// The commit, unless the deploy makes it.
    pub commit: Option<Sha>,
}

/// The lock of a server's checkout, as it was seen.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// Who has it; `Some(None)` if that cannot be read.
    pub held: Option<Option<Holder>>,
    /// The last line of the holder's journal.
    pub at: Option<String>,
    /// Deploys that were begun and neither ended nor taken back.
    pub open: Vec<String>,
    /// Deploys that were left before their first command on the server: nobody has to go on with them.
    pub idle: Vec<String>,
}
