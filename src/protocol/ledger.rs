//! The ledger's lines: what is kept of a deploy, for the next one and for `history`.

use serde::{Deserialize, Serialize};

use super::{
    event::State,
    names::{Moment, Sha},
    plan::desired::{Cache, Order},
    report::{Logged, Outcome, Report},
    target::{Place, Target},
    verdict::{
        ailment::Ailment,
        judgement::{Judged, Verdict},
    },
};

/// What a line says beside the report.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// The deploy's id.
    pub id: &'a str,
    /// When, by the server's clock.
    pub time: Moment,
    /// The commit that the server had before.
    pub from: Option<&'a Sha>,
    /// Who, as git calls them.
    pub who: Option<&'a str>,
    /// Where to.
    pub target: &'a Target,
    /// Which ledger the line goes to.
    pub kept: Place,
}

/// One line of the ledger. Fields that came later are optional when it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Version of the line.
    pub schema: u32,
    /// The deploy's id.
    pub id: String,
    /// When it was recorded, by the server's clock.
    pub time: String,
    /// The service.
    pub service: String,
    /// The commit that the server had before.
    #[serde(default)]
    pub from: Option<String>,
    /// The commit that was deployed.
    #[serde(default)]
    pub to: Option<String>,
    /// The image of the first container.
    #[serde(default)]
    pub image: Option<String>,
    /// How it ended.
    pub verdict: String,
    /// Why, if it is not verified.
    #[serde(default)]
    pub cause: Option<String>,
    /// How long no container ran.
    #[serde(default)]
    pub downtime_ms: u64,
    /// The steps that ran.
    #[serde(default)]
    pub steps: Vec<LedgerStep>,
    /// Who.
    #[serde(default)]
    pub who: Option<String>,
    /// The host, as `ssh` takes it; `None` for the machine itself, and in lines of before.
    #[serde(default)]
    pub host: Option<String>,
    /// The server's folder; `None` in lines of before.
    #[serde(default)]
    pub dir: Option<String>,
    /// Whether the line lies on the server or here; `None` in lines of before.
    #[serde(default)]
    pub kept: Option<String>,
    /// The images of all containers.
    #[serde(default)]
    pub images: Vec<String>,
    /// What came first, the removal (`protocol`) or the build (`build-first`).
    #[serde(default)]
    pub order: Option<String>,
    /// Whether the build had a cache (`verified`) or not (`fresh`).
    #[serde(default)]
    pub cache: Option<String>,
    /// How often it was built; `None` in lines of before.
    #[serde(default)]
    pub rebuilds: Option<u64>,
    /// The verdict in words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The id of the mechanism behind the cause.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// The value of `CACHE_BUST` that the build had; `None` without a build, and in lines of before.
    #[serde(default)]
    pub cache_bust: Option<String>,
}

/// A step in the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LedgerStep {
    /// Its id.
    pub id: String,
    /// How long it took.
    pub ms: u64,
    /// How it ended; `None` in lines of before.
    #[serde(default)]
    pub state: Option<String>,
}

/// The longest reason that is kept, in characters: a failed build may say a lot, and none of it is needed here.
const REASON: usize = 300;

impl Report {
    /// One line of the ledger, without its newline.
    ///
    /// # Panics
    /// Never: it holds nothing that JSON cannot.
    pub fn ledger_line(&self, about: &Recorded<'_>) -> String {
        let entry = LedgerEntry::of(self, self.outcome.judged(), about);
        serde_json::to_string(&entry).expect("strings, numbers and lists always serialize")
    }
}

impl LedgerEntry {
    /// Whether its first build had no cache.
    pub(super) fn built_anew(&self) -> bool {
        self.cache.as_deref() != Some(Cache::Verified.as_str())
    }

