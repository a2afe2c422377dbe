//! What a picture shows of a build: cards of files, stages of steps, the container; and which leads to which.

use super::{Build, Change, Changed, Mount, Outcome, Stage, Step, text::shortened, words};
use crate::report::sanitise;

/// Width of a character of the two fonts, and height of their lines, in pixels.
const CODE: usize = 66;
const SAYS: usize = 60;
pub(super) const CODE_HEIGHT: usize = 15;
pub(super) const SAYS_HEIGHT: usize = 14;

/// The room left of a step's text: its tag and its line number.
pub(super) const TAG: usize = 38;
pub(super) const NUMBER: usize = 34;

/// How many names a card lists.
const NAMED: usize = 6;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Strong,
    Code,
    /// Struck out.
    Gone,
    Says,
}

/// A box.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Its style: `hit`, `miss`, `unknown`, `none`, `file`, `stopped`, `head`, `cut`, `place`.
    pub(super) class: &'static str,
    /// The word at its left.
    pub(super) tag: &'static str,
    /// The line number beside it.
    pub(super) number: String,
    pub(super) lines: Vec<(Look, String)>,
    /// What is shown when it is pointed at.
    pub(super) title: String,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Block {
    fn new(class: &'static str, title: String) -> Self {
        let (tag, number, lines) = ("", String::new(), Vec::new());
        Self { class, tag, number, lines, title, x: 0, y: 0, width: 0, height: 0 }
    }

    fn line(mut self, look: Look, text: impl Into<String>) -> Self {
        self.lines.push((look, text.into()));
        self
    }

    /// Where an arrow meets it.
    pub(super) fn middle(&self) -> usize {
        self.y + self.height.min(30) / 2
    }

    fn measured(mut self, width: usize) -> Self {
        let line = |(look, _): &(Look, String)| if *look == Look::Says { SAYS_HEIGHT } else { CODE_HEIGHT };
        self.width = width;
        self.height = 10 + self.lines.iter().map(line).sum::<usize>();
        self
    }
}

/// An arrow from a card or a stage to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: From,
    /// The stage, and the block in it; 0 is its head.
    pub(super) to: (usize, usize),
    pub(super) class: &'static str,
}

/// Where an arrow starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum From {
    Card(usize),
    Stage(usize),
}

/// Everything in a picture.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) cards: Vec<Block>,
    pub(super) stages: Vec<Vec<Block>>,
    pub(super) container: Vec<Block>,
    pub(super) edges: Vec<Edge>,
    /// How the last arrow looks: into the container.
    pub(super) arrives: &'static str,
}

/// The widths of the three kinds of columns, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths {
    pub(super) cards: usize,
    pub(super) stages: usize,
    pub(super) container: usize,
}

/// What there is to show.
pub(super) fn of(build: &Build, widths: Widths) -> Scene {
    let groups = groups(build);
    let mut cards =
        vec![Block::new("head", String::new()).line(Look::Strong, "changed files").measured(widths.cards)];
    cards.extend(groups.iter().map(|group| card(build, group, widths.cards)));
    if groups.is_empty() {
        let block =
            says(Block::new("stopped", String::new()), "none that has to do with it", widths.cards - 16, 2);
        cards.push(block.measured(widths.cards));
    }
    let mut edges = Vec::new();
    let mut stages = Vec::new();
    let mut said = "";
    for (at, stage) in build.stages.iter().enumerate() {
        let mut blocks = vec![head(stage, widths.stages)];
        let mut open: Vec<&Step> = Vec::new();
        if let Some(parent) = stage.parent {
            edges.push(Edge { from: From::Stage(parent), to: (at, 0), class: "plain" });
        }
        for step in &stage.steps {
            if step.outcome == Outcome::None {
                open.push(step);
                continue;
            }
            blocks.extend(nothing(&mut open, widths.stages));
            let to = (at, blocks.len());
            let class = class(step.outcome);
            for (number, group) in groups.iter().enumerate() {
                if group.iter().any(|file| file.taken_by.contains(&step.line)) {
                    edges.push(Edge { from: From::Card(number + 1), to, class });
                }
            }
            edges.extend(step.takes_from.iter().map(|&from| Edge { from: From::Stage(from), to, class }));
            blocks.push(self::step(step, step.because != said, widths.stages));
            said = &step.because;
        }
        blocks.extend(nothing(&mut open, widths.stages));
        stages.push(blocks);
    }
    let arrives = match (build.counts.miss, build.counts.unknown) {
        (0, 0) => "hit",
        (0, _) => "unknown",
        _ => "miss",
    };
    Scene { cards, stages, container: container(build, widths.container), edges, arrives }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "hit",
        Outcome::Miss => "miss",
        Outcome::Unknown => "unknown",
        Outcome::None => "none",
    }
}

