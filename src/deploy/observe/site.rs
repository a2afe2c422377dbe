//! The questions about what else there is on the server, and what their answers mean.

use serde_json::Value;

use super::{Subject, json_lines, quote, text};
use crate::{
    deploy::frames::{Answers, Questions},
    protocol::{Moment, Neighbour, Port, Room, Site},
};

const NEIGHBOUR: &str = r#"{"id":{{json .ID}},"names":{{json .Names}},"ports":{{json .Ports}},"project":{{json (.Label "com.docker.compose.project")}},"service":{{json (.Label "com.docker.compose.service")}},"oneoff":{{json (.Label "com.docker.compose.oneoff")}}}"#;

/// The layers of a build are written within so many seconds; those of the base image are older.
const BUILD: i64 = 3600;

pub(super) fn ask(q: &mut Questions, subject: Subject<'_>) {
    q.ask("neighbours", &format!("docker ps -a --no-trunc --format '{NEIGHBOUR}'"));
    // A bridge has a random name. Where this shell sees one of the engine's, it sees the sockets of the engine's ports.
    q.ask("bridges", "docker network ls -q --filter driver=bridge");
    q.ask("devices", "cat /proc/net/dev");
    q.ask(
        "sockets",
        "for f in /proc/net/tcp /proc/net/tcp6; do [ ! -r $f ] || awk '$4 == \"0A\" { print $2 }' $f; done",
    );
    q.line("o=$(docker info --format '{{.DockerRootDir}}{{println}}{{.Name}}{{println}}{{json .DriverStatus}}' 2>/dev/null)");
    q.line("r=$(printf '%s\\n' \"$o\" | sed -n 1p); k=");
    q.line(OURS);
    q.line("case $r in /*) if ours; then k=$(df -Pk \"$r\" 2>/dev/null | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) print $(i - 1) }'); fi;; esac");
    q.line("case $k in *[!0-9]*) k=;; esac");
    q.ask("room", "[ -n \"$k\" ] && printf '%s\\n%s\\n' \"$k\" \"$r\"");
    let service = quote(&format!("label=com.docker.compose.service={}", subject.service));
    q.line(&format!("n={service}; i=; {IMAGE}"));
    q.line("case $s in ''|*[!0-9]*) s=0;; esac");
    q.line(FEW);
    q.ask("room-cache", "few && docker system df --format '{{.Type}}={{.Reclaimable}}'");
    q.ask("room-layers", "few && [ -n \"$m\" ] && docker history --no-trunc --human=false --format '{{.CreatedAt}} {{.Size}}' \"$m\"");
}

