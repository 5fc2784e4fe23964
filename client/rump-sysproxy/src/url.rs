//! Where a server is: `unix://path`, `tcp://address:port`, `tcp6://[address]:port`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// A socket in the file system. The path is absolute: the folder that a program is in may change.
    Unix(PathBuf),
    /// An address and a port; an address of all zeros is any, and only a server's.
    Tcp(SocketAddr),
}

/// Why a text is not where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError(String);

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// What a text says; a relative path is in the folder `cwd`. Errors: another scheme, an address that is no number, no
    /// port, an empty path, one that is too long for a socket.
    pub fn parse(text: &str, cwd: &Path) -> Result<Self, UrlError> {
        let wrong = |why: &str| UrlError(format!("{text}: {why}"));
        if let Some(path) = text.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(wrong("there is no path behind unix://"));
            }
            return Ok(Self::Unix(cwd.join(path)));
        }
        if let Some(rest) = text.strip_prefix("tcp6://") {
            let (address, port) =
                split(rest).ok_or_else(|| wrong("an address and a port are needed, as in tcp6://[::1]:7"))?;
            let address =
                address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
            let address = match address {
                "0" | "*" => Ipv6Addr::UNSPECIFIED,
                _ => address.parse().map_err(|_| wrong("the address is no number of IPv6"))?,
            };
            return Ok(Self::Tcp((IpAddr::V6(address), port).into()));
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            let (address, port) = split(rest)
                .ok_or_else(|| wrong("an address and a port are needed, as in tcp://127.0.0.1:7"))?;
            let address = match address {
                "0" | "*" => Ipv4Addr::UNSPECIFIED,
                _ => address.parse().map_err(|_| wrong("the address is no number of IPv4"))?,
            };
            return Ok(Self::Tcp((IpAddr::V4(address), port).into()));
        }
        Err(wrong("a server is at unix://path, tcp://address:port or tcp6://[address]:port"))
    }
}

/// What was before the last colon, and the port behind it.
fn split(text: &str) -> Option<(&str, u16)> {
    // A slash at the end is a habit.
    let (address, port) = text.strip_suffix('/').unwrap_or(text).rsplit_once(':')?;
    Some((address, port.parse().ok()?))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address @ SocketAddr::V4(_)) => write!(f, "tcp://{address}"),
            Self::Tcp(address @ SocketAddr::V6(_)) => write!(f, "tcp6://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        Url::parse(text, Path::new("/home")).map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn servers_are_found() {
        for (text, expected) in [
            ("unix://sock", "unix:///home/sock"),
            ("unix:///run/sock", "unix:///run/sock"),
            ("tcp://127.0.0.1:7", "tcp://127.0.0.1:7"),
            ("tcp://0:7", "tcp://0.0.0.0:7"),
            ("tcp://*:7/", "tcp://0.0.0.0:7"),
            ("tcp6://[::1]:7", "tcp6://[::1]:7"),
            ("tcp6://::1:7", "tcp6://[::1]:7"),
            ("tcp6://*:7", "tcp6://[::]:7"),
        ] {
            assert_eq!(parse(text), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in [
            "",
            "unix://",
            "http://x",
            "tcp://host:7",
            "tcp://1.2.3.4",
            "tcp://1.2.3.4:70000",
            "tcp6://[::x]:7",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("{text}: ")), "{error}");
        }
    }
}