    fn of(report: &Report, judged: &[Judged], about: &Recorded<'_>) -> Self {
        let ran = || report.steps.iter().filter(|s| s.record.state.ran());
        let mut images: Vec<String> = Vec::new();
        for replica in judged {
            if !images.contains(&replica.image) {
                images.push(replica.image.clone());
            }
        }
        let of_containers = judged.iter().max_by_key(|r| r.verdict).and_then(|r| r.diagnosis.as_ref());
        let of_answers = report.outcome.http().iter().find_map(|http| http.diagnosis.as_ref());
        let worst = of_containers.or(of_answers);
        let (host, dir) = match about.target {
            Target::Local { dir } => (None, dir),
            Target::Ssh { host, dir } => (Some(host.clone()), dir),
        };
        // All services of a deploy go back for the one that is sick.
        let sick = report.sick.containers.iter().map(|(sick, _)| sick.ailment).max();
        let sick = sick.filter(|_| matches!(report.outcome, Outcome::Stopped { .. })).map(Ailment::as_str);
        let cause = sick.or(worst.map(|d| d.cause.as_str()));
        let reason = report.outcome.reason();
        Self {
            schema: 1,
            id: about.id.to_owned(),
            time: about.time.rfc3339(),
            service: report.service.clone(),
            from: about.from.map(ToString::to_string),
            to: report.expected.as_ref().map(ToString::to_string),
            image: images.first().cloned(),
            verdict: report.outcome.word().to_owned(),
            cause: cause.map(str::to_owned),
            downtime_ms: report.downtime_ms,
            steps: ran().map(LedgerStep::of).collect(),
            who: about.who.map(str::to_owned),
            host,
            dir: Some(dir.clone()),
            kept: Some(about.kept.as_str().to_owned()),
            images,
            order: order(&report.steps).map(str::to_owned),
            cache: cache(&report.steps).map(str::to_owned),
            rebuilds: Some(
                ran().filter(|s| s.step.builds() && s.record.state != State::Already).count() as u64
            ),
            reason: reason.lines().next().map(|line| line.chars().take(REASON).collect()),
            mechanism: worst.and_then(|d| d.mechanism).map(str::to_owned),
            cache_bust: ran().find_map(|logged| logged.step.cache_bust()).map(str::to_owned),
        }
    }
}

impl LedgerStep {
    fn of(logged: &Logged) -> Self {
        Self {
            id: logged.step.id().to_owned(),
            ms: logged.record.ms,
            state: Some(logged.record.state.as_str().to_owned()),
        }
    }
}

/// What the steps themselves say, so that it cannot differ from what was run.
fn order(steps: &[Logged]) -> Option<&'static str> {
    let build = steps.iter().position(|s| s.step.builds())?;
    let remove = steps.iter().position(|s| s.step.removes())?;
    Some(if build < remove { Order::BuildFirst } else { Order::Protocol }.as_str())
}

fn cache(steps: &[Logged]) -> Option<&'static str> {
    let first = steps.iter().find(|s| s.step.builds())?;
    Some(if first.step.builds_anew() { Cache::Fresh } else { Cache::Verified }.as_str())
}

/// The commit of the last verified deploy of a service. Lines that cannot be read are passed over.
pub fn last_verified(lines: &[String], service: &str) -> Option<Sha> {
    let entries = lines.iter().rev().filter_map(|l| serde_json::from_str::<LedgerEntry>(l).ok());
    let verified =
        entries.into_iter().find(|e| e.service == service && e.verdict == Verdict::Verified.as_str())?;
    Sha::parse(&verified.to?)
}

/// The images that a service had in deploys of the commit that were verified.
pub fn verified_images(lines: &[String], service: &str, commit: &Sha) -> Vec<String> {
    let entries = lines.iter().filter_map(|l| serde_json::from_str::<LedgerEntry>(l).ok());
    let of_commit = entries.filter(|e| {
        e.service == service
            && e.verdict == Verdict::Verified.as_str()
            && e.to.as_deref() == Some(commit.as_str())
    });
    of_commit.flat_map(|e| e.images).collect()
}

/// The value of `CACHE_BUST` with which the image was built, by the last deploy that started it.
pub fn bust_of(lines: &[String], image: &str) -> Option<String> {
    let entries = lines.iter().rev().filter_map(|l| serde_json::from_str::<LedgerEntry>(l).ok());
    entries.filter(|e| e.images.iter().any(|i| i == image)).find_map(|e| e.cache_bust)
}
