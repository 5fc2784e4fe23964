//! The arguments of a command, with the paths of the image made addresses.

use super::command::{Operands, Spec};
use super::front::address;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Words of find(1) that take a path.
const FIND_PATHS: &[&str] = &["-newer", "-anewer", "-cnewer", "-samefile"];

/// The words for the command of `rump`. Errors: what is wrong, for the user.
pub fn translated(spec: &Spec, image: &OsStr, words: &[OsString]) -> Result<Vec<OsString>, String> {
    match spec.operands {
        Operands::Command => return command(image, words),
        Operands::Expression => return Ok(expression(image, words)),
        _ => {}
    }
    let mut split = Split::new(spec, image, words)?;
    let is_put = match spec.operands {
        Operands::EitherWay => split.is_put()?,
        other => other == Operands::FromHost,
    };
    if matches!(spec.operands, Operands::EitherWay | Operands::ToHost | Operands::FromHost) {
        split.drop_letters(if spec.command == "mv" { b"gpdR" } else { b"gpd" });
    }
    let Split { mut flags, operands } = split;
    let operands = addresses(spec, image, operands, is_put, is_symbolic(&flags))?;
    flags.extend(operands);
    Ok(flags)
}

/// Whether flags of ln(1) ask for symbolic links.
fn is_symbolic(flags: &[OsString]) -> bool {
    let has = |word: &OsString| {
        word == "--symbolic" || (!word.as_bytes().starts_with(b"--") && word.as_bytes().contains(&b's'))
    };
    flags.iter().any(has)
}

fn addresses(
    spec: &Spec,
    image: &OsStr,
    mut operands: Vec<OsString>,
    is_put: bool,
    is_symbolic: bool,
) -> Result<Vec<OsString>, String> {
    let at = |word: &OsString| address(image, word);
    let root = || OsString::from("/");
    let count = operands.len();
    match spec.operands {
        Operands::PathsOrRoot if count == 0 => operands.push(root()),
        Operands::ToHost | Operands::FromHost if count == 1 => {
            operands.push(if is_put { root() } else { ".".into() });
        }
        Operands::Links if count == 1 => operands.push(root()),
        _ if count == 0 => return Err(format!("an argument is missing: {}", spec.usage)),
        _ => {}
    }
    let last = operands.len() - 1;
    let translate = |(index, word): (usize, &OsString)| match spec.operands {
        Operands::WordThenPaths(prefix) if index == 0 => {
            let mut whole = OsString::from(prefix);
            whole.push(word);
            whole
        }
        Operands::PathThenWords if index > 0 => word.clone(),
        Operands::Links if is_symbolic && index < last => word.clone(),
        Operands::ToHost | Operands::FromHost | Operands::EitherWay if (index == last) != is_put => {
            host_path(word)
        }
        _ => at(word),
    };
    Ok(operands.iter().enumerate().map(translate).collect())
}

/// A path of the host that could be taken for an address or a flag gets `./` in front.
fn host_path(word: &OsStr) -> OsString {
    let is_odd = word.as_bytes().starts_with(b"-") && word != "-";
    if is_odd { OsString::from_vec([b"./", word.as_bytes()].concat()) } else { word.into() }
}

/// Flags with their values, and the other words.
struct Split {
    flags: Vec<OsString>,
    operands: Vec<OsString>,
}

impl Split {
    fn new(spec: &Spec, image: &OsStr, words: &[OsString]) -> Result<Self, String> {
        let (mut flags, mut operands) = (Vec::new(), Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let bytes = word.as_bytes();
            if word == "--" {
                operands.extend(rest.by_ref().cloned());
            } else if bytes.len() < 2 || bytes[0] != b'-' || is_mode(spec, bytes, &operands) {
                operands.push(word.clone());
            } else if bytes.starts_with(b"--") {
                flags.push(word.clone());
            } else {
                let valued = bytes.iter().position(|&letter| spec.valued.contains(char::from(letter)));
                let letters = &bytes[1..valued.unwrap_or(bytes.len())];
                push_letters(spec, letters, &mut flags);
                let Some(at) = valued else { continue };
                let letter = char::from(bytes[at]);
                let value = match &bytes[at + 1..] {
                    [] => rest.next().cloned().ok_or_else(|| format!("-{letter} needs a value"))?,
                    value => OsString::from_vec(value.to_vec()),
                };
                let is_path = spec.paths.contains(letter);
                let mut whole = OsString::from(format!("-{letter}"));
                whole.push(if is_path { address(image, &value) } else { value });
                flags.push(whole);
            }
        }
        Ok(Self { flags, operands })
    }

    /// Whether -p is the last of -g and -p.
    fn is_put(&self) -> Result<bool, String> {
        let letters = self.flags.iter().filter(|word| !word.as_bytes().starts_with(b"--"));
        let mut letters = letters.flat_map(|word| word.as_bytes().iter().copied());
        let way = letters.rfind(|letter| b"gp".contains(letter));
        way.map(|letter| letter == b'p').ok_or_else(|| "say -g (out of the image) or -p (into it)".into())
    }

