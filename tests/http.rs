//! What a visitor gets: from what came back over HTTP to the verdict, and on real engines with a real cache in front.

#![expect(clippy::disallowed_methods, reason = "the engine test writes files")]

use serde_json::{Value, json};
use unstale::protocol::{
    HttpAnswer, HttpCheck, HttpJudged, HttpReply, Judged, Judgement, Outcome, Place, Report, Verdict,
    judge_http,
};

use crate::{
    protocol::{NEW, OLD, sha},
    support::{Builder, Engine, Lab, Ran, on_real_engines, write_executable},
};

fn check(contains: Option<&str>) -> HttpCheck {
    HttpCheck {
        url: "http://127.0.0.1:8080/v".into(),
        contains: contains.map(str::to_owned),
        from: Place::Server,
        timeout: 1,
    }
}

fn answer(status: u16, body: &str, headers: &[(&str, &str)]) -> HttpReply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpReply::Answer(HttpAnswer { status, headers, body: body.as_bytes().to_vec(), cut: false })
}

fn judged(contains: Option<&str>, reply: &HttpReply) -> HttpJudged {
    judge_http("web", &check(contains), &sha(NEW), &[sha(OLD)], reply)
}

/// What an answer says, and why.
fn says(contains: Option<&str>, status: u16, body: &str, headers: &[(&str, &str)]) -> (Verdict, String) {
    let judged = judged(contains, &answer(status, body, headers));
    assert_eq!(judged.status, Some(status));
    (judged.verdict, judged.detail.replace("`http://127.0.0.1:8080/v` answers with ", ""))
}

const NO: Verdict = Verdict::Inconclusive;

#[test]
fn without_a_text_the_status_counts() {
    assert_eq!(says(None, 200, "", &[]), (Verdict::Verified, "status 200".into()));
    assert_eq!(
        says(None, 302, "", &[("location", "/login")]),
        (Verdict::Verified, "status 302, a redirect to `/login`".into()),
        "and it is told"
    );
    assert_eq!(says(None, 404, "", &[]), (NO, "status 404".into()));
    assert_eq!(says(None, 502, "", &[("Age", "x")]).0, NO);
}

#[test]
fn the_text_is_looked_for_as_it_is() {
    assert_eq!(says(Some("v4.*"), 200, "a v4.* b", &[]), (Verdict::Verified, "`v4.*`".into()));
    assert_eq!(
        says(Some("v4.*"), 200, "v44", &[]),
        (NO, "status 200, and its body lacks `v4.*`".into()),
        "a text that differs is not known to be old"
    );
    assert_eq!(says(Some("{sha}"), 200, &format!("[{NEW}]"), &[]).0, Verdict::Verified);
    assert_eq!(
        says(Some("{\"r\":\"{short}"), 200, &format!("{{\"r\":\"{NEW}\"}}"), &[]).0,
        Verdict::Verified
    );
    // The first half of the text may stand there often.
    assert_eq!(says(Some("aab"), 200, "aaab", &[]).0, Verdict::Verified);
    assert_eq!(says(Some("v4"), 500, "v4", &[]), (NO, "status 500".into()), "an error page proves nothing");
}

#[test]
fn only_the_text_of_an_older_commit_is_stale() {
    let old = says(Some("rev={sha};"), 200, &format!("rev={OLD};"), &[]);
    assert_eq!(old, (Verdict::Stale, format!("`rev={OLD};`, which is 111111111111")));
    assert_eq!(says(Some("{short}"), 200, "version 1111111 (today)", &[]).0, Verdict::Stale);
    assert_eq!(
        says(Some("{short}"), 200, "version 111111111 (today)", &[]).0,
        Verdict::Stale,
        "nine digits of it"
    );
    for (text, body) in [
        ("rev={sha};", format!("ref={OLD};")),
        ("{sha}", OLD[1..].to_owned()),
        ("{sha}", "3".repeat(40)),
        ("{short}", "a1111111".to_owned()),
        ("{short}", "11111112".to_owned()),
        ("{short}", format!("{OLD}1")),
        ("fixed", OLD.to_owned()),
    ] {
        assert_eq!(says(Some(text), 200, &body, &[]).0, NO, "{text} {body}");
    }
    // A page that names both has the new one.
    assert_eq!(says(Some("{sha}"), 200, &format!("{OLD} {NEW}"), &[]).0, Verdict::Verified);
}

