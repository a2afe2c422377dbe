//! Applies fixes in rounds until nothing more can be fixed; what makes things worse is withheld, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diag::{Finding, Fix, Report, Safety},
    text::{Edit, EditSet, FileId, Inserted, Snapshot, SourceFile},
};

/// After this many rounds the loop ends; a real file needs two or three.
pub const MAX_ROUNDS: usize = 10;

/// What the loop needs from above: how to look again, and how to compare the meaning of two states.
pub struct Door<'a> {
    /// Finds everything in a snapshot.
    pub check: &'a dyn Fn(&Snapshot) -> Report,
    /// Why the second snapshot means something else than the first; `None` if it means the same.
    pub differs: &'a dyn Fn(&Snapshot, &Snapshot) -> Option<String>,
    /// Whether a finding is to be fixed. The others are looked at: a fix must not add to them.
    pub wants: &'a dyn Fn(&Finding) -> bool,
}

impl std::fmt::Debug for Door<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

/// A fix that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The rule.
    pub rule: &'static str,
    /// What was done.
    pub title: String,
    /// The file of the finding.
    pub file: FileId,
}

/// A fix that was not made, although it was trusted enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The rule.
    pub rule: &'static str,
    /// The file of the finding.
    pub file: FileId,
    /// Why.
    pub reason: String,
}

/// What came of it. Nothing is written: that is `project`'s work.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The files afterwards.
    pub snapshot: Snapshot,
    /// What was done, in order.
    pub applied: Vec<Applied>,
    /// What was not done.
    pub withheld: Vec<Withheld>,
    /// What is found afterwards.
    pub report: Report,
}

impl Fixed {
    /// The files that were not there.
    pub fn created<'a>(&'a self, before: &'a Snapshot) -> impl Iterator<Item = &'a SourceFile> {
        self.snapshot.files().skip(before.files().count()).map(|(_, file)| file)
    }

    /// The files whose text differs.
    pub fn changed<'a>(&'a self, before: &'a Snapshot) -> impl Iterator<Item = FileId> {
        before.files().filter(|(id, file)| self.snapshot.file(*id).text != file.text).map(|(id, _)| id)
    }
}

/// Makes every fix that is trusted at least as far as `limit`.
pub fn fix(snapshot: &Snapshot, limit: Safety, door: &Door<'_>) -> Fixed {
    let report = (door.check)(snapshot);
    let mut state = Fixed { snapshot: snapshot.clone(), applied: Vec::new(), withheld: Vec::new(), report };
    let mut refused = Refused::default();
    for _ in 0..MAX_ROUNDS {
        let mut chosen = choose(&candidates(&state.report, limit, door, &refused));
        // What was refused before another fix was made may hold now: a second run would make it.
        if chosen.is_empty() && refused.forget(state.applied.len()) {
            chosen = choose(&candidates(&state.report, limit, door, &refused));
        }
        if chosen.is_empty() {
            break;
        }
        make(&mut state, &apart(chosen), door, &mut refused);
    }
    state.withheld = refused.all.into_iter().map(|one| one.withheld).collect();
    state
}

/// The findings that are to be fixed, with their fixes.
fn candidates(report: &Report, limit: Safety, door: &Door<'_>, refused: &Refused) -> Vec<(Finding, Fix)> {
    let wanted = report.findings.iter().filter(|finding| (door.wants)(finding));
    wanted
        .filter_map(|finding| Some((finding.clone(), finding.fix.clone()?)))
        .filter(|(finding, fix)| fix.safety >= limit && !fix.is_empty() && !refused.has(finding))
        .collect()
}

/// Fixes that touch a file in common, in order: what is made in one group moves no place of another.
type Group = Vec<(Finding, Fix)>;

/// What a fix touches.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    File(FileId),
    New(String),
}