/// Files of one way and one end stand on one card.
fn groups(build: &Build) -> Vec<Vec<&Changed>> {
    let mut groups: Vec<Vec<&Changed>> = Vec::new();
    for way in words::ways(build) {
        let mut own: Vec<Vec<&Changed>> = Vec::new();
        for file in way.files {
            match own.iter_mut().find(|group| group[0].taken_by == file.taken_by) {
                Some(group) => group.push(file),
                None => own.push(vec![file]),
            }
        }
        groups.extend(own);
    }
    groups
}

fn card(build: &Build, group: &[&Changed], width: usize) -> Block {
    let names: Vec<String> = group.iter().map(|file| sanitise::line(&file.path)).collect();
    let class = match group[0] {
        file if words::arrives(file) => "file",
        file if file.verdict == "shadowed" => "hidden",
        _ => "stopped",
    };
    let mut block = Block::new(class, names.join("\n"));
    for file in group.iter().take(NAMED) {
        let look = if file.change == Change::Deleted { Look::Gone } else { Look::Code };
        let mark = if file.change == Change::New { "+ " } else { "" };
        let most = (width - 20) * 10 / CODE - mark.len();
        block = block.line(look, format!("{mark}{}", tail(&file.path, most)));
    }
    if group.len() > NAMED {
        block = block.line(Look::Says, format!("and {} more", group.len() - NAMED));
    }
    says(block, &words::says(build, group[0]), width - 16, 5).measured(width)
}

/// Adds a sentence in so many lines at most.
fn says(mut block: Block, text: &str, width: usize, most: usize) -> Block {
    // Names stand out by their font elsewhere; here a mark is only noise.
    for line in wrapped(&text.replace('`', ""), width * 10 / SAYS, most) {
        block = block.line(Look::Says, line);
    }
    block
}

fn head(stage: &Stage, width: usize) -> Block {
    let most = (width - 16) * 10 / CODE;
    let title = format!("{} (FROM {})", sanitise::line(&stage.name), sanitise::line(&stage.from));
    Block::new("head", title)
        .line(Look::Strong, shortened(&stage.name, most))
        .line(Look::Code, shortened(&format!("FROM {}", stage.from), most))
        .measured(width)
}

fn step(step: &Step, reasoned: bool, width: usize) -> Block {
    let (tag, lines) = match step.outcome {
        Outcome::Hit => ("hit", 1),
        Outcome::Miss => ("MISS", 2),
        Outcome::Unknown => ("?", 2),
        Outcome::None => ("–", 1),
    };
    let title = format!("{}\n{}", sanitise::line(&step.text), sanitise::line(&step.because));
    let mut block = Block { tag, number: step.line.to_string(), ..Block::new(class(step.outcome), title) };
    let room = width - TAG - NUMBER - 8;
    for line in wrapped(&step.text, room * 10 / CODE, lines) {
        block = block.line(Look::Code, line);
    }
    let plain = step.above || (step.outcome == Outcome::Hit && step.because == super::UNCHANGED);
    if !plain && reasoned {
        block = says(block, &step.because, room, 4);
    }
    block.measured(width)
}

/// The instructions that are no steps for the builder, in one box.
fn nothing(open: &mut Vec<&Step>, width: usize) -> Option<Block> {
    let (first, last) = (open.first()?, open.last()?);
    let number = if first.line == last.line {
        first.line.to_string()
    } else {
        format!("{}–{}", first.line, last.line)
    };
    let texts: Vec<String> = open.iter().map(|step| sanitise::line(&step.text)).collect();
    let names: Vec<&str> = open.iter().map(|step| step.cmd.as_str()).collect();
    let room = (width - TAG - NUMBER - 8) * 10 / CODE;
    let shown = match &open[..] {
        [one] => shortened(&one.text, room),
        _ => shortened(&names.join(", "), room),
    };
    let title = format!("{}\nno step for the builder: it only sets something in the image", texts.join("\n"));
    open.clear();
    let block = Block { tag: "–", number, ..Block::new("none", title) };
    Some(block.line(Look::Code, shown).measured(width))
}