/// The image of the service's container, and its bytes.
const IMAGE: &str = "[ -z \"$k\" ] || for d in \"$(pwd -P)\" \"$(pwd -L)\"; do
  [ -n \"$i\" ] || i=$(docker ps -aq --filter \"$n\" --filter \"label=com.docker.compose.project.working_dir=$d\" 2>/dev/null | sed -n 1p)
done
m=; [ -z \"$i\" ] || m=$(docker inspect --type container --format '{{.Image}}' \"$i\" 2>/dev/null)
s=; [ -z \"$m\" ] || s=$(docker image inspect --format '{{.Size}}' \"$m\" 2>/dev/null)";

/// With room for the whole image and some more, nothing more is asked: counting what it stores takes the engine time.
const FEW: &str = "few() { [ -n \"$k\" ] && [ $((k / 1000)) -lt $((s / 1000000 + 150)) ]; }";

/// Whether the folder `$r` is the very one that the engine named: it may be behind `tcp://`, in a virtual machine, or
/// have a root of its own. What may not be looked into is believed. With containerd's store the images lie in another
/// folder: the two have to be on one disk.
const OURS: &str = "ours() {
  [ \"$(printf '%s\\n' \"$o\" | sed -n 2p)\" = \"$(uname -n)\" ] && [ -d \"$r\" ] || return 1
  case $(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) in unix://*) ;; *) return 1;; esac
  case $o in *io.containerd.snapshotter*)
    [ -d /var/lib/containerd ] && [ \"$(df -P \"$r\" | sed 1d)\" = \"$(df -P /var/lib/containerd | sed 1d)\" ] || return 1;;
  esac
  [ -x \"$r\" ] || return 0
  i=$(docker ps -aq --no-trunc 2>/dev/null | sed -n 1p)
  if [ -n \"$i\" ]; then [ -d \"$r/containers/$i\" ]; else [ -d \"$r/containers\" ]; fi
}";

pub(super) fn read(answers: &Answers) -> Site {
    let told = answers.get("neighbours").code == 0;
    Site {
        containers: told.then(|| json_lines(answers, "neighbours").map(|v| neighbour(&v)).collect()),
        listening: sees_engine(answers).then(|| {
            answers.get("sockets").lines().iter().filter_map(|l| Port::of_kernel(l.trim())).collect()
        }),
        room: room(answers),
        lfs: super::git::read_lfs(answers),
    }
}

fn neighbour(value: &Value) -> Neighbour {
    // `web-1,db-1/alias`: the name, and the names by which others link to it.
    let name = text(value, "names").split(',').find(|name| !name.contains('/')).unwrap_or_default();
    Neighbour {
        id: text(value, "id").to_owned(),
        name: name.to_owned(),
        project: text(value, "project").to_owned(),
        service: text(value, "service").to_owned(),
        oneoff: text(value, "oneoff") == "True",
        ports: text(value, "ports").split(", ").flat_map(published).collect(),
    }
}

/// `127.0.0.1:8000->80/tcp`, `:::80-81->80-81/tcp`; `80/tcp` is not published.
fn published(entry: &str) -> Vec<Port> {
    let Some((host, inside)) = entry.split_once("->") else { return Vec::new() };
    let protocol = inside.rsplit_once('/').map_or("tcp", |(_, protocol)| protocol);
    let Some((address, numbers)) = host.rsplit_once(':') else { return Vec::new() };
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else { return Vec::new() };
    (first..=last).filter_map(|number| Port::parse(&format!("{address}:{number}"), protocol)).collect()
}

fn sees_engine(answers: &Answers) -> bool {
    let devices = answers.get("devices").lines();
    let names: Vec<&str> = devices.iter().filter_map(|l| Some(l.split_once(':')?.0.trim())).collect();
    answers.get("bridges").lines().iter().any(|id| names.contains(&format!("br-{}", id.trim()).as_str()))
}

fn room(answers: &Answers) -> Option<Room> {
    let words = answers.get("room").text()?;
    let (kilobytes, at) = words.split_once('\n')?;
    let cache = answers.get("room-cache").lines();
    let cache = cache.iter().find_map(|line| line.strip_prefix("Build Cache="));
    Some(Room {
        at: at.to_owned(),
        free: kilobytes.trim().parse::<u64>().ok()?.checked_mul(1024)?,
        cache: cache.and_then(bytes).unwrap_or(0),
        layers: last_build(&answers.get("room-layers").lines()),
    })
}

/// `4.368MB`, `1.2GB (50%)`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.split_whitespace().next()?;
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..at].parse().ok()?;
    let unit = match &text[at..] {
        "B" => 1e0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, and not negative"
    )]
    let bytes = (number * unit).max(0.0) as u64;
    Some(bytes)
}

/// The bytes of the layers that were written together with the newest one; 0 if that cannot be told.
fn last_build(lines: &[String]) -> u64 {
    let layers: Vec<(i64, u64)> = lines
        .iter()
        .filter_map(|line| {
            let (time, size) = line.trim().split_once(' ')?;
            Some((Moment::parse(time)?.whole(), size.parse().ok()?))
        })
        .collect();
    let Some(&(newest, _)) = layers.first() else { return 0 };
    let together = layers.iter().filter(|(time, _)| (newest - BUILD..=newest).contains(time));
    together.fold(0, |sum, (_, size)| sum.saturating_add(*size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_ports_are_read() {
        let read = |text: &str| {
            let ports = text.split(", ").flat_map(published);
            ports.map(|p| p.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            read("127.0.0.1:8000->80/tcp, :::80-81->80-81/tcp, [::]:53->53/udp, 90/tcp"),
            "127.0.0.1:8000 [::]:80 [::]:81 [::]:53/udp"
        );
        assert_eq!(read("") + &read("x->y") + &read("9-1->2"), "");
    }

    #[test]
    fn sizes_and_the_last_build_are_read() {
        assert_eq!(
            [bytes("4.368MB"), bytes("0B (0%)"), bytes("1.2GB (50%)")],
            [Some(4_368_000), Some(0), Some(1_200_000_000)]
        );
        assert_eq!([bytes(""), bytes("12"), bytes("1.x.MB"), bytes("3 MB")], [None; 4]);
        let lines = [
            "2026-11-28T09:04:47Z 3216",
            "2026-11-28T09:04:47Z 0",
            "2026-11-28T10:04:46+01:00 1000",
            "2026-11-01T00:00:00Z 900000",
        ];
        assert_eq!(last_build(&lines.map(str::to_owned)), 4216);
        // Every layer of a reproducible build bears one time, and the base image a later one.
        let lines = ["1970-01-01T00:00:00Z 10", "2026-11-28T09:04:47Z 900000", "junk"];
        assert_eq!(last_build(&lines.map(str::to_owned)), 10);
        assert_eq!(last_build(&[]), 0);
    }
}
