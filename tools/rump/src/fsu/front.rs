//! What stands before the arguments of a command: `[-o options] [-s options] [-t type] [-f] [-v] image [--]`.

use super::alias;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// What the environment says.
#[derive(Debug, Default)]
pub struct Environment {
    /// `FSU_DEVICE`: the image, which is then not among the arguments.
    pub device: Option<OsString>,
    /// `FSU_TYPE`.
    pub fs_type: Option<OsString>,
    /// `FSU_MNTOPTS`.
    pub options: Option<OsString>,
    /// The folder of the user.
    pub home: Option<PathBuf>,
    /// What is in `~/.fsurc`.
    pub aliases: Vec<u8>,
}

impl Environment {
    /// The one of this process. A file of aliases that cannot be read has none.
    pub fn of_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        let aliases = home.as_ref().and_then(|home| std::fs::read(home.join(".fsurc")).ok());
        Self {
            device: variable("FSU_DEVICE"),
            fs_type: variable("FSU_TYPE"),
            options: variable("FSU_MNTOPTS"),
            home,
            aliases: aliases.unwrap_or_default(),
        }
    }
}

/// The image, and how it is mounted.
#[derive(Debug, Default)]
pub struct Front {
    /// Image with partition or offset, without a path.
    pub image: OsString,
    /// The type that it has to have.
    pub fs_type: Option<String>,
    /// Options of the mount, joined.
    pub options: String,
    /// Only reading was asked for.
    pub is_read_only: bool,
    /// The type is told.
    pub tells: bool,
    /// Help was asked for instead.
    pub wants_help: bool,
}

#[derive(Default)]
struct Given {
    options: Vec<String>,
    fs_type: Option<String>,
    is_file: bool,
    tells: bool,
}

impl Front {
    /// Takes the front off `words`; the others are the arguments of the command. Errors: what is wrong, for the user.
    pub fn take<'w>(
        words: &'w [OsString],
        environment: &Environment,
    ) -> Result<(Self, &'w [OsString]), String> {
        let mut given = Given::default();
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            if word == "--help" {
                return Ok((Self { wants_help: true, ..Self::default() }, behind));
            }
            let letters = word.as_bytes().strip_prefix(b"-").filter(|letters| !letters.is_empty());
            let Some(letters) = letters.filter(|_| word != "--") else { break };
            match given.take(letters, behind)? {
                Some(behind) => rest = behind,
                // A flag of the command, whose image is known without being said.
                None if environment.device.is_some() => break,
                None => {
                    let word = word.to_string_lossy();
                    return Err(format!("{word} is no option of the mount: flags come after the image"));
                }
            }
        }
        let image = match &environment.device {
            Some(device) => device.clone(),
            None => {
                let (image, behind) = rest
                    .split_first()
                    .filter(|(image, _)| *image != "--")
                    .ok_or("the image is missing: name it first, or in FSU_DEVICE")?;
                rest = behind;
                image.clone()
            }
        };
        if let Some((_, behind)) = rest.split_first().filter(|(word, _)| *word == "--") {
            rest = behind;
        }
        Ok((given.front(image, environment), rest))
    }
}

