//! What is said to a server by a file in TOML instead of flags.
//!
//! ```toml
//! urls = ["unix:///run/rump/sock"]
//! libraries = ["rumpfs_ext2fs"]                             # -l
//! modules = []                                              # -m
//! drives = ["key=/dev/disk0,hostpath=disk.img,size=host"]   # -d
//! cpus = 2                                                  # -c
//! memory = "256m"                                           # -r
//! stay = true                                               # -s
//! verbose = true                                            # -v
//! net = "net.toml"                                          # --net
//! key = "/etc/rump/key"                                     # --key
//! clients = 100                                             # and so on, by the names of the flags
//! calls = 64
//! descriptors = 256
//! ```
//!
//! It is turned into the flags that say the same, before those of the command line: of what is said once the latter count, and
//! lists are joined.

use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    urls: Vec<String>,
    libraries: Vec<String>,
    modules: Vec<String>,
    drives: Vec<String>,
    cpus: Option<u32>,
    memory: Option<String>,
    stay: bool,
    verbose: bool,
    net: Option<PathBuf>,
    key: Option<PathBuf>,
    clients: Option<u64>,
    calls: Option<u64>,
    descriptors: Option<u32>,
}

impl File {
    fn flags(self) -> Vec<OsString> {
        let number = |number: Option<u64>| number.map(|number| number.to_string().into());
        let path = |path: Option<PathBuf>| path.map(PathBuf::into_os_string);
        let single = [
            ("-c", number(self.cpus.map(u64::from))),
            ("-r", self.memory.map(OsString::from)),
            ("--net", path(self.net)),
            ("--key", path(self.key)),
            ("--clients", number(self.clients)),
            ("--calls", number(self.calls)),
            ("--descriptors", number(self.descriptors.map(u64::from))),
        ];
        let lists = [("-l", self.libraries), ("-m", self.modules), ("-d", self.drives)];
        let listed = lists
            .into_iter()
            .flat_map(|(flag, values)| values.into_iter().map(move |value| (flag, value.into())));
        let valued = single.into_iter().filter_map(|(flag, value)| Some((flag, value?))).chain(listed);
        let alone = [("-s", self.stay), ("-v", self.verbose)].into_iter().filter(|(_, is_said)| *is_said);
        // A value that begins like a flag is one all the same.
        let joined = |(flag, value): (&str, OsString)| {
            let mut word = OsString::from(flag);
            word.push(if flag.starts_with("--") { "=" } else { "" });
            word.push(value);
            word
        };
        let flags = alone.map(|(flag, _)| flag.into()).chain(valued.map(joined));
        flags.chain(self.urls.into_iter().map(OsString::from)).collect()
    }
}

/// The file that the words name.
fn file_of(words: &[OsString]) -> Option<PathBuf> {
    const FLAG: &str = "--config";
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == FLAG {
            return words.next().map(PathBuf::from);
        }
        let value = word.to_str().and_then(|word| word.strip_prefix(FLAG)?.strip_prefix('='));
        if let Some(value) = value {
            return Some(value.into());
        }
    }
    None
}

/// The words of a command line, with what the file says that they name. Errors: it cannot be read, or says what it should not,
/// in words.
pub fn expanded(words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let Some(path) = file_of(&words) else { return Ok(words) };
    let file = read(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    let mut all = words;
    let own = all.split_off(all.len().min(1));
    all.extend(file.flags());
    all.extend(own);
    Ok(all)
}

fn read(path: &Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        match line {
            Some(line) => format!("line {line}: {}", error.message()),
            None => error.message().into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_file_says_what_flags_say() {
        let file: File = toml::from_str(
            "urls = ['unix://a', 'tcp://127.0.0.1:1']\nlibraries = ['one', 'two']\ncpus = 2\nmemory = '-1'\nstay = true
drives = ['key=/dev/d,hostpath=f,size=1m']\nnet = 'net file'\nclients = 3",
        )
        .unwrap();
        let mut expected =
            words("-s -c2 -r-1 --net= --clients=3 -lone -ltwo -dkey=/dev/d,hostpath=f,size=1m");
        expected[3].push("net file");
        expected.extend(words("unix://a tcp://127.0.0.1:1"));
        assert_eq!(file.flags(), expected);
        assert!(File::default().flags().is_empty());
    }

    #[test]
    fn the_file_is_the_one_that_is_named() {
        for (text, file) in [
            ("server -s --config a unix://x", Some("a")),
            ("server --config=b", Some("b")),
            ("server --configs=b", None),
            ("server --config", None),
            ("server -- --config a", None),
        ] {
            assert_eq!(file_of(&words(text)).as_deref().map(Path::as_os_str), file.map(OsStr::new), "{text}");
        }
    }
}
