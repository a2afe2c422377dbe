//! Carries out one cell of the matrix: a project of its own, deployed, changed, cured, and looked at.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    Asked, Stop,
    catalogue::Cure,
    engine::{At, Ran},
    files,
    matrix::{Cell, Row, Seen},
    scenario::{Action, Builder, Outcome, Scenario},
    world::{LABEL, World},
};
use crate::{deploy::nonce, project};

/// How often a process that does not show the old or the new yet is asked again, and how long that waits.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(100);

/// Runs a scenario's cures, each on a project of its own.
pub(super) fn row<'a>(
    world: &mut World,
    scenario: &'a Scenario,
    builder: Builder,
    asked: &Asked<'_>,
    on: &mut dyn FnMut(&str),
) -> Result<Row<'a>, Stop> {
    let place = &world.engine.place;
    let column = super::Column::of(place.version, builder);
    let mut skipped = scenario.obstacle(place.version, place.generation, builder);
    if skipped.is_none() && scenario.needs.folders && !world.mounts_folders()? {
        skipped = Some("the engine does not mount folders of this machine".to_owned());
    }
    let mut row = Row { scenario, builder, skipped, cells: Vec::new() };
    if row.skipped.is_some() {
        return Ok(row);
    }
    let may = |cure: &Cure| asked.allow_prune || !cure.prunes();
    let wanted = asked.cures.iter().copied().filter(|cure| scenario.expect.contains_key(&cure.name));
    let wanted: Vec<&Cure> = wanted.collect();
    let mut looks: BTreeMap<&str, Look> = BTreeMap::new();
    // A look changes nothing: the first project is looked at before its own cure, too.
    let mut idle = None;
    for cure in wanted.iter().filter(|cure| !cure.steps.is_empty() && may(cure)) {
        let look = One::tried(world, scenario, builder, Some(cure), &mut idle)?;
        let seen = look.0.as_str();
        on(&format!("{} with builder {}, {}: {seen}", scenario.id, builder.as_str(), cure.name));
        looks.insert(&cure.name, look);
    }
    for cure in wanted.iter().filter(|cure| cure.steps.is_empty()) {
        if idle.is_none() {
            One::tried(world, scenario, builder, None, &mut idle)?;
        }
        looks.extend(idle.take().map(|look| (cure.name.as_str(), look)));
    }
    for cure in wanted {
        let expected = scenario.expect.get(&cure.name).and_then(|expected| expected.in_column(column));
        let (seen, detail) = match looks.remove(cure.name.as_str()) {
            Some((outcome, detail)) => (Seen::As(outcome), detail),
            None => (Seen::NotRun("it prunes the build cache, which needs `--allow-prune`".to_owned()), None),
        };
        row.cells.push(Cell { cure: cure.name.clone(), seen, expected, detail });
    }
    Ok(row)
}

/// What was seen, and what says more about it.
type Look = (Outcome, Option<String>);

/// One project.
struct One<'a> {
    world: &'a mut World,
    scenario: &'a Scenario,
    builder: Builder,
    project: String,
    folder: PathBuf,
    /// What stands for what in the scenario's texts.
    words: Vec<(&'static str, String)>,
}