/// The fixes in groups that have no file in common.
fn apart(chosen: Vec<(Finding, Fix)>) -> Vec<Group> {
    let mut groups: Vec<(BTreeSet<Touched>, Group)> = Vec::new();
    for one in chosen {
        let edited = one.1.edits.iter().map(|(file, _)| Touched::File(*file));
        let created = one.1.creates.iter().map(|file| Touched::New(file.path.clone()));
        let mut files: BTreeSet<Touched> = edited.chain(created).collect();
        let mut all = Group::new();
        let (together, others) = groups.into_iter().partition(|(theirs, _)| !theirs.is_disjoint(&files));
        groups = others;
        for (theirs, group) in together {
            files.extend(theirs);
            all.extend(group);
        }
        all.push(one);
        groups.push((files, all));
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Makes the groups, all at once if that holds; else each half for itself, until the guilty ones stand alone.
fn make(state: &mut Fixed, groups: &[Group], door: &Door<'_>, refused: &mut Refused) {
    let chosen = groups.concat();
    match (attempt(state, &chosen, door), groups) {
        (Ok(next), _) => *state = next,
        (Err(reason), [one]) if one.len() == 1 => refused.add(&one[0].0, reason, state.applied.len()),
        (Err(_), [one]) => one_by_one(state, one, door, refused),
        (Err(_), _) => {
            let (first, second) = groups.split_at(groups.len() / 2);
            make(state, first, door, refused);
            make(state, second, door, refused);
        }
    }
}

/// Findings whose fixes are not made.
#[derive(Default)]
struct Refused {
    all: Vec<Refusal>,
}

struct Refusal {
    key: Key,
    withheld: Withheld,
    /// How many fixes had been made when it was tried.
    made: usize,
}

impl Refused {
    fn add(&mut self, finding: &Finding, reason: String, made: usize) {
        let withheld = Withheld { rule: finding.rule, file: finding.at.file, reason };
        self.all.push(Refusal { key: key(finding), withheld, made });
    }

    fn has(&self, finding: &Finding) -> bool {
        // Most runs refuse nothing.
        !self.all.is_empty() && {
            let key = key(finding);
            self.all.iter().any(|one| one.key == key)
        }
    }

    /// Forgets those that were tried when fewer fixes had been made; false if there are none.
    fn forget(&mut self, made: usize) -> bool {
        let before = self.all.len();
        self.all.retain(|one| one.made == made);
        self.all.len() < before
    }
}

type Key = (&'static str, FileId, String);

/// What tells a finding from another before and after other files changed: places move, these stay.
fn key(finding: &Finding) -> Key {
    (finding.rule, finding.at.file, finding.message.clone())
}

/// The fixes that can be made together, in the order of the findings. One that touches an accepted one waits for the
/// next round, whole; so does one that rests on what an accepted one changes.
fn choose(candidates: &[(Finding, Fix)]) -> Vec<(Finding, Fix)> {
    let (mut sets, mut created) = (BTreeMap::new(), BTreeMap::new());
    let mut chosen = Vec::new();
    // Those that rest on nothing first, so that not the order of the findings decides who waits.
    for rests in [false, true] {
        for one in candidates.iter().filter(|(_, fix)| fix.rests_on.is_empty() != rests) {
            if !is_moved(&sets, &one.1) && add(&mut sets, &mut created, &one.1) {
                chosen.push(one.clone());
            }
        }
    }
    chosen
}

/// Whether the edits change what the fix rests on.
fn is_moved(sets: &BTreeMap<FileId, EditSet>, fix: &Fix) -> bool {
    fix.rests_on.iter().any(|at| sets.get(&at.file).is_some_and(|set| set.touches(at.span)))
}

/// Adds every edit of the fix, or none. What another fix takes away already it may take away, too, if that is all that it
/// does to the file; else both could put it somewhere, and it would be there twice.
fn add<'f>(
    sets: &mut BTreeMap<FileId, EditSet>,
    created: &mut BTreeMap<&'f str, &'f str>,
    fix: &'f Fix,
) -> bool {
    if fix.creates.iter().any(|file| created.get(file.path.as_str()).is_some_and(|text| *text != file.text)) {
        return false;
    }
    let mut made: Vec<&(FileId, Edit)> = Vec::new();
    let (mut gone, mut clash) = (BTreeSet::new(), false);
    for edit in &fix.edits {
        match sets.entry(edit.0).or_default().insert(edit.1.clone()) {
            Ok(Inserted::New) => made.push(edit),
            Ok(Inserted::Already) if edit.1.span.is_empty() => {}
            Ok(Inserted::Already) => drop(gone.insert(edit.0)),
            Err(_) => clash = true,
        }
    }
    if clash || made.iter().any(|(file, _)| gone.contains(file)) {
        for (file, edit) in made {
            sets.entry(*file).or_default().remove(edit);
        }
        return false;
    }
    created.extend(fix.creates.iter().map(|file| (file.path.as_str(), file.text.as_str())));
    true
}

/// Makes the fixes and looks again.
fn attempt(state: &Fixed, chosen: &[(Finding, Fix)], door: &Door<'_>) -> Result<Fixed, String> {
    let (mut sets, mut created) = (BTreeMap::<FileId, EditSet>::new(), BTreeMap::new());
    for (_, fix) in chosen {
        if !add(&mut sets, &mut created, fix) {
            return Err("its edits overlap each other".to_owned());
        }
    }
    let mut snapshot = state.snapshot.clone();
    for (path, text) in created {
        // A rule proposes no file that is known to be there.
        if snapshot.entry(path).is_some() || snapshot.find(path).is_some() {
            return Err(format!("`{path}` is there already"));
        }
        snapshot.add_file(SourceFile { path: path.to_owned(), text: text.to_owned() });
    }
    for (file, set) in sets {
        let text = set.apply(&snapshot.file(file).text);
        snapshot = snapshot.with_text(file, text);
    }
    let report = (door.check)(&snapshot);
    compare(&state.report, &report, chosen)?;
    if chosen.iter().all(|(_, fix)| fix.safety == Safety::Safe)
        && let Some(difference) = (door.differs)(&state.snapshot, &snapshot)
    {
        return Err(format!("it would change more than it says: {difference}"));
    }
    let mut applied = state.applied.clone();
    applied.extend(chosen.iter().map(|(finding, fix)| Applied {
        rule: finding.rule,
        title: fix.title.clone(),
        file: finding.at.file,
    }));
    Ok(Fixed { snapshot, applied, withheld: Vec::new(), report })
}

/// Every finding that was fixed is gone, and nothing new is found.
fn compare(before: &Report, after: &Report, chosen: &[(Finding, Fix)]) -> Result<(), String> {
    let count = |report: &Report| {
        let mut counts: BTreeMap<(&'static str, FileId), usize> = BTreeMap::new();
        for finding in &report.findings {
            *counts.entry((finding.rule, finding.at.file)).or_default() += 1;
        }
        counts
    };
    let (old, new) = (count(before), count(after));
    for ((rule, file), n) in &new {
        if *n > old.get(&(*rule, *file)).copied().unwrap_or(0) {
            return Err(format!("afterwards `{rule}` finds something new"));
        }
    }
    let mut made: BTreeMap<(&'static str, FileId), usize> = BTreeMap::new();
    for (finding, _) in chosen {
        *made.entry((finding.rule, finding.at.file)).or_default() += 1;
    }
    for (key, made) in made {
        let left = new.get(&key).copied().unwrap_or(0);
        if left + made > old.get(&key).copied().unwrap_or(0) {
            return Err(format!("afterwards `{}` still finds it", key.0));
        }
    }
    Ok(())
}

/// How many fixes of a group are tried each for itself; the others wait for the next round.
const MAX_TRIES: usize = 50;

fn one_by_one(state: &mut Fixed, chosen: &[(Finding, Fix)], door: &Door<'_>, refused: &mut Refused) {
    let mut good = Group::new();
    for one in chosen.iter().take(MAX_TRIES) {
        match attempt(state, std::slice::from_ref(one), door) {
            Ok(_) => good.push(one.clone()),
            Err(reason) => refused.add(&one.0, reason, state.applied.len()),
        }
    }
    // Those that hold alone may not hold together: then the first is made, and the next round finds the others again.
    let made = attempt(state, &good, door).or_else(|_| attempt(state, &good[..good.len().min(1)], door));
    if let Ok(next) = made {
        *state = next;
    }
}
