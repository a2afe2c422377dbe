//! Where everything of a picture lies: side by side for a screen, one below the other for a phone.

use super::scene::{Block, Edge, From, Scene};

/// A line with an arrow at its end.
#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub(super) class: &'static str,
    /// The corners.
    pub(super) points: Vec<(usize, usize)>,
}

/// A picture.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) blocks: Vec<Block>,
    pub(super) arrows: Vec<Arrow>,
}

const EDGE: usize = 12;
const BETWEEN: usize = 6;
/// Two lines beside one another.
const LANE: usize = 9;

/// The columns beside each other: files, stages, container.
pub(super) fn wide(scene: Scene) -> Drawn {
    let Scene { mut cards, mut stages, mut container, edges, arrives } = scene;
    let count = stages.len();
    // Which line runs down in which gap; a gap lies left of each stage, the last one left of the container.
    let mut gaps: Vec<Vec<From>> = vec![Vec::new(); count + 1];
    let (mut above, mut below): (Vec<From>, Vec<From>) = (Vec::new(), Vec::new());
    for edge in &edges {
        let (start, far) = match edge.from {
            From::Card(_) => (0, edge.to.0 > 0),
            From::Stage(stage) => (stage + 1, edge.to.0 > stage + 1),
        };
        note(&mut gaps[start], edge.from);
        if far {
            note(&mut gaps[edge.to.0], edge.from);
            note(if matches!(edge.from, From::Card(_)) { &mut above } else { &mut below }, edge.from);
        }
    }
    let top = EDGE + above.len() * LANE;
    let mut x = EDGE;
    let mut bottom = top;
    let mut starts = Vec::new();
    if !cards.is_empty() {
        x = place(&mut cards, x, top, &mut bottom);
    }
    for (stage, gap) in stages.iter_mut().zip(&gaps) {
        starts.push(x);
        x = place(stage, x + room(gap.len()), top, &mut bottom);
    }
    starts.push(x);
    let width = place(&mut container, x + room(2), top, &mut bottom) + EDGE;
    let lane = |gap: usize, from: From| starts[gap] + EDGE + index(&gaps[gap], from) * LANE;
    let arrow = |edge: &Edge| {
        let block = &stages[edge.to.0][edge.to.1];
        let end = (block.x, block.middle());
        let (start, gap, far) = match edge.from {
            From::Card(card) => (right(&cards[card]), 0, EDGE / 2 + index(&above, edge.from) * LANE),
            From::Stage(stage) => {
                let last = stages[stage].last().expect("a stage has a head");
                (right(last), stage + 1, bottom + EDGE + index(&below, edge.from) * LANE)
            }
        };
        let mut points = vec![start, (lane(gap, edge.from), start.1)];
        if edge.to.0 > gap {
            points.push((lane(gap, edge.from), far));
            points.push((lane(edge.to.0, edge.from), far));
        }
        points.push((lane(edge.to.0, edge.from), end.1));
        points.push(end);
        Arrow { class: edge.class, points }
    };
    let mut arrows: Vec<Arrow> = edges.iter().map(arrow).collect();
    if let Some(last) = stages.last().and_then(|stage| stage.last()) {
        let start = right(last);
        for (class, block) in arrivals(arrives, &container) {
            let end = (block.x, block.middle());
            let x = end.0 - EDGE - if class == "cut" { LANE } else { 0 };
            arrows.push(Arrow { class, points: vec![start, (x, start.1), (x, end.1), end] });
        }
    }
    let height = bottom + EDGE + below.len() * LANE + EDGE / 2;
    let blocks = cards.into_iter().chain(stages.into_iter().flatten()).chain(container).collect();
    Drawn { width, height, blocks, arrows }
}

/// Everything below each other: lines from files at the left, from stages at the right.
pub(super) fn narrow(scene: Scene) -> Drawn {
    let Scene { mut cards, mut stages, mut container, edges, arrives } = scene;
    let (mut left, mut right_side) = (Vec::new(), Vec::new());
    for edge in &edges {
        note(if matches!(edge.from, From::Card(_)) { &mut left } else { &mut right_side }, edge.from);
    }
    let x = room(left.len());
    let mut bottom = EDGE;
    let mut width = place(&mut cards, x, bottom, &mut bottom);
    for stage in &mut stages {
        let y = bottom + EDGE;
        width = width.max(place(stage, x, y, &mut bottom));
    }
    let y = bottom + EDGE * 2;
    width = width.max(place(&mut container, x, y, &mut bottom));
    let arrow = |edge: &Edge| {
        let block = &stages[edge.to.0][edge.to.1];
        let points = match edge.from {
            From::Card(card) => {
                let lane = x - EDGE - index(&left, edge.from) * LANE;
                let start = (cards[card].x, cards[card].middle());
                vec![start, (lane, start.1), (lane, block.middle()), (block.x, block.middle())]
            }
            From::Stage(stage) => {
                let lane = width + EDGE + index(&right_side, edge.from) * LANE;
                let start = right(stages[stage].last().expect("a stage has a head"));
                let end = (block.x + block.width, block.middle());
                vec![start, (lane, start.1), (lane, end.1), end]
            }
        };
        Arrow { class: edge.class, points }
    };
    let mut arrows: Vec<Arrow> = edges.iter().map(arrow).collect();
    if let Some(last) = stages.last().and_then(|stage| stage.last()) {
        let x = last.x + last.width / 2;
        arrows.push(Arrow { class: arrives, points: vec![(x, last.y + last.height), (x, container[0].y)] });
    }
    let width = width + if right_side.is_empty() { EDGE } else { room(right_side.len()) };
    let blocks = cards.into_iter().chain(stages.into_iter().flatten()).chain(container).collect();
    Drawn { width, height: bottom + EDGE, blocks, arrows }
}

