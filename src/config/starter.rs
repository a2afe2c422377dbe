//! The `unstale.toml` that a project starts with.

use super::levels::Ruleset;

/// The text, with every key explained and only the ruleset set.
pub fn starter() -> String {
    format!(
        r#"# What `unstale` makes of the files in this folder and below. `unstale rules` lists the rules,
# `unstale explain RULE` shows why each is there. A key without `#` holds; take it away from others that shall.

# The rules and levels of this version: an update turns nothing red by itself.
ruleset = "{}"

# A finding from this level on fails the run: "error", "warning" (without this line), "info".
# fail-on = "error"

# Findings from this level on are listed, the others counted.
# show = "info"

# Patterns as in a .gitignore beside this file: what they match is read, and not reported.
# exclude = ["vendor/"]

# Levels of single rules: "off", "info", "warning", "error".
# [rules]
# broad-copy = "off"

# The same for some paths only; a later entry wins.
# [[per-path]]
# paths = ["legacy/**"]
# rules = {{ cached-fetch = "info" }}

# Servers for `deploy --target NAME`: one host or a list, as `ssh` takes them, and the checkout's folder there, which
# can also stand behind a host.
# [target.prod]
# host = ["deploy@app1", "deploy@app2:/srv/repo"]
# dir = "/opt/repo"

# What a deploy that fails costs, for `unstale history`: an hour, a thousand tokens, and how many tokens an agent
# spends on one, which is an estimate. Without these there is no money in it.
# [history]
# per-hour = 60
# per-1000-tokens = 0.01
# tokens-per-deploy = 8000
# currency = "EUR"

# How many images of before stay kept after a verified deploy, for `unstale rollback`; older ones are removed.
# [deploy]
# keep = 5

# What a visitor has to get, asked on the server at the end of `unstale deploy` and `unstale verify`, by service.
# `{{sha}}` and `{{short}}` stand for the commit; without `contains`, the status has to be below 400.
# [verify.http.web]
# url = "http://127.0.0.1:8080/version"
# contains = "{{sha}}"
"#,
        Ruleset::newest()
    )
}
