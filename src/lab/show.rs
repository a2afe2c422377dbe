//! The matrix and the catalogue as text and as JSON. What an engine or a process said is made harmless here.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    catalogue::{Catalogue, Cure},
    matrix::{Cell, Matrix, Row, Seen},
    scenario::{Builder, Outcome},
};
use crate::report::sanitise::line;

/// The widest line of a table.
const WIDTH: usize = 100;

/// The matrix for people.
pub fn text(matrix: &Matrix<'_>) -> String {
    let mut out = format!("engine {}, {}\n", line(&matrix.place.engine), line(&matrix.place.compose));
    for builder in matrix.builders() {
        let column = matrix.column(builder);
        say(
            &mut out,
            &format!("\nbuilder {}; expected is what was measured on {column}\n", builder.as_str()),
        );
        table(&mut out, matrix, builder);
    }
    legend(&mut out, matrix);
    skipped(&mut out, matrix);
    details(&mut out, matrix);
    let not_run = matrix.rows.iter().flat_map(|row| &row.cells).any(|c| matches!(c.seen, Seen::NotRun(_)));
    if not_run {
        out.push_str(
            "\nnot run: these cures prune the build cache of the engine, which only `--allow-prune` does\n",
        );
    }
    sum(&mut out, matrix);
    out
}

/// How many cells there are, and how many of them say something new.
fn sum(out: &mut String, matrix: &Matrix<'_>) {
    let cells = matrix.rows.iter().flat_map(|row| &row.cells);
    let seen: Vec<&Cell> = cells.filter(|cell| matches!(cell.seen, Seen::As(_))).collect();
    let noun = if seen.len() == 1 { "cell" } else { "cells" };
    let differing = matrix.differences().count();
    let verdict =
        if differing == 0 { "all as expected".to_owned() } else { format!("{differing} not as expected") };
    say(out, &format!("\n{} {noun}: {verdict}", seen.len()));
    let unknown = seen.iter().filter(|cell| cell.expected.is_none()).count();
    if unknown > 0 {
        say(out, &format!(", {unknown} never measured before"));
    }
    out.push('\n');
}

fn say(out: &mut String, text: &str) {
    out.push_str(text);
}

/// One table for a builder, in blocks of as many columns as fit.
fn table(out: &mut String, matrix: &Matrix<'_>, builder: Builder) {
    let rows: Vec<&Row<'_>> = matrix.of(builder).filter(|row| row.skipped.is_none()).collect();
    let used = |cure: &&&Cure| rows.iter().any(|row| row.cells.iter().any(|cell| cell.cure == cure.name));
    let cures: Vec<&&Cure> = matrix.cures.iter().filter(used).collect();
    let labels: Vec<String> =
        rows.iter().map(|row| format!("{} {}", row.scenario.mechanism, row.scenario.name())).collect();
    let first = labels.iter().map(String::len).max().unwrap_or_default();
    let width = |cure: &Cure| {
        let cells = rows.iter().map(|row| shown(row, cure).len());
        cells.fold(cure.short.len(), usize::max)
    };
    let mut rest = &cures[..];
    while !rest.is_empty() {
        let mut taken = 0;
        let mut total = first;
        for cure in rest {
            total += 1 + width(cure);
            if taken > 0 && total > WIDTH {
                break;
            }
            taken += 1;
        }
        let (block, next) = rest.split_at(taken);
        let line = |out: &mut String, label: &str, cell: &dyn Fn(&Cure) -> String| {
            let mut text = format!("{label:first$}");
            for cure in block {
                write!(text, " {:1$}", cell(cure), width(cure)).expect("writing to a String does not fail");
            }
            out.push_str(text.trim_end());
            out.push('\n');
        };
        line(out, "", &|cure| cure.short.clone());
        for (row, label) in rows.iter().zip(&labels) {
            line(out, label, &|cure| shown(row, cure));
        }
        out.push('\n');
        rest = next;
    }
}

/// What the short names of the cures mean.
fn legend(out: &mut String, matrix: &Matrix<'_>) {
    for cure in &matrix.cures {
        let named = |row: &Row<'_>| row.cells.iter().any(|cell| cell.cure == cure.name);
        if matrix.rows.iter().any(named) {
            say(out, &format!("  {:8} {}\n", cure.short, cure.text()));
        }
    }
}

/// What stands in a cell: stale ones in capitals, a `!` at those that are not as expected.
fn shown(row: &Row<'_>, cure: &Cure) -> String {
    let Some(cell) = row.cells.iter().find(|cell| cell.cure == cure.name) else { return "-".to_owned() };
    let word = match cell.seen {
        Seen::As(Outcome::Fresh) => "fresh",
        Seen::As(Outcome::Stale) => "STALE",
        Seen::As(Outcome::Fails) => "fails",
        Seen::NotRun(_) => "not run",
    };
    let mark = if cell.as_expected() == Some(false) { "!" } else { "" };
    format!("{word}{mark}")
}

