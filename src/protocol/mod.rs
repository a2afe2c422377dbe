//! The deploy protocol as data: what is wanted and seen, the steps, the evidence and the verdict. Nothing here acts.

pub mod checklist;
mod event;
pub mod history;
mod hosts;
mod journal;
mod ledger;
mod names;
mod observed;
mod plan;
mod quote;
mod redact;
mod report;
mod sickness;
mod target;
mod verdict;

pub use crate::analysis::way::Way;
pub use event::{Event, Record, State};
pub use hosts::Hosts;
pub use journal::{Carried, Deploying, Journal, Task, Unsaved};
pub use ledger::{LedgerEntry, LedgerStep, Recorded, bust_of, last_verified, verified_images};
pub use names::{ImageId, Moment, Sha};
pub use observed::{
    BuildSource, Builder, Checkouts, Compose, Container, Ended, Engine, Generation, Health, Here, Image,
    LedgerFile, Mount, MountSource, Observed, Relation, Server, ServerGit, Tip, Upstream, below,
    content::{Checked, Lfs, Needed, Submodule},
    full_tag,
    lock::{Holder, Lock},
    site::{Neighbour, Port, Room, Site, Wants},
};
pub use plan::{
    Plan,
    deployed::is_deployed,
    desired::{Cache, Desired, Options, Order},
    moves::stage_tag,
    plan,
    preflight::{Refused, locked, refuse_content, refuse_lock, refuse_service, unreachable},
    retained::{Retained, choose, kept},
    rollback::plan_back,
    show::{command, dry_run},
    step::{Actor, Again, Holds, Phase, Probe, Question, Stdin, Step, Undo, When},
    together,
};
pub use quote::{quote, quote_for_script, visible};
pub use redact::Redactor;
pub use report::{Logged, Outcome, Report, Sample};
pub use sickness::Sickness;
pub use target::{Arg, Argv, Place, Target};
pub use verdict::{
    ailment::{Ailment, Unsettled, is_looping, sick_before, unsettled},
    compiled::{Change, Compiled, CompiledFile, Look, Made, Source, Taken},
    cure::{Cause, Diagnosis, retained},
    evidence::{
        Base, Built, Candidate, Evidence, Found, Left, Makes, NotShipped, Reach, Recipe, ReplicaEvidence,
    },
    file::{Bytes, Digest, FileEvidence, FileState, Stat, state_of},
    http::{HttpAnswer, HttpCheck, HttpReply, judge_http},
    image::{ImageEvidence, judge_image},
    judge,
    judgement::{Counts, HttpJudged, Judged, Judgement, Verdict},
    returned::judge_returned,
    sick::{LastWords, Sick},
    stages::{Inside, Stage, Stages, Tree, joined},
    treatment::{Treatment, sick_words},
};
