//! URLs of images: RFC 3986, and the NBD project's `uri.md` for `nbd`.

use core::fmt;
use rump_kpi::{Errno, KError, KResult};

/// How a source is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// NBD over TCP.
    Nbd,
    /// NBD over TCP and TLS.
    Nbds,
    /// NBD over a socket of the host.
    NbdUnix,
    /// NBD over a socket of the host and TLS.
    NbdsUnix,
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// Objects as S3 has them.
    S3,
    /// The same, as Hadoop names them.
    S3a,
    /// Objects of Google's cloud.
    Gs,
    /// Objects of Azure, in a container.
    Az,
    /// The same, as Hadoop names them: in a container, or in `CONTAINER@ACCOUNT`.
    Abfs,
    /// As `Abfs`: both are spoken over TLS.
    Abfss,
}

impl Scheme {
    /// Whether it names an object in a bucket.
    pub fn is_store(self) -> bool {
        matches!(self, Self::S3 | Self::S3a | Self::Gs | Self::Az | Self::Abfs | Self::Abfss)
    }
}

const SCHEMES: [(&str, Scheme); 12] = [
    ("nbd", Scheme::Nbd),
    ("nbds", Scheme::Nbds),
    ("nbd+unix", Scheme::NbdUnix),
    ("nbds+unix", Scheme::NbdsUnix),
    ("http", Scheme::Http),
    ("https", Scheme::Https),
    ("s3", Scheme::S3),
    ("s3a", Scheme::S3a),
    ("gs", Scheme::Gs),
    ("az", Scheme::Az),
    ("abfs", Scheme::Abfs),
    ("abfss", Scheme::Abfss),
];

/// A URL in its parts, as they are written: nothing is decoded. Shown without user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Before `://`.
    pub scheme: Scheme,
    /// Before the `@` of the server: name and password, or, of a store, the container.
    pub user: Option<String>,
    /// The server; an address of IPv6 without its brackets.
    pub host: String,
    /// The port, where one is said.
    pub port: Option<u16>,
    /// With its slash; empty where there is none.
    pub path: String,
    /// Behind the question mark.
    pub query: Option<String>,
}

/// Whether `text` begins as a URL of an image does. The name of a file that looks like one is written `./nbd://...`.
pub fn is_url(text: &[u8]) -> bool {
    scheme_of(text).is_some()
}

fn scheme_of(text: &[u8]) -> Option<(Scheme, &[u8])> {
    let named = |(name, scheme): &(&str, Scheme)| {
        let rest = text.strip_prefix(name.as_bytes())?.strip_prefix(b"://")?;
        Some((*scheme, rest))
    };
    SCHEMES.iter().find_map(named)
}

impl Url {
    /// Takes a URL apart. Errors: EINVAL, in words.
    pub fn parse(text: &[u8]) -> KResult<Self> {
        let wrong = |why: &str| {
            KError::new(Errno::EINVAL, format!("{}: {why}", String::from_utf8_lossy(text).escape_debug()))
        };
        let (scheme, rest) = scheme_of(text).ok_or_else(|| wrong("no URL of an image"))?;
        let is_plain = |byte: &u8| byte.is_ascii_graphic();
        if !rest.iter().all(is_plain) {
            return Err(wrong("a URL has no spaces and only ASCII: write them as %20 and the like"));
        }
        let rest = core::str::from_utf8(rest).map_err(|_| wrong("no text"))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = before.split_at(before.find('/').unwrap_or(before.len()));
        let (user, server) = match authority.rsplit_once('@') {
            Some((user, server)) => (Some(user.to_owned()), server),
            None => (None, authority),
        };
        let (host, port) = server_of(server).ok_or_else(|| wrong("no server and port"))?;
        let is_local = matches!(scheme, Scheme::NbdUnix | Scheme::NbdsUnix);
        if host.is_empty() != is_local {
            return Err(wrong(if is_local { "a local socket has no server" } else { "it names no server" }));
        }
        Ok(Self { scheme, user, host: host.into(), port, path: path.into(), query })
    }

    /// Name of the scheme.
    pub fn scheme_name(&self) -> &'static str {
        SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme).map_or("", |(name, _)| name)
    }

    /// The decoded value of a field of the query. Errors: EINVAL (not well escaped, or no UTF-8).
    pub fn field(&self, name: &str) -> KResult<Option<String>> {
        let fields = self.query.as_deref().unwrap_or_default().split('&');
        let found = fields.filter_map(|field| field.split_once('=')).find(|(key, _)| *key == name);
        found.map(|(_, value)| decode(value)).transpose()
    }

    /// All of it but user and password.
    pub fn without_user(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.place())
    }

    /// Up to the query.
    fn place(&self) -> String {
        format!("{}{}", self.root(), self.path)
    }

    /// Up to the path; the root of all that its server, or its bucket, has.
    pub fn root(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let container = self.user.as_deref().filter(|_| self.scheme.is_store());
        let container = container.map(|user| format!("{}@", user.split(':').next().unwrap_or_default()));
        let container = container.unwrap_or_default();
        format!("{}://{container}{open}{}{close}{port}", self.scheme_name(), self.host)
    }
}

