//! A picture as SVG.

use std::{cmp::Ordering, fmt::Write as _};

use super::{
    layout::{Arrow, Drawn},
    scene::{Block, CODE_HEIGHT, Look, NUMBER, SAYS_HEIGHT, TAG},
};

/// Writes it; `label` is what is read out for it.
pub(super) fn write(drawn: &Drawn, class: &str, label: &str) -> String {
    let Drawn { width, height, .. } = drawn;
    // Smaller than this the letters cannot be read: it is scrolled, then.
    let least = width.min(&1000);
    let mut out = format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" style=\"min-width:{least}px\" role=\"img\" aria-label=\"{}\">\n",
        escaped(label)
    );
    for arrow in &drawn.arrows {
        self::arrow(&mut out, arrow);
    }
    for block in &drawn.blocks {
        self::block(&mut out, block);
    }
    out.push_str("</svg>\n");
    out
}

/// Text that HTML shows as it is.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String does not fail");
}

/// The radius of a corner of a line.
const CORNER: usize = 5;

fn arrow(out: &mut String, arrow: &Arrow) {
    let points = &arrow.points;
    let (x, y) = points[0];
    let mut path = format!("M{x} {y}");
    for triple in points.windows(3) {
        let [before, corner, after] = triple else { continue };
        let (ax, ay) = toward(*corner, *before);
        let (bx, by) = toward(*corner, *after);
        add(&mut path, format_args!("L{ax} {ay}Q{} {} {bx} {by}", corner.0, corner.1));
    }
    let end = points[points.len() - 1];
    let last = points[points.len() - 2];
    add(&mut path, format_args!("L{} {}", end.0, end.1));
    add(out, format_args!("<path class=\"line {}\" d=\"{path}\"/>", arrow.class));
    add(out, format_args!("<circle class=\"dot {}\" cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/>", arrow.class));
    if arrow.class == "cut" {
        // A barrier where others have a head.
        let (x, y) = (end.0.saturating_sub(4), end.1);
        add(out, format_args!("<path class=\"bar\" d=\"M{x} {}V{}\"/>\n", y - 9, y + 9));
        return;
    }
    // The head: where it comes from tells which way it points.
    let (x, y) = (end.0, end.1);
    let head = match last.0.cmp(&x) {
        Ordering::Less => format!("M{} {}L{x} {y}L{} {}", x - 6, y - 4, x - 6, y + 4),
        Ordering::Greater => format!("M{} {}L{x} {y}L{} {}", x + 6, y - 4, x + 6, y + 4),
        Ordering::Equal => format!("M{} {}L{x} {y}L{} {}", x - 4, y - 6, x + 4, y - 6),
    };
    add(out, format_args!("<path class=\"tip {}\" d=\"{head}Z\"/>\n", arrow.class));
}

/// A point of the line between two corners, near the first.
fn toward(corner: (usize, usize), other: (usize, usize)) -> (usize, usize) {
    let near = |from: usize, to: usize| {
        let step = from.abs_diff(to).min(CORNER * 2) / 2;
        if to > from { from + step } else { from - step }
    };
    (near(corner.0, other.0), near(corner.1, other.1))
}

fn block(out: &mut String, block: &Block) {
    let Block { class, x, y, width, height, .. } = block;
    add(out, format_args!("<g class=\"box {class}\"><title>{}</title>", escaped(&block.title)));
    add(out, format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>"));
    let mut left = x + 9;
    if !block.tag.is_empty() {
        add(out, format_args!("<path class=\"tag\" d=\"{}\"/>", tag(block)));
        let (middle, base) = (x + TAG / 2, y + 17);
        add(out, format_args!("<text class=\"word\" x=\"{middle}\" y=\"{base}\">{}</text>", block.tag));
        let end = x + TAG + NUMBER - 8;
        add(
            out,
            format_args!("<text class=\"number\" x=\"{end}\" y=\"{base}\">{}</text>", escaped(&block.number)),
        );
        left = x + TAG + NUMBER;
    }
    // What is wider than a font is expected to be ends at the box.
    let room = x + width - left - 3;
    add(out, format_args!("<svg x=\"{left}\" y=\"{y}\" width=\"{room}\" height=\"{height}\">"));
    let mut base = 2;
    for (look, text) in &block.lines {
        let (class, high) = match look {
            Look::Strong => ("strong", CODE_HEIGHT),
            Look::Code => ("code", CODE_HEIGHT),
            Look::Gone => ("code gone", CODE_HEIGHT),
            Look::Says => ("says", SAYS_HEIGHT),
        };
        base += high;
        add(out, format_args!("<text class=\"{class}\" x=\"0\" y=\"{base}\">{}</text>", escaped(text)));
    }
    out.push_str("</svg></g>\n");
}

/// The left end of a box, with its round corners.
fn tag(block: &Block) -> String {
    let Block { x, y, height, .. } = block;
    let inner = height - 10;
    format!("M{} {y}h-{}a5 5 0 0 0 -5 5v{inner}a5 5 0 0 0 5 5h{}z", x + TAG, TAG - 5, TAG - 5)
}