    /// Takes away letters that say nothing to `rump`.
    fn drop_letters(&mut self, letters: &[u8]) {
        self.flags.retain_mut(|word| {
            if word.as_bytes().starts_with(b"--") {
                return true;
            }
            let kept: Vec<u8> = word.as_bytes().iter().copied().filter(|it| !letters.contains(it)).collect();
            let says_something = kept.len() > 1;
            *word = OsString::from_vec(kept);
            says_something
        });
    }
}

/// Adds flags without values, those that `rump` has another name for each by itself.
fn push_letters(spec: &Spec, letters: &[u8], flags: &mut Vec<OsString>) {
    let mut word = vec![b'-'];
    for &letter in letters {
        match spec.renamed.iter().find(|(known, _)| *known == letter) {
            Some((_, name)) => flags.push(name.into()),
            None => word.push(letter),
        }
    }
    if word.len() > 1 {
        flags.push(OsString::from_vec(word));
    }
}

/// Whether a word with a dash is what chmod(1) takes away, as in `chmod -x FILE`.
fn is_mode(spec: &Spec, word: &[u8], operands: &[OsString]) -> bool {
    spec.name == "chmod"
        && operands.is_empty()
        && word[1..].iter().any(|letter| b"rwxXstugo".contains(letter))
}

/// `fsu_exec image command... path`.
fn command(image: &OsStr, words: &[OsString]) -> Result<Vec<OsString>, String> {
    match words.split_last() {
        Some((path, command)) if !command.is_empty() => {
            Ok([&[address(image, path), "--".into()], command].concat())
        }
        _ => Err("a command and a file are needed".into()),
    }
}

/// Flags, paths, and an expression of find(1).
fn expression(image: &OsStr, words: &[OsString]) -> Vec<OsString> {
    let is_flag = |word: &&OsString| {
        let letters = word.as_bytes().strip_prefix(b"-").unwrap_or_default();
        !letters.is_empty() && letters.iter().all(|letter| b"HLPdEhsXx".contains(letter))
    };
    let is_word = |word: &OsString| word.as_bytes().starts_with(b"-") || word == "(" || word == "!";
    let (mut translated, mut paths) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match words.get(at + 1) {
            Some(path) if word == "-f" => {
                paths.push(address(image, path));
                at += 1;
            }
            _ if is_flag(&word) => translated.push(word.clone()),
            _ => break,
        }
        at += 1;
    }
    let begin = at + usize::from(words.get(at).is_some_and(|word| word == "--"));
    let end = words[begin..].iter().position(is_word).map_or(words.len(), |length| begin + length);
    paths.extend(words[begin..end].iter().map(|path| address(image, path)));
    if paths.is_empty() {
        paths.push(address(image, OsStr::new("/")));
    }
    translated.extend(paths);
    let mut is_path = false;
    for word in &words[end..] {
        translated.push(if is_path { address(image, word) } else { word.clone() });
        is_path = FIND_PATHS.iter().any(|known| *word == **known);
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsu::command::find;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    fn translate(name: &str, text: &str) -> String {
        let spec = find(&format!("fsu_{name}")).unwrap();
        match translated(spec, OsStr::new("i"), &words(text)) {
            Ok(words) => words.join(OsStr::new(" ")).into_string().unwrap(),
            Err(why) => format!("error: {why}"),
        }
    }

    #[test]
    fn paths_become_addresses() {
        assert_eq!(translate("ls", "-l etc /x"), "-l i:/etc i:/x");
        assert_eq!(translate("ls", "-la"), "-la i:/");
        assert_eq!(translate("cat", "-- -x"), "i:/-x");
        assert_eq!(translate("touch", "-cr /a /b -m"), "-c -ri:/a -m i:/b");
        assert_eq!(translate("du", "-d 1 a"), "-d1 i:/a");
        assert_eq!(translate("ls", "-lqa a"), "--hide-control-chars -la i:/a");
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(translate("chmod", "-R -x /a"), "-R -x i:/a");
        assert_eq!(translate("chgrp", "wheel a"), ":wheel i:/a");
        assert_eq!(translate("ln", "-s ../a b"), "-s ../a i:/b");
        assert_eq!(translate("ln", "-sf /a"), "-sf /a i:/");
        assert_eq!(translate("ln", "a b"), "i:/a i:/b");
    }

    #[test]
    fn copies_go_either_way() {
        assert_eq!(translate("get", "-R a"), "-R i:/a .");
        assert_eq!(translate("put", "a b /c"), "a b i:/c");
        assert_eq!(translate("ecp", "-gRv a b"), "-Rv i:/a b");
        assert_eq!(translate("ecp", "-p a b"), "a i:/b");
        assert!(translate("ecp", "a b").starts_with("error: say -g"));
    }

    #[test]
    fn expressions_follow_their_paths() {
        assert_eq!(translate("find", "-x a b -name *.c"), "-x i:/a i:/b -name *.c");
        assert_eq!(translate("find", "! -newer /a -print"), "i:/ ! -newer i:/a -print");
        assert_eq!(translate("find", "-f a -type f"), "i:/a -type f");
    }

    #[test]
    fn what_is_missing_is_told() {
        for (name, text) in [("cat", ""), ("rm", "-f"), ("touch", "a -r"), ("get", "")] {
            assert!(translate(name, text).starts_with("error: "), "{name} {text}");
        }
    }
}
