//! Why a server could not be reached, from what `ssh` itself says.

use super::Refused;

/// Reads what `ssh` printed. A host key that it does not know, or that is another than it knows, has a class of its own:
/// there somebody has to look, and no option makes it go away.
pub fn unreachable(host: &str, said: &str) -> Refused {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = |words: &str| lines.iter().find(|line| line.contains(words)).copied();
    let quoted = crate::protocol::quote(host);
    if line("REVOKED HOST KEY DETECTED").is_some() {
        let message = format!(
            "the key by which `{host}` shows itself is revoked in ssh's list of known hosts; ask the server's owner for the new one"
        );
        return Refused::new("changed-host-key", message);
    }
    if line("REMOTE HOST IDENTIFICATION HAS CHANGED").is_some()
        || line("has changed and you have requested strict checking").is_some()
    {
        let old = line("Offending").map(|l| format!(" ({})", l.trim_end_matches(':'))).unwrap_or_default();
        let forget = line("ssh-keygen -f").or(line("ssh-keygen -R"));
        let forget = forget.map_or_else(|| format!("ssh-keygen -R {quoted}"), str::to_owned);
        let message = format!(
            "the key by which `{host}` shows itself is not the one that ssh knows it by{old}: it was set up anew, or somebody stands in between; ask its owner for the fingerprint first, and only if the new key is right have ssh forget the old one (`{forget}`) and connect once by hand with `ssh {quoted}`"
        );
        return Refused::new("changed-host-key", message);
    }
    if let Some(failed) = line("host key is known for").or(line("Host key verification failed")) {
        let message = format!(
            "ssh does not know the key by which `{host}` shows itself ({}); connect once by hand with `ssh {quoted}`, compare the fingerprint that it shows with the one that the server's owner gives you, and accept the key if they are equal",
            failed.trim_end_matches('.')
        );
        return Refused::new("unknown-host-key", message);
    }
    let words = lines.last().copied().unwrap_or("no reason given");
    Refused::new("unreachable", format!("`{host}` cannot be reached: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_of_host_keys_is_understood() {
        let changed = "@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in /home/me/.ssh/known_hosts:3\r\n  remove with:\r\n  ssh-keygen -f \"/home/me/.ssh/known_hosts\" -R \"app1\"\r\nHost key for app1 has changed and you have requested strict checking.\r\nHost key verification failed.\r\n";
        let jump = "No ED25519 host key is known for jump and you have requested strict checking.\nHost key verification failed.\nConnection closed by UNKNOWN port 65535\n";
        let revoked =
            "@       WARNING: REVOKED HOST KEY DETECTED!               @\nHost key verification failed.\n";
        for (said, reason, words) in [
            (changed, "changed-host-key", "`ssh-keygen -f \"/home/me/.ssh/known_hosts\" -R \"app1\"`"),
            (changed, "changed-host-key", "(Offending ED25519 key in /home/me/.ssh/known_hosts:3)"),
            (
                "Host key for app1 has changed and you have requested strict checking.",
                "changed-host-key",
                "ssh-keygen -R deploy@app1",
            ),
            (revoked, "changed-host-key", "revoked"),
            (jump, "unknown-host-key", "No ED25519 host key is known for jump"),
            ("Host key verification failed.\r\n", "unknown-host-key", "`ssh deploy@app1`"),
            (
                "ssh: connect to host app1 port 22: Connection refused\n\n",
                "unreachable",
                "Connection refused",
            ),
            ("", "unreachable", "no reason given"),
        ] {
            let refused = unreachable("deploy@app1", said);
            assert_eq!(refused.reason, reason, "{said}");
            assert!(refused.message.contains(words), "{words:?} is not in {}", refused.message);
            assert!(
                !refused.message.contains("keyscan") && !refused.message.contains("StrictHostKeyChecking")
            );
        }
    }
}
