//! A scenario: a project, the change that gets lost, how to look at the process, and what was measured after each cure.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::read::read;

/// Which builder `docker build` and Compose use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Builder {
    /// The one from before `BuildKit`: a container for each step.
    Classic,
    /// `BuildKit`, inside the engine.
    BuildKit,
}

impl Builder {
    /// The word of the scenarios, of JSON and of `--builder`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::BuildKit => "buildkit",
        }
    }
}

/// What the process sees after a cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// What was changed.
    Fresh,
    /// What was there before.
    Stale,
    /// A command of the cure fails, or what the process sees is neither.
    Fails,
}

impl Outcome {
    /// The word of the scenarios and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Fails => "fails",
        }
    }
}

/// An engine with a builder on which the shipped expectations were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Major and minor version of the engine.
    pub engine: (u32, u32),
    /// The builder.
    pub builder: Builder,
}

/// The engines of the measured columns, oldest first: 20.10.24 with docker-compose 1.29.2, 26.1.5 with `docker compose`
/// 2.26.1.
const MEASURED: [(u32, u32); 2] = [(20, 10), (26, 1)];

impl Column {
    /// Every column, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        let builders = [Builder::Classic, Builder::BuildKit];
        MEASURED.into_iter().flat_map(move |engine| builders.map(|builder| Self { engine, builder }))
    }

    /// The column for an engine: the newest that is not newer, else the oldest.
    pub fn of(version: (u32, u32), builder: Builder) -> Self {
        let engine = MEASURED.into_iter().rev().find(|m| *m <= version).unwrap_or(MEASURED[0]);
        Self { engine, builder }
    }

    /// Whether every word of the key is a word of the column's name.
    fn is(self, key: &str) -> bool {
        let name = self.to_string();
        key.split(' ').all(|word| name.split(' ').any(|own| own == word))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} {}", self.engine.0, self.engine.1, self.builder.as_str())
    }
}

/// What is expected after a cure: everywhere the same, or by words of the columns (`classic`, `"20.10"`,
/// `"26.1 buildkit"`). A column that no key names has not been measured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Expected {
    /// On every engine with every builder.
    Everywhere(Outcome),
    /// By words of the columns.
    By(BTreeMap<String, Outcome>),
}

impl Expected {
    /// What is expected in a column.
    pub fn in_column(&self, column: Column) -> Option<Outcome> {
        match self {
            Self::Everywhere(outcome) => Some(*outcome),
            Self::By(map) => map.iter().find(|(key, _)| column.is(key)).map(|(_, outcome)| *outcome),
        }
    }
}

/// Something that is done to the project's files, or a command in its folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Writes into the file that is there, or a new one; the inode stays.
    #[serde(rename_all = "kebab-case")]
    Write {
        /// The file.
        file: String,
        /// Its new text.
        text: String,
        /// Whether it keeps its modification time, as `rsync -t`, `tar` or `git restore-mtime` would have it.
        #[serde(default)]
        keep_time: bool,
    },
    /// Puts a new file in the place of the old one, as git does.
    Replace {
        /// The file.
        file: String,
        /// Its new text.
        text: String,
    },
    /// Puts one text in the place of another in a file.
    #[serde(rename_all = "kebab-case")]
    Edit {
        /// The file.
        file: String,
        /// What stands there once.
        from: String,
        /// What comes there.
        to: String,
        /// Whether it keeps its modification time.
        #[serde(default)]
        keep_time: bool,
    },
    /// Removes a file.
    Delete {
        /// The file.
        file: String,
    },
    /// Gives a file or folder another name.
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// Makes a symbolic link, anew if it is there.
    Link {
        /// The link.
        file: String,
        /// Where it leads.
        to: String,
    },
    /// Sets the mode.
    Mode {
        /// The file.
        file: String,
        /// The mode in octal digits.
        mode: String,
    },
    /// Sets the modification time.
    Time {
        /// The file.
        file: String,
        /// Seconds since 1970.
        at: u64,
    },
    /// Runs `docker …` or `compose …` in the project's folder.
    #[serde(rename_all = "kebab-case")]
    Run {
        /// The command: words between spaces.
        command: String,
        /// Whether its failure is part of the story.
        #[serde(default)]
        may_fail: bool,
    },
    /// Runs a command in the running container of the service that is looked at.
    Exec {
        /// The command.
        command: Vec<String>,
    },
    /// Waits: some clocks tick in seconds.
    Wait {
        /// How long.
        milliseconds: u64,
    },
}

impl Action {
    /// The file whose bytes this changes: what a person would `touch`.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Write { file, .. } | Self::Replace { file, .. } | Self::Edit { file, .. } => Some(file),
            _ => None,
        }
    }
}

/// How to see what the process sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The service whose container is asked.
    pub service: Option<String>,
    /// The container that is asked, by its name. Without it and a service: every running container of the project.
    pub container: Option<String>,
    /// The command that runs in the container and prints it.
    pub exec: Vec<String>,
    /// What it prints before the change.
    pub old: String,
    /// What it prints when the change has arrived.
    pub new: String,
}

