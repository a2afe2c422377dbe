//! Which kept images a verified deploy removes: as values, and on real engines over real ssh.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;
use unstale::protocol::{
    Holds, Image, ImageId, LedgerFile, Observed, Options, Plan, Probe, When,
    checklist::{Checklist, Marks},
    dry_run, plan_back,
};

use crate::{
    protocol::{NEW, OLD, container, options, seen, sha, target},
    support::{Builder, Engine, Lab, Running, ended, on_real_engines},
};

const TAGS: &str = "unstale-retained/shop-web";

/// The n-th deploy's id.
fn id(n: u32) -> String {
    format!("202611{n:02}t000000z-aaaaaa")
}

fn image(n: u32) -> ImageId {
    ImageId(format!("sha256:{n:016}"))
}

/// A line of the ledger: deploy n, which kept an image and made another one.
fn line(n: u32, verdict: &str, made: &ImageId) -> String {
    serde_json::json!({"schema": 1, "id": id(n), "time": "", "service": "web", "verdict": verdict, "to": OLD,
        "image": made.0, "images": [made.0],
        "steps": [{"id": "retain", "ms": 1, "state": "done"}]})
    .to_string()
}

/// Deploys 1 to `n`, each of which kept image n - 1 and made image n, with these verdicts; what runs is the last one.
fn after(verdicts: &[&str]) -> Observed {
    let mut seen = seen();
    let last = u32::try_from(verdicts.len()).unwrap();
    let tagged = |n: u32, tags: Vec<String>| Image { id: image(n), tags, tagged: None };
    let mut images: Vec<Image> =
        (0..last).map(|n| tagged(n, vec![format!("{TAGS}:{}", id(n + 1))])).collect();
    images.push(tagged(last, vec!["shop-web:latest".into()]));
    seen.server.images = Some(images);
    let mut now = container();
    now.image = image(last);
    seen.server.containers = Some(vec![now]);
    let lines = verdicts.iter().zip(1..).map(|(verdict, n)| line(n, verdict, &image(n))).collect();
    seen.server.ledger = Some(LedgerFile { folder: true, lines });
    seen
}

fn planned(seen: &Observed, keep: usize) -> Plan {
    let desired = unstale::protocol::Desired::new("web", None);
    unstale::protocol::plan(&desired, seen, &Options { keep, ..options() }).unwrap()
}

/// The deploys whose kept images go, the newest first.
fn gone(seen: &Observed, keep: usize) -> Vec<String> {
    let plan = planned(seen, keep);
    let Some(step) = plan.steps.iter().find(|step| step.id() == "thin") else { return Vec::new() };
    let Probe::Untagged { tags } = step.post() else { panic!("{step:?}") };
    let words = step.argv().resolve(&sha(NEW));
    assert_eq!(words, [&["docker".to_owned(), "rmi".to_owned()], &tags[..]].concat(), "each by its name");
    tags.iter().map(|tag| tag.strip_prefix(&format!("{TAGS}:")).unwrap().to_owned()).collect()
}

fn tags(seen: &mut Observed, n: usize) -> &mut Vec<String> {
    &mut seen.server.images.as_mut().unwrap()[n].tags
}

#[test]
fn the_oldest_beyond_the_number_go_and_this_deploys_own_counts() {
    let seven = after(&["verified"; 7]);
    // This deploy keeps image 7; with 6, 5, 4 and 3 they are five.
    assert_eq!(gone(&seven, 5), [id(3), id(2), id(1)]);
    assert_eq!(gone(&seven, 8), [""; 0]);
    assert_eq!(gone(&seven, usize::MAX), [""; 0]);
    assert_eq!(gone(&after(&["verified"; 4]), 5), [""; 0]);
    assert_eq!(gone(&after(&[]), 1), [""; 0]);
    // Nothing runs, so that nothing more is kept.
    let mut down = after(&["verified"; 7]);
    down.server.containers.as_mut().unwrap()[0].status = "exited".into();
    assert_eq!(gone(&down, 5), [id(2), id(1)]);
}

