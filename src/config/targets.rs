//! The tables `[target.NAME]` of `unstale.toml`: where `deploy --target NAME` goes to.

use std::collections::BTreeMap;

use super::keys::{Key, Keys, Value, ordered, shown};
use crate::settings::TargetHost;

/// The keys of one.
const KEYS: [&str; 2] = ["host", "dir"];

impl Keys<'_> {
    /// `[target.NAME]`, by name.
    pub(super) fn targets(&mut self, value: &Value<'_>) -> BTreeMap<String, Vec<TargetHost>> {
        let example = "write `host` and `dir` under `[target.prod]`";
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value.span(), format!("`target` is a table of tables: {example}{}", shown(value)));
            return BTreeMap::new();
        };
        let mut found = BTreeMap::new();
        for (name, value) in ordered(table) {
            if value.get_ref().as_table().is_none() {
                let message = format!("`{}` is no table: {example}", name.get_ref());
                self.wrong(value.span(), message);
            } else if let Some(places) = self.places(name, value) {
                found.insert(name.get_ref().to_string(), places);
            }
        }
        found
    }

    fn places(&mut self, name: &Key<'_>, value: &Value<'_>) -> Option<Vec<TargetHost>> {
        let (mut hosts, mut dir) = (None, None);
        for (key, value) in ordered(value.get_ref().as_table()?) {
            match key.get_ref().as_ref() {
                "host" => hosts = Some(self.hosts(value)),
                "dir" => dir = Some(self.dir(value)),
                _ => self.unknown(key, &KEYS),
            }
        }
        let mut missing = |says: &str| {
            self.wrong(name.span(), format!("a target has `host` and `dir`: add `{says}`"));
        };
        let Some(hosts) = hosts else {
            missing("host = \"deploy@server\"");
            return None;
        };
        let hosts = hosts?;
        if dir.is_none() && hosts.iter().any(|(_, own)| own.is_none()) {
            missing("dir = \"/opt/repo\"");
        }
        let dir = dir.flatten();
        let place =
            |(host, own): (String, Option<String>)| Some(TargetHost { host, dir: own.or(dir.clone())? });
        hosts.into_iter().map(place).collect()
    }

    /// One host, or a list of them: each as `ssh` takes it, or as `scp` does, with a folder of its own.
    fn hosts(&mut self, value: &Value<'_>) -> Option<Vec<(String, Option<String>)>> {
        let list: Vec<&Value<'_>> = match value.get_ref().as_array() {
            Some(list) => list.iter().collect(),
            None => vec![value],
        };
        let hosts: Vec<_> = list.iter().filter_map(|value| host(value.get_ref().as_str()?)).collect();
        let all = !list.is_empty() && hosts.len() == list.len();
        if !all {
            let message = format!(
                "`host` takes what `ssh` takes, or a list of that, as in `host = \"deploy@server\"`{}",
                shown(value)
            );
            self.wrong(value.span(), message);
        }
        all.then_some(hosts)
    }

    fn dir(&mut self, value: &Value<'_>) -> Option<String> {
        let fits = |text: &&str| text.starts_with('/') && !text.contains(char::is_control);
        let dir = value.get_ref().as_str().filter(fits);
        if dir.is_none() {
            let message = format!(
                "`dir` takes the absolute path of the checkout on the server, as in `dir = \"/opt/repo\"`{}",
                shown(value)
            );
            self.wrong(value.span(), message);
        }
        dir.map(str::to_owned)
    }
}

/// `deploy@server`, `ssh://deploy@server:22`, or `deploy@server:/opt/repo`.
fn host(text: &str) -> Option<(String, Option<String>)> {
    // What begins with a dash would be an option of `ssh`.
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_control) {
        return None;
    }
    let own = if text.starts_with("ssh://") { None } else { text.split_once(":/") };
    Some(match own {
        Some((host, dir)) => (host.to_owned(), Some(format!("/{dir}"))),
        None => (text.to_owned(), None),
    })
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_may_have_a_folder_of_its_own() {
        let own = |host: &str, dir: Option<&str>| Some((host.to_owned(), dir.map(str::to_owned)));
        assert_eq!(host("deploy@app1"), own("deploy@app1", None));
        assert_eq!(host("deploy@app1:/srv/x y"), own("deploy@app1", Some("/srv/x y")));
        assert_eq!(host("ssh://deploy@app1:2222"), own("ssh://deploy@app1:2222", None));
        for wrong in ["", "-oProxyCommand=x", "a\nb"] {
            assert_eq!(host(wrong), None, "{wrong:?}");
        }
    }
}
