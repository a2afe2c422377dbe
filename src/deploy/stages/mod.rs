//! Looks into the stages of a build: has Compose build them with the cache that is there, reads what is in them without
//! starting anything, and removes them.

mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{
    bytes::{self, Seen},
    frames::{Answers, Questions},
    nonce,
    transport::{Lost, word},
    trees::{Ask, Trees, Wanted, Wish, file},
};
use crate::protocol::{
    Bytes, Change, Compiled, CompiledFile, Compose, FileEvidence, Generation, Inside, Look, Moment, Reach,
    Server, Source, Stage, Stages, Taken, Tree, Way, bust_of, joined, retained, stage_tag,
};

/// What tells of changed files that only the build reads.
pub(super) fn gather(ask: &Ask<'_>, server: &Server, trees: &Trees<'_>) -> Result<Compiled, Lost> {
    let changed: Vec<(String, Option<Box<Way>>)> = trees
        .unproven()
        .into_iter()
        .filter_map(|path| {
            let candidate = ask.candidates.iter().find(|c| c.path == path)?;
            if let Reach::Build(way) = &candidate.reach { Some((path, way.clone())) } else { None }
        })
        .collect();
    if changed.is_empty() {
        return Ok(Compiled::default());
    }
    let mut compiled = Compiled { kept: kept(ask, server)?, ..Compiled::default() };
    let sound: Vec<&Way> = changed.iter().filter_map(|(_, way)| way.as_deref()).collect();
    let found = match &ask.stages {
        Some(wish) if !sound.is_empty() => Some(look(ask, server, wish, &sound)?),
        _ => None,
    };
    for (path, way) in changed {
        let mut sources = Vec::new();
        if let (Some(way), Some((inside, _))) = (&way, &found) {
            for stage in &way.stages {
                let Some(inside) = inside.get(&stage.index) else { continue };
                for at in &stage.paths {
                    let wanted = trees.want(&path, at.clone());
                    sources.push(Source { stage: stage.name.clone(), file: source(&wanted, inside) });
                }
            }
        }
        compiled.files.push(CompiledFile { path, way, sources });
    }
    compiled.look = match (found, &ask.stages) {
        (Some((_, look)), _) => Some(look),
        (None, Some(_)) => Some(Look::default()),
        (None, None) => None,
    };
    in_checkout(ask, server, &mut compiled)?;
    Ok(compiled)
}

fn source(wanted: &Wanted, inside: &Inside) -> FileEvidence {
    let bytes = inside.sources.get(&wanted.at).cloned();
    let bytes = bytes.unwrap_or_else(|| Bytes::Unknown("it was not read".into()));
    let seen = HashMap::from([(wanted.at.clone(), Seen { bytes: bytes.clone(), stat: None })]);
    // Nothing but the stage has it: what the stage has is what a build takes.
    FileEvidence { image: Some(bytes), ..file(wanted, &seen) }
}