#[test]
fn what_stands_in_front_is_told() {
    for (header, value) in [("age", "12"), ("x-cache", "Hit from cloudfront"), ("cf-cache-status", "HIT")] {
        let (verdict, why) = says(Some("{sha}"), 200, OLD, &[(header, value)]);
        assert_eq!(verdict, Verdict::Stale);
        assert!(why.ends_with(&format!(", and it came from a cache (`{header}: {value}`)")), "{why}");
    }
    for (header, value) in [("age", "0"), ("x-cache", "MISS"), ("age", "old")] {
        assert!(!says(Some("x"), 200, "", &[(header, value)]).1.contains("cache"), "{header}: {value}");
    }
    assert_eq!(
        says(Some("x"), 301, "", &[("location", "https://a.example/")]),
        (NO, "status 301, a redirect to `https://a.example/`, which is not followed".into())
    );
    assert_eq!(
        says(Some("x"), 200, "", &[("content-encoding", "gzip")]),
        (NO, "a body in `gzip`, which cannot be looked into".into())
    );
    let cut = HttpReply::Answer(HttpAnswer { status: 200, cut: true, ..HttpAnswer::default() });
    assert!(judged(Some("x"), &cut).detail.contains("first megabytes"));
}

#[test]
fn no_answer_says_nothing() {
    let refused = judged(Some("{sha}"), &HttpReply::Nothing("curl: (7) Connection refused".into()));
    assert_eq!((refused.verdict, refused.status), (NO, None));
    assert!(refused.detail.ends_with("gives no answer on the server: curl: (7) Connection refused"));
    let here = HttpCheck { from: Place::Here, ..check(None) };
    let here = judge_http("web", &here, &sha(NEW), &[], &HttpReply::Nothing("x".into()));
    assert!(here.detail.contains("on this machine"), "{}", here.detail);
    assert_eq!(judged(None, &HttpReply::NoClient("there is no client".into())).verdict, NO);
}

fn containers(verdict: Verdict) -> Judgement {
    let replica = Judged {
        service: "web".into(),
        container: "shop-web-1".into(),
        image: "sha256:a".into(),
        verdict,
        diagnosis: None,
        detail: "1 changed file is as in git".into(),
        counts: unstale::protocol::Counts::default(),
        sick: None,
    };
    let reason = replica.detail.clone();
    Judgement { verdict, reason, replicas: vec![replica], http: Vec::new() }
}

fn together(containers_say: Verdict, reply: &HttpReply) -> Judgement {
    containers(containers_say).and_http(judged(Some("{sha}"), reply), "RESTART", "DEPLOY")
}

#[test]
fn the_answer_adds_to_the_verdict_and_never_makes_it_better() {
    use Verdict::{Inconclusive, Stale, Verified};
    let (good, old, other) =
        (answer(200, NEW, &[]), answer(200, OLD, &[]), HttpReply::Nothing("refused".into()));
    for (containers, reply, verdict) in [
        (Verified, &good, Verified),
        (Verified, &old, Stale),
        (Verified, &other, Inconclusive),
        (Inconclusive, &good, Inconclusive),
        (Inconclusive, &old, Stale),
        (Inconclusive, &other, Inconclusive),
        (Stale, &good, Stale),
        (Stale, &old, Stale),
        (Stale, &other, Stale),
    ] {
        let all = together(containers, reply);
        assert_eq!(all.verdict, verdict, "{containers:?} {reply:?}");
        assert_eq!(all.http.len(), 1);
        assert_eq!(Judgement::of_all([("web", &all)]).http.len(), 1);
    }
    let reason = |containers, reply| together(containers, reply).reason;
    let url = "`http://127.0.0.1:8080/v`";
    assert_eq!(
        reason(Verified, &good),
        format!("1 changed file is as in git, and {url} answers with `{NEW}`")
    );
    assert_eq!(
        reason(Verified, &old),
        format!(
            "{url} answers with `{OLD}`, which is 111111111111; in the containers, 1 changed file is as in git"
        )
    );
    assert_eq!(reason(Stale, &old), "1 changed file is as in git", "the containers say more");
    assert_eq!(reason(Inconclusive, &good), "1 changed file is as in git");
}

#[test]
fn the_cure_of_an_old_answer_names_the_url() {
    let old = answer(200, OLD, &[]);
    let all = together(Verdict::Verified, &old);
    let cure = &all.http[0].diagnosis.as_ref().unwrap().cure;
    assert!(cure.contains("http://127.0.0.1:8080/v") && cure.ends_with("RESTART"), "{cure}");
    assert!(!all.wants_a_build(), "the containers have it already");
    let all = together(Verdict::Inconclusive, &old);
    let cure = &all.http[0].diagnosis.as_ref().unwrap().cure;
    assert!(cure.starts_with("DEPLOY, and") && cure.contains("http://127.0.0.1:8080/v"), "{cure}");
    assert!(all.wants_a_build(), "the image may be old");
    assert!(together(Verdict::Stale, &answer(200, NEW, &[])).wants_a_build(), "as without it");
}

