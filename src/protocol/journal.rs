//! What a deploy leaves on the server while it goes on: who deploys what by which plan, and which tasks were carried out.

use serde::{Deserialize, Serialize};

use super::{
    names::{Moment, Sha},
    observed::lock::Holder,
    plan::Plan,
    verdict::sick::Sick,
};

/// Everything that another client needs to go on with a deploy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deploying {
    /// Version of the file.
    pub schema: u32,
    /// Who, what and since when.
    pub holder: Holder,
    /// The steps.
    pub plan: Plan,
    /// The server's commit before.
    pub from: Option<Sha>,
    /// The text that proves it, and where it must be.
    pub expect: Option<(String, String)>,
    /// The sick containers for which it is taken back, once that is begun.
    #[serde(default)]
    pub sick: Vec<Sick>,
    /// What its own commit is to be made of, where it makes one.
    #[serde(default)]
    pub unsaved: Option<Unsaved>,
}

/// A checkout whose changed files a deploy is to commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsaved {
    /// The commit below the one that is to be made.
    pub head: Option<Sha>,
    /// The changed files, from the repository's top.
    pub modified: Vec<String>,
}

/// A command that the worker was told to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The step, by its place in the plan.
    pub index: usize,
    /// The how manieth time; or the place among the commands that take the step back.
    pub nth: usize,
    /// Whether it takes the step back.
    pub undo: bool,
}

impl Task {
    /// The name of its files.
    pub fn name(&self) -> String {
        format!("{}{}{}", self.index, if self.undo { 'u' } else { '.' }, self.nth)
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        let at = name.find(['u', '.'])?;
        Some(Self {
            index: name[..at].parse().ok()?,
            nth: name[at + 1..].parse().ok()?,
            undo: name.as_bytes()[at] == b'u',
        })
    }
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The task.
    pub task: Task,
    /// When it began, by the server's clock.
    pub began: Moment,
    /// Its exit code; `None` while it runs, or if the worker was killed meanwhile.
    pub code: Option<i32>,
}

/// The tasks of a deploy, in the order in which they began.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// Them.
    pub tasks: Vec<Carried>,
}

impl Journal {
    /// Reads the worker's lines (`1764000000 start 4.0`, `1764000009 end 4.0 0`) and the exit codes that lie beside them
    /// (`4.0 0`). A line that was cut off says nothing.
    pub fn parse(lines: &[String], codes: &[String]) -> Self {
        let mut journal = Self::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            if let [time, "start", name] = words[..]
                && let (Ok(time), Some(task)) = (time.parse(), Task::parse(name))
            {
                journal.tasks.push(Carried { task, began: Moment::seconds(time), code: None });
            }
        }
        // The code is written before the journal's line: it is what counts.
        for (name, code) in codes.iter().filter_map(|line| line.split_once(' ')) {
            for carried in journal.tasks.iter_mut().filter(|carried| carried.task.name() == name) {
                carried.code = code.trim().parse().ok();
            }
        }
        journal
    }

    /// The last task of a step, those that take it back aside.
    pub fn of_step(&self, index: usize) -> Option<&Carried> {
        self.tasks.iter().rev().find(|carried| carried.task.index == index && !carried.task.undo)
    }

    /// The next task of a step.
    pub fn next(&self, index: usize) -> Task {
        let nth = self.of_step(index).map_or(0, |carried| carried.task.nth + 1);
        Task { index, nth, undo: false }
    }

    /// The step whose failure was being taken back: the last one that ran before.
    pub fn taken_back(&self) -> Option<usize> {
        let first = self.tasks.iter().position(|carried| carried.task.undo)?;
        self.tasks[..first].iter().map(|carried| carried.task.index).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_journal_tells_what_ran_and_how_it_ended() {
        let journal = Journal::parse(
            &lines("5 began\n7 start 3.0\n9 end 3.0 0\n9 start 4.0\n11 start 4.1\n12 star"),
            &lines("3.0 0\n4.0 1"),
        );
        let codes: Vec<Option<i32>> = journal.tasks.iter().map(|carried| carried.code).collect();
        assert_eq!(codes, [Some(0), Some(1), None]);
        assert_eq!(journal.of_step(4).unwrap().task, Task { index: 4, nth: 1, undo: false });
        assert_eq!(journal.next(4).name(), "4.2");
        assert_eq!(journal.next(5).name(), "5.0");
        assert_eq!(journal.of_step(3).unwrap().began, Moment::seconds(7));
        assert_eq!(journal.taken_back(), None);
    }

    #[test]
    fn a_deploy_that_is_taken_back_is_told_from_one_that_goes_on() {
        let journal = Journal::parse(&lines("1 start 2.0\n2 start 6.0\n3 start 2u0\n4 start 2u1"), &[]);
        assert_eq!(journal.taken_back(), Some(6));
        assert_eq!(journal.of_step(2).unwrap().task.nth, 0, "the undo is no attempt of the step");
    }

    #[test]
    fn names_of_orders_are_read_back() {
        for name in ["0.0", "12.3", "4u1"] {
            assert_eq!(Task::parse(name).unwrap().name(), name);
        }
        for name in ["", "x", "4", "4.", ".1", "4-1", "../4.1"] {
            assert_eq!(Task::parse(name), None, "{name}");
        }
    }
}
