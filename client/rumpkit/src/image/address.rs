//! How users name an image, a file system in it, and a path in that: `IMAGE[@PARTITION|@VOLUME|+OFFSET][:/PATH]`.
//!
//! Bytes throughout: neither host paths nor names in images need to be UTF-8. A host file whose name is the whole
//! text always wins, so that every file can be named.
//!
//! The image may be a URL of a scheme of `rump_sources`. Its server, with user and port, ends at the first slash behind `://`, or at
//! the first `:/`; what follows is read as with files, but that no file of that name is looked for: in the URL's own path `:/`, and
//! `@` and `+` in its last part, are written `%3A/`, `%40` and `%2B`. A file that is called like a URL is named as `./http://...`.

use rump_hyper::HostFs;

/// Which file system of an image is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The only one there is.
    Only,
    /// The one in the partition of this number.
    Number(u32),
    /// The one in the partition of this disklabel letter or this name, or in the volume of this name: `md0`, `group/volume`.
    Name(Vec<u8>),
    /// The one that begins at this byte of the image.
    Offset(u64),
}

/// A place in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    image: Vec<u8>,
    selector: Selector,
    path: Option<Vec<u8>>,
}

impl Address {
    /// Reads an address. It is never wrong: what fits no other form is the name of an image.
    pub fn parse(host: &dyn HostFs, text: &[u8]) -> Self {
        Self::parse_with(&|path| host.stat(path).is_ok(), text)
    }

    /// As [`Address::parse`], with another way to tell whether a host file exists.
    pub fn parse_with(exists: &dyn Fn(&[u8]) -> bool, text: &[u8]) -> Self {
        let server = server_len(text);
        // The names of URLs are no names of files.
        let exists = |path: &[u8]| server == 0 && exists(path);
        if exists(text) {
            return Self { image: text.to_vec(), selector: Selector::Only, path: None };
        }
        let (volume, path) = match split_path(text, server) {
            Some(at) => (&text[..at], Some(text[at + 1..].to_vec())),
            None => (text, None),
        };
        let (image, selector) = split_selector(&exists, volume, server);
        Self { image: image.to_vec(), selector, path }
    }

    /// The host path of the image, or its URL.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// Which file system of the image.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The path inside, `/` where none was given.
    pub fn path(&self) -> &[u8] {
        self.path.as_deref().unwrap_or(b"/")
    }

    /// Whether a path was given.
    pub fn has_path(&self) -> bool {
        self.path.is_some()
    }

    /// Image and selector as users write them.
    pub fn volume_text(&self) -> Vec<u8> {
        let mut text = self.image.clone();
        match &self.selector {
            Selector::Only => {}
            Selector::Number(number) => text.extend_from_slice(format!("@{number}").as_bytes()),
            Selector::Name(name) => {
                text.push(b'@');
                text.extend_from_slice(name);
            }
            Selector::Offset(offset) => text.extend_from_slice(format!("+{offset}").as_bytes()),
        }
        text
    }
}

/// Length of scheme, user, server and port of a URL; nothing of a file.
fn server_len(text: &[u8]) -> usize {
    if !rump_sources::is_url(text) {
        return 0;
    }
    let begin = text.windows(3).position(|marks| marks == b"://").map_or(0, |at| at + 3);
    let len = text[begin..].iter().position(|&byte| byte == b'/').unwrap_or(text.len() - begin);
    let is_path = text[begin..].get(len.saturating_sub(1)..=len) == Some(b":/");
    begin + if is_path { len - 1 } else { len }
}

/// Where the colon is that ends the image: the first one with a slash after it, behind the server.
fn split_path(text: &[u8], server: usize) -> Option<usize> {
    text[server..].windows(2).position(|pair| pair == b":/").map(|at| server + at).filter(|&at| at > 0)
}

fn split_selector<'a>(
    exists: &dyn Fn(&[u8]) -> bool,
    volume: &'a [u8],
    server: usize,
) -> (&'a [u8], Selector) {
    if exists(volume) {
        return (volume, Selector::Only);
    }
    let marked = |mark: u8| volume[server..].iter().rposition(|&byte| byte == mark);
    let last = |mark: u8| marked(mark).map(|at| server + at).filter(|&at| at > 0);
    if let Some(at) = last(b'+') {
        if let Some(offset) = parse_offset(&volume[at + 1..]) {
            return (&volume[..at], Selector::Offset(offset));
        }
    }
    if let Some(at) = last(b'@') {
        let word = &volume[at + 1..];
        // A slash after the mark belongs to a directory name such as `backup@home/disk.img`, but behind an image to the name of a
        // volume: `disk.img@group/volume`.
        let slashes = word.iter().filter(|byte| **byte == b'/').count();
        let is_volume = slashes == 1 && !word.starts_with(b"/") && exists(&volume[..at]);
        if !word.is_empty() && (slashes == 0 || is_volume) {
            return (&volume[..at], parse_partition(word));
        }
    }
    (volume, Selector::Only)
}