impl Given {
    /// Takes a word of letters, and what it needs from `behind`; answers what is left, or nothing if a letter is
    /// unknown.
    fn take<'w>(&mut self, letters: &[u8], behind: &'w [OsString]) -> Result<Option<&'w [OsString]>, String> {
        let is_ours = |letter: &u8| b"ostfv".contains(letter);
        let end = letters.iter().position(|letter| b"ost".contains(letter)).unwrap_or(letters.len());
        if !letters[..end].iter().chain(letters.get(end)).all(is_ours) {
            return Ok(None);
        }
        self.is_file |= letters[..end].contains(&b'f');
        self.tells |= letters[..end].contains(&b'v');
        let Some(&letter) = letters.get(end) else { return Ok(Some(behind)) };
        let (value, behind) = match (&letters[end + 1..], behind.split_first()) {
            ([], Some((value, behind))) => (value.to_string_lossy().into_owned(), behind),
            ([], None) => return Err(format!("-{} needs a value", char::from(letter))),
            (value, _) => (String::from_utf8_lossy(value).into_owned(), behind),
        };
        match letter {
            b't' => self.fs_type = Some(value),
            _ => self.options.push(value),
        }
        Ok(Some(behind))
    }

    fn front(self, image: OsString, environment: &Environment) -> Front {
        let text = |value: &Option<OsString>| value.as_ref().map(|text| text.to_string_lossy().into_owned());
        let found = match self.is_file {
            true => None,
            false => alias::find(&environment.aliases, &image, environment.home.as_deref()),
        };
        let mut options = self.options;
        if options.is_empty() {
            options.extend(text(&environment.options));
        }
        let fs_type = self.fs_type.or_else(|| text(&environment.fs_type));
        let (image, fs_type) = match found {
            Some(found) => {
                options.insert(0, found.options);
                (found.image, fs_type.or(Some(found.fs_type)))
            }
            None => (image, fs_type),
        };
        let words = options.iter().flat_map(|text| text.split(',')).filter(|word| !word.is_empty());
        let (mut kept, mut is_read_only) = (Vec::new(), false);
        for word in words {
            match word {
                "ro" | "rdonly" => is_read_only = true,
                "rw" => is_read_only = false,
                _ => kept.push(word),
            }
        }
        Front {
            image,
            fs_type: fs_type.filter(|name| !name.is_empty()),
            options: kept.join(","),
            is_read_only,
            tells: self.tells,
            wants_help: false,
        }
    }
}

/// The address of `path` in `image`: what is relative begins at the root.
pub fn address(image: &OsStr, path: &OsStr) -> OsString {
    let slash: &[u8] = if path.as_bytes().starts_with(b"/") { b"" } else { b"/" };
    OsString::from_vec([image.as_bytes(), b":", slash, path.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    fn take(text: &str, environment: &Environment) -> Result<(Front, Vec<OsString>), String> {
        let words = words(text);
        Front::take(&words, environment).map(|(front, rest)| (front, rest.to_vec()))
    }

    #[test]
    fn options_of_the_mount_come_before_the_image() {
        let (front, rest) = take("-vo a,ro -s b=1 -text4 d.img -la /x", &Environment::default()).unwrap();
        assert_eq!((front.image.to_str(), &*front.options), (Some("d.img"), "a,b=1"));
        assert_eq!((front.fs_type.as_deref(), front.is_read_only, front.tells), (Some("ext4"), true, true));
        assert_eq!(rest, words("-la /x"));
    }

    #[test]
    fn what_is_missing_or_misplaced_is_told() {
        for text in ["", "-o", "-l d.img", "-- d.img", "-t"] {
            assert!(take(text, &Environment::default()).is_err(), "{text}");
        }
        let (_, rest) = take("d.img -- -x", &Environment::default()).unwrap();
        assert_eq!(rest, words("-x"));
    }

    #[test]
    fn a_device_of_the_environment_is_not_among_the_arguments() {
        let environment = Environment {
            device: Some("d.img".into()),
            fs_type: Some("msdos".into()),
            options: Some("x".into()),
            ..Environment::default()
        };
        let (front, rest) = take("-l /etc", &environment).unwrap();
        assert_eq!((front.image.to_str(), &*front.options), (Some("d.img"), "x"));
        assert_eq!((front.fs_type.as_deref(), rest), (Some("msdos"), words("-l /etc")));
        let (front, rest) = take("-o y -- -t", &environment).unwrap();
        assert_eq!((&*front.options, rest), ("y", words("-t")));
    }

    #[test]
    fn an_alias_gives_image_type_and_options_unless_a_file_is_meant() {
        let environment = Environment { aliases: b"d:/i@2:ext4:ro".to_vec(), ..Environment::default() };
        let (front, _) = take("d", &environment).unwrap();
        assert_eq!((front.image.to_str(), front.is_read_only), (Some("/i@2"), true));
        assert_eq!(take("-f d", &environment).unwrap().0.image, "d");
        assert_eq!(take("-t vfat d", &environment).unwrap().0.fs_type.as_deref(), Some("vfat"));
    }

    #[test]
    fn relative_paths_begin_at_the_root() {
        assert_eq!(address("i@2".as_ref(), "a/b".as_ref()), "i@2:/a/b");
        assert_eq!(address("i".as_ref(), "/a".as_ref()), "i:/a");
        assert_eq!(address("i".as_ref(), "".as_ref()), "i:/");
    }
}
