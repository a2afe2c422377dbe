//! The deploy protocol as data: what is wanted and seen, the steps, the evidence and the verdict. Nothing here acts.

pub mod checklist;
mod compiled;
mod content;
mod cure;
mod deployed;
mod event;
mod evidence;
pub mod history;
mod hosts;
mod http;
mod image;
mod journal;
mod ledger;
mod lock;
mod moves;
mod names;
mod observed;
mod plan;
mod preflight;
mod redact;
mod report;
mod rollback;
mod show;
mod sick;
mod sickness;
mod site;
mod stages;
mod step;
mod thin;
mod verdict;

pub use crate::analysis::way::Way;
pub use compiled::{Change, Compiled, CompiledFile, Look, Made, Source, Taken};
pub use content::{Checked, Lfs, Needed, Submodule};
pub use cure::{Cause, Diagnosis, retained};
pub use deployed::is_deployed;
pub use event::{Event, Record, State};
pub use evidence::{
    Base, Built, Bytes, Candidate, Digest, Evidence, FileEvidence, Found, Left, Makes, NotShipped, Reach,
    Recipe, ReplicaEvidence, Stat,
};
pub use hosts::Hosts;
pub use http::{HttpAnswer, HttpCheck, HttpJudged, HttpReply, judge_http};
pub use image::{ImageEvidence, judge_image};
pub use journal::{Carried, Deploying, Journal, Task, Unsaved};
pub use ledger::{LedgerEntry, LedgerStep, Recorded, bust_of, last_verified, verified_images};
pub use lock::{Holder, Lock};
pub use moves::stage_tag;
pub use names::{ImageId, Moment, Sha};
pub use observed::{
    BuildSource, Builder, Checkouts, Compose, Container, Engine, Generation, Health, Here, Image, LedgerFile,
    Mount, MountSource, Observed, Relation, Server, ServerGit, Tip, Upstream, below, full_tag,
};
pub use plan::{Cache, Desired, Options, Order, Plan, plan, together};
pub use preflight::{Refused, locked, refuse_content, refuse_lock, refuse_service, unreachable};
pub use redact::Redactor;
pub use report::{Logged, Outcome, Report, Sample};
pub use rollback::{Retained, choose, judge_returned, kept, plan_back};
pub use show::{Target, command, dry_run, quote, quote_for_script, visible};
pub use sick::{
    Ailment, Ended, LastWords, Sick, Treatment, Unsettled, is_looping, sick_before, sick_words, unsettled,
};
pub use sickness::Sickness;
pub use site::{Neighbour, Port, Room, Site, Wants};
pub use stages::{Inside, Stage, Stages, Tree, joined};
pub use step::{Actor, Again, Arg, Argv, Holds, Phase, Place, Probe, Question, Stdin, Step, Undo, When};
pub use verdict::{Counts, FileState, Judged, Judgement, Verdict, judge, state_of};
