//! What the lab knows: the mechanisms, the cures and the scenarios, embedded in the program.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::{read::read, scenario::Scenario};

/// A cure: the commands between the change and the look.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cure {
    /// Its name on the command line, in the scenarios and in JSON.
    pub name: String,
    /// Its name at the head of a column.
    pub short: String,
    /// `docker …`, `compose …`, or `touch`: the files that the change wrote get a new time.
    pub steps: Vec<String>,
}

impl Cure {
    /// Whether it takes away build cache that is not the lab's.
    pub fn prunes(&self) -> bool {
        self.steps.iter().any(|step| step.split(' ').any(|word| word == "prune"))
    }

    /// Its steps in one line.
    pub fn text(&self) -> String {
        if self.steps.is_empty() { "nothing".to_owned() } else { self.steps.join(" && ") }
    }
}

/// A mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mechanism {
    /// What it is.
    pub title: String,
    /// Why no scenario shows it.
    pub skip: Option<String>,
}

/// Everything that the lab knows.
#[derive(Debug)]
pub struct Catalogue {
    /// By id.
    pub mechanisms: BTreeMap<String, Mechanism>,
    /// In the order of the columns.
    pub cures: Vec<Cure>,
    /// In the order of the rows.
    pub scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cures {
    cure: Vec<Cure>,
}

macro_rules! scenarios {
    ($($id:literal,)*) => {
        /// The scenarios' files.
        const SCENARIOS: &[(&str, &str)] = &[$(($id, include_str!(concat!("../../fixtures/_lab/", $id, ".toml")))),*];
    };
}

scenarios! {
    "S01-up-alone",
    "S02-restart",
    "S03-other-tag",
    "S04-named-volume",
    "S05-anonymous-volume",
    "S05-image-volume",
    "S05-renew-alone",
    "S06-bind-mount",
    "S07-moving-fetch",
    "S08-failed-build",
    "S11-prebuilt",
    "S12-sibling",
    "S13-process-memory",
    "S16-local-tag",
    "S17-own-base",
    "S18-older-source",
    "S19-cache-mount",
    "S19-cache-mount-owner",
    "S21-shared-tag",
    "S23-single-file",
    "S24-new-folder",
    "S24-symlink",
    "S25-arg-above-from",
    "S25-arg-below",
    "S25-other-stage",
    "S26-printed-date",
    "S27-ignored",
    "S28-baked",
    "S28-environment",
    "S29-held-name",
    "S30-one-off",
    "S30-orphan",
    "S32-copied-once",
    "S33-context-snapshot",
    "S33-other-project",
    "S37-removed-mount",
    "S38-classic-cache",
    "S39-secret",
    "S40-build-state",
    "S42-same-version",
    "S43-other-stage",
    "S44-constant-etag",
    "S51-dockerfile-snapshot",
    "S52-after-volume",
    "S54-filter",
    "S54-filter-typo",
    "S57-renamed",
    "S58-mode",
    "S58-time-alone",
    "S60-hot-fix",
    "S63-here-document",
}

/// What is shipped.
pub static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| load().expect("a test reads every file of the lab"));

fn load() -> Result<Catalogue, String> {
    let mechanisms = read(include_str!("../../fixtures/_lab/mechanisms.toml"))?;
    let Cures { cure: cures } = read(include_str!("../../fixtures/_lab/cures.toml"))?;
    let scenario = |(id, text): &(&str, &str)| Scenario::read(id, text).map_err(|e| format!("{id}: {e}"));
    let scenarios = SCENARIOS.iter().map(scenario).collect::<Result<_, _>>()?;
    Ok(Catalogue { mechanisms, cures, scenarios })
}

impl Catalogue {
    /// The scenarios of a mechanism.
    pub fn of<'a, 'm>(&'a self, mechanism: &'m str) -> impl Iterator<Item = &'a Scenario> + use<'a, 'm> {
        self.scenarios.iter().filter(move |scenario| scenario.mechanism == mechanism)
    }

    /// The cure of that name.
    pub fn cure(&self, name: &str) -> Option<&Cure> {
        self.cures.iter().find(|cure| cure.name == name)
    }
}
