//! `unstale rules` and `unstale explain`: the rules and their pages.

use std::fmt::Write as _;

use serde_json::json;

use super::{Exit, Format, Stop, print};
use crate::rules::{self, RULES, Rule};

#[derive(Debug, clap::Args)]
pub(super) struct RulesArgs {
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Id of a rule
    id: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn rules(args: &RulesArgs) -> Result<Exit, Stop> {
    let text = match args.format {
        Format::Json => {
            let all: Vec<_> = RULES.iter().map(entry).collect();
            format!("{:#}\n", json!({ "schema": 1, "rules": all }))
        }
        Format::Text => RULES.iter().fold(String::new(), |mut out, rule| {
            let (severity, fix) = (rule.page.severity.as_str(), rule.page.fix.map_or("none", |s| s.as_str()));
            writeln!(out, "{:<22} {severity:<8} fix: {fix:<7} {}", rule.id, rule.page.title)
                .expect("writing to a String does not fail");
            out
        }),
    };
    print(&text)?;
    Ok(Exit::Clean)
}

pub(super) fn explain(args: &ExplainArgs) -> Result<Exit, Stop> {
    let Some(rule) = rules::find(&args.id).or_else(|| by_alias(&args.id)) else {
        return Err(Stop(format!("there is no rule `{}`: `unstale rules` lists them", args.id)));
    };
    let text = match args.format {
        Format::Json => {
            let mut value = entry(rule);
            value["page"] = rule.page.shown().into();
            value["schema"] = 1.into();
            format!("{value:#}\n")
        }
        Format::Text => format!("# {}: {}\n{}", rule.id, rule.page.title, rule.page.shown()),
    };
    print(&text)?;
    Ok(Exit::Clean)
}

fn by_alias(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.page.aliases().iter().any(|a| a.eq_ignore_ascii_case(id)))
}

fn entry(rule: &Rule) -> serde_json::Value {
    json!({
        "id": rule.id,
        "title": rule.page.title,
        "kind": rule.page.kind.as_str(),
        "severity": rule.page.severity.as_str(),
        "fix": rule.page.fix.map(crate::diag::Safety::as_str),
        "since": rule.page.since,
        "mechanisms": rule.page.mechanisms(),
        "aliases": rule.page.aliases(),
    })
}
