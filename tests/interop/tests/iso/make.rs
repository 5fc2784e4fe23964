//! Images, made by xorriso and genisoimage.

use interop::image::Scratch;
use interop::program::{Finished, run_within};
use interop::rump::view_with;
use interop::tree::{Contents, Tree, of_host, sha256_of_file};
use interop::{Check, context};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// An image in a folder of its own.
pub struct Iso(Scratch);

impl Iso {
    /// An image that is not made yet.
    pub fn new(name: &str) -> Check<Self> {
        Ok(Self(Scratch::new(name)?))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.0.path("image.iso")
    }

    /// A path beside it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    /// Its path as text.
    pub fn text(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }

    /// Runs a line of words; `IMAGE` and `TREE` stand for the paths.
    pub fn run(&self, line: &str, tree: &Path) -> Check<String> {
        let words = line.split(' ').map(|word| match word {
            "IMAGE" => self.text(),
            "TREE" => tree.to_string_lossy().into_owned(),
            word => word.replace("FOLDER", &self.0.path("").to_string_lossy()),
        });
        let words: Vec<String> = words.collect();
        let mut command = Command::new(&words[0]);
        // Names of the host are UTF-8, whatever the locale of the tests.
        command.args(&words[1..]).env("LC_ALL", "C.UTF-8");
        let Finished { status, stdout, stderr, .. } = run_within(&mut command, Duration::from_secs(300))?;
        match status {
            Some(0) => Ok(String::from_utf8_lossy(&stdout).into_owned()),
            _ => Err(format!("{line}: {status:?} {}", stderr.chars().take(2000).collect::<String>())),
        }
    }

    /// What we see of it, which must not change it.
    pub fn view(&self, options: &str) -> Check<Tree> {
        let before = sha256_of_file(&self.path())?;
        let tree = view_with(options, &self.text(), Contents::Hashed)?;
        match sha256_of_file(&self.path())? == before {
            true => Ok(tree),
            false => Err("reading changed the image".to_string()),
        }
    }

    /// What xorriso extracts from it.
    pub fn extracted(&self) -> Check<Tree> {
        let to = self.beside("extracted");
        let osirrox = "xorriso -osirrox on:auto_chmod_off -hardlinks on -indev IMAGE -extract / TREE";
        self.run(osirrox, &to)?;
        of_host(&to, Contents::Hashed)
    }

    /// What bsdtar extracts from it with `options` of its reader.
    pub fn untarred(&self, options: &str) -> Check<Tree> {
        let to = self.beside("untarred");
        context(std::fs::create_dir(&to), "untarred")?;
        self.run(&format!("bsdtar -C TREE --options {options} -xf IMAGE"), &to)?;
        of_host(&to, Contents::Hashed)
    }
}
