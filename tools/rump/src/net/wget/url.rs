//! Addresses of the web (RFC 3986), of the scheme http alone.

use std::fmt;
use std::net::Ipv6Addr;

/// Where something is. Its parts have no character that a request could not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// A name, or a numeric address without brackets.
    pub host: String,
    pub port: u16,
    /// The path, which begins with a slash, and what is asked.
    pub target: String,
}

impl Url {
    /// Reads one; without a scheme it is http. Errors: what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(format!("{text}: the scheme {scheme} is not supported (http is)"));
            }
            _ => text,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) =
            host_and_port(authority).ok_or_else(|| format!("{text:?}: no host, or no port"))?;
        let target = if target.starts_with('/') { encoded(target) } else { format!("/{}", encoded(target)) };
        Ok(Self { host, port, target })
    }

    /// What a reference in a document at this address means (RFC 3986, section 5.2). Errors: what is wrong, in words.
    pub fn join(&self, reference: &str) -> Result<Self, String> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = reference.split([':', '/', '?']).next().unwrap_or_default();
        if is_scheme(scheme) && reference[scheme.len()..].starts_with(':') {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse(&format!("http://{rest}"));
        }
        let (path, query) = self.target.split_once('?').map_or((&*self.target, None), |(p, q)| (p, Some(q)));
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        let target = match reference.chars().next() {
            None => query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")),
            Some('/') => reference.to_owned(),
            Some('?') => format!("{path}{reference}"),
            Some(_) => format!("{folder}{reference}"),
        };
        Ok(Self { target: encoded(&without_dots(&target)), ..self.clone() })
    }

    /// What the file is called that it is saved as.
    pub fn file_name(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        match path.rsplit('/').next() {
            None | Some("" | "." | "..") => "index.html",
            Some(name) => name,
        }
    }

    /// The host as a request names it: with brackets, and with a port that is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.target)
    }
}

fn is_scheme(text: &str) -> bool {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_of_it)
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.split('%').next()?.parse::<Ipv6Addr>().ok()?;
            (address, rest.strip_prefix(':').or(rest.is_empty().then_some(""))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'%');
    let port = if port.is_empty() { 80 } else { port.parse().ok().filter(|port| *port != 0)? };
    (!host.is_empty() && host.bytes().all(is_host)).then(|| (host.to_ascii_lowercase(), port))
}

/// What a request carries as it is; everything else is written as `%xx`.
fn encoded(target: &str) -> String {
    let mut text = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                text.push_str(&format!("%{byte:02X}"))
            }
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Takes `.` and `..` out of a path (section 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut names: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for name in path.split('/').skip(1) {
        ends_in_folder = matches!(name, "." | "..");
        match name {
            "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    if ends_in_folder {
        names.push("");
    }
    format!("/{}{query}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn addresses_have_a_host_a_port_and_a_path() {
        for (text, host, port, target) in [
            ("http://Example.com", "example.com", 80, "/"),
            ("example.com/a", "example.com", 80, "/a"),
            ("HTTP://127.0.0.1:8080/a/b?c#d", "127.0.0.1", 8080, "/a/b?c"),
            ("http://[::1]:81/", "::1", 81, "/"),
            ("http://[fe80::1%2]", "fe80::1%2", 80, "/"),
            ("http://h?q", "h", 80, "/?q"),
            ("http://h:/a b\r\nc", "h", 80, "/a%20b%0D%0Ac"),
        ] {
            assert_eq!(url(text), Url { host: host.into(), port, target: target.into() }, "{text}");
        }
        for text in [
            "",
            "http://",
            "http:///a",
            "https://h/",
            "ftp://h",
            "http://h:x/",
            "http://h:0",
            "http://h:65536",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        for text in ["http://[::1", "http://[h]/", "http://[::1]x/", "http://u:p@h/", "http://h h/"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    /// The examples of RFC 3986, section 5.4.
    #[test]
    fn references_are_resolved() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g?y/../x", "/b/c/g?y/../x"),
        ] {
            assert_eq!(
                base.join(reference),
                Ok(Url { target: target.into(), ..base.clone() }),
                "{reference}"
            );
        }
        assert_eq!(base.join("//g"), Ok(url("http://g/")));
        assert_eq!(base.join("http://x:8/y"), Ok(url("http://x:8/y")));
        assert!(base.join("https://x/").is_err());
        assert!(base.join("mailto:x").is_err());
    }

    #[test]
    fn files_are_called_as_the_last_part_of_the_path() {
        for (text, name) in [
            ("http://h/a/b.img?c/d", "b.img"),
            ("http://h/a/", "index.html"),
            ("http://h", "index.html"),
            ("http://h/a/..", "index.html"),
        ] {
            assert_eq!(url(text).file_name(), name, "{text}");
        }
    }

    #[test]
    fn the_host_is_named_with_its_port() {
        assert_eq!(url("http://[::1]:81/").authority(), "[::1]:81");
        assert_eq!(url("http://h:80/").authority(), "h");
    }
}