#[test]
fn it_is_the_last_step_and_waits_for_the_verdict() {
    let plan = planned(&after(&["verified"; 7]), 5);
    let step = plan.steps.last().unwrap();
    assert_eq!((step.id(), step.when(), step.phase().number()), ("thin", When::IfVerified, 7));
    assert!(step.undo_of().is_none() && step.pre_probe().is_none());
    let text = dry_run(&plan, &target());
    let (_, end) = text.split_once("\n8. only if that is verified: remove images").expect(&text);
    let command = format!("docker rmi {TAGS}:{} {TAGS}:{} {TAGS}:{}\"\n", id(3), id(2), id(1));
    assert!(end.contains(&command), "{text}");
}

#[test]
fn the_checklist_has_it_too() {
    let (all, host) = (after(&["verified"; 7]), target());
    let (plan, marks) = (planned(&all, 5), Marks::default());
    let list =
        Checklist { service: "web", plan: &plan, target: &host, seen: &all, marks: &marks, http: None };
    let tags = |n: u32| format!("{TAGS}:{}", id(n));
    let (_, end) =
        list.markdown().split_once("\n- [ ] **thin**: only if it is verified: ").map(owned).unwrap();
    assert!(end.contains(&format!("docker rmi {} {} {}\"\n", tags(3), tags(2), tags(1))), "{end}");
    assert!(end.contains("no image has these tags any more; this must print nothing"), "{end}");
    let (_, end) = list.script().split_once("begin 'step 7, thin'\n").map(owned).unwrap();
    assert!(end.contains(&format!("docker rmi {}", tags(3))), "{end}");
}

