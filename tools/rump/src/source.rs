//! What fills an image, by the word that names it: a directory, an archive, or the image of a container.
//!
//! The content tells which; `oci:`, `oci-archive:` and `docker-archive:`, as other tools write them, and `dir:` and
//! `tar:` say it, where nothing has a name that begins so.

use crate::container::Container;
use crate::fill::{Source, host};
use crate::session::Failure;
use crate::stop::Stop;
use crate::tar::{Archive, Origin};
use rump_oci::{Choice, Form, Store, may_begin_with};
use rump_tar::members::First;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A source that can be passed twice.
pub enum Tree {
    /// A directory.
    Host(host::Tree),
    /// An archive.
    Archive(Archive),
    /// The image of a container.
    Container(Container),
}

impl Tree {
    /// What `word` names; `choice` says which of several images. `image` is what is written, and no part of the
    /// source.
    pub fn open(word: &OsStr, choice: &Choice, image: Option<&Path>, stop: &Stop) -> Result<Self, Failure> {
        let word = Word::parse(word);
        let choice = word.choice(choice)?;
        let name = word.path.to_string_lossy().into_owned();
        let tree = match word.says {
            Some(Says::Oci) => Self::layout(&word.path, &choice, stop)?,
            None if word.path.is_dir() && has_layout(&word.path) => Self::layout(&word.path, &choice, stop)?,
            None | Some(Says::Directory) if word.path.is_dir() => {
                Self::Host(host::Tree::new(&word.path, image, stop.clone()))
            }
            Some(Says::Directory) => return Err(Failure::Other(format!("{name}: is no directory"))),
            Some(Says::Tar) => {
                Self::Archive(Archive::new(Origin::open(word.path.as_os_str())?, stop.clone()))
            }
            Some(Says::Archive(form)) => {
                let mut origin = Origin::open(word.path.as_os_str())?;
                let store = store(&mut origin, stop)?;
                if Form::of(&store).is_none() {
                    return Err(Failure::Other(format!("{name}: holds no image of a container")));
                }
                Self::Container(Container::open(name.clone(), store, form, &choice, stop.clone())?)
            }
            None => Self::of_content(&word.path, &choice, stop)?,
        };
        match tree {
            Self::Container(_) => Ok(tree),
            _ if choice.is_any() => Ok(tree),
            _ => Err(Failure::Usage(format!("{name}: --tag and --platform are for images of containers"))),
        }
    }

    /// Makes sure that it can be passed twice.
    pub fn keep(&mut self) -> Result<(), Failure> {
        match self {
            Self::Host(_) | Self::Container(_) => Ok(()),
            Self::Archive(archive) => archive.keep(),
        }
    }

    /// It, to be passed.
    pub fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Host(tree) => tree,
            Self::Archive(archive) => archive,
            Self::Container(container) => container,
        }
    }

    fn layout(path: &Path, choice: &Choice, stop: &Stop) -> Result<Self, Failure> {
        let (name, store) = (path.to_string_lossy().into_owned(), Store::Directory(path.into()));
        Ok(Self::Container(Container::open(name, store, Form::Oci, choice, stop.clone())?))
    }

    fn of_content(path: &Path, choice: &Choice, stop: &Stop) -> Result<Self, Failure> {
        let mut origin = Origin::open(path.as_os_str())?;
        if matches!(origin.first(stop)?, First::Name(name) if may_begin_with(&name)) {
            let name = origin.name().to_string();
            let store = store(&mut origin, stop)?;
            if let Some(form) = Form::of(&store) {
                return Ok(Self::Container(Container::open(name, store, form, choice, stop.clone())?));
            }
        }
        Ok(Self::Archive(Archive::new(origin, stop.clone())))
    }
}

fn has_layout(path: &Path) -> bool {
    Form::of(&Store::Directory(path.into())) == Some(Form::Oci)
}

fn store(origin: &mut Origin, stop: &Stop) -> Result<Store, Failure> {
    let file = origin.unpack()?;
    let store = Store::of_archive(Arc::new(file), &|| stop.is_wanted());
    stop.check()?;
    store.map_err(|why| Failure::Other(format!("{}: {why}", origin.name())))
}

/// What a word says that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Oci,
    Archive(Form),
    Directory,
    Tar,
}

struct Word {
    says: Option<Says>,
    path: PathBuf,
    /// Which image of several.
    tag: Option<OsString>,
}

impl Word {
    fn parse(word: &OsStr) -> Self {
        let known = [
            ("oci:", Says::Oci),
            ("oci-archive:", Says::Archive(Form::Oci)),
            ("docker-archive:", Says::Archive(Form::Docker)),
            ("dir:", Says::Directory),
            ("tar:", Says::Tar),
        ];
        let found = known.iter().find_map(|(prefix, says)| {
            let rest = word.as_bytes().strip_prefix(prefix.as_bytes())?;
            Some((*says, rest)).filter(|_| !Path::new(word).exists())
        });
        let Some((says, rest)) = found else { return Self { says: None, path: word.into(), tag: None } };
        let whole = OsStr::from_bytes(rest);
        let colon = rest.iter().position(|&byte| byte == b':');
        let split =
            colon.filter(|_| matches!(says, Says::Oci | Says::Archive(_)) && !Path::new(whole).exists());
        let (path, tag) = match split {
            Some(at) => (OsStr::from_bytes(&rest[..at]), Some(OsString::from_vec(rest[at + 1..].to_vec()))),
            None => (whole, None),
        };
        Self { says: Some(says), path: path.into(), tag }
    }

    fn choice(&self, choice: &Choice) -> Result<Choice, Failure> {
        let Some(tag) = &self.tag else { return Ok(choice.clone()) };
        if choice.tag.is_some() {
            return Err(Failure::Usage("--tag: the source names a tag already".into()));
        }
        Ok(Choice { tag: Some(tag.to_string_lossy().into_owned()), ..choice.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_they_name() {
        let parse = |word: &str| {
            let word = Word::parse(OsStr::new(word));
            let text = |text: &OsStr| text.to_string_lossy().into_owned();
            (word.says, text(word.path.as_os_str()), word.tag.as_deref().map(text))
        };
        let docker = Some(Says::Archive(Form::Docker));
        assert_eq!(parse("oci:a/b:v1"), (Some(Says::Oci), "a/b".into(), Some("v1".into())));
        assert_eq!(parse("oci:a/b"), (Some(Says::Oci), "a/b".into(), None));
        assert_eq!(parse("docker-archive:x.tar:a:1"), (docker, "x.tar".into(), Some("a:1".into())));
        assert_eq!(parse("tar:a:b"), (Some(Says::Tar), "a:b".into(), None));
        assert_eq!(parse("x.tar"), (None, "x.tar".into(), None));
        assert_eq!(parse("-"), (None, "-".into(), None));
    }
}