fn skipped(out: &mut String, matrix: &Matrix<'_>) {
    let mut rows = matrix.rows.iter().filter_map(|row| row.skipped.as_ref().map(|why| (row, why))).peekable();
    if rows.peek().is_some() {
        out.push('\n');
    }
    for (row, why) in rows {
        say(out, &format!("{} with builder {}: {}\n", row.scenario.id, row.builder.as_str(), line(why)));
    }
}

/// A line for each cell that differs or failed, and the scenarios' notes.
fn details(out: &mut String, matrix: &Matrix<'_>) {
    let mut lines = String::new();
    for row in &matrix.rows {
        for cell in &row.cells {
            let differs = cell.as_expected() == Some(false);
            if !differs && (cell.detail.is_none() || cell.expected == Some(Outcome::Fails)) {
                continue;
            }
            let Seen::As(seen) = cell.seen else { continue };
            say(
                &mut lines,
                &format!(
                    "{} with builder {}, {}: seen {}",
                    row.scenario.id,
                    row.builder.as_str(),
                    cell.cure,
                    seen.as_str()
                ),
            );
            if let Some(expected) = cell.expected.filter(|_| differs) {
                say(&mut lines, &format!(", expected {}", expected.as_str()));
            }
            if let Some(detail) = &cell.detail {
                say(&mut lines, &format!(" ({})", line(detail)));
            }
            lines.push('\n');
        }
    }
    if !lines.is_empty() {
        out.push('\n');
        out.push_str(&lines);
    }
    let mut notes: Vec<(&str, &str)> = Vec::new();
    for row in &matrix.rows {
        let note = row.scenario.note.as_deref().map(|note| (row.scenario.id.as_str(), note));
        notes.extend(note.filter(|note| !notes.contains(note)));
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    for (id, note) in notes {
        wrap(out, &format!("note on {id}: {}", note.trim()));
    }
}

/// Writes a text in lines that are not too wide.
fn wrap(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            out.push_str("\n  ");
            width = 2;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out.push('\n');
}

/// The matrix for machines.
pub fn document(matrix: &Matrix<'_>) -> Value {
    let builders = matrix.builders();
    let builder = match builders[..] {
        [one] => one.as_str(),
        _ => "both",
    };
    let mechanisms: Vec<Value> = matrix
        .rows
        .iter()
        .map(|row| {
            json!({
                "id": row.scenario.mechanism,
                "scenario": row.scenario.id,
                "title": row.scenario.title,
                "builder": row.builder.as_str(),
                "expected_from": matrix.column(row.builder).to_string(),
                "skipped": row.skipped,
                "note": row.scenario.note,
                "cells": row.cells.iter().map(cell).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "schema": 1,
        "engine": { "version": matrix.place.engine, "builder": builder, "compose": matrix.place.compose },
        "mechanisms": mechanisms,
    })
}

fn cell(cell: &Cell) -> Value {
    let (seen, reason) = match &cell.seen {
        Seen::As(outcome) => (outcome.as_str(), None),
        Seen::NotRun(why) => ("not-run", Some(why)),
    };
    json!({
        "cure": cell.cure,
        "seen": seen,
        "expected": cell.expected.map(Outcome::as_str),
        "as_expected": cell.as_expected(),
        "detail": cell.detail.as_ref().or(reason),
    })
}

/// Every mechanism with its scenarios, or why it has none, and the cures.
pub fn list(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    for (id, mechanism) in &catalogue.mechanisms {
        say(&mut out, &format!("{id}  {}\n", mechanism.title));
        for scenario in catalogue.of(id) {
            say(&mut out, &format!("     {}: {}\n", scenario.name(), scenario.title));
        }
        if let Some(skip) = &mechanism.skip {
            say(&mut out, &format!("     not shown: {skip}\n"));
        }
    }
    out.push_str("\ncures:\n");
    for cure in &catalogue.cures {
        let prunes = if cure.prunes() { " (needs `--allow-prune`)" } else { "" };
        say(&mut out, &format!("     {:14} {}{prunes}\n", cure.name, cure.text()));
    }
    out
}

/// The same for machines.
pub fn list_document(catalogue: &Catalogue) -> Value {
    let mechanism = |(id, mechanism): (&String, &super::catalogue::Mechanism)| {
        let scenarios: Vec<Value> = catalogue
            .of(id)
            .map(|s| json!({ "id": s.id, "title": s.title, "note": s.note, "cures": s.expect.keys().collect::<Vec<_>>() }))
            .collect();
        json!({ "id": id, "title": mechanism.title, "not_shown": mechanism.skip, "scenarios": scenarios })
    };
    let cure = |cure: &Cure| json!({ "name": cure.name, "steps": cure.steps, "prunes": cure.prunes() });
    json!({
        "schema": 1,
        "mechanisms": catalogue.mechanisms.iter().map(mechanism).collect::<Vec<_>>(),
        "cures": catalogue.cures.iter().map(cure).collect::<Vec<_>>(),
    })
}