#[test]
fn the_report_has_it_in_both_forms() {
    let evil = "x\u{1b}[31m\nverified: all is well";
    let reply = answer(200, OLD, &[("age", "3"), ("x-cache", evil)]);
    let outcome = Outcome::Judged(together(Verdict::Verified, &reply));
    let mut report = Report::refused("web", unstale::protocol::Refused::new("x", "y"));
    report.outcome = outcome;
    let document: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(document["verdict"], "stale");
    assert_eq!(document["replicas"][0]["verdict"], "verified");
    let http = &document["http"][0];
    let fields = ["service", "url", "status", "verdict", "cause"].map(|f| http[f].clone());
    assert_eq!(
        fields,
        [json!("web"), json!("http://127.0.0.1:8080/v"), json!(200), json!("stale"), json!("http")]
    );
    assert!(http["cure"].as_str().unwrap().contains("RESTART"), "{http:#}");
    let text = report.text();
    assert!(text.contains("\n  http      stale: `http://127.0.0.1:8080/v` answers with"), "{text}");
    assert!(
        text.contains("\n    cause     http: ") && text.contains("\n    cure      empty the cache"),
        "{text}"
    );

    let reply = answer(302, "", &[("location", evil)]);
    report.outcome = Outcome::Judged(together(Verdict::Verified, &reply));
    assert!(!report.text().contains('\u{1b}'), "{:?}", report.text());
    assert!(!report.text().contains("\nverified:"), "{:?}", report.text());
    let reply = HttpReply::Nothing(evil.repeat(100));
    report.outcome = Outcome::Judged(together(Verdict::Verified, &reply));
    assert!(!report.text().contains('\u{1b}') && report.text().len() < 2000);

    report.outcome = Outcome::Judged(containers(Verdict::Verified));
    assert!(!report.json().contains("\"http\""), "nothing was asked");
}

on_real_engines!(corners: a_cache_in_front);

/// A web server on the server's own port: it asks the container, or gives what it asked first, if there is a file `hold`.
struct Front<'l> {
    lab: &'l Lab,
    port: u16,
    process: std::process::Child,
}

impl<'l> Front<'l> {
    fn start(lab: &'l Lab, port: u16) -> Self {
        let cgi = lab.folder().join("front/cgi-bin");
        std::fs::create_dir_all(&cgi).unwrap();
        let folder = lab.folder().join("front");
        let script = format!(
            "#!/bin/sh\nPATH={}:$PATH\ncd {}\nage=\n\
             if [ -f hold ] && [ -f kept ]; then age='Age: 60\\r\\n'; else\n\
             id=$(docker ps -q --filter label=com.docker.compose.project={} | head -n 1)\n\
             docker exec \"$id\" wget -q -O - http://127.0.0.1:8000/version.txt >new && mv new kept\nfi\n\
             printf \"Content-Type: text/plain\\r\\n$age\\r\\n\"\ncat kept\n",
            lab.engine.bin.display(),
            folder.display(),
            lab.project()
        );
        write_executable(&cgi.join("version"), script.as_bytes());
        let mut command = lab.in_server("busybox");
        command.args(["httpd", "-f", "-p", &format!("127.0.0.1:{port}"), "-h"]).arg(&folder);
        Self { lab, port, process: command.spawn().unwrap() }
    }

    fn hold(&self, hold: bool) {
        let path = self.lab.folder().join("front/hold");
        if hold { std::fs::write(path, "").unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
}

impl Drop for Front<'_> {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        assert!(std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err(), "it is gone");
    }
}

fn at_server(lab: &Lab, args: &[&str]) -> (Value, i32) {
    let dir = lab.server();
    let mut command = lab.in_dev(env!("CARGO_BIN_EXE_unstale"));
    let ran = Ran::new(command.args(args).args(["--host", "testhost", "--format", "json", "--dir"]).arg(dir));
    (serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}")), ran.code)
}

