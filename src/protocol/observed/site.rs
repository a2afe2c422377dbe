//! What else there is on the server: other containers, what listens on its ports, room on the engine's disk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::content::Lfs;

/// What the server has beside the service. A part that could not be told, or not surely of this engine, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Every container of the engine.
    pub containers: Option<Vec<Neighbour>>,
    /// TCP sockets that listen where the engine publishes its ports.
    pub listening: Option<Vec<Port>>,
    /// The disk that the engine keeps its images on.
    pub room: Option<Room>,
    /// What git does with LFS files.
    pub lfs: Option<Lfs>,
}

/// A container of the engine, whosever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its ID, as long as the engine gives it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its Compose project; empty if Compose has not made it.
    pub project: String,
    /// The service.
    pub service: String,
    /// Whether it is a single `compose run`.
    pub oneoff: bool,
    /// The host ports that it holds.
    pub ports: Vec<Port>,
}

/// A port of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The address; `None`: every one, of both families.
    pub ip: Option<IpAddr>,
    /// The number.
    pub number: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

impl Port {
    /// A TCP port.
    pub fn tcp(ip: Option<IpAddr>, number: u16) -> Self {
        Self { ip, number, protocol: "tcp".to_owned() }
    }

    /// Whether only one of the two can be had (measured on engines 20.10 and 26.1): `0.0.0.0` and `127.0.0.1` are in
    /// each other's way, `127.0.0.1` and `127.0.0.2` are not. A socket on `[::]` may or may not have IPv4 as well, so
    /// it is surely in the way only of what wants every address, or one of IPv6.
    pub fn excludes(&self, other: &Self) -> bool {
        let meet = match (self.ip, other.ip) {
            (None, _) | (_, None) => true,
            (Some(a), Some(b)) => {
                a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
            }
        };
        meet && self.number == other.number && self.protocol == other.protocol
    }

    /// From `ADDRESS:NUMBER`, with IPv6 in brackets or without; `None` for a range.
    pub fn parse(address: &str, protocol: &str) -> Option<Self> {
        let (ip, number) = address.rsplit_once(':').unwrap_or(("", address));
        let ip = ip.trim_matches(['[', ']']);
        let ip = if ip.is_empty() { None } else { Some(ip.parse().ok()?) };
        Some(Self { ip, number: number.parse().ok()?, protocol: protocol.to_owned() })
    }

    /// From an entry of `/proc/net/tcp` or `tcp6`: words of the machine's own byte order, then the number.
    pub fn of_kernel(entry: &str) -> Option<Self> {
        let (ip, number) = entry.split_once(':')?;
        let number = u16::from_str_radix(number, 16).ok()?;
        let mut bytes = Vec::new();
        for word in ip.as_bytes().chunks(8) {
            let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
            bytes.extend(word.to_ne_bytes());
        }
        let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
            Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
            Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        };
        Some(Self::tcp(Some(ip), number))
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ip {
            None => {}
            Some(IpAddr::V4(ip)) => write!(f, "{ip}:")?,
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
        }
        write!(f, "{}", self.number)?;
        if self.protocol == "tcp" { Ok(()) } else { write!(f, "/{}", self.protocol) }
    }
}

/// How much can still be written where the engine keeps its images. All in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The engine's folder.
    pub at: String,
    /// What is free.
    pub free: u64,
    /// What a prune of the build cache can free at most.
    pub cache: u64,
    /// The layers that the last build of the service wrote; 0 if that is not known.
    pub layers: u64,
}

/// What a container of the service wants for itself alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// The name that the compose file gives it.
    pub name: Option<String>,
    /// The single ports that it publishes; ranges from which the engine may choose are left out.
    pub ports: Vec<Port>,
    /// The folders and files of the server that are mounted into it.
    pub binds: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_exclude_each_other_as_measured() {
        let port = |text: &str| Port::parse(text, "tcp").expect("a port");
        for (held, wanted, excluded) in [
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.1:80", "80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            (":::80", "80", true),
            ("[::]:80", "127.0.0.1:80", false),
            ("[::]:80", "::1:80", true),
            ("127.0.0.1:81", "80", false),
        ] {
            assert_eq!(port(held).excludes(&port(wanted)), excluded, "{held} {wanted}");
        }
        let udp = Port::parse("53", "udp").expect("a port");
        assert!(!udp.excludes(&port("53")));
        assert_eq!([udp.to_string(), port("::1:80").to_string()], ["53/udp", "[::1]:80"]);
        assert_eq!(Port::parse("8000-8010", "tcp"), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_of_the_kernel_are_read() {
        let read = |text| Port::of_kernel(text).map(|p| p.to_string());
        assert_eq!(read("0100007F:1FBB").as_deref(), Some("127.0.0.1:8123"));
        assert_eq!(read("00000000000000000000000001000000:0050").as_deref(), Some("[::1]:80"));
        assert_eq!(read("0000000000000000FFFF00000100007F:0050").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(read("local_address").or(read("0100:zz")).or(read("é1:1")), None);
    }
}