/// What of the change is there in the container, and what cuts it off.
fn container(build: &Build, width: usize) -> Vec<Block> {
    let most = (width - 20) * 10 / CODE;
    let title = match &build.service {
        Some(service) => format!("container of {service}"),
        None => "image".to_owned(),
    };
    let head = Block::new("head", sanitise::line(&title)).line(Look::Strong, shortened(&title, most));
    let mut blocks = vec![head.measured(width)];
    let plain = || build.changed.iter().filter(|file| !file.recipe);
    let reached: Vec<&Changed> = plain().filter(|file| file.verdict == "reaches" && !file.mounted).collect();
    if !reached.is_empty() {
        let block = Block::new("place", listed(&reached));
        blocks
            .push(paths(says(block, "changed in it:", width - 16, 2), &reached, most, false).measured(width));
    }
    let made = plain().filter(|file| file.verdict == "build-only").count();
    if made > 0 {
        let files = if made == 1 { "1 changed file".to_owned() } else { format!("{made} changed files") };
        let text = format!("what the build makes of {files}");
        blocks.push(says(Block::new("place", text.clone()), &text, width - 16, 3).measured(width));
    }
    for (at, mount) in build.mounts.iter().enumerate() {
        let hidden: Vec<&Changed> = plain().filter(|file| file.hidden_by == Some(at)).collect();
        let brought: Vec<&Changed> = plain().filter(|file| file.mounted && over(mount, file)).collect();
        if !mount.hides && brought.is_empty() {
            continue;
        }
        blocks.push(cut(mount, &hidden, &brought, width));
    }
    if blocks.len() == 1 {
        let text = "no changed file arrives";
        blocks.push(says(Block::new("none", text.to_owned()), text, width - 16, 2).measured(width));
    }
    blocks
}

fn over(mount: &Mount, file: &Changed) -> bool {
    file.container_paths.iter().any(|path| {
        path.strip_prefix(mount.target.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn cut(mount: &Mount, hidden: &[&Changed], brought: &[&Changed], width: usize) -> Block {
    let most = (width - 20) * 10 / CODE;
    let place = format!("{}:{}", sanitise::line(&mount.file), mount.line);
    let title = format!("{} ({place})\n{}", sanitise::line(&words::mount(mount)), listed(hidden));
    let class = if brought.is_empty() { "cut" } else { "place" };
    let what = match (mount.kind, mount.source.as_deref()) {
        ("named-volume", Some(name)) => format!("volume {name}"),
        ("bind", Some(path)) => format!("bind {path}"),
        (kind, _) => kind.replace('-', " "),
    };
    let block = Block::new(class, title)
        .line(Look::Strong, shortened(&what, most))
        .line(Look::Code, tail(&mount.target, most));
    let block = match (hidden, brought) {
        (_, [_, ..]) => says(block, "brings them without a build:", width - 16, 2),
        ([_, ..], _) => says(block, "cuts off what the image has there:", width - 16, 2),
        _ => says(block, "hides what the image has there", width - 16, 2),
    };
    let block = paths(block, hidden, most, true);
    paths(block, brought, most, false).measured(width)
}

fn paths(mut block: Block, files: &[&Changed], most: usize, gone: bool) -> Block {
    let all: Vec<(&String, bool)> = files
        .iter()
        .flat_map(|file| file.container_paths.iter().map(|p| (p, gone || file.change == Change::Deleted)))
        .collect();
    for (path, gone) in all.iter().take(NAMED) {
        block = block.line(if *gone { Look::Gone } else { Look::Code }, tail(path, most));
    }
    if all.len() > NAMED {
        block = block.line(Look::Says, format!("and {} more", all.len() - NAMED));
    }
    block
}

fn listed(files: &[&Changed]) -> String {
    let all = files.iter().flat_map(|file| &file.container_paths);
    all.map(|path| sanitise::line(path)).collect::<Vec<_>>().join("\n")
}

/// The end of a path, which tells more than its start.
fn tail(path: &str, most: usize) -> String {
    let safe = sanitise::line(path);
    let length = safe.chars().count();
    if length <= most {
        return safe;
    }
    ['…'].into_iter().chain(safe.chars().skip(length + 1 - most)).collect()
}

/// Lines of at most so many characters, broken between words where there are some; the last one ends in `…` if more
/// follows.
fn wrapped(text: &str, most: usize, lines: usize) -> Vec<String> {
    let safe = sanitise::line(text);
    let mut all: Vec<String> = vec![String::new()];
    for word in safe.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let last = all.last().map_or(0, |line| line.chars().count());
        let space = usize::from(last > 0);
        if last + space + word.len() <= most {
            let line = all.last_mut().expect("there is one from the start");
            line.extend(std::iter::repeat_n(' ', space));
            line.extend(word);
            continue;
        }
        if last == 0 {
            all.pop();
        }
        while word.len() > most {
            let rest = word.split_off(most);
            all.push(word.into_iter().collect());
            word = rest;
        }
        all.push(word.into_iter().collect());
    }
    if all.len() > lines {
        // Of the last one as much as there is room for.
        let rest = all.split_off(lines - 1).join(" ");
        all.push(rest.chars().take(most.saturating_sub(1)).chain(['…']).collect());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_inside_of_long_ones() {
        assert_eq!(wrapped("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij kl", 4, 5), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrapped("one two three", 9, 1), ["one two …"]);
        assert_eq!(wrapped("", 7, 1), [""]);
        assert_eq!(tail("a/b/c.txt", 5), "….txt");
    }
}
