//! What the content of a package manager's manifest says about an install: whether the manifest is all that it reads.

mod compiled;
mod node;
mod python;
mod scripted;

use super::commands::{Install, Manager, Needs};

/// What an install reads beside the files that its manager's row of the table names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// Nothing.
    Manifests,
    /// Perhaps more: why a fix must not guess.
    More(String),
    /// The manifests of other folders of the project, which a person can copy first, too: which and why.
    Members(String),
    /// The sources of the project itself.
    Sources,
}

impl Wants {
    /// The more demanding of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// Why the manifest alone will not do; empty where it does.
    pub fn reason(&self) -> &str {
        match self {
            Self::Manifests => "",
            Self::More(reason) | Self::Members(reason) => reason,
            Self::Sources => "it needs the sources",
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Manifests => 0,
            Self::More(_) => 1,
            Self::Members(_) => 2,
            Self::Sources => 3,
        }
    }
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What else the install reads.
    pub wants: Wants,
    /// Files that the manifest names, from its folder.
    pub files: Vec<String>,
}

impl From<Wants> for Judged {
    fn from(wants: Wants) -> Self {
        Self { wants, files: Vec::new() }
    }
}

/// A manifest and what lies around it where the install runs.
pub struct Around<'a> {
    /// The install.
    pub install: &'a Install,
    /// The manifest's name without its folder.
    pub name: &'a str,
    /// Whether a file or a folder is there, from the manifest's folder.
    pub is_there: &'a dyn Fn(&str) -> bool,
    /// Whether a path of the context, from the manifest's folder there, exists: another COPY may bring it.
    pub in_context: &'a dyn Fn(&str) -> bool,
    /// The text of a file, likewise, without a byte order mark; `None` if it is not known.
    pub text: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl std::fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What the install needs, given its manifest.
pub fn judge(around: &Around<'_>) -> Judged {
    if around.install.needs == Needs::Sources {
        return Wants::Sources.into();
    }
    let Some(text) = (around.text)(around.name) else {
        let why = format!("what `{}` says is not known", around.name);
        // Without its manifest nobody knows whether the project itself is installed.
        return if around.install.needs == Needs::Project { Wants::Sources } else { Wants::More(why) }.into();
    };
    match around.install.manager {
        Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Bun => node::judge(text, around),
        Manager::Pip | Manager::UvPip if around.name != "pyproject.toml" => python::list(text, around),
        Manager::Pip | Manager::UvPip | Manager::Poetry | Manager::Uv => python::project(text, around),
        Manager::Pipenv => python::pipfile(text),
        Manager::Bundler => scripted::bundler(text),
        Manager::Composer => scripted::composer(text, around),
        Manager::Mix => scripted::mix(text).into(),
        Manager::Gradle => scripted::gradle(text, around).into(),
        Manager::Go => compiled::go(text, around).into(),
        Manager::Cargo => compiled::cargo(text, around).into(),
        Manager::Maven => compiled::maven(text, around).into(),
        Manager::Dotnet => compiled::dotnet(text, around),
    }
}

/// Lines without those that are comments as a whole.
fn uncommented<'a>(text: &'a str, marks: &'a [&str]) -> impl Iterator<Item = &'a str> {
    text.lines().map(str::trim).filter(|line| !marks.iter().any(|mark| line.starts_with(mark)))
}

/// The first of the words that stands in a line that is no comment.
fn first_of<'w>(text: &str, marks: &[&str], words: &[&'w str]) -> Option<&'w str> {
    let lines: Vec<&str> = uncommented(text, marks).collect();
    words.iter().copied().find(|word| lines.iter().any(|line| line.contains(word)))
}