/// Server and port of `host:port`, `[v6]:port` or either without a port.
fn server_of(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    match port.filter(|port| !port.is_empty()) {
        Some(port) => Some((host, Some(port.parse().ok()?))),
        None => Some((host, None)),
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        match &self.query {
            // What is asked of a local socket is where it is; elsewhere it may be a secret.
            Some(query) if self.host.is_empty() => write!(f, "?{query}"),
            Some(_) => f.write_str("?..."),
            None => Ok(()),
        }
    }
}

/// Takes `%41` and the like for what they stand for. Errors: EINVAL (not well escaped, or no UTF-8).
pub fn decode(text: &str) -> KResult<String> {
    let wrong = || KError::new(Errno::EINVAL, format!("{text} is not well escaped"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2).ok_or_else(wrong)?;
        let digits = core::str::from_utf8(digits).map_err(|_| wrong())?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// The URL of the file that the image at `base` calls `name`, at the same server or in the same bucket: relative to the folder of that, or to the root
/// where it begins with a slash. What was asked for behind a question mark is not asked for again.
///
/// # Errors
/// EINVAL (`base` is no URL), ENOTSUP (a scheme without folders).
pub fn beside(base: &[u8], name: &[u8]) -> KResult<Vec<u8>> {
    let url = Url::parse(base)?;
    if !matches!(url.scheme, Scheme::Http | Scheme::Https) && !url.scheme.is_store() {
        let what = format!("{url}: an image that needs another file is not read over {}", url.scheme_name());
        return Err(KError::new(Errno::ENOTSUP, what));
    }
    let folder = if name.starts_with(b"/") { "" } else { url.path.rsplit_once('/').map_or("", |(it, _)| it) };
    let mut parts: Vec<String> =
        folder.split('/').filter(|part| !part.is_empty()).map(String::from).collect();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(encode(part)),
        }
    }
    let end = base.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(base.len());
    let begin = end - base[..end].strip_suffix(url.path.as_bytes()).map_or(0, |_| url.path.len());
    Ok([&base[..begin], b"/", parts.join("/").as_bytes()].concat())
}

fn encode(part: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    part.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Url {
        Url::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = parse("https://me:pass%40word@example.org:8443/a/b.img?x=1");
        assert_eq!(url.user.as_deref(), Some("me:pass%40word"));
        assert_eq!((&*url.host, url.port, &*url.path), ("example.org", Some(8443), "/a/b.img"));
        assert_eq!(url.to_string(), "https://example.org:8443/a/b.img?...");
        assert_eq!(url.without_user(), "https://example.org:8443/a/b.img?x=1");
        let url = parse("nbd://[::1]:10810");
        assert_eq!((&*url.host, url.port, &*url.path), ("::1", Some(10810), ""));
        assert_eq!(url.to_string(), "nbd://[::1]:10810");
        let url = parse("nbd+unix:///disk?socket=/run/a%20b");
        assert_eq!((&*url.host, &*url.path), ("", "/disk"));
        assert_eq!(url.field("socket").unwrap().as_deref(), Some("/run/a b"));
        let url = parse("abfs://box:secret@account.dfs.core.windows.net/d");
        assert_eq!(url.to_string(), "abfs://box@account.dfs.core.windows.net/d");
    }

    #[test]
    fn what_is_no_url_is_refused_in_words() {
        for text in
            ["nbd://", "nbd+unix://host/?socket=x", "http://a b/", "http://h:99999/", "http:///x", "x"]
        {
            assert_eq!(Url::parse(text.as_bytes()).unwrap_err().errno, Errno::EINVAL, "{text}");
        }
        for text in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert!(!is_url(b"./http://x") && !is_url(b"nbd:") && !is_url(b"ftp://x") && is_url(b"nbds://x"));
    }

    #[test]
    fn names_in_an_image_stay_at_its_server() {
        for (base, name, found) in [
            ("http://u:p@h:8/a/b.qcow2", "c d.img", "http://u:p@h:8/a/c%20d.img"),
            ("http://h/a/b.qcow2?token=1", "../c", "http://h/c"),
            ("http://h/b", "../../../etc/passwd", "http://h/etc/passwd"),
            ("https://h/a/b", "/x//y", "https://h/x/y"),
            ("https://h", "y?z", "https://h/y%3Fz"),
            ("s3://bucket/a/b.qcow2", "c", "s3://bucket/a/c"),
            ("abfss://c@a.dfs.core.windows.net/b", "../c", "abfss://c@a.dfs.core.windows.net/c"),
        ] {
            assert_eq!(beside(base.as_bytes(), name.as_bytes()).unwrap(), found.as_bytes(), "{base} {name}");
        }
        assert_eq!(beside(b"nbd://h/x", b"y").unwrap_err().errno, Errno::ENOTSUP);
    }
}