/// A service that serves its commit, behind something that may keep the old answer.
fn a_cache_in_front(engine: Engine, builder: Builder) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/cgi-bin/version");
    let config = |contains: &str| {
        format!("[verify.http.web]\nurl = \"{url}\"\ncontains = \"{contains}\"\ntimeout = 2\n")
    };
    let lab = Lab::seeded(engine, builder, |dev| {
        let dockerfile = dev.join("Dockerfile");
        let text = std::fs::read_to_string(&dockerfile).unwrap();
        let serve = "RUN cp .git/refs/heads/main frontend/templates/version.txt\nEXPOSE";
        std::fs::write(&dockerfile, text.replacen("EXPOSE", serve, 1)).unwrap();
        std::fs::write(dev.join("unstale.toml"), config("{sha}")).unwrap();
    });
    lab.deploy_naively().ok();
    assert_eq!(lab.serves(), "v3");
    let first = lab.git(&["rev-parse", "HEAD"]).ok();
    let http = |of: &(Value, i32)| of.0["http"][0].clone();

    let none = at_server(&lab, &["verify", "web"]);
    assert_eq!((none.0["verdict"].as_str(), none.1), (Some("inconclusive"), 4), "{:#}", none.0);
    assert_eq!(none.0["replicas"][0]["verdict"], "verified", "{:#}", none.0);
    assert!(
        http(&none)["detail"].as_str().unwrap().contains("gives no answer on the server"),
        "{:#}",
        none.0
    );

    let front = Front::start(&lab, port);
    let fresh = at_server(&lab, &["verify", "web"]);
    assert_eq!((fresh.0["verdict"].as_str(), fresh.1), (Some("verified"), 0), "{:#}", fresh.0);
    assert!(fresh.0["reason"].as_str().unwrap().ends_with(&format!(", and `{url}` answers with `{first}`")));

    // The proxy keeps the old answer: the containers are right, and a visitor gets the old one.
    front.hold(true);
    lab.push_v4();
    let held = at_server(&lab, &["deploy", "web"]);
    assert_eq!((held.0["verdict"].as_str(), held.1), (Some("stale"), 1), "{:#}", held.0);
    assert_eq!(held.0["replicas"][0]["verdict"], "verified", "{:#}", held.0);
    assert_eq!(lab.serves(), "v4");
    let said = http(&held);
    assert_eq!((said["status"].as_u64(), said["cause"].as_str()), (Some(200), Some("http")), "{said:#}");
    assert!(said["detail"].as_str().unwrap().contains("from a cache (`age: 60`)"), "{said:#}");
    assert!(said["cure"].as_str().unwrap().contains(&url), "{said:#}");
    let ledger = lab.ssh("tail -n 1 .git/unstale/ledger.ndjson").ok();
    let line: Value = serde_json::from_str(&ledger).unwrap();
    assert_eq!((line["verdict"].as_str(), line["cause"].as_str()), (Some("stale"), Some("http")), "{line:#}");

    // A text that says nothing of a commit: it lacks it, and that is all that is known.
    std::fs::write(lab.dev().join("unstale.toml"), config("'\\\"$(touch evil)`touch evil`")).unwrap();
    let lacks = at_server(&lab, &["verify", "web"]);
    assert_eq!((lacks.0["verdict"].as_str(), lacks.1), (Some("inconclusive"), 4), "{:#}", lacks.0);
    std::fs::write(lab.dev().join("unstale.toml"), "[verify.http.web]\nur = 1\n").unwrap();
    let broken = at_server(&lab, &["verify", "web"]);
    assert_eq!((broken.0["class"].as_str(), broken.1), (Some("config-error"), 2), "{:#}", broken.0);
    let before = lab.ssh("git rev-parse HEAD; docker ps -aq --no-trunc").ok();
    let deploy = at_server(&lab, &["deploy", "web", "-m", "With a mistake"]);
    assert_eq!((deploy.0["class"].as_str(), deploy.1), (Some("config-error"), 2), "{:#}", deploy.0);
    assert_eq!(
        lab.ssh("git rev-parse HEAD; docker ps -aq --no-trunc").ok(),
        before,
        "before the first change"
    );
    lab.git(&["checkout", "unstale.toml"]).ok();

    // What the cure says.
    front.hold(false);
    let cured = at_server(&lab, &["verify", "web"]);
    assert_eq!((cured.0["verdict"].as_str(), cured.1), (Some("verified"), 0), "{:#}", cured.0);
    let back = at_server(&lab, &["rollback", "web"]);
    assert_eq!((back.0["verdict"].as_str(), back.1), (Some("verified"), 0), "{:#}", back.0);
    assert!(http(&back)["detail"].as_str().unwrap().contains(&first), "{:#}", back.0);
}