fn owned((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}

#[test]
fn images_are_counted_not_tags() {
    let mut seen = after(&["verified"; 7]);
    // Three deploys that failed kept the same image as the sixth.
    for n in 8..=10 {
        tags(&mut seen, 5).push(format!("{TAGS}:{}", id(n)));
        seen.server.ledger.as_mut().unwrap().lines.push(line(n, "stopped", &image(7)));
    }
    assert_eq!(gone(&seen, 5), [id(3), id(2), id(1)]);
    // All tags of an image that goes go with it.
    tags(&mut seen, 0).push(format!("{TAGS}:{}-2", id(2)));
    assert_eq!(gone(&seen, 5), [id(3), format!("{}-2", id(2)), id(2), id(1)]);
}

#[test]
fn what_a_rollback_needs_stays_however_old_it_is() {
    // What runs was never verified, nor what was kept since deploy 2.
    let seen = after(&["verified", "verified", "stale", "stale", "stale", "stale"]);
    assert_eq!(gone(&seen, 2), [id(5), id(4), id(2), id(1)], "deploy 3 kept what deploy 2 verified");
    let never = after(&["stale"; 6]);
    assert_eq!(gone(&never, 2), [id(5), id(4), id(3), id(2), id(1)]);
    // With one kept, and a build that makes the very image that runs, the older one is where a rollback leads to.
    let plan = planned(&after(&["verified"; 3]), 1);
    let step = plan.steps.last().unwrap();
    assert_eq!(step.pre_probe(), Some(&Probe::Rebuilt { before: Some(image(3)) }));
}

#[test]
fn what_runs_and_what_nobody_knows_is_left_alone() {
    // The image that runs has old tags, too.
    let mut seen = after(&["verified"; 7]);
    let old = std::mem::take(tags(&mut seen, 0));
    tags(&mut seen, 7).extend(old);
    assert_eq!(gone(&seen, 5), [id(3), id(2)]);
    // A repository of the same name may be that of another project: no ledger here knows its deploys.
    let mut seen = after(&["verified"; 7]);
    seen.server.ledger.as_mut().unwrap().lines.remove(0);
    assert_eq!(gone(&seen, 5), [id(3), id(2)]);
    seen.server.ledger.as_mut().unwrap().lines[0] =
        line(2, "verified", &image(2)).replace("\"web\"", "\"worker\"");
    assert_eq!(gone(&seen, 5), [id(3)]);
    seen.server.ledger = None;
    assert_eq!(gone(&seen, 5), [""; 0]);
    seen.here.ledger = after(&["verified"; 7]).server.ledger;
    assert_eq!(gone(&seen, 5), [id(3), id(2), id(1)], "the ledger here knows them, too");
    // Not even its own tags, where the images could not be asked.
    seen.server.images = None;
    assert_eq!(gone(&seen, 5), [""; 0]);
}

#[test]
fn the_probe_says_which_tag_is_still_there() {
    let mut seen = after(&["verified"; 7]);
    let probe = Probe::Untagged { tags: vec![format!("{TAGS}:{}", id(1)), format!("{TAGS}:{}", id(2))] };
    let why = |holds: Holds| match holds {
        Holds::No(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(why(probe.holds(&seen, Some(&sha(NEW)))).contains(&id(1)));
    tags(&mut seen, 0).clear();
    assert!(why(probe.holds(&seen, Some(&sha(NEW)))).contains(&id(2)));
    tags(&mut seen, 1).clear();
    assert_eq!(probe.holds(&seen, Some(&sha(NEW))), Holds::Yes);
    seen.server.images = None;
    assert!(matches!(probe.holds(&seen, Some(&sha(NEW))), Holds::Unknown(_)));
}

#[test]
fn a_rollback_to_what_is_gone_says_so() {
    let mut seen = after(&["verified"; 7]);
    // Images 1 and 2 are not on the server any more; commits tell them apart.
    seen.server.images.as_mut().unwrap().retain(|one| one.id != image(1) && one.id != image(2));
    let commit = |n: u32| format!("{n:040}");
    let lines = &mut seen.server.ledger.as_mut().unwrap().lines;
    for (line, n) in lines.iter_mut().zip(1..) {
        *line = line.replace(OLD, &commit(n));
    }
    let refused = |to: &str| plan_back("web", Some(to), &seen, &options()).map(drop).unwrap_err();
    for to in [id(2), id(3), commit(1)[..12].to_owned() + "x", commit(1), image(2).0] {
        let refused = refused(&to);
        let expected = if to.ends_with('x') { "unknown-retained" } else { "removed-retained" };
        assert_eq!(refused.reason, expected, "{to}: {}", refused.message);
    }
    assert!(refused(&id(2)).message.contains("`keep` below `[deploy]`"));
    assert_eq!(refused(&id(9)).reason, "unknown-retained", "no deploy of that name");
    assert_eq!(refused(&commit(7)).reason, "unknown-retained", "it runs, and was never kept");
    assert!(plan_back("web", Some(&id(4)), &seen, &options()).is_ok());
}

on_real_engines!(corners: old_images_go);

/// Writes the configuration of the project, and brings a change with it.
fn push(lab: &Lab, config: &str, version: &str) {
    fs::write(lab.dev().join("unstale.toml"), config).unwrap();
    lab.edit("frontend/templates/index.html", |page| {
        let (before, rest) = page.split_once("/scichart/").unwrap();
        format!("{before}/scichart/{version}/{}", rest.split_once('/').unwrap().1)
    });
    lab.commit_and_push(version);
}

/// Six images that earlier deploys are said to have kept, each with an image of its own.
fn plant(lab: &Lab) -> String {
    let repository = format!("unstale-retained/{}-web", lab.project());
    let base = lab.engine.base_image();
    for n in 1..=6 {
        let build = format!(
            "printf 'FROM {base}\nLABEL n={n}{}\n' | docker build -q -t {repository}:{} -",
            lab.project(),
            id(n)
        );
        lab.ssh(&build).ok();
        let made = lab.engine.docker(&[
            "image",
            "inspect",
            "--format",
            "{{.Id}}",
            &format!("{repository}:{}", id(n)),
        ]);
        // It is the image that the deploy before made.
        let line = line(n - 1, "verified", &ImageId(made.ok()));
        let last = line_of_a_keeper(n);
        lab.ssh(&format!(
            "mkdir -p .git/unstale && printf '%s\\n%s\\n' '{line}' '{last}' >>.git/unstale/ledger.ndjson"
        ))
        .ok();
    }
    repository
}

/// The line of the deploy that kept it, which made nothing.
fn line_of_a_keeper(n: u32) -> String {
    line(n, "stopped", &ImageId("sha256:none".into()))
}

/// The tags of the repository, the newest first.
fn left(lab: &Lab, repository: &str) -> Vec<String> {
    let listed = lab.engine.docker(&["image", "ls", "--format", "{{.Tag}}", repository]).ok();
    let mut tags: Vec<String> = listed.lines().map(str::to_owned).collect();
    tags.sort_by(|a, b| b.cmp(a));
    tags
}

#[track_caller]
fn deploy(lab: &Lab, verdict: &str, code: i32) -> (Value, String) {
    let (document, ended_with) = ended(&mut Running::start(lab, &["deploy", "web"]));
    assert_eq!((document["verdict"].as_str(), ended_with), (Some(verdict), code), "{document:#}");
    let steps = document["steps"].as_array().unwrap();
    let thin = steps.last().unwrap();
    assert_eq!(thin["id"], "thin", "{document:#}");
    let (state, detail) = (thin["state"].as_str().unwrap(), thin["detail"].as_str().unwrap_or_default());
    let said = format!("{state} {detail}");
    (document.clone(), said)
}

/// Nothing goes before the verdict is `verified`, then the oldest, by their names and without force; and what is left
/// can be gone back to.
fn old_images_go(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    let repository = plant(&lab);
    // An image that something else uses: the last tag of one that runs, and one that has another name as well.
    let used = format!("{repository}:{}", id(2));
    let label = format!("com.docker.compose.project={}", lab.project());
    let run = ["run", "-d", "--init", "--label", &label, &used, "sleep", "1000"];
    let holder = lab.engine.docker(&run).ok();
    let other = format!("{}-other:1", lab.project());
    lab.engine.docker(&["tag", &format!("{repository}:{}", id(3)), &other]).ok();

    let never = "[deploy]\nkeep = 2\n[verify.http.web]\nurl = \"http://127.0.0.1:1/\"\ntimeout = 1\n";
    push(&lab, never, "v4");
    let (_, said) = deploy(&lab, "inconclusive", 4);
    assert_eq!(said, "skipped ");
    assert_eq!(left(&lab, &repository).len(), 7, "all of them, and the one of this deploy");

    push(&lab, "[deploy]\nkeep = 2\n", "v5");
    let (document, said) = deploy(&lab, "verified", 0);
    // What two deploys kept, none of them verified; the newest one that was; and the one that is in use.
    assert!(
        said.starts_with("failed `thin` ended with 1: ") && said.contains("is using its referenced image"),
        "{said}"
    );
    let tags = left(&lab, &repository);
    assert_eq!(tags[2..], [id(6), id(2)], "{tags:?}");
    assert_eq!(lab.serves(), "v5", "{document:#}");
    assert_eq!(lab.engine.docker(&["inspect", "--format", "{{.State.Status}}", &holder]).ok(), "running");
    assert_eq!(lab.engine.docker(&["run", "--rm", &other, "echo", "there"]).ok(), "there");
    let ledger = lab.ssh("tail -n 1 .git/unstale/ledger.ndjson").ok();
    assert_eq!(
        serde_json::from_str::<Value>(&ledger).unwrap()["verdict"],
        "verified",
        "it was written before"
    );

    let back = |args: &[&str]| ended(&mut Running::start(&lab, &[&["rollback", "web"], args].concat()));
    let (refused, code) = back(&["--to", &id(1)]);
    assert_eq!((code, refused["class"].as_str()), (2, Some("removed-retained")), "{refused:#}");
    let (listed, _) = back(&["--list"]);
    assert_eq!(listed["kept"].as_array().unwrap().len(), 4, "{listed:#}");
    let (gone, code) = back(&[]);
    assert_eq!((code, gone["verdict"].as_str()), (0, Some("verified")), "{gone:#}");
    assert_eq!(lab.serves(), "v4");
    lab.engine.docker(&["rm", "-f", &holder]).ok();
}
