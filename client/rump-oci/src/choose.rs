//! Which image of several: by the name that it has, and by the platform that it is for.

use crate::platform::Platform;
use std::collections::BTreeSet;

/// What the user asks for.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The one of this name, tag or digest.
    pub tag: Option<String>,
    /// The one for this platform; else this host's, or the only one.
    pub platform: Option<Platform>,
}

impl Choice {
    /// Whether any image will do.
    pub fn is_any(&self) -> bool {
        self.tag.is_none() && self.platform.is_none()
    }
}

/// An image among others.
#[derive(Clone, Debug)]
pub struct Candidate<T> {
    /// What it is called; nothing is a name, too.
    pub names: Vec<String>,
    /// What it is for, if that is known.
    pub platform: Option<Platform>,
    /// What makes it the same image as another.
    pub identity: String,
    /// How to get at it.
    pub image: T,
}

/// The one of `candidates` that is asked for. Errors: there is none, or more than one, with what there is.
pub fn choose<T>(candidates: Vec<Candidate<T>>, choice: &Choice) -> Result<T, String> {
    if candidates.is_empty() {
        return Err("there is no image in it".into());
    }
    let named = by_name(candidates, choice.tag.as_deref())?;
    let all: Vec<Candidate<T>> = match &choice.platform {
        Some(wanted) => by_platform(named, wanted)?,
        None if identities(&named) > 1 => by_platform(named, &Platform::of_host())?,
        None => named,
    };
    if identities(&all) > 1 {
        return Err(format!(
            "there are several images, --tag chooses one of: {}",
            list(&all, |one| one.names.clone())
        ));
    }
    all.into_iter().next().map(|one| one.image).ok_or_else(|| "there is no image in it".into())
}

fn by_name<T>(candidates: Vec<Candidate<T>>, tag: Option<&str>) -> Result<Vec<Candidate<T>>, String> {
    let Some(tag) = tag else { return Ok(candidates) };
    // What has exactly this name goes before what has it as a part.
    for is_match in [is_name, is_part] {
        if candidates.iter().any(|one| is_match(one.names.as_slice(), &one.identity, tag)) {
            let matching = candidates.into_iter().filter(|one| is_match(&one.names, &one.identity, tag));
            return Ok(matching.collect());
        }
    }
    let names = list(&candidates, |one| one.names.clone());
    Err(match &*names {
        "" => format!("no image is called {tag:?}: none has a name"),
        names => format!("no image is called {tag:?}, there are: {names}"),
    })
}

fn is_name(names: &[String], identity: &str, tag: &str) -> bool {
    identity == tag || names.iter().any(|name| name == tag)
}

/// As people shorten `docker.io/library/alpine:3.20`.
fn is_part(names: &[String], _identity: &str, tag: &str) -> bool {
    names.iter().any(|name| {
        let (repository, label) = match name.rsplit_once(':') {
            Some((repository, label)) if !label.contains('/') => (repository, label),
            _ => (&**name, ""),
        };
        let is_end = |whole: &str| whole == tag || whole.ends_with(&format!("/{tag}"));
        label == tag || is_end(name) || (label == "latest" && is_end(repository))
    })
}

fn by_platform<T>(candidates: Vec<Candidate<T>>, wanted: &Platform) -> Result<Vec<Candidate<T>>, String> {
    let platforms = list(&candidates, |one| one.platform.iter().map(ToString::to_string).collect());
    let mut fitting = candidates;
    fitting.retain(|one| one.platform.as_ref().is_some_and(|platform| platform.fits(wanted)));
    match (fitting.is_empty(), &*platforms) {
        (false, _) => {}
        (true, "") => return Err(format!("no image for {wanted}: none says what it is for")),
        (true, _) => return Err(format!("no image for {wanted}, --platform chooses one of: {platforms}")),
    }
    let variants = list(&fitting, |one| one.platform.iter().map(ToString::to_string).collect());
    let names: BTreeSet<&Vec<String>> = fitting.iter().map(|one| &one.names).collect();
    if identities(&fitting) > 1 && names.len() == 1 && variants.contains(',') {
        return Err(format!("several images for {wanted}, --platform chooses one of: {variants}"));
    }
    Ok(fitting)
}

fn identities<T>(candidates: &[Candidate<T>]) -> usize {
    candidates.iter().map(|one| &one.identity).collect::<BTreeSet<_>>().len()
}

/// What the candidates have to offer, each once.
fn list<T>(candidates: &[Candidate<T>], words: impl Fn(&Candidate<T>) -> Vec<String>) -> String {
    const MOST: usize = 20;
    let all: BTreeSet<String> = candidates.iter().flat_map(words).collect();
    let mut shown: Vec<String> = all.iter().take(MOST).cloned().collect();
    if all.len() > MOST {
        shown.push(format!("and {} more", all.len() - MOST));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(names: &[&str], platform: &str, identity: &str) -> Candidate<String> {
        let names = names.iter().map(ToString::to_string).collect();
        Candidate {
            names,
            platform: platform.parse().ok(),
            identity: identity.into(),
            image: identity.into(),
        }
    }

    fn chosen(candidates: &[Candidate<String>], tag: &str, platform: &str) -> Result<String, String> {
        let tag = Some(tag.to_string()).filter(|tag| !tag.is_empty());
        choose(candidates.to_vec(), &Choice { tag, platform: platform.parse().ok() })
    }

    #[test]
    fn names_are_taken_as_people_shorten_them() {
        let all = [
            candidate(&["docker.io/library/alpine:3.20"], "linux/amd64", "one"),
            candidate(&["docker.io/library/alpine:latest", "b"], "linux/amd64", "two"),
        ];
        for (tag, expected) in
            [("3.20", "one"), ("alpine:3.20", "one"), ("alpine", "two"), ("b", "two"), ("two", "two")]
        {
            assert_eq!(chosen(&all, tag, "linux/amd64"), Ok(expected.into()), "{tag}");
        }
        let error = chosen(&all, "lpine:3.20", "").unwrap_err();
        assert!(error.contains("docker.io/library/alpine:3.20, "), "{error}");
        assert!(chosen(&all, "", "linux/amd64").unwrap_err().contains("--tag chooses one of: b, docker.io"));
    }

    #[test]
    fn the_only_image_is_taken_whatever_it_is_for() {
        let all = [candidate(&["a"], "plan9/mips", "one"), candidate(&["b"], "plan9/mips", "one")];
        assert_eq!(chosen(&all, "", ""), Ok("one".into()));
        assert!(chosen(&all, "", "linux/amd64").unwrap_err().ends_with("one of: plan9/mips"));
        assert!(chosen(&[], "", "").is_err());
    }

    #[test]
    fn platforms_choose_among_several() {
        let all = [
            candidate(&["a"], "linux/arm/v6", "six"),
            candidate(&["a"], "linux/arm/v7", "seven"),
            candidate(&["a"], &Platform::of_host().to_string(), "host"),
        ];
        assert_eq!(chosen(&all, "", ""), Ok("host".into()));
        assert_eq!(chosen(&all, "", "linux/arm/v7"), Ok("seven".into()));
        assert!(chosen(&all, "", "linux/arm").unwrap_err().contains("linux/arm/v6, linux/arm/v7"));
    }
}