/// What a scenario cannot do without.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Needs {
    /// Only with this builder.
    pub builder: Option<Builder>,
    /// Only with this generation of Compose or a later one.
    pub compose: Option<u32>,
    /// Only with this engine or a later one: `"23.0"`.
    pub engine: Option<String>,
    /// The engine mounts folders of this machine.
    pub folders: bool,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of its file, which starts with the mechanism: `S33-context-snapshot`.
    #[serde(skip)]
    pub id: String,
    /// The id of the mechanism.
    pub mechanism: String,
    /// What happens, as a sentence without a full stop.
    pub title: String,
    /// What the measurements say that the catalogue of mechanisms does not.
    pub note: Option<String>,
    /// What it cannot do without.
    #[serde(default)]
    pub needs: Needs,
    /// A command that serves the project's folder `outside` on port 80, in a container of its own: `@url@`.
    #[serde(default)]
    pub server: Vec<String>,
    /// The project: text by path. `@base@` is the base image, `@project@` the Compose project's name, `@url@` the server;
    /// the file `cell` is added, with a text that no other build has.
    pub files: BTreeMap<String, String>,
    /// What is done before the first deploy.
    #[serde(default)]
    pub before: Vec<Action>,
    /// The first deploy, after which the process must see the old.
    #[serde(default = "first_deploy")]
    pub deploy: Vec<String>,
    /// What is done then.
    pub change: Vec<Action>,
    /// How to see what the process sees.
    pub look: Look,
    /// By cure: what was measured. A cure that is not named cannot matter here, and is not tried.
    pub expect: BTreeMap<String, Expected>,
}

fn first_deploy() -> Vec<String> {
    vec!["compose up -d --build".to_owned()]
}

impl Scenario {
    /// Reads a scenario; `id` is the name of its file without `.toml`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(id: &str, text: &str) -> Result<Self, String> {
        let mut scenario: Self = read(text)?;
        id.clone_into(&mut scenario.id);
        if id.split('-').next() != Some(&scenario.mechanism) {
            return Err(format!("the file of `{}` is named `{id}`", scenario.mechanism));
        }
        if scenario.look.old == scenario.look.new {
            return Err("the old and the new look the same".to_owned());
        }
        for (cure, expected) in &scenario.expect {
            let Expected::By(map) = expected else { continue };
            for key in map.keys() {
                if !Column::all().any(|column| column.is(key)) {
                    return Err(format!("`{cure}`: no column is `{key}`"));
                }
            }
            if let Some(column) = Column::all().find(|c| map.keys().filter(|key| c.is(key)).count() > 1) {
                return Err(format!("`{cure}`: several keys name the column `{column}`"));
            }
        }
        Ok(scenario)
    }

    /// What follows the mechanism in the name.
    pub fn name(&self) -> &str {
        self.id.split_once('-').map_or(&self.id, |(_, name)| name)
    }

    /// Why it cannot run there.
    pub fn obstacle(&self, version: (u32, u32), compose: u32, builder: Builder) -> Option<String> {
        let needs = &self.needs;
        if let Some(only) = needs.builder.filter(|only| *only != builder) {
            return Some(format!("needs the builder `{}`", only.as_str()));
        }
        if needs.compose.is_some_and(|least| compose < least) {
            return Some(format!("needs Compose v{}", needs.compose.unwrap_or_default()));
        }
        let least = needs.engine.as_deref().filter(|least| version < major_minor(least).unwrap_or_default());
        least.map(|least| format!("needs an engine from {least} on"))
    }
}

/// The first two numbers of a version: `26.1.5+dfsg1`, `v2.26.1`.
pub(super) fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut next = || {
        let digits: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "mechanism = 'S01'\ntitle = 't'\nchange = [{ write = { file = 'v', text = '2' } }]\n\
        look = { service = 'a', exec = ['cat', '/v'], old = '1', new = '2' }\n[files]\nDockerfile = 'FROM @base@'\n[expect]\n";

    fn read(expect: &str) -> Result<Scenario, String> {
        Scenario::read("S01-x", &format!("{TEXT}{expect}"))
    }

    #[test]
    fn expectations_by_words_of_the_columns() {
        let by = |expect: &str| {
            let scenario = read(expect).unwrap();
            Column::all().map(|c| scenario.expect["build"].in_column(c)).collect::<Vec<_>>()
        };
        let (fresh, stale) = (Some(Outcome::Fresh), Some(Outcome::Stale));
        assert_eq!(by("build = 'fresh'"), [fresh; 4]);
        assert_eq!(by("build = { classic = 'fresh', buildkit = 'stale' }"), [fresh, stale, fresh, stale]);
        assert_eq!(
            by("build = { '20.10' = 'fresh', '26.1 buildkit' = 'stale' }"),
            [fresh, fresh, None, stale]
        );
    }

    #[test]
    fn mistakes_are_found() {
        for (expect, says) in [
            ("build = 'new'", "did not match any variant"),
            ("build = { podman = 'fresh' }", "no column is `podman`"),
            (
                "build = { classic = 'fresh', '20.10' = 'stale' }",
                "several keys name the column `20.10 classic`",
            ),
            ("build = 1.5", "no such value"),
        ] {
            let error = read(expect).unwrap_err();
            assert!(error.contains(says), "{expect}: {error}");
        }
        assert!(Scenario::read("S02-x", TEXT).unwrap_err().contains("the file of `S01`"));
        let unknown = TEXT.replace("title", "colour = 'red'\ntitle");
        assert!(Scenario::read("S01-x", &unknown).unwrap_err().contains("unknown field `colour`"));
    }

    #[test]
    fn the_column_of_an_engine_is_the_newest_that_is_not_newer() {
        let of = |version| Column::of(version, Builder::Classic).engine;
        assert_eq!(
            [(19, 3), (20, 10), (25, 0), (26, 1), (29, 0)].map(of),
            [(20, 10), (20, 10), (20, 10), (26, 1), (26, 1)]
        );
        assert_eq!(major_minor("26.1.5+dfsg1"), Some((26, 1)));
        assert_eq!(major_minor("v2.40.3-desktop.1"), Some((2, 40)));
        assert_eq!(major_minor("dev"), None);
    }
}
