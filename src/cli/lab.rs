//! `unstale lab`: the mechanisms, reproduced on this machine's engine.

use clap::ValueEnum;

use super::{Exit, Format, Stop, note, print};
use crate::lab::{self, Asked, Builder, CATALOGUE, Cure, Scenario, show};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everything runs in projects of its own, `unstale-lab-…` with the label `unstale.lab`, and is removed again; nothing else on the engine is touched. What the builds leave in BuildKit's cache stays until the engine collects it. `--allow-prune` lets the cures that prune the build cache prune all of it that is not in use, which is not the lab's alone.\n\nExit codes: 0 every cell is as it was measured before; 1 some are not; 2 it could not work, standard error says why"
)]
pub(super) struct LabArgs {
    /// Ids of mechanisms (`S33`), or of scenarios [default: all]
    #[arg(value_name = "MECHANISM")]
    mechanisms: Vec<String>,
    /// Only these cures; `--list` names them
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    cure: Vec<String>,
    /// Which builder [default: those that the docker client has]
    #[arg(long, value_enum)]
    builder: Option<Choice>,
    /// Run the cures that prune the engine's build cache, too
    #[arg(long)]
    allow_prune: bool,
    /// A local image with a POSIX shell to build on [default: one made of `/bin/busybox`]
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
    /// How to write the matrix
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Leave the folder with the projects
    #[arg(long)]
    keep: bool,
    /// List the mechanisms, their scenarios and the cures, and run nothing
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// The one from before BuildKit
    Classic,
    /// BuildKit
    Buildkit,
    /// One after the other
    Both,
}

impl Choice {
    fn builders(self) -> Vec<Builder> {
        match self {
            Self::Classic => vec![Builder::Classic],
            Self::Buildkit => vec![Builder::BuildKit],
            Self::Both => vec![Builder::Classic, Builder::BuildKit],
        }
    }
}

pub(super) fn run(args: &LabArgs) -> Result<Exit, Stop> {
    if args.list {
        print(&match args.format {
            Format::Text => show::list(&CATALOGUE),
            Format::Json => format!("{:#}\n", show::list_document(&CATALOGUE)),
        })?;
        return Ok(Exit::Clean);
    }
    let asked = Asked {
        scenarios: scenarios(&args.mechanisms)?,
        cures: cures(&args.cure)?,
        builders: args.builder.map(Choice::builders).unwrap_or_default(),
        allow_prune: args.allow_prune,
        base: args.base.clone(),
        keep: args.keep,
    };
    if let Some(base) = args.base.as_ref().filter(|base| !is_reference(base)) {
        return Err(Stop(format!("`{base}` is no name of an image")));
    }
    let ended = lab::run(&asked, &mut |line| note(line));
    for left in &ended.left {
        note(&format!("could not be removed: {left}"));
    }
    if let Some(kept) = &ended.kept {
        note(&format!("the projects are in `{}`", kept.display()));
    }
    let matrix = ended.result?;
    print(&match args.format {
        Format::Text => show::text(&matrix),
        Format::Json => format!("{:#}\n", show::document(&matrix)),
    })?;
    Ok(if matrix.differences().next().is_some() { Exit::Found } else { Exit::Clean })
}

/// It goes into a Dockerfile and onto a command line.
fn is_reference(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c))
}

fn scenarios(names: &[String]) -> Result<Vec<&'static Scenario>, Stop> {
    let catalogue = &*CATALOGUE;
    if names.is_empty() {
        return Ok(catalogue.scenarios.iter().collect());
    }
    let mut found: Vec<&Scenario> = Vec::new();
    for name in names {
        let one = catalogue.scenarios.iter().find(|scenario| scenario.id.eq_ignore_ascii_case(name));
        let id = name.to_ascii_uppercase();
        let of: Vec<&Scenario> = one.map_or_else(|| catalogue.of(&id).collect(), |one| vec![one]);
        if of.is_empty() {
            return Err(unknown(name, &id));
        }
        found.extend(of);
    }
    // In the order of the matrix, each once.
    Ok(catalogue.scenarios.iter().filter(|one| found.contains(one)).collect())
}

fn unknown(name: &str, id: &str) -> Stop {
    let catalogue = &*CATALOGUE;
    if let Some(mechanism) = catalogue.mechanisms.get(id) {
        let why = mechanism.skip.as_deref().unwrap_or("no scenario has been written yet");
        return Stop(format!("no scenario shows `{id}`: {why}"));
    }
    let ids = catalogue.mechanisms.keys().map(String::as_str);
    let known = ids.chain(catalogue.scenarios.iter().map(|scenario| scenario.id.as_str()));
    Stop(format!("there is no mechanism `{name}`{}: `unstale lab --list` lists them", proposal(name, known)))
}

fn cures(names: &[String]) -> Result<Vec<&'static Cure>, Stop> {
    let catalogue = &*CATALOGUE;
    for name in names {
        if catalogue.cure(name).is_none() {
            let known = catalogue.cures.iter().map(|cure| cure.name.as_str());
            return Err(Stop(format!(
                "there is no cure `{name}`{}: `unstale lab --list` lists them",
                proposal(name, known)
            )));
        }
    }
    let wanted = |cure: &&Cure| names.is_empty() || names.contains(&cure.name);
    Ok(catalogue.cures.iter().filter(wanted).collect())
}

/// `, did you mean …?`, if something known is near.
fn proposal<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let name = name.to_ascii_lowercase();
    let near = known.map(|k| (strsim::osa_distance(&name, &k.to_ascii_lowercase()), k));
    let best = near.filter(|(distance, _)| *distance <= 2).min();
    best.map_or_else(String::new, |(_, known)| format!(", did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        let ids = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            scenarios(&names).map(|found| found.iter().map(|s| s.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(ids(&["s11", "S01", "s11"]).unwrap(), ["S01-up-alone", "S11-prebuilt"]);
        assert_eq!(ids(&["s05-Anonymous-volume"]).unwrap(), ["S05-anonymous-volume"]);
        assert_eq!(
            ids(&["S3"]).unwrap_err().0,
            "there is no mechanism `S3`, did you mean `S03`?: `unstale lab --list` lists them"
        );
        assert!(ids(&["S09"]).unwrap_err().0.starts_with("no scenario shows `S09`: "));
        assert!(cures(&["no-cahe".to_owned()]).unwrap_err().0.contains("did you mean `no-cache`?"));
    }

    #[test]
    fn only_names_of_images_reach_a_dockerfile() {
        assert!(is_reference("registry.example:5000/a/b:1@sha256:abc"));
        for wrong in ["", "-x", "a\nRUN x", "a b", "$(x)"] {
            assert!(!is_reference(wrong), "{wrong:?}");
        }
    }
}