impl<'a> One<'a> {
    fn new(world: &'a mut World, scenario: &'a Scenario, builder: Builder, cure: &str) -> Result<Self, Stop> {
        let project = world.next_project();
        // BuildKit keeps a snapshot by the last part of the context's path: it must be new as well.
        let folder = world.folder.join(format!("{project}-{}-{cure}", scenario.mechanism.to_lowercase()));
        files::folder(&folder)?;
        let words = vec![
            ("@base@", world.base()),
            ("@project@", project.clone()),
            ("@label@", format!("{LABEL}={}", world.name)),
            ("@bust@", nonce()),
        ];
        Ok(Self { world, scenario, builder, project, folder, words })
    }

    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (mark, word)| text.replace(mark, word))
    }

    /// Tries a cure on a project of its own, which is gone then; `idle` gets to know what is seen without any.
    fn tried(
        world: &'a mut World,
        scenario: &'a Scenario,
        builder: Builder,
        cure: Option<&Cure>,
        idle: &mut Option<Look>,
    ) -> Result<Look, Stop> {
        let mut one = Self::new(world, scenario, builder, cure.map_or("nothing", |cure| &cure.name))?;
        let look = one.run(cure, idle);
        let Self { world, project, .. } = one;
        world.clear(&project);
        look
    }

    /// Deploys, changes, and looks.
    fn run(&mut self, cure: Option<&Cure>, idle: &mut Option<Look>) -> Result<Look, Stop> {
        if let Err(why) = self.bring()? {
            let look = (Outcome::Fails, Some(format!("before the cure: {why}")));
            idle.get_or_insert_with(|| look.clone());
            return Ok(look);
        }
        if idle.is_none() {
            *idle = Some(self.look()?);
        }
        for step in cure.iter().flat_map(|cure| &cure.steps) {
            if step == "touch" {
                let changed = self.scenario.change.iter().filter_map(Action::file);
                let changed: Vec<PathBuf> = changed.map(|file| self.folder.join(self.fill(file))).collect();
                project::touch(changed.iter().map(PathBuf::as_path)).map_err(Stop::Failed)?;
                continue;
            }
            let ran = self.command(step)?;
            if ran.code != 0 {
                return Ok((Outcome::Fails, Some(format!("`{step}`: {}", ran.last_word()))));
            }
        }
        self.look()
    }

    /// Deploys and changes; the inner error is what went wrong in the scenario.
    fn bring(&mut self) -> Result<Result<(), String>, Stop> {
        if let Err(why) = self.prepare()? {
            return Ok(Err(why));
        }
        match self.look()? {
            (Outcome::Stale, _) => {}
            (_, why) => {
                return Ok(Err(why.unwrap_or_else(|| "the new is there before the change".to_owned())));
            }
        }
        for action in &self.scenario.change {
            if let Err(why) = self.act(action)? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }

    /// The files, the server, what comes before, and the first deploy.
    fn prepare(&mut self) -> Result<Result<(), String>, Stop> {
        let scenario = self.scenario;
        if !scenario.server.is_empty()
            && let Err(why) = self.serve()?
        {
            return Ok(Err(why));
        }
        let mut texts: Vec<(String, String)> =
            scenario.files.iter().map(|(path, text)| (self.fill(path), self.fill(text))).collect();
        // What no other build has: no cell is served from the cache of another.
        texts.push(("cell".to_owned(), format!("{}\n", self.project)));
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        project::create(&self.folder, &texts).map_err(Stop::Failed)?;
        for action in &scenario.before {
            if let Err(why) = self.act(action)? {
                return Ok(Err(why));
            }
        }
        for step in &scenario.deploy {
            let ran = self.command(step)?;
            if ran.code != 0 {
                return Ok(Err(format!("`{step}`: {}", ran.last_word())));
            }
        }
        Ok(Ok(()))
    }

    /// Starts what serves the folder `outside`, and finds its address.
    fn serve(&mut self) -> Result<Result<(), String>, Stop> {
        let outside = self.folder.join("outside");
        files::folder(&outside)?;
        let mount = format!("{}:/www", outside.display());
        let base = self.world.base();
        let mut words = vec!["docker", "run", "--detach", "--volume", &mount, &base];
        words.extend(self.scenario.server.iter().map(String::as_str));
        let ran = self.docker(&words)?;
        if ran.code != 0 {
            return Ok(Err(format!("the server: {}", ran.last_word())));
        }
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = self.docker(&["docker", "inspect", "--format", format, &ran.stdout])?.stdout;
        self.words.push(("@url@", format!("http://{address}")));
        Ok(Ok(()))
    }

    fn docker(&self, words: &[&str]) -> Result<Ran, Stop> {
        let at = At { folder: &self.folder, project: &self.project, builder: self.builder };
        self.world.engine.run(at, words)
    }

    /// Runs a step of the scenario or of a cure.
    fn command(&mut self, step: &str) -> Result<Ran, Stop> {
        let words: Vec<String> = step.split_whitespace().map(|word| self.fill(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // What it removes may have had volumes that nobody knows any more then.
        if words.contains(&"rm") || words.contains(&"-V") {
            self.world.note_volumes()?;
        }
        self.docker(&words)
    }

    /// Carries out an action; the inner error is what went wrong in the scenario.
    fn act(&mut self, action: &Action) -> Result<Result<(), String>, Stop> {
        let at = |file: &str| self.folder.join(self.fill(file));
        let done = match action {
            Action::Write { file, text, keep_time } => files::write(&at(file), &self.fill(text), *keep_time),
            Action::Replace { file, text } => files::replace(&at(file), &self.fill(text)),
            Action::Edit { file, from, to, keep_time } => {
                files::edit(&at(file), &self.fill(from), &self.fill(to), *keep_time)
            }
            Action::Delete { file } => files::delete(&at(file)),
            Action::Rename { from, to } => files::rename(&at(from), &at(to)),
            Action::Link { file, to } => files::link(&at(file), to),
            Action::Mode { file, mode } => files::mode(&at(file), mode),
            Action::Time { file, at: seconds } => files::time(&at(file), *seconds),
            Action::Run { command, may_fail } => {
                let ran = self.command(command)?;
                let good = ran.code == 0 || *may_fail;
                return Ok(if good { Ok(()) } else { Err(format!("`{command}`: {}", ran.last_word())) });
            }
            Action::Exec { command } => return self.exec(command),
            Action::Wait { milliseconds } => {
                wait(Duration::from_millis(*milliseconds));
                Ok(())
            }
        };
        Ok(done.map_err(|error| error.to_string()))
    }

    fn exec(&mut self, command: &[String]) -> Result<Result<(), String>, Stop> {
        let containers = self.containers()?;
        let Some(container) = containers.first() else { return Ok(Err("nothing runs".to_owned())) };
        let mut words = vec!["docker", "exec", container];
        words.extend(command.iter().map(String::as_str));
        let ran = self.docker(&words)?;
        Ok(if ran.code == 0 { Ok(()) } else { Err(format!("`exec`: {}", ran.last_word())) })
    }

    /// The running containers that are looked at.
    fn containers(&self) -> Result<Vec<String>, Stop> {
        if let Some(name) = &self.scenario.look.container {
            return Ok(vec![self.fill(name)]);
        }
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = self.scenario.look.service.as_ref();
        let service = service.map(|service| format!("label=com.docker.compose.service={service}"));
        let mut words = vec!["docker", "ps", "--quiet", "--no-trunc", "--filter", &project];
        words.extend(service.iter().flat_map(|service| ["--filter", service]));
        Ok(self.docker(&words)?.stdout.lines().map(str::to_owned).collect())
    }

    /// What the processes see. A process that has just started may need a moment.
    fn look(&mut self) -> Result<Look, Stop> {
        let mut said = String::new();
        for _ in 0..TRIES {
            let (mut old, mut other) = (false, false);
            let containers = self.containers()?;
            if containers.is_empty() {
                "nothing runs".clone_into(&mut said);
            }
            for container in &containers {
                let mut words = vec!["docker", "exec", container];
                words.extend(self.scenario.look.exec.iter().map(String::as_str));
                let ran = self.docker(&words)?;
                let look = &self.scenario.look;
                if ran.code == 0 && ran.stdout == look.old {
                    old = true;
                } else if ran.code != 0 || ran.stdout != look.new {
                    other = true;
                    said = if ran.code == 0 {
                        format!("the process sees `{}`", ran.stdout)
                    } else {
                        ran.last_word().to_owned()
                    };
                }
            }
            if old {
                return Ok((Outcome::Stale, None));
            }
            if !other && !containers.is_empty() {
                return Ok((Outcome::Fresh, None));
            }
            wait(PAUSE);
        }
        Ok((Outcome::Fails, Some(said)))
    }
}

#[expect(clippy::disallowed_methods, reason = "processes in containers need their time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