fn parse_partition(word: &[u8]) -> Selector {
    let number =
        core::str::from_utf8(word).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|text| text.parse().ok()) {
        Some(number) => Selector::Number(number),
        None => Selector::Name(word.to_vec()),
    }
}

/// A count of bytes: decimal or `0x`, with `k`, `M`, `G` or `T` after it for powers of 1024.
fn parse_offset(word: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(word).ok()?;
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u64::from_str_radix(hex, 16).ok())?;
    }
    let shift = match text.as_bytes().last()? {
        b'k' | b'K' => 10,
        b'M' | b'm' => 20,
        b'G' | b'g' => 30,
        b'T' | b't' => 40,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, Selector, String) {
        let address = Address::parse_with(&|path| path == b"odd@2:/name" || path == b"a+1", text.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(address.image()), address.selector().clone(), text(address.path()))
    }

    #[test]
    fn an_image_alone_means_its_root() {
        assert_eq!(parse("disk.img"), ("disk.img".into(), Selector::Only, "/".into()));
    }

    #[test]
    fn partition_number_and_path_are_split_off() {
        assert_eq!(parse("d.img@2:/etc"), ("d.img".into(), Selector::Number(2), "/etc".into()));
        assert_eq!(parse("d.img@a:/"), ("d.img".into(), Selector::Name(b"a".to_vec()), "/".into()));
    }

    #[test]
    fn offsets_have_units_and_bases() {
        assert_eq!(parse("d+0x10").1, Selector::Offset(16));
        assert_eq!(parse("d+3k:/x").1, Selector::Offset(3072));
        assert_eq!(parse("d+1M").1, Selector::Offset(1 << 20));
        assert_eq!(parse("d+99999999999999999999").0, "d+99999999999999999999");
        assert_eq!(parse("d+99999999999G").1, Selector::Only);
    }

    #[test]
    fn a_colon_without_slash_belongs_to_the_image() {
        assert_eq!(parse("a:b:/c:/d"), ("a:b".into(), Selector::Only, "/c:/d".into()));
    }

    #[test]
    fn an_existing_file_wins_over_any_reading() {
        assert_eq!(parse("odd@2:/name"), ("odd@2:/name".into(), Selector::Only, "/".into()));
        assert_eq!(parse("a+1:/x"), ("a+1".into(), Selector::Only, "/x".into()));
    }

    #[test]
    fn urls_are_images() {
        for (text, image, selector, path) in [
            ("http://me:pw@h:80/a@b/d.img", "http://me:pw@h:80/a@b/d.img", Selector::Only, "/"),
            ("http://me@h/d.img@2:/etc", "http://me@h/d.img", Selector::Number(2), "/etc"),
            ("https://h/d.img?a=b:c+1M:/x:/y", "https://h/d.img?a=b:c", Selector::Offset(1 << 20), "/x:/y"),
            ("nbd://h", "nbd://h", Selector::Only, "/"),
            ("nbd://h:/etc", "nbd://h", Selector::Only, "/etc"),
            ("nbd://[::1]:10810/@a:/", "nbd://[::1]:10810/", Selector::Name(b"a".to_vec()), "/"),
            ("nbd://[::1]:/etc", "nbd://[::1]", Selector::Only, "/etc"),
            ("nbd+unix:///?socket=/run/s@1:/b", "nbd+unix:///?socket=/run/s", Selector::Number(1), "/b"),
            ("nbd+unix:///x?socket=/run/s", "nbd+unix:///x?socket=/run/s", Selector::Only, "/"),
            ("./nbd://x", "./nbd", Selector::Only, "//x"),
        ] {
            assert_eq!(parse(text), (image.into(), selector, path.into()), "{text}");
        }
        let address = Address::parse_with(&|_| true, b"nbd://h/x@1:/etc");
        assert_eq!(
            (address.image(), address.path()),
            (&b"nbd://h/x"[..], &b"/etc"[..]),
            "no file is asked for"
        );
    }

    #[test]
    fn volumes_of_a_group_are_named_behind_an_image() {
        assert_eq!(parse("a+1@vg/lv:/x"), ("a+1".into(), Selector::Name(b"vg/lv".to_vec()), "/x".into()));
        assert_eq!(parse("b@vg/lv:/x"), ("b@vg/lv".into(), Selector::Only, "/x".into()));
    }

    #[test]
    fn marks_in_directory_names_are_left_alone() {
        assert_eq!(parse("me@home/d.img:/x").0, "me@home/d.img");
        assert_eq!(parse("c++/d.img:/x").0, "c++/d.img");
        assert_eq!(parse(":/x").0, ":/x");
    }
}