/// What the last arrow leads to: the container, and what cuts it off.
fn arrivals<'a>(arrives: &'static str, container: &'a [Block]) -> Vec<(&'static str, &'a Block)> {
    let cut = container.iter().filter(|block| block.class == "cut").map(|block| ("cut", block));
    let first = container.iter().find(|block| block.class != "cut").map(|block| (arrives, block));
    cut.chain(first).collect()
}

fn note(lanes: &mut Vec<From>, from: From) {
    if !lanes.contains(&from) {
        lanes.push(from);
    }
}

fn index(lanes: &[From], from: From) -> usize {
    lanes.iter().position(|own| *own == from).unwrap_or_default()
}

/// What so many lines beside each other need, with an arrow's head.
fn room(lanes: usize) -> usize {
    EDGE * 2 + lanes.max(1) * LANE
}

fn right(block: &Block) -> (usize, usize) {
    (block.x + block.width, block.middle())
}

/// Puts blocks below each other; returns where they end to the right.
fn place(blocks: &mut [Block], x: usize, y: usize, bottom: &mut usize) -> usize {
    let (mut y, mut end) = (y, x);
    for block in blocks {
        (block.x, block.y) = (x, y);
        y += block.height + BETWEEN;
        end = end.max(x + block.width);
    }
    *bottom = (*bottom).max(y);
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::forecast::{
        Build, Change, Changed, Counts, Mount, Outcome, Stage, Step,
        scene::{self, Widths},
    };

    fn step(line: usize, takes_from: &[usize]) -> Step {
        let outcome = [Outcome::Hit, Outcome::Miss, Outcome::Unknown, Outcome::None][line % 4];
        let text = "RUN something that is rather long and has to be broken".to_owned();
        let because = "a reason that is rather long and has to be broken, too".to_owned();
        let takes_from = takes_from.to_vec();
        Step { line, cmd: "RUN".to_owned(), text, outcome, because, above: false, takes_from }
    }

    fn build() -> Build {
        let stage = |name: &str, from: usize, takes: &[usize]| Stage {
            name: name.to_owned(),
            from: "base".to_owned(),
            parent: (from > 20).then_some(0),
            steps: (from..from + 9).map(|line| step(line, if line % 4 == 1 { takes } else { &[] })).collect(),
        };
        let changed = |path: &str, verdict, taken_by: &[usize], hidden_by| Changed {
            path: path.to_owned(),
            change: Change::Changed,
            verdict,
            recipe: false,
            mounted: false,
            container_paths: vec![format!("/app/{path}")],
            taken_by: taken_by.to_vec(),
            hidden_by,
            ignored_by: None,
        };
        Build {
            service: Some("web".to_owned()),
            compose: None,
            dockerfile: None,
            context: None,
            target: None,
            builder: "buildkit",
            problem: None,
            counts: Counts::default(),
            stages: vec![stage("one", 2, &[]), stage("two", 12, &[0]), stage("three", 22, &[0, 1])],
            changed: vec![
                changed("a", "reaches", &[5, 25], None),
                changed("b", "shadowed", &[15], Some(0)),
                changed("c", "ignored", &[], None),
            ],
            mounts: vec![Mount {
                kind: "named-volume",
                source: Some("code".to_owned()),
                target: "/app".to_owned(),
                file: "compose.yaml".to_owned(),
                line: 3,
                hides: true,
            }],
            notes: Vec::new(),
        }
        .counted()
    }

    #[test]
    fn nothing_lies_over_anything_else() {
        let widths = Widths { cards: 200, stages: 264, container: 210 };
        let scene = || scene::of(&build(), widths);
        for drawn in [wide(scene()), narrow(scene())] {
            let blocks = &drawn.blocks;
            assert!(blocks.len() > 4 + 3 * 6 + 3, "cards, stages, container");
            for (at, a) in blocks.iter().enumerate() {
                assert!(a.x + a.width <= drawn.width && a.y + a.height <= drawn.height, "{a:?}");
                for b in &blocks[at + 1..] {
                    let beside = a.x + a.width <= b.x || b.x + b.width <= a.x;
                    assert!(beside || a.y + a.height <= b.y || b.y + b.height <= a.y, "{a:?} {b:?}");
                }
            }
            // Files to steps, stages to steps and heads, and the container.
            assert!(drawn.arrows.len() > 8, "{}", drawn.arrows.len());
            for arrow in &drawn.arrows {
                assert!(arrow.points.iter().all(|(x, y)| *x <= drawn.width && *y <= drawn.height));
                // Up, down or aside.
                assert!(arrow.points.windows(2).all(|p| p[0].0 == p[1].0 || p[0].1 == p[1].1), "{arrow:?}");
            }
        }
    }
}