/// What lies in the server's checkout, for the causes.
fn in_checkout(ask: &Ask<'_>, server: &Server, compiled: &mut Compiled) -> Result<(), Lost> {
    let Some(git) = server.git() else { return Ok(()) };
    let sources = || compiled.files.iter().filter(|file| !file.sources.is_empty());
    let names: Vec<&str> = sources().map(|file| file.path.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let found = bytes::on_disk(ask.to, &git.toplevel, &names)?;
    let tag = server.compose().and_then(|compose| server.image(&compose.tag));
    let tagged: Option<Moment> = tag.filter(|image| !retained(image)).and_then(|image| image.tagged);
    for file in &mut compiled.files {
        let Some(seen) = found.get(&file.path) else { continue };
        for source in &mut file.sources {
            source.file.checkout = seen.stat.clone().map(|stat| (seen.bytes.clone(), stat));
            source.file.unbuilt =
                matches!((&seen.stat, tagged), (Some(stat), Some(tagged)) if stat.changed > tagged);
        }
    }
    Ok(())
}

/// What changed in containers whose image the ledger has as verified at this commit.
fn kept(ask: &Ask<'_>, server: &Server) -> Result<HashMap<String, Vec<Change>>, Lost> {
    let images = ask.verified_images();
    let mut found = HashMap::new();
    for container in server.replicas().filter(|c| images.contains(&c.image.0)) {
        let mut q = Questions::new();
        q.ask("diff", &format!("docker diff {}", word(&container.id)));
        let answer = q.send(ask.to)?.get("diff");
        let change = |line: &String| {
            let (kind, path) = line.split_once(' ')?;
            let kind = kind.chars().next().filter(|kind| ['A', 'C', 'D'].contains(kind))?;
            Some(Change { kind, path: path.to_owned() })
        };
        // A name with a newline makes a line that is none.
        let changes: Option<Vec<Change>> = answer.lines().iter().map(change).collect();
        if let (0, Some(changes)) = (answer.code, changes) {
            found.insert(container.id.clone(), changes);
        }
    }
    Ok(found)
}

type Found = (BTreeMap<usize, Inside>, Look);

/// Builds the stages, and reads them.
fn look(ask: &Ask<'_>, server: &Server, wish: &Wish<'_>, ways: &[&Way]) -> Result<Found, Lost> {
    let trouble = |why: String| (BTreeMap::new(), Look { trouble: Some(why), ..Look::default() });
    let stages = Stages::of(ways);
    let compose = match named_files(server, wish) {
        Ok(compose) => compose,
        Err(why) => return Ok(trouble(why)),
    };
    let also = match beside(ask, wish, &compose)? {
        Ok(also) => also,
        Err(why) => return Ok(trouble(why)),
    };
    let answers = script(ask, server, wish, &compose, &stages, &also).send(ask.to)?;
    if let Some(why) = failed(&stages, &answers) {
        return Ok(trouble(why));
    }
    let inside = read(&stages, &answers);
    let taken: Vec<Taken> = stages.edges.iter().map(|edge| stages.taken(edge, &inside)).collect();
    let mut there = HashMap::new();
    let places: Vec<&str> = taken
        .iter()
        .filter(|taken| taken.to.is_none())
        .flat_map(|taken| taken.made.iter().flatten().map(|made| made.at.as_str()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    for container in server.replicas().filter(|_| !places.is_empty()) {
        let seen = bytes::in_container(ask.to, container, &places)?;
        there.insert(container.id.clone(), seen.into_iter().map(|(at, seen)| (at, seen.bytes)).collect());
    }
    Ok((inside, Look { trouble: None, taken, there }))
}

/// Compose with every file named from which the container was made: another file is to stand behind them.
fn named_files(server: &Server, wish: &Wish<'_>) -> Result<Compose, String> {
    let made = server.replicas().find(|c| !c.config_files.is_empty() && c.working_dir.starts_with('/'));
    let Some(container) = made else {
        return Err("no container says which compose files it was made from".to_owned());
    };
    let files = container.config_files.iter().map(|file| joined(&container.working_dir, file)).collect();
    Ok(Compose { files, ..wish.compose.clone() })
}

/// What the build of a stage has to be told beside its target; or what it would do beside the image, which it must not.
fn beside(ask: &Ask<'_>, wish: &Wish<'_>, compose: &Compose) -> Result<Result<Value, String>, Lost> {
    let mut also = json!({});
    if compose.generation == Generation::Standalone {
        // Its builds have nothing of it.
        return Ok(Ok(also));
    }
    let mut q = Questions::new();
    q.line(&format!("cd -- {} || exit", word(ask.target.dir())));
    q.ask("config", &line(&compose.argv(&["config", "--format", "json"])));
    let text = q.send(ask.to)?.get("config").text();
    let config: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
    let Some(config) = config else {
        return Ok(Err("compose cannot read the files that the container was made from".to_owned()));
    };
    let build = &config["services"][wish.maker]["build"];
    let is_set = |key: &str| build.get(key).is_some_and(|value| !value.is_null() && *value != json!([]));
    for key in ["tags", "cache_to", "platforms"] {
        if is_set(key) {
            return Ok(Err(format!(
                "`build.{key}` of `{}` says what else a build makes, and to build a stage would do it, too",
                wish.maker
            )));
        }
    }
    for key in ["pull", "no_cache"] {
        if is_set(key) {
            also[key] = json!(false);
        }
    }
    Ok(Ok(also))
}

fn line(argv: &[String]) -> String {
    argv.iter().map(|w| word(w)).collect::<Vec<_>>().join(" ")
}

/// Removes what was made: containers, tags, and what a classic build that the cache did not have left on the way. `$d`
/// is our folder; the images that were there before are listed in it.
const CLEAN: &str = r#"clean() {
  for i in $cs; do docker rm -v "$i"; done
  for i in $ts; do docker image rm --no-prune "$i"; done
  [ -n "$d" ] || return
  cat "$d"/log* | awk '/^ ---> /{if(!u&&length($2)==12)i[++n]=$2;u=($0~/Using cache/)} END{for(;n>0;n--)print i[n]}' | while read -r i; do
    grep -q "^sha256:$i" "$d/before" && continue
    [ "$(docker image inspect --format '{{len .RepoTags}}' "$i")" = 0 ] && docker image rm --no-prune "$i"
  done
  rm -rf -- "$d"
}
trap 'clean >/dev/null 2>&1' 0; trap 'exit 1' HUP INT TERM PIPE"#;

/// Lists what is copied from `$1`, by the names of `tar` (`-L`: a COPY follows a link that is its source, too).
const LIST: &str = r#"list() { docker cp -L "$1" - 2>"$d/e" | tar --numeric-owner --quoting-style=literal -tvf - >"$d/l" 2>"$d/t"; head -n $((MOST + 1)) "$d/l"; }
hash() { [ "$(wc -l <"$d/l")" -le $MOST ] && docker cp -L "$1" - | tar -C "$d" -xf - --to-command='h=$(sha256sum) && printf "%s  %s\0" "${h%% *}" "$TAR_FILENAME"'; }
one() { docker cp -L "$1" - 2>"$d/e" | tar -xOf - 2>"$d/t" | sha256sum; }"#;

/// How many files are looked at below one path of a stage.
const MOST: usize = 5000;

/// One script for all: what is built for one stage has to be there for the next.
fn script(
    ask: &Ask<'_>,
    server: &Server,
    wish: &Wish<'_>,
    compose: &Compose,
    stages: &Stages,
    also: &Value,
) -> Questions {
    let mut q = Questions::new();
    let random = nonce();
    let id = &random[random.len() - 8..];
    // `$$`: a script that is sent again after a lost connection has a folder and tags of its own.
    q.line(&format!(
        "umask 077; MOST={MOST}; cs=; ts=; cd -- {} || exit; d=${{TMPDIR:-/tmp}}/{random}-$$; mkdir -- \"$d\" || d=",
        word(ask.target.dir())
    ));
    q.line(CLEAN);
    q.line(LIST);
    q.ask("before", "docker image ls -aq --no-trunc >\"$d/before\"");
    let recorded = || {
        let images = server.replicas().map(|container| &container.image.0);
        images.flat_map(|image| ask.ledgers.iter().filter_map(|lines| bust_of(lines, image))).next()
    };
    let bust = wish.cache_bust.map(str::to_owned).or_else(recorded);
    let bust = bust.map_or_else(String::new, |bust| format!(" {}", word(&format!("CACHE_BUST={bust}"))));
    for (number, stage) in &stages.all {
        let tag = stage_tag(wish.compose, wish.maker, &format!("{id}-{number}"));
        q.line(&format!("t={tag}-$$; ts=\"$ts $t\"; o=\"$d/stage{number}.yml\"; c="));
        let version = match compose.generation {
            // All of its files have to have one version.
            Generation::Standalone => {
                format!("sed -n '/^version *:/p' {} | head -n 1; ", word(&compose.files[0]))
            }
            Generation::Plugin => String::new(),
        };
        let text = override_of(wish.maker, &stage.name, also);
        q.ask_with(&format!("over{number}"), &format!("{{ {version}cat; }} >\"$o\""), [text.as_str()]);
        // A client that is packed up may see no folder of ours; the first generation reads standard input alone only.
        let over = if compose.generation == Generation::Plugin { "-" } else { "\"$o\"" };
        let [before, after] =
            [&compose.argv(&[])[..], &["build".to_owned(), wish.maker.to_owned()]].map(line);
        q.ask(
            &format!("build{number}"),
            &format!(
                "[ -s \"$o\" ] && [ -s \"$d/before\" ] && env UNSTALE_STAGE=\"$t\"{bust} {before} -f {over} {after} <\"$o\" >\"$d/log{number}\" 2>&1"
            ),
        );
        q.ask(&format!("log{number}"), &format!("tail -n 30 \"$d/log{number}\""));
        q.line("c=$(docker create --network none --label unstale.probe=image \"$t\" unstale 2>/dev/null) && cs=\"$cs $c\"");
        q.ask(&format!("created{number}"), "[ -n \"$c\" ]");
        let one_by_one = stage.sources.iter().filter(|_| stage.common().is_none());
        for (n, path) in one_by_one.enumerate() {
            q.ask(&format!("one{number}-{n}"), &format!("one \"$c\":{}", word(path)));
            q.ask(&format!("why{number}-{n}"), "cat \"$d/e\" \"$d/t\"");
        }
        for (n, path) in stage.roots.iter().enumerate() {
            q.ask(&format!("list{number}-{n}"), &format!("list \"$c\":{}", word(path)));
            q.ask(&format!("not{number}-{n}"), "cat \"$d/e\" \"$d/t\"");
            q.ask(&format!("hash{number}-{n}"), &format!("hash \"$c\":{}", word(path)));
        }
    }
    q
}

/// The compose file that stands behind the project's own, on one line. JSON is YAML; its only variable is ours.
fn override_of(service: &str, stage: &str, also: &Value) -> String {
    let mut build = also.clone();
    build["target"] = json!(stage.replace('$', "$$"));
    // By the label it is an image of its own, also where the builder has the stage already: what we remove is ours.
    build["labels"] = json!({ "unstale.stage": "${UNSTALE_STAGE}" });
    let service = service.replace('$', "$$");
    format!("services: {}", json!({ service: { "image": "${UNSTALE_STAGE}", "build": build } }))
}

/// Why one of them cannot be looked into.
fn failed(stages: &Stages, answers: &Answers) -> Option<String> {
    stages.all.iter().find_map(|(number, stage)| {
        let name = &stage.name;
        let built = answers.get(&format!("build{number}"));
        if built.code != 0 {
            let log = answers.get(&format!("log{number}"));
            let said: Vec<String> = log.lines().into_iter().filter(|line| !line.trim().is_empty()).collect();
            let said = said[said.len().saturating_sub(3)..].join("; ");
            let said: String = said.chars().take(400).collect();
            return Some(format!("the stage `{name}` could not be built: {said}"));
        }
        let created = answers.get(&format!("created{number}")).code == 0;
        (!created)
            .then(|| format!("the stage `{name}` was built, and there is no container of it to look into"))
    })
}

fn read(stages: &Stages, answers: &Answers) -> BTreeMap<usize, Inside> {
    let inside = |(&number, stage): (&usize, &Stage)| {
        let root = |n: usize, root: &String| {
            let [list, not, hash] = ["list", "not", "hash"].map(|q| answers.get(&format!("{q}{number}-{n}")));
            (root.clone(), tree::read(root, &list, &not, &hash, MOST))
        };
        let roots: HashMap<String, Result<Tree, String>> =
            stage.roots.iter().enumerate().map(|(n, path)| root(n, path)).collect();
        let common = stage.common().map(|common| roots.get(&common).cloned());
        let source = |n: usize, path: &String| match &common {
            None => {
                let one = answers.get(&format!("one{number}-{n}"));
                tree::one(&one, &answers.get(&format!("why{number}-{n}")))
            }
            Some(Some(Ok(tree))) => tree.get(path).cloned().unwrap_or(Bytes::Missing),
            Some(Some(Err(why))) => Bytes::Unknown(format!("the folder of all {why}")),
            Some(None) => Bytes::Unknown("there are too many of them".to_owned()),
        };
        let sources = stage.sources.iter().enumerate().map(|(n, path)| (path.clone(), source(n, path)));
        let sources = sources.collect();
        (number, Inside { sources, roots })
    };
    stages.all.iter().map(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_override_names_the_stage_and_nothing_of_it_is_taken_for_a_variable() {
        let text = override_of("web", "a$B", &json!({ "pull": false }));
        let services = text.strip_prefix("services: ").expect("a key, so that a version may stand above it");
        let value: Value = serde_json::from_str(services).expect("JSON");
        assert_eq!(value["web"]["build"]["target"], "a$$B");
        assert_eq!(value["web"]["build"]["pull"], false);
        assert_eq!(value["web"]["image"], "${UNSTALE_STAGE}");
        assert!(!text.contains('\n'));
    }
}
